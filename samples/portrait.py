"""A speaker in front of a camera: a relief-shaded head that sways, blinks and moves its lips with the voice.

The head is a height field (ellipsoid, brow, nose, cheeks, lips, chin) shaded by a key and a fill light;
turning it displaces each pixel by its height. `picture(time_s)` answers with a float32 BGR frame in 0 … 1.
No real person is shown or imitated: proportions and colours are drawn from a seeded generator.
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
    along,
    blend,
    colour,
    fractal_noise,
    smoothstep,
    wander,
)

CANVAS_WIDTH_PX, CANVAS_HEIGHT_PX = 300, 380
UNIT_PX = 120.0
MOUTH_V = 0.56


@dataclass(frozen=True)
class Look:
    """How a speaker looks: colours in 0 … 255 blue green red, fractions of the half width of the head."""

    skin: tuple[float, float, float] = (128, 158, 205)
    hair: tuple[float, float, float] = (34, 40, 52)
    clothes: tuple[float, float, float] = (74, 58, 46)
    shirt: tuple[float, float, float] = (208, 204, 200)
    room: str = "books"
    hairline: float = -0.78
    long_hair: bool = False
    beard: float = 0.0
    centre_px: tuple[float, float] = (330.0, 172.0)


def _bump(u: FloatArray, v: FloatArray, at: tuple[float, float], size: tuple[float, float]) -> FloatArray:
    return np.asarray(np.exp(-(((u - at[0]) / size[0]) ** 2) - ((v - at[1]) / size[1]) ** 2), np.float32)


def _pair(u: FloatArray, v: FloatArray, at: tuple[float, float], size: tuple[float, float]) -> FloatArray:
    return _bump(np.abs(u), v, at, size)


def _relief(u: FloatArray, v: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Height of the face above the plane, and how much a pixel belongs to the head (0 … 1)."""
    jaw = 1.0 - 0.14 * smoothstep(-0.1, 1.0, v)
    half = 0.82 * np.sqrt(np.clip(1 - (v / 1.16) ** 2, 1e-4, 1)) * jaw
    inside = np.clip(1 - (u / half) ** 2, 0, 1)
    height = 0.95 * np.sqrt(inside * np.clip(1 - (v / 1.3) ** 2, 0, 1))
    ridge = smoothstep(-0.32, 0.24, v) * smoothstep(0.38, 0.22, v)
    height += 0.20 * ridge * np.exp(-((u / 0.105) ** 2)) + 0.055 * _pair(u, v, (0.10, 0.25), (0.06, 0.06))
    height += 0.05 * _pair(u, v, (0.28, -0.37), (0.2, 0.08)) - 0.085 * _pair(
        u, v, (0.33, -0.17), (0.16, 0.11)
    )
    height += 0.04 * _pair(u, v, (0.33, -0.16), (0.10, 0.06)) + 0.05 * _pair(u, v, (0.44, 0.14), (0.2, 0.2))
    height += 0.045 * _bump(u, v, (0, MOUTH_V - 0.07), (0.2, 0.045)) + 0.05 * _bump(
        u, v, (0, MOUTH_V + 0.08), (0.18, 0.05)
    )
    height += 0.07 * _bump(u, v, (0, 0.92), (0.17, 0.12)) - 0.03 * _bump(u, v, (0, 0.74), (0.22, 0.05))
    height -= 0.014 * _pair(u, v, (0.26, 0.4), (0.05, 0.12))
    soft = smoothstep(1.03, 0.97, np.abs(u) / half) * smoothstep(1.16, 1.12, np.abs(v))
    return np.asarray(height, np.float32), soft


def _shade(height: FloatArray, ambient: float) -> tuple[FloatArray, FloatArray]:
    """Diffuse light and gloss of a relief lit from the upper left, with a fill from the right."""
    smooth = cv2.GaussianBlur(height, (0, 0), 1.4)
    dx = -cv2.Sobel(smooth, cv2.CV_32F, 1, 0, ksize=3) * UNIT_PX / 8
    dy = -cv2.Sobel(smooth, cv2.CV_32F, 0, 1, ksize=3) * UNIT_PX / 8
    length = np.sqrt(dx * dx + dy * dy + 1)
    key = np.clip((-0.55 * dx - 0.42 * dy + 0.72) / length, 0, None)
    fill = np.clip((0.8 * dx - 0.1 * dy + 0.45) / length, 0, None)
    occlusion = np.clip(1 + 2.2 * (smooth - cv2.GaussianBlur(smooth, (0, 0), 12)), 0.55, 1.15)
    diffuse = (ambient + 0.74 * key + 0.2 * fill) * occlusion
    gloss = np.clip((-0.34 * dx - 0.36 * dy + 0.87) / length, 0, 1) ** 26
    return np.asarray(diffuse, np.float32), np.asarray(gloss, np.float32)


