"""A street at dusk: lit windows and shop fronts, wet asphalt, cars with lamps on, people walking by.

The buildings are drawn once on a wide layer at twice the size; cars and people move over it.
`picture(time_s)` answers with a float32 BGR frame in 0 … 1, as every scene does.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from samples.texture import (
    HEIGHT_PX,
    WIDTH_PX,
    FloatArray,
    blend,
    bloom,
    colour,
    fractal_noise,
    shift,
    smoothstep,
)

LAYER_PX = 1600
KERB_PX, ROAD_PX = 262, 278


@dataclass(frozen=True)
class Mover:
    """Something that crosses the street: its place at time 0, its speed, the row its feet or wheels touch."""

    start_px: float
    speed_px_s: float
    foot_px: float
    size: float
    tint: tuple[float, float, float]
    phase: float


def _muted(rng: np.random.Generator, low: float, high: float, spread: float) -> tuple[float, float, float]:
    """A greyish colour, 0 … 255, as paint and winter coats have."""
    grey, (blue, green, red) = rng.uniform(low, high), rng.uniform(-spread, spread, 3)
    return float(grey + blue), float(grey + green), float(grey + red)


def _facade(canvas: FloatArray, left: int, right: int, top: int, rng: np.random.Generator) -> None:
    """Draw one building between two columns (double size) with windows, some lit, and a shop below."""
    wall = colour(*_muted(rng, 56, 98, 9))
    bricks = 1 + 0.09 * fractal_noise((canvas.shape[0] - top, right - left), 0.5, rng)[..., None]
    canvas[top:, left:right] = wall * bricks
    canvas[top : top + 8, left:right] *= 1.35
    step_x, step_y = int(rng.integers(62, 92)), int(rng.integers(84, 104))
    for y in range(top + 34, 2 * 200, step_y):
        for x in range(left + 20, right - 48, step_x):
            _window(canvas, (x, y, int(step_x * 0.52), int(step_y * 0.6)), rng)
    _shop(canvas, left, right, rng)


def _window(canvas: FloatArray, box: tuple[int, int, int, int], rng: np.random.Generator) -> None:
    x, y, width, height = box
    canvas[y - 4 : y + height + 4, x - 4 : x + width + 4] *= 0.6
    if rng.random() < 0.42:
        glass = colour(*rng.uniform((70, 130, 190), (140, 196, 246))) * rng.uniform(0.55, 1.0)
        fall = np.linspace(1.0, 0.72, height, dtype=np.float32)[:, None, None]
    else:
        glass = colour(74, 60, 52)
        fall = np.linspace(1.2, 0.5, height, dtype=np.float32)[:, None, None]
    canvas[y : y + height, x : x + width] = glass * fall
    if rng.random() < 0.6:
        canvas[y : y + height, x : x + width // 3] *= 0.62
    canvas[y : y + height, x + width // 2 - 1 : x + width // 2 + 2] *= 0.5
    canvas[y + height // 2 - 1 : y + height // 2 + 2, x : x + width] *= 0.5
    canvas[y + height : y + height + 5, x - 5 : x + width + 5] = colour(96, 92, 94)


def _shop(canvas: FloatArray, left: int, right: int, rng: np.random.Generator) -> None:
    top, bottom = 2 * 204, 2 * KERB_PX - 22
    canvas[top - 12 : bottom + 22, left + 8 : right - 8] = colour(44, 40, 42)
    glow = colour(*rng.uniform((110, 170, 220), (190, 225, 255)))
    inside = fractal_noise((bottom - top - 22, right - left - 52), 0.9, rng)[..., None]
    canvas[top + 22 : bottom, left + 26 : right - 26] = np.clip(glow * (0.72 + 0.2 * inside), 0, 1)
    sign = colour(*_muted(rng, 50, 110, 34))
    canvas[top - 6 : top + 16, left + 18 : right - 18] = sign
    letters = np.zeros((24, right - left), np.uint8)
    for x in range(40, right - left - 60, int(rng.integers(16, 24))):
        cv2.putText(letters, chr(int(rng.integers(65, 91))), (x, 18), 0, 0.55, 255, 2, cv2.LINE_AA)
    mask = letters.astype(np.float32) / 255
    canvas[top - 6 : top + 18, left:right] = blend(
        canvas[top - 6 : top + 18, left:right], colour(219, 230, 240), mask
    )
    for x in range(left + 26, right - 26, int(rng.integers(80, 130))):
        canvas[top + 22 : bottom, x : x + 6] = colour(34, 30, 30)


def _backdrop(rng: np.random.Generator) -> FloatArray:
    """Everything that stands still, (height, LAYER_PX, 3)."""
    canvas = np.empty((2 * HEIGHT_PX, 2 * LAYER_PX, 3), np.float32)
    ramp = np.linspace(0, 1, 2 * HEIGHT_PX, dtype=np.float32)[:, None, None]
    canvas[:] = colour(112, 84, 66) * (1 - ramp) + colour(170, 160, 200) * ramp
    left = 0
    while left < 2 * LAYER_PX - 250:
        right = min(left + int(rng.integers(300, 520)), 2 * LAYER_PX)
        _facade(canvas, left, right, int(rng.integers(10, 150)), rng)
        left = right
    pavement, road = colour(98, 94, 98), colour(62, 58, 58)
    canvas[2 * KERB_PX - 30 : 2 * ROAD_PX] = pavement
    canvas[2 * ROAD_PX - 6 : 2 * ROAD_PX] = colour(128, 124, 126)
    canvas[2 * ROAD_PX :] = road
    canvas[2 * KERB_PX - 30 :] *= (
        1 + 0.08 * fractal_noise((canvas.shape[0] - 2 * KERB_PX + 30, 2 * LAYER_PX), 0.5, rng)[..., None]
    )
    small = cv2.resize(canvas, (LAYER_PX, HEIGHT_PX), interpolation=cv2.INTER_AREA)
    return _lamps(_reflected(np.asarray(small, np.float32), rng), rng)


def _reflected(layer: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Wet asphalt: the lit fronts mirrored downwards, smeared and broken by puddles."""
    depth = HEIGHT_PX - ROAD_PX
    mirror = layer[KERB_PX - 12 - depth * 2 : KERB_PX - 12][::-1]
    smeared = cv2.GaussianBlur(cv2.resize(mirror, (LAYER_PX, depth)), (0, 0), sigmaX=2.5, sigmaY=9)
    puddles = smoothstep(-0.8, 1.4, fractal_noise((depth, LAYER_PX), 1.2, rng))
    layer[ROAD_PX:] = layer[ROAD_PX:] * 0.8 + 0.42 * puddles[..., None] * smeared
    return layer


