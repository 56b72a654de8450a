"""Outdoor scenes without people: hills under moving clouds, and the open sea with glitter.

Each scene is made from a seeded generator and answers `picture(time_s)` with a float32 BGR frame in 0 … 1.
Clouds and water are fractal noise seen in perspective, so that they move as planes over and under the eye.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np

from samples.texture import (
    HEIGHT_PX,
    WIDTH_PX,
    FloatArray,
    along,
    blend,
    colour,
    fractal_noise,
    ridge_profile,
    shift,
    smoothstep,
    wander,
)

LAYER_PX = 1536


class Scene(Protocol):
    """Anything that can be filmed."""

    def picture(self, time_s: float) -> FloatArray:
        """The scene at a time, (height, width, 3) BGR in 0 … 1."""
        ...


@dataclass(frozen=True)
class SkyLook:
    """Colours of a sky, blue green red in 0 … 255, and how much of it is cloud (-1 clear … 1 overcast)."""

    zenith: tuple[float, float, float] = (176, 122, 70)
    horizon: tuple[float, float, float] = (222, 208, 190)
    cloud: tuple[float, float, float] = (246, 244, 243)
    cover: float = 0.75


class Sky:
    """A sky above a horizon line, with a cloud plane that drifts towards the viewer."""

    def __init__(self, look: SkyLook, horizon_px: int, rng: np.random.Generator) -> None:
        self.look, self.horizon_px = look, horizon_px
        self.noise = fractal_noise((1024, 1024), 1.45, rng)
        rows, columns = np.mgrid[0:HEIGHT_PX, 0:WIDTH_PX].astype(np.float32)
        distance = 60.0 / np.clip(horizon_px - rows + 14.0, 8.0, None)
        self.map_x = (columns - WIDTH_PX / 2) * distance * 1.5 + 300
        self.map_y = distance * 430
        self.fade = smoothstep(0.0, 60.0, horizon_px - rows)
        ramp = np.clip(rows / horizon_px, 0, 1)[..., None] ** 1.5
        self.gradient = colour(*look.zenith) * (1 - ramp) + colour(*look.horizon) * ramp

    def _density(self, time_s: float, lift: float) -> FloatArray:
        sampled = cv2.remap(
            self.noise,
            (self.map_x + 7.0 * time_s + lift) % 1023,
            (self.map_y + 3.0 * time_s + lift) % 1023,
            cv2.INTER_LINEAR,
        )
        return smoothstep(0.5 - self.look.cover, 1.7 - self.look.cover, sampled) * self.fade

    def picture(self, time_s: float) -> FloatArray:
        """The sky at a time; below the horizon it is the horizon's colour."""
        density, behind = self._density(time_s, 0.0), self._density(time_s, 14.0)
        lit = colour(*self.look.cloud) * (1.0 - 0.34 * behind[..., None])
        return blend(self.gradient, lit, density)


def _hill_layer(
    crest_px: float, relief_px: float, tint: FloatArray, haze: float, rng: np.random.Generator
) -> FloatArray:
    """One range of hills, (height, LAYER_PX, 4): lit slopes in BGR, and how opaque."""
    crest = crest_px - relief_px * ridge_profile(LAYER_PX, 1.25, rng)
    ground = fractal_noise((HEIGHT_PX, LAYER_PX), 1.1, rng)
    folds = cv2.GaussianBlur(fractal_noise((HEIGHT_PX, LAYER_PX), 1.7, rng), (0, 0), 1.6)
    slope_x = 7.0 * cv2.Sobel(folds, cv2.CV_32F, 1, 0, ksize=3) + 0.12 * ground
    patches = smoothstep(-0.3, 0.9, fractal_noise((HEIGHT_PX, LAYER_PX), 1.3, rng))[..., None]
    light = 0.84 + 0.24 * np.tanh(slope_x)[..., None] + 0.05 * ground[..., None]
    hue = tint * (1 - 0.45 * patches) + tint * colour(120, 190, 205) * 0.9 * patches
    lit = np.clip(hue * light, 0, 1)
    hazy = lit * (1 - haze) + colour(214, 203, 190) * haze
    rows = np.arange(HEIGHT_PX, dtype=np.float32)[:, None]
    alpha = np.clip(rows - crest[None, :], 0, 1)
    return np.asarray(np.concatenate([hazy, alpha[..., None]], axis=2), np.float32)