class Head:
    """The head alone on its own canvas, for any opening of mouth and eyelids."""

    def __init__(self, look: Look, rng: np.random.Generator) -> None:
        rows, columns = np.mgrid[0:CANVAS_HEIGHT_PX, 0:CANVAS_WIDTH_PX].astype(np.float32)
        self.rows, self.columns = rows, columns
        self.u = (columns - CANVAS_WIDTH_PX / 2) / UNIT_PX
        self.v = (rows - CANVAS_HEIGHT_PX * 0.5) / UNIT_PX
        self.height, self.mask = _relief(self.u, self.v)
        self.face = self._skin(look, rng)
        self._hair(look, rng)

    def _skin(self, look: Look, rng: np.random.Generator) -> FloatArray:
        u, v = self.u, self.v
        pores = fractal_noise((CANVAS_HEIGHT_PX, CANVAS_WIDTH_PX), 0.5, rng)
        blotch = fractal_noise((CANVAS_HEIGHT_PX, CANVAS_WIDTH_PX), 1.6, rng)
        albedo = colour(*look.skin) * (1 + 0.022 * pores + 0.03 * blotch)[..., None]
        flush = 0.5 * _pair(u, v, (0.42, 0.2), (0.2, 0.17)) + 0.45 * _bump(u, v, (0, 0.22), (0.13, 0.1))
        albedo = albedo * (1 - flush[..., None] * colour(48, 46, 10))
        lips = _bump(u, v, (0, MOUTH_V - 0.035), (0.25, 0.042)) + _bump(
            u, v, (0, MOUTH_V + 0.06), (0.22, 0.05)
        )
        albedo = blend(
            np.asarray(albedo, np.float32), colour(92, 96, 158) * np.ones_like(albedo), np.clip(lips, 0, 0.62)
        )
        arch = v - 0.16 * (0.33 - np.abs(u)) - 0.9 * (np.abs(u) - 0.3) ** 2
        brow = _pair(u, arch, (0.34, -0.385), (0.19, 0.042))
        streaks = 0.75 + 0.25 * np.tanh(fractal_noise((CANVAS_HEIGHT_PX, CANVAS_WIDTH_PX), 0.3, rng))
        albedo = blend(
            albedo, colour(*look.hair) * np.ones_like(albedo), np.clip(1.25 * brow * streaks, 0, 0.85)
        )
        chin = smoothstep(0.25, 0.62, v + 0.55 * np.abs(u)) * smoothstep(
            0.30, 0.42, np.hypot(u, (v - MOUTH_V) * 1.7)
        )
        moustache = _bump(u, v, (0, MOUTH_V - 0.15), (0.3, 0.06))
        stubble = np.clip((np.maximum(chin, moustache)) * look.beard * (0.8 + 0.3 * np.tanh(pores)), 0, 0.9)
        albedo = blend(albedo, colour(*look.hair) * 1.15 * np.ones_like(albedo), stubble)
        diffuse, gloss = _shade(self.height, 0.2)
        dark = 0.75 * _pair(u, v, (0.085, 0.292), (0.035, 0.022))
        lit = albedo * diffuse[..., None] * (1 - dark[..., None]) + 0.13 * gloss[..., None] * (
            1 - stubble[..., None]
        )
        return np.asarray(lit, np.float32)

    def _hair(self, look: Look, rng: np.random.Generator) -> None:
        u, v = self.u, self.v
        strands = cv2.GaussianBlur(
            fractal_noise((CANVAS_HEIGHT_PX, CANVAS_WIDTH_PX), 0.25, rng), (0, 0), 0.6, sigmaY=5
        )
        waves = fractal_noise((CANVAS_HEIGHT_PX, CANVAS_WIDTH_PX), 1.5, rng)
        cap = smoothstep(1.04, 0.97, np.hypot(u / 0.90, (v + 0.12) / 1.20) + 0.02 * waves)
        line = look.hairline + 0.9 * np.clip(np.abs(u) - 0.42, 0, None) ** 1.1 * 2.6 + 0.05 * waves
        line = np.where(np.abs(u) > 0.74, 2.0 if look.long_hair else 0.12, line)
        alpha = cap * smoothstep(line + 0.05, line - 0.06, v)
        if look.long_hair:
            locks = smoothstep(1.03, 0.94, np.abs(u) / (1.06 + 0.04 * waves)) * smoothstep(
                0.56, 0.70, np.abs(u) + 0.02 * waves
            )
            alpha = np.maximum(
                alpha, locks * smoothstep(-0.55, -0.3, v) * smoothstep(1.5, 1.15, v + 0.1 * waves)
            )
        shine = 0.65 + 0.75 * np.exp(-(((u + 0.25) / 0.4) ** 2) - ((v + 0.85) / 0.28) ** 2) + 0.55 * strands
        shine = shine * (0.75 + 0.25 * smoothstep(1.0, 0.2, np.abs(u)))
        tint = colour(*look.hair) * np.clip(shine, 0.2, 2.2)[..., None]
        ears = _pair(u, v, (0.84, 0.02), (0.065, 0.17)) * 1.6
        ear_alpha = np.clip(ears, 0, 1) * (1 - self.mask) * (0.0 if look.long_hair else 1.0)
        ear = colour(*look.skin) * (0.55 + 0.25 * smoothstep(0.4, -0.6, u))[..., None]
        self.face = blend(self.face, np.asarray(ear, np.float32), ear_alpha)
        self.face = blend(self.face, np.asarray(tint, np.float32), alpha)
        self.mask = np.maximum(np.maximum(self.mask, alpha), np.clip(ear_alpha * 1.3, 0, 1))
        self.height = np.maximum(self.height, 0.6 * alpha)

    def _eyes(self, face: FloatArray, lids: float, gaze: float) -> FloatArray:
        for side in (-1.0, 1.0):
            du, dv = self.u - side * 0.33, self.v + 0.165
            half = (0.068 * lids) * np.clip(1 - (du / 0.165) ** 2, 0, 1)
            opening = smoothstep(1.25, 0.75, np.abs(dv + 0.012) / np.clip(half, 1e-3, None)) * (
                np.abs(du) < 0.165
            )
            iris = np.hypot(du - gaze, dv + 0.008)
            ball = np.full_like(face, 0.66) * colour(236, 240, 246)
            ball = ball * (1 - 0.35 * smoothstep(0.02, -0.06, dv))[..., None]
            ball = blend(ball, colour(52, 66, 84) * np.ones_like(face), smoothstep(0.078, 0.066, iris))
            ball = blend(ball, colour(14, 14, 16) * np.ones_like(face), smoothstep(0.036, 0.028, iris))
            glint = smoothstep(0.02, 0.012, np.hypot(du - gaze + 0.024, dv + 0.035))
            ball = blend(ball, np.ones_like(face), 0.85 * glint)
            face = blend(face, ball, opening.astype(np.float32))
            lash = np.exp(-(((dv + 0.012 + half) / 0.014) ** 2)) * smoothstep(0.185, 0.15, np.abs(du))
            face = face * (1 - 0.72 * lash[..., None])
        return np.asarray(face, np.float32)

    def _mouth(self, face: FloatArray, opening: float) -> FloatArray:
        """Drop the jaw below the lips, and show teeth and the dark of the mouth between them."""
        drop = 0.13 * opening
        fall = np.exp(-((self.u / 0.55) ** 2)) * smoothstep(1.35, 0.95, self.v)
        moved = drop * fall * smoothstep(MOUTH_V - 0.01, MOUTH_V + 0.03 + drop, self.v)
        lifted = -0.02 * opening * _bump(self.u, self.v, (0, MOUTH_V - 0.06), (0.2, 0.05))
        source = self.rows - (moved + lifted) * UNIT_PX
        face = np.asarray(cv2.remap(face, self.columns, source, cv2.INTER_LINEAR), np.float32)
        half = (0.012 + 0.5 * drop) * np.clip(1 - (self.u / 0.225) ** 2, 0, 1) ** 0.7
        centre = MOUTH_V + 0.012 + 0.5 * drop
        gap = smoothstep(1.3, 0.75, np.abs(self.v - centre) / np.clip(half, 2e-3, None)) * (
            np.abs(self.u) < 0.225
        )
        teeth = smoothstep(centre - half + 0.055, centre - half + 0.025, self.v) * smoothstep(
            0.17, 0.10, np.abs(self.u)
        )
        inner = blend(
            colour(26, 22, 54) * np.ones_like(face),
            colour(168, 182, 190) * 0.8 * np.ones_like(face),
            teeth * min(1.0, 4 * opening),
        )
        return blend(face, inner, (gap * 0.92).astype(np.float32))

    def picture(self, opening: float, lids: float, gaze: float) -> FloatArray:
        """The head for one moment, (height, width, 4): BGR and opacity."""
        face = self._mouth(self._eyes(self.face, lids, gaze), opening)
        return np.asarray(np.concatenate([face, self.mask[..., None]], axis=2), np.float32)