def _lamps(layer: FloatArray, rng: np.random.Generator) -> FloatArray:
    for x in range(90, LAYER_PX, 260):
        cv2.line(layer, (x, KERB_PX + 4), (x, 70), (0.12, 0.11, 0.12), 4, cv2.LINE_AA)
        cv2.line(layer, (x, 72), (x + 34, 62), (0.12, 0.11, 0.12), 3, cv2.LINE_AA)
        cv2.ellipse(layer, (x + 38, 64), (12, 5), 8, 0, 360, (1.5, 2.2, 2.6), -1, cv2.LINE_AA)
        rows, columns = np.mgrid[0:HEIGHT_PX, 0:LAYER_PX].astype(np.float32)
        pool = np.exp(-(((columns - x - 38) / 95) ** 2) - ((rows - KERB_PX) / 90) ** 2)[..., None]
        layer *= 1 + 0.5 * pool * colour(170, 225, 255)
    return layer


def _limb(canvas: NDArray[np.uint8], points: list[tuple[float, float]], width: float) -> None:
    corners = (np.array(points) * 4).astype(np.int32)
    cv2.polylines(canvas, [corners], False, 255, int(width * 4), cv2.LINE_AA)


def _walker_mask(stride: float, size: float) -> FloatArray:
    """A person in profile at one moment of the stride, (120, 80), feet at row 116."""
    canvas = np.zeros((480, 320), np.uint8)
    swing, x, hip, neck = 0.48 * np.sin(stride), 40.0, 116 - 50 * size, 116 - 86 * size
    bob = 1.2 * abs(np.cos(stride)) * size
    for sign in (1.0, -1.0):
        thigh, knee = sign * swing, sign * swing - 0.35 * max(0.0, sign * np.cos(stride))
        knee_at = (x + 24 * size * np.sin(thigh), hip - bob + 24 * size * np.cos(thigh))
        foot = (knee_at[0] + 26 * size * np.sin(knee), knee_at[1] + 26 * size * np.cos(knee))
        _limb(canvas, [(x, hip - bob), knee_at, foot, (foot[0] + 6 * size, foot[1])], 8.5 * size)
        elbow = (x - sign * 15 * size * swing * 1.6, neck + 22 * size)
        hand = (elbow[0] + 7 * size - sign * 9 * swing, elbow[1] + 17 * size)
        _limb(canvas, [(x, neck + 5 * size - bob), elbow, hand], 6.5 * size)
    _limb(canvas, [(x, hip - bob), (x + 1.5 * size, neck + 8 * size - bob)], 17 * size)
    head = (int((x + 3 * size) * 4), int((neck - 7 * size - bob) * 4))
    cv2.ellipse(canvas, head, (int(6.5 * size * 4), int(8 * size * 4)), 8, 0, 360, 255, -1, cv2.LINE_AA)
    small = cv2.resize(canvas, (80, 120), interpolation=cv2.INTER_AREA)
    return np.asarray(small / 255.0, np.float32)


