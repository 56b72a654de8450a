"""Follow faces through a clip and measure their mouths, picture by picture.

Frame blocks go in; `Faces` with one `FaceTrack` per face and uninterrupted stretch come out. A face is found
anew twice a second and followed by its mesh in between; a track ends where the mesh loses the face or jumps,
the whole picture changes, or another track follows the same face.
Source: the mouth crop and eye-line alignment of Chung & Zisserman, Out of time (2016).
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import cv2
import numpy as np

from vidforensics.features.face_models import LEFT_EYE, RIGHT_EYE, FaceBox, FaceMesh, FaceModels
from vidforensics.spool import Spool
from vidforensics.types import Faces, FaceTrack, FrameBlock, Picture

if TYPE_CHECKING:
    from vidforensics.records.arrays import ByteArray, Float32Array

LONGEST_PX = 640
"""Pictures are made no larger than this before faces are looked for."""

LEAST_STEP_S = 1 / 31
FIND_EVERY_S = 0.5
LEAST_PRESENCE = 0.5
LEAST_EYES_PX = 14.0
LEAST_OVERLAP = 0.25
MOST_JUMP = 0.5
"""Greatest move of a face from one picture to the next, in sides of its box."""

MOST_SHARED = 0.5
CUT_LEVELS = 22.0
"""Mean change of the analysis plane, in luma levels, that ends every track: the picture is another."""

MOST_FACES = 3
MOST_PICTURES = 250_000
"""Faces of so many pictures are kept, 190 MB of temporary file: 2.3 hours of one face; later ones are not
followed."""

CROP_PX, MOUTH_PX = 48, 24
"""The mouth is cut at the first size and kept at the second, area-averaged."""

MOUTH_SCALE = 1.3
"""Side of the mouth crop against the distance of the outer corners of the eyes."""

# points of the canonical mesh: outer lips, inner lips, then chin, nose tip and the cheeks beside the mouth
OUTER_LIPS = (61, 40, 37, 0, 267, 270, 291, 321, 314, 17, 84, 91)
INNER_LIPS = (78, 81, 13, 311, 308, 402, 14, 178)
AROUND = (152, 1, 50, 280)
SHAPE_POINTS = (*OUTER_LIPS, *INNER_LIPS, *AROUND)
MOUTH_CENTRE = (13, 14, 61, 291)


class _Lane:
    """Where the pictures of one track after another go; no two tracks grow in it at the same time."""

    def __init__(self) -> None:
        self.shapes = Spool[np.float32](np.float32, (len(SHAPE_POINTS), 2))
        self.mouths = Spool[np.uint8](np.uint8, (MOUTH_PX, MOUTH_PX))


@dataclass
class _Track:
    """One track, as raw numbers, which cost less than array objects for every picture.

    first: where its rows begin in the lane. placed holds five numbers per picture: centre, side, distance of
    the eyes, presence.
    """

    box: FaceBox
    lane: _Lane
    first: int
    times_s: array[float] = field(default_factory=lambda: array("d"))
    placed: array[float] = field(default_factory=lambda: array("f"))


class FaceTrackAccumulator:
    """Takes every frame of the decode pass; gives the face tracks of the clip."""

    def __init__(self, models: FaceModels) -> None:
        self._models = models
        self._lanes = tuple(_Lane() for _ in range(MOST_FACES))
        self._growing: list[_Track] = []
        self._done: list[_Track] = []
        self._last_s = -np.inf
        self._found_s = -np.inf
        self._plane: ByteArray | None = None
        self._kept = 0
        self._until_s: float | None = None

    def update(self, block: FrameBlock) -> None:
        """Take the next frames; those that follow within 1/31 s of another are passed over."""
        for time_s, luma, picture in zip(block.pts_s, block.luma, block.pictures, strict=True):
            if float(time_s) - self._last_s < LEAST_STEP_S and float(time_s) >= self._last_s:
                continue
            self._last_s = float(time_s)
            if self._kept >= MOST_PICTURES:
                self._until_s = self._last_s if self._until_s is None else self._until_s
                self._end(self._growing)
                continue
            self._take(float(time_s), luma, picture)

    def finish(self) -> Faces:
        """All tracks in order of their first frame; no track where there was no face."""
        self._end(self._growing)
        rows = {lane: (lane.shapes.finish(), lane.mouths.finish()) for lane in self._lanes}
        tracks = sorted(self._done, key=lambda t: t.times_s[0])
        return Faces(tuple(_finished(t, *rows[t.lane]) for t in tracks), until_s=self._until_s)

    def _take(self, time_s: float, luma: ByteArray, picture: Picture) -> None:
        if self._is_another(luma):
            self._end(self._growing)
            self._found_s = -np.inf
        due = abs(time_s - self._found_s) >= FIND_EVERY_S
        if not due and not self._growing:
            return
        small = _small(picture.to_bgr())
        if due:
            self._found_s = time_s
            self._match(self._models.find(small))
        for track in list(self._growing):
            mesh = self._models.mesh(small, track.box)
            eyes_px = float(np.hypot(*(mesh.points[LEFT_EYE] - mesh.points[RIGHT_EYE])))
            lost = mesh.presence < LEAST_PRESENCE or eyes_px < LEAST_EYES_PX
            if lost or self._slid(track, mesh.box()):
                self._end([track])
                continue
            _append(track, time_s, mesh, eyes_px, small)
            self._kept += 1

    def _is_another(self, luma: ByteArray) -> bool:
        before, self._plane = self._plane, luma.copy()
        if before is None or before.shape != luma.shape:
            return False
        return float(cv2.absdiff(before, luma).mean()) > CUT_LEVELS

    def _slid(self, track: _Track, box: FaceBox) -> bool:
        """Whether the mesh jumped, or lies on a face that another track follows."""
        jump = max(abs(box.x - track.box.x), abs(box.y - track.box.y)) if track.times_s else 0.0
        others = (t.box for t in self._growing if t is not track and t.times_s)
        return jump > MOST_JUMP * track.box.side or any(box.overlap(o) > MOST_SHARED for o in others)

    def _match(self, boxes: list[FaceBox]) -> None:
        """Begin a track for each found face that none follows yet."""
        boxes = boxes[:MOST_FACES]
        free = [b for b in boxes if all(b.overlap(t.box) < LEAST_OVERLAP for t in self._growing)]
        taken = [track.lane for track in self._growing]
        lanes = [lane for lane in self._lanes if lane not in taken]
        for box, lane in zip(free, lanes, strict=False):
            self._growing.append(_Track(box, lane, len(lane.mouths)))

    def _end(self, tracks: list[_Track]) -> None:
        for track in list(tracks):
            self._growing.remove(track)
            if track.times_s:
                self._done.append(track)


def _append(track: _Track, time_s: float, mesh: FaceMesh, eyes_px: float, small: ByteArray) -> None:
    track.box = mesh.box()
    track.times_s.append(time_s)
    height, width = small.shape[:2]
    centre_and_side = (track.box.x / width, track.box.y / height, track.box.side / width)
    track.placed.extend((*centre_and_side, eyes_px, mesh.presence))
    track.lane.shapes.append(mouth_shape(mesh.points)[None])
    track.lane.mouths.append(mouth_crop(small, mesh.points)[None])


def _finished(track: _Track, shapes: Float32Array, mouths: ByteArray) -> FaceTrack:
    """The track as arrays over the same memory, with its rows of its lane."""
    rows = slice(track.first, track.first + len(track.times_s))
    placed = np.frombuffer(track.placed, np.float32).reshape(-1, 5)
    return FaceTrack(
        times_s=np.frombuffer(track.times_s, np.float64),
        boxes=placed[:, :3],
        eyes_px=placed[:, 3],
        presence=placed[:, 4],
        shapes=shapes[rows],
        mouths=mouths[rows],
    )


def mouth_shape(points: Float32Array) -> Float32Array:
    """Lips, chin, nose and cheeks in the frame of the eyes, float32 (24, 2).

    Args:
        points: (468, 2) of a mesh.

    Returns:
        Coordinates along and across the eye line from the middle of the eyes, in eye distances.
    """
    right, left = points[RIGHT_EYE], points[LEFT_EYE]
    along = (left - right) / max(float(np.hypot(*(left - right))), 1e-6)
    across = np.array([-along[1], along[0]], np.float32)
    centred = points[list(SHAPE_POINTS)] - (left + right) / 2
    scale = max(float(np.hypot(*(left - right))), 1e-6)
    return np.stack([centred @ along, centred @ across], axis=1).astype(np.float32) / np.float32(scale)


def mouth_crop(picture: ByteArray, points: Float32Array) -> ByteArray:
    """The mouth, upright by the eye line, uint8 (24, 24) luma.

    Args:
        picture: BGR, uint8 (h, w, 3).
        points: (468, 2) of the mesh in that picture.
    """
    right, left = points[RIGHT_EYE], points[LEFT_EYE]
    eyes = left - right
    distance = max(float(np.hypot(*eyes)), 1e-6)
    centre = points[list(MOUTH_CENTRE)].mean(axis=0)
    scale = CROP_PX / (MOUTH_SCALE * distance)
    cos, sin = float(eyes[0]) / distance * scale, float(eyes[1]) / distance * scale
    half = CROP_PX / 2
    x, y = float(centre[0]), float(centre[1])
    matrix = np.array([[cos, sin, half - cos * x - sin * y], [-sin, cos, half + sin * x - cos * y]])
    crop = cv2.warpAffine(picture, matrix, (CROP_PX, CROP_PX), flags=cv2.INTER_LINEAR)
    gray = cv2.cvtColor(crop, cv2.COLOR_BGR2GRAY)
    return np.asarray(cv2.resize(gray, (MOUTH_PX, MOUTH_PX), interpolation=cv2.INTER_AREA), np.uint8)


def _small(picture: ByteArray) -> ByteArray:
    scale = LONGEST_PX / max(picture.shape[:2])
    if scale >= 1.0:
        return picture
    size = (max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale)))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