def _cover(rng: np.random.Generator) -> FloatArray:
    """The colour of a book's back: mostly brown, grey and faded."""
    grey = rng.uniform(28, 130)
    return colour(*(grey * rng.uniform((0.6, 0.75, 0.85), (1.05, 1.05, 1.35))))


def _room(kind: str, rng: np.random.Generator) -> FloatArray:
    """The wall behind the speaker, out of focus, larger than the frame by 40 pixels on every side."""
    height, width = HEIGHT_PX + 80, WIDTH_PX + 80
    wall = (
        np.ones((height, width, 3), np.float32)
        * colour(96, 108, 118)
        * np.linspace(1.1, 0.6, width)[None, :, None]
    )
    wall = np.asarray(wall, np.float32)
    if kind == "books":
        for shelf in range(20, height, 96):
            x = 0
            while x < width:
                thick, tall = int(rng.integers(8, 22)), int(rng.integers(58, 84))
                wall[shelf + 86 - tall : shelf + 86, x : x + thick] = _cover(rng)
                x += thick + int(rng.integers(0, 3))
            wall[shelf + 86 : shelf + 96] = colour(52, 74, 104)
    elif kind == "window":
        wall[:] = colour(120, 128, 132)
        wall[30:330, 60:330] = colour(236, 226, 214) * 1.15
        wall[30:330, 188:200] = wall[176:186, 60:330] = colour(150, 152, 152)[None, None] * np.ones(
            (1, 1, 3), np.float32
        )
        wall[210:330, 60:188] *= colour(150, 190, 160)
    else:
        for _ in range(46):
            at = (int(rng.integers(0, width)), int(rng.integers(0, height)))
            glow = tuple(float(c) for c in rng.uniform((0.2, 0.4, 0.6), (0.7, 0.9, 1.2)))
            cv2.circle(wall, at, int(rng.integers(4, 15)), glow, -1)
        wall *= 0.62
    wall *= (1 + 0.06 * fractal_noise((height, width), 1.2, rng))[..., None]
    return np.asarray(cv2.GaussianBlur(wall, (0, 0), 6.5), np.float32)