def _car_sprite(tint: tuple[float, float, float], right: bool) -> FloatArray:
    """A saloon in profile, (56, 150, 4) BGR and opacity, its nose to the right or the left."""
    big = np.zeros((224, 600, 4), np.float32)
    body = np.array(
        [
            [14, 150],
            [20, 104],
            [110, 92],
            [190, 42],
            [370, 40],
            [452, 92],
            [566, 108],
            [586, 150],
            [580, 176],
            [18, 176],
        ]
    )
    cv2.fillPoly(big, [body.astype(np.int32)], (*(float(c) / 255 for c in tint), 1.0), cv2.LINE_AA)
    for pane in ([[130, 92], [198, 52], [272, 50], [272, 92]], [[286, 92], [286, 50], [362, 51], [428, 92]]):
        cv2.fillPoly(big, [np.array(pane, np.int32)], (0.30, 0.25, 0.22, 1.0), cv2.LINE_AA)
    big[100:150, :, :3] *= np.linspace(1.5, 0.75, 50, dtype=np.float32)[:, None, None]
    big[150:, :, :3] *= 0.55
    for x in (124, 470):
        cv2.circle(big, (x, 172), 42, (0.05, 0.05, 0.05, 1.0), -1, cv2.LINE_AA)
        cv2.circle(big, (x, 172), 21, (0.42, 0.41, 0.40, 1.0), -1, cv2.LINE_AA)
    cv2.ellipse(big, (572, 122), (16, 9), 0, 0, 360, (2.4, 2.9, 3.0, 1.0), -1, cv2.LINE_AA)
    cv2.ellipse(big, (22, 122), (8, 10), 0, 0, 360, (0.2, 0.16, 1.9, 1.0), -1, cv2.LINE_AA)
    small = np.asarray(cv2.resize(big, (150, 56), interpolation=cv2.INTER_AREA), np.float32)
    return small if right else np.ascontiguousarray(small[:, ::-1])


class Street:
    """A pan along a street with traffic and passers-by."""

    def __init__(self, seed: int, pan_px_s: float = 9.0, busy: int = 9) -> None:
        rng = np.random.default_rng(seed)
        self.pan_px_s = pan_px_s
        self.backdrop = _backdrop(rng)
        self.walkers = [self._walker(rng) for _ in range(busy)]
        self.cars = [self._car(index, rng) for index in range(4)]
        self.sprites = [_car_sprite(car.tint, car.speed_px_s > 0) for car in self.cars]

    @staticmethod
    def _walker(rng: np.random.Generator) -> Mover:
        size, direction = float(rng.uniform(0.62, 0.78)), float(rng.choice([-1.0, 1.0]))
        tint = _muted(rng, 20, 58, 10)
        foot = float(rng.uniform(KERB_PX - 6, ROAD_PX - 4))
        speed = direction * float(rng.uniform(26, 40))
        return Mover(float(rng.uniform(-150, 800)), speed, foot, size, tint, float(rng.uniform(0, 6)))

    @staticmethod
    def _car(index: int, rng: np.random.Generator) -> Mover:
        direction = 1.0 if index % 2 else -1.0
        tint = _muted(rng, 30, 120, 16)
        foot, size = (304.0, 1.25) if direction < 0 else (336.0, 1.6)
        start = float(rng.uniform(-200, 500)) - direction * 380 * (index // 2)
        return Mover(start, direction * float(rng.uniform(95, 150)), foot, size, tint, 0.0)

    def _place(
        self, frame: FloatArray, sprite: FloatArray, where: tuple[float, float], size: float
    ) -> FloatArray:
        matrix = np.array([[size, 0, where[0]], [0, size, where[1]]], np.float32)
        moved = cv2.warpAffine(sprite, matrix, (WIDTH_PX, HEIGHT_PX), flags=cv2.INTER_LINEAR)
        return blend(frame, moved[..., :3], moved[..., 3])

    def _with_walkers(self, frame: FloatArray, time_s: float) -> FloatArray:
        for walker in sorted(self.walkers, key=lambda one: one.foot_px):
            travelled = walker.speed_px_s * time_s
            mask = _walker_mask(walker.phase + 0.115 * abs(travelled) / walker.size, walker.size)
            mask = mask if walker.speed_px_s > 0 else mask[:, ::-1]
            light = np.linspace(1.5, 0.8, 120, dtype=np.float32)[:, None, None]
            sprite = np.concatenate(
                [np.broadcast_to(colour(*walker.tint) * light, (120, 80, 3)), mask[..., None]], axis=2
            )
            x = (walker.start_px + travelled - self.pan_px_s * time_s + 80) % 900 - 160
            frame = self._place(frame, np.asarray(sprite, np.float32), (x, walker.foot_px - 116), 1.0)
        return frame

    def picture(self, time_s: float) -> FloatArray:
        """The street at a time."""
        frame = shift(self.backdrop, 120 + self.pan_px_s * time_s)
        frame = self._with_walkers(frame, time_s)
        for car, sprite in zip(self.cars, self.sprites, strict=True):
            x = (car.start_px + (car.speed_px_s - self.pan_px_s) * time_s + 400) % 1500 - 400
            frame = self._place(frame, sprite, (x, car.foot_px - 54 * car.size), car.size)
        return np.clip(bloom(frame, 0.86, 0.55, 9.0), 0, 1)