class Hills:
    """A slow pan over ranges of hills with trees and grass in the wind, under a moving sky."""

    def __init__(self, seed: int, look: SkyLook | None = None, pan_px_s: float = 16.0) -> None:
        rng = np.random.default_rng(seed)
        self.pan_px_s = pan_px_s
        self.sky = Sky(look or SkyLook(), 205, rng)
        self.layers = [
            (_hill_layer(168, 22, colour(150, 128, 100), 0.62, rng), 0.25),
            (_hill_layer(205, 17, colour(86, 118, 92), 0.36, rng), 0.5),
            (_hill_layer(252, 13, colour(48, 98, 84), 0.12, rng), 1.0),
            (self._trees(_hill_layer(292, 9, colour(40, 92, 82), 0.03, rng), rng), 1.7),
        ]
        self.grass = fractal_noise((HEIGHT_PX, LAYER_PX), 0.75, rng)
        rows, columns = np.mgrid[0:HEIGHT_PX, 0:WIDTH_PX].astype(np.float32)
        self.rows, self.columns = rows, columns
        self.near = smoothstep(300, 360, rows)

    @staticmethod
    def _trees(layer: FloatArray, rng: np.random.Generator) -> FloatArray:
        """Clumps of broad-leaved trees standing on a range of hills."""
        crest = np.argmax(layer[..., 3] > 0.5, axis=0)
        leaves = fractal_noise(layer.shape[:2], 0.6, rng)
        rows, columns = np.mgrid[0 : layer.shape[0], 0 : layer.shape[1]].astype(np.float32)
        for x in rng.uniform(0, layer.shape[1], 34):
            size = rng.uniform(9, 26)
            base = crest[int(x)] + rng.uniform(0, 22)
            away = np.hypot((columns - x) / size, (rows - base + size) / (size * 1.15))
            mask = smoothstep(1.0, 0.8, away + 0.16 * leaves)
            light = 0.62 + 0.3 * (base - size - rows) / size - 0.25 * (columns - x) / size + 0.22 * leaves
            leaf = colour(34, 74, 62) * np.clip(light, 0.15, 1.4)[..., None] * rng.uniform(0.8, 1.2)
            layer[..., :3] = blend(layer[..., :3], np.asarray(leaf, np.float32), mask)
            layer[..., 3] = np.maximum(layer[..., 3], mask)
        return layer

    def picture(self, time_s: float) -> FloatArray:
        """The view at a time."""
        frame = self.sky.picture(time_s)
        for layer, depth in self.layers:
            part = shift(layer, 200 + self.pan_px_s * depth * time_s)
            frame = blend(frame, part[..., :3], part[..., 3])
        gust = 3.0 * np.sin(self.columns / 46 + 2.2 * time_s) * self.near
        x = (self.columns + gust + 200 + 2.4 * self.pan_px_s * time_s) % (LAYER_PX - 1)
        blades = cv2.remap(self.grass, x, (self.rows * 0.35) % (HEIGHT_PX - 1), cv2.INTER_LINEAR)
        shade = 1.0 + 0.22 * blades * self.near
        return np.asarray(np.clip(frame * shade[..., None], 0, 1), np.float32)


class Sea:
    """Open water against a low sun, with a boat that rides the swell."""

    def __init__(self, seed: int, look: SkyLook | None = None, horizon_px: int = 138) -> None:
        rng = np.random.default_rng(seed)
        self.horizon_px = horizon_px
        self.look = look or SkyLook((150, 118, 92), (196, 206, 226), (228, 226, 236), 0.5)
        self.sky = Sky(self.look, horizon_px, rng)
        self.waves = [fractal_noise((1024, 1024), 1.25, rng) for _ in range(2)]
        rows, columns = np.mgrid[0:HEIGHT_PX, 0:WIDTH_PX].astype(np.float32)
        depth = np.clip(rows - horizon_px, 1.0, None)
        self.far = 240.0 / depth
        self.map_x = (columns - WIDTH_PX / 2) * self.far * 0.8
        self.map_y = self.far * 210.0
        self.water = smoothstep(-0.5, 1.5, rows - horizon_px)
        self.glitter = np.exp(-(((columns - 400) / (70 + 0.55 * depth)) ** 2)).astype(np.float32)
        self.ramp = np.clip(depth / (HEIGHT_PX - horizon_px), 0, 1)[..., None] ** 0.7
        self.sway = wander(rng, 4, 5.0)

    def _slope(self, time_s: float) -> FloatArray:
        total = np.zeros((HEIGHT_PX, WIDTH_PX), np.float32)
        for noise, (vx, vy), scale in zip(self.waves, ((20, 34), (-26, 24)), (1.0, 1.9), strict=True):
            x = (self.map_x * scale + vx * time_s) % 1023
            y = (self.map_y * scale + vy * time_s) % 1023
            total += cv2.remap(noise, x, y, cv2.INTER_LINEAR)
        return np.asarray(total * np.clip(1.3 - self.far * 0.09, 0.25, 1.0), np.float32)

    def _boat(self, frame: FloatArray, time_s: float) -> FloatArray:
        layer = np.zeros((HEIGHT_PX * 4, WIDTH_PX * 4), np.uint8)
        x = 150 + 5.0 * time_s
        y = self.horizon_px + 17 + 1.6 * along(self.sway, time_s)
        lean = 0.05 * along(self.sway, time_s + 1.1)
        hull = np.array([[-34, -6], [30, -6], [40, -12], [33, 5], [-28, 5]], np.float64)
        cabin = np.array([[-22, -6], [-22, -20], [-2, -20], [2, -6]], np.float64)
        mast = np.array([[8, -6], [8, -44], [10, -44], [10, -6]], np.float64)
        turn = np.array([[np.cos(lean), -np.sin(lean)], [np.sin(lean), np.cos(lean)]])
        for part in (hull, cabin, mast):
            cv2.fillPoly(layer, [((part @ turn.T + [x, y]) * 4).astype(np.int32)], 255)
        alpha = (
            cv2.resize(layer, (WIDTH_PX, HEIGHT_PX), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
        )
        return blend(frame, np.broadcast_to(colour(58, 50, 52), frame.shape).astype(np.float32), alpha * 0.93)

    def picture(self, time_s: float) -> FloatArray:
        """The view at a time."""
        slope = self._slope(time_s)
        tilt = np.clip(0.5 + 0.22 * slope, 0, 1)[..., None]
        deep, shine = colour(84, 70, 42), colour(*self.look.horizon)
        mirror = np.clip(0.75 * tilt + 0.42 * (1 - self.ramp) - 0.12, 0, 1)
        water = deep * (1 - mirror) + shine * 0.92 * mirror
        sparkle = np.clip(slope - 1.15, 0, 1.2) * (0.12 + self.glitter)
        water = water + (sparkle * 0.9 + 0.16 * self.glitter)[..., None] * colour(198, 226, 250)
        frame = blend(self.sky.picture(time_s), np.asarray(np.clip(water, 0, 1), np.float32), self.water)
        return np.clip(self._boat(frame, time_s), 0, 1)