def _body(look: Look, rng: np.random.Generator) -> FloatArray:
    """Neck and shoulders, (HEIGHT_PX, WIDTH_PX, 4), with the chin at (320, 250)."""
    rows, columns = np.mgrid[0:HEIGHT_PX, 0:WIDTH_PX].astype(np.float32)
    x = columns - 320
    top = 290 + 62 * np.clip(np.abs(x) / 210, 0, 2) ** 2.3
    cloth = smoothstep(-2, 2, rows - top)
    weave = fractal_noise((HEIGHT_PX, WIDTH_PX), 0.45, rng)
    folds = fractal_noise((HEIGHT_PX, WIDTH_PX), 1.8, rng)
    light = (
        0.95
        - 0.0016 * x
        + 0.07 * weave
        + 0.13 * folds
        - 0.5 * np.exp(-((np.abs(x) - 64) ** 2) / 60) * (rows > 300)
    )
    body = colour(*look.clothes) * np.clip(light, 0.2, 2)[..., None]
    shirt = smoothstep(52, 48, np.abs(x) + (rows - 290) * 0.34) * cloth
    fabric = colour(*look.shirt) * (0.82 + 0.05 * folds - 0.001 * x)[..., None]
    body = blend(np.asarray(body, np.float32), np.asarray(fabric, np.float32), shirt)
    neck_width = 46 + 10 * smoothstep(250, 312, rows)
    neck = smoothstep(neck_width + 1.5, neck_width - 1.5, np.abs(x)) * smoothstep(
        318, 312, rows + 0.28 * np.abs(x)
    )
    neck = neck * smoothstep(205, 215, rows)
    round_off = np.sqrt(np.clip(1 - (x / 62) ** 2, 0.05, 1))
    shadow = (0.42 + 0.3 * smoothstep(262, 318, rows)) * round_off * (1.06 - 0.004 * x)
    skin = colour(*look.skin) * shadow[..., None]
    body = blend(body, np.asarray(skin, np.float32), neck)
    alpha = np.maximum(cloth, neck)
    return np.asarray(np.concatenate([body, alpha[..., None]], axis=2), np.float32)


