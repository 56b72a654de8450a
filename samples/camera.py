"""What a camera adds to a scene: hand movement, blur, vignette, exposure drift, colour response, grain.

A `Camera` turns float32 scene pictures into uint8 frames; two cameras with other settings give the same scene
another noise level, sharpness and colour, which is what tells spliced footage from its surroundings.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from samples.outdoors import Scene
from samples.texture import HEIGHT_PX, WIDTH_PX, FloatArray, along, wander

FRAME_RATE_HZ = 25
Frame = NDArray[np.uint8]


@dataclass(frozen=True)
class Body:
    """The settings of one camera; sway in pixels, grain in grey levels of 255, gains as factors."""

    seed: int
    sway_px: float = 5.0
    blur_px: float = 0.6
    sharpen: float = 0.3
    grain: float = 2.2
    grain_size_px: float = 0.6
    gamma: float = 1.0
    saturation: float = 0.95
    gains: tuple[float, float, float] = (1.0, 1.0, 1.0)
    vignette: float = 0.16
    drift: float = 0.03


@dataclass
class Camera:
    """A camera body in use."""

    body: Body
    rng: np.random.Generator = field(init=False)

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng(self.body.seed)
        self.paths = [wander(self.rng, 5, period) for period in (4.7, 3.9, 6.1, 8.0)]
        rows, columns = np.mgrid[0:HEIGHT_PX, 0:WIDTH_PX].astype(np.float32)
        away = np.hypot(columns / WIDTH_PX - 0.5, rows / HEIGHT_PX - 0.5)
        self.falloff = (1.0 - self.body.vignette * (away / 0.707) ** 2.4)[..., None].astype(np.float32)

    def _held(self, picture: FloatArray, time_s: float) -> FloatArray:
        x, y, roll, _ = (along(path, time_s) for path in self.paths)
        centre = (WIDTH_PX / 2, HEIGHT_PX / 2)
        zoom = 1.0 + 2.6 * self.body.sway_px / HEIGHT_PX
        matrix = cv2.getRotationMatrix2D(centre, 0.09 * self.body.sway_px * roll, zoom)
        matrix[:, 2] += np.array([self.body.sway_px * x, self.body.sway_px * y])
        held = cv2.warpAffine(
            picture, matrix, (WIDTH_PX, HEIGHT_PX), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT
        )
        return np.asarray(held, np.float32)

    def _lens(self, picture: FloatArray) -> FloatArray:
        soft = cv2.GaussianBlur(picture, (0, 0), self.body.blur_px) if self.body.blur_px > 0 else picture
        wide = cv2.GaussianBlur(soft, (0, 0), 1.6)
        return np.asarray(soft + self.body.sharpen * (soft - wide), np.float32)

    def _colour(self, picture: FloatArray, time_s: float) -> FloatArray:
        exposure = 1.0 + self.body.drift * along(self.paths[3], time_s)
        lit = np.clip(picture * self.falloff * exposure * np.asarray(self.body.gains, np.float32), 0, 1)
        grey = lit.mean(axis=2, keepdims=True)
        rich = np.clip(grey + self.body.saturation * (lit - grey), 0, 1)
        curve = rich ** np.float32(self.body.gamma)
        return np.asarray(0.03 + 0.955 * (0.82 * curve + 0.18 * curve * curve * (3 - 2 * curve)), np.float32)

    def _grain(self) -> FloatArray:
        noise = self.rng.standard_normal((HEIGHT_PX, WIDTH_PX, 3)).astype(np.float32) * np.float32(0.45)
        noise += self.rng.standard_normal((HEIGHT_PX, WIDTH_PX, 1)).astype(np.float32)
        if self.body.grain_size_px > 0:
            noise = np.asarray(cv2.GaussianBlur(noise, (0, 0), self.body.grain_size_px), np.float32)
        return noise * np.float32(self.body.grain / max(float(noise.std()), 1e-6))

    def frame(self, picture: FloatArray, time_s: float) -> Frame:
        """One exposure of a scene picture, (height, width, 3) uint8 BGR."""
        seen = self._colour(self._lens(self._held(picture, time_s)), time_s)
        noise = self._grain() * (1.25 - 0.7 * seen)
        return np.clip(np.rint(seen * 255 + noise), 0, 255).astype(np.uint8)

    def take(self, scene: Scene, frames: int, start_s: float = 0.0) -> Iterator[Frame]:
        """Film a scene for a number of frames at FRAME_RATE_HZ."""
        for index in range(frames):
            time_s = start_s + index / FRAME_RATE_HZ
            yield self.frame(scene.picture(time_s), time_s)
