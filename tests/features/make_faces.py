"""Stand-ins for the face models, and frame blocks to follow faces in."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from vidforensics.features.face_models import LEFT_EYE, RIGHT_EYE, FaceBox, FaceMesh
from vidforensics.types import FrameBlock


class _Picture:
    def __init__(self, level: int) -> None:
        self._level = level

    def to_bgr(self) -> Any:
        return np.full((180, 320, 3), self._level, np.uint8)


def block(number: int, time_s: float, level: int = 90) -> FrameBlock:
    """One flat frame."""
    luma = np.full((1, 90, 160), level, np.uint8)
    chroma = np.full((1, 2, 45, 80), 128, np.uint8)
    return FrameBlock(number, np.array([time_s]), luma, chroma, [_Picture(level)])  # type: ignore[list-item]


@dataclass
class FakeModels:
    """One face in the middle; the mesh loses it at some calls, or finds it elsewhere from one call on."""

    boxes: bool = True
    lost_at: set[int] = field(default_factory=set)
    jump_at: int | None = None
    calls: int = 0

    def find(self, picture: Any) -> list[FaceBox]:
        x = 160.0 if self.jump_at is None or self.calls < self.jump_at else 260.0
        return [FaceBox(x, 90.0, 60.0, 0.0)] if self.boxes else []

    def mesh(self, picture: Any, box: FaceBox) -> FaceMesh:
        x = 260.0 if self.jump_at is not None and self.calls >= self.jump_at else 160.0
        points = np.stack([np.linspace(x - 30, x + 30, 468), np.tile([60.0, 120.0], 234)], axis=1).astype(
            np.float32
        )
        points[RIGHT_EYE], points[LEFT_EYE] = (x - 20, 80), (x + 20, 80)
        presence = 0.0 if self.calls in self.lost_at else 0.99
        self.calls += 1
        return FaceMesh(points, presence)