class Interview:
    """One speaker in a room; `envelope` is how loud the voice is, 0 … 1, at `envelope_hz` values a second."""

    def __init__(
        self, seed: int, look: Look, envelope: NDArray[np.floating], envelope_hz: float = 100.0
    ) -> None:
        rng = np.random.default_rng(seed)
        self.look, self.envelope, self.envelope_hz = look, envelope, envelope_hz
        self.head, self.body, self.room = Head(look, rng), _body(look, rng), _room(look.room, rng)
        self.paths = [wander(rng, 4, period) for period in (5.5, 4.1, 6.3, 3.2, 7.0)]
        self.blinks = np.cumsum(rng.uniform(1.4, 4.2, 40))

    def loudness(self, time_s: float) -> float:
        """How open the voice sounds at a time, 0 … 1."""
        at = time_s * self.envelope_hz
        return (
            float(np.interp(at, np.arange(len(self.envelope)), self.envelope)) if len(self.envelope) else 0.0
        )

    def _lids(self, time_s: float) -> float:
        since = np.abs(self.blinks - time_s).min()
        return float(np.clip(since / 0.09, 0.08, 1.0)) * (0.95 + 0.05 * along(self.paths[4], time_s))

    def picture(self, time_s: float) -> FloatArray:
        """The speaker at a time."""
        yaw, pitch, sway_x, sway_y, lean = (along(path, time_s) for path in self.paths)
        voice = self.loudness(time_s)
        head = self.head.picture(voice, self._lids(time_s), 0.03 * along(self.paths[4], 0.4 * time_s))
        turn = self.head.height * UNIT_PX
        map_x = self.head.columns - (0.14 * yaw + 0.05) * turn
        map_y = self.head.rows - (0.10 * pitch + 0.05 * voice) * turn
        head = np.asarray(cv2.remap(head, map_x, map_y, cv2.INTER_LINEAR), np.float32)
        x, y = self.look.centre_px
        frame = np.ascontiguousarray(self.room[40 : 40 + HEIGHT_PX, 40 : 40 + WIDTH_PX])
        frame = self._laid(frame, self.body, (x - 320 + 2.5 * sway_x, y - 172 + 1.2 * sway_y), 0.0)
        at = (x - CANVAS_WIDTH_PX / 2 + 7 * sway_x, y - CANVAS_HEIGHT_PX / 2 - 12 + 3 * sway_y + 2.0 * voice)
        return np.clip(self._laid(frame, head, at, 2.5 * lean), 0, 1)

    @staticmethod
    def _laid(frame: FloatArray, layer: FloatArray, at: tuple[float, float], turn_deg: float) -> FloatArray:
        centre = (layer.shape[1] / 2, layer.shape[0] * 0.8)
        matrix = cv2.getRotationMatrix2D(centre, turn_deg, 1.0)
        matrix[:, 2] += np.array(at)
        border = cv2.BORDER_REPLICATE if layer.shape[1] == WIDTH_PX else cv2.BORDER_CONSTANT
        moved = cv2.warpAffine(
            layer, matrix, (WIDTH_PX, HEIGHT_PX), flags=cv2.INTER_LINEAR, borderMode=border
        )
        return blend(frame, moved[..., :3], moved[..., 3])
