"""Find faces in a picture and lay a mesh of 468 points on each, with the two installed models.

BGR pictures go in; boxes, and meshes in picture coordinates with the probability of a face, come out. Both
networks run in `cv2.dnn`; nothing of their publisher's runtime is used.
Sources: Bazarevsky et al., BlazeFace (2019); Kartynnik et al., Real-time facial surface geometry (2019).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import cv2
import numpy as np

from vidforensics import models

if TYPE_CHECKING:
    from vidforensics.records.arrays import ByteArray, Float32Array

DETECTOR_PX = 128
MESH_PX = 192
LEAST_SCORE = 0.5
MOST_OVERLAP = 0.3
CROP_SCALE = 1.5
"""Side of the mesh's crop against the face's box, as the mesh was trained."""

RIGHT_EYE, LEFT_EYE = 33, 263
"""Outer corners of the eyes among the 468 points, named from the speaker."""


@dataclass(frozen=True, slots=True)
class FaceBox:
    """A square around a face: centre and side in pixels, and the tilt of its eye line in radians."""

    x: float
    y: float
    side: float
    tilt: float
    score: float = 1.0

    def overlap(self, other: FaceBox) -> float:
        """Intersection over union of the two squares, tilt left out."""
        half = (self.side + other.side) / 2
        smaller = min(self.side, other.side)
        width = min(max(0.0, half - abs(self.x - other.x)), smaller)
        height = min(max(0.0, half - abs(self.y - other.y)), smaller)
        shared = width * height
        return shared / (self.side**2 + other.side**2 - shared) if shared else 0.0


@dataclass(frozen=True, slots=True)
class FaceMesh:
    """Points float32 (468, 2) in picture coordinates, and the probability that a face is there."""

    points: Float32Array
    presence: float

    def box(self) -> FaceBox:
        """The square that the next picture's crop is cut by."""
        low, high = self.points.min(axis=0), self.points.max(axis=0)
        eyes = self.points[LEFT_EYE] - self.points[RIGHT_EYE]
        centre = (low + high) / 2
        tilt = math.atan2(float(eyes[1]), float(eyes[0]))
        return FaceBox(float(centre[0]), float(centre[1]), float((high - low).max()), tilt)


class FaceModels:
    """The two networks, loaded; about 2 ms each per picture on one core."""

    def __init__(self, detector: Any, mesh: Any) -> None:
        self._detector = detector
        self._mesh = mesh
        self._anchors = _anchors()

    @classmethod
    def load(cls) -> Self | None:
        """Load the installed files; None where one is absent or holds other bytes than the pinned ones."""
        paths = [models.installed(model) for model in models.FACE_FILES]
        if any(path is None for path in paths):
            return None
        # the newer engine of OpenCV 5 loses one of the detector's outputs
        nets = [cv2.dnn.readNetFromTFLite(str(path), cv2.dnn.ENGINE_CLASSIC) for path in paths]
        return cls(*nets)

    def find(self, picture: ByteArray) -> list[FaceBox]:
        """Faces in a picture and in square tiles of it, so that small ones are large enough somewhere.

        Args:
            picture: BGR, uint8 (h, w, 3).

        Returns:
            Boxes, the most certain first, none overlapping much; [] where there is no face.
        """
        boxes = [box for x, y, side in _tiles(picture) for box in self._find_in(picture, x, y, side)]
        kept: list[FaceBox] = []
        for box in sorted(boxes, key=lambda b: -b.score):
            if all(box.overlap(other) < MOST_OVERLAP for other in kept):
                kept.append(box)
        return kept

    def _find_in(self, picture: ByteArray, left: int, top: int, side: int) -> Iterator[FaceBox]:
        part = picture[max(0, top) : top + side, max(0, left) : left + side]
        square = np.zeros((side, side, 3), np.uint8)
        at_y, at_x = max(0, -top), max(0, -left)
        square[at_y : at_y + part.shape[0], at_x : at_x + part.shape[1]] = part
        blob = cv2.dnn.blobFromImage(square, 1 / 127.5, (DETECTOR_PX, DETECTOR_PX), (127.5,) * 3, swapRB=True)
        self._detector.setInput(blob)
        shapes, logits = self._detector.forward(["regressors", "classificators"])
        scores = 1 / (1 + np.exp(-np.clip(logits.reshape(-1), -50, 50)))
        for index in np.flatnonzero(scores >= LEAST_SCORE):
            values = shapes.reshape(-1, 16)[index] / DETECTOR_PX
            x, y = self._anchors[index] + values[:2]
            eyes = values[6:8] - values[4:6]
            yield FaceBox(
                left + float(x) * side,
                top + float(y) * side,
                float(max(values[2:4])) * side,
                math.atan2(float(eyes[1]), float(eyes[0])),
                float(scores[index]),
            )

    def mesh(self, picture: ByteArray, box: FaceBox) -> FaceMesh:
        """The mesh of the face inside a box.

        Args:
            picture: BGR, uint8 (h, w, 3).
            box: from `find`, or of the mesh one picture earlier.
        """
        to_crop = _crop_matrix(box)
        crop = cv2.warpAffine(picture, to_crop, (MESH_PX, MESH_PX), flags=cv2.INTER_LINEAR)
        self._mesh.setInput(cv2.dnn.blobFromImage(crop, 1 / 255.0, (MESH_PX, MESH_PX), swapRB=True))
        outputs = self._mesh.forward(self._mesh.getUnconnectedOutLayersNames())
        points = next(o for o in outputs if o.size == 1404).reshape(468, 3)[:, :2]
        logit = float(next(o for o in outputs if o.size == 1).reshape(()))
        back = cv2.invertAffineTransform(to_crop)
        placed = points @ back[:, :2].T.astype(np.float32) + back[:, 2].astype(np.float32)
        return FaceMesh(placed, 1 / (1 + math.exp(-max(-50.0, min(50.0, logit)))))


def _crop_matrix(box: FaceBox) -> Any:
    """Picture coordinates to the mesh's crop: the box made larger, upright by its eye line."""
    scale = MESH_PX / (CROP_SCALE * max(box.side, 1.0))
    cos, sin = math.cos(box.tilt) * scale, math.sin(box.tilt) * scale
    half = MESH_PX / 2
    return np.array(
        [[cos, sin, half - cos * box.x - sin * box.y], [-sin, cos, half + sin * box.x - cos * box.y]],
        np.float64,
    )


def _tiles(picture: ByteArray) -> Iterator[tuple[int, int, int]]:
    """The whole picture as one square with margins, then overlapping squares along its longer side."""
    height, width = picture.shape[:2]
    longer, shorter = max(height, width), min(height, width)
    yield (width - longer) // 2, (height - longer) // 2, longer
    if longer < 1.2 * shorter:
        return
    count = math.ceil((longer - shorter) / (shorter / 2)) + 1
    for k in range(min(count, 6)):
        at = round(k * (longer - shorter) / (min(count, 6) - 1))
        yield (at, 0, shorter) if width > height else (0, at, shorter)


def _anchors() -> Float32Array:
    """Centres of the detector's 896 anchors, float32 (896, 2): two per cell of 16×16, six of 8×8."""
    rows = []
    for cells, each in ((16, 2), (8, 6)):
        centres = (np.arange(cells) + 0.5) / cells
        grid = np.stack(np.meshgrid(centres, centres), axis=-1).reshape(-1, 2)
        rows.append(np.repeat(grid, each, axis=0))
    return np.concatenate(rows).astype(np.float32)
