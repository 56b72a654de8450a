"""Which edits there are by name, and how they are combined."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from vidforensics.evaluation import edits_picture as picture
from vidforensics.evaluation import edits_time as time
from vidforensics.evaluation.edits import Work
from vidforensics.evaluation.edits_picture import Bench

Step = Callable[[Work, Bench], None]

STEPS: dict[str, Step] = {
    "excerpt": time.excerpt,
    "speed080": partial(time.speed, factor=0.8),
    "speed125": partial(time.speed, factor=1.25),
    "mirror": picture.mirror,
    "crop10": partial(picture.crop, removed=0.10),
    "crop25": partial(picture.crop, removed=0.25),
    "crop40": partial(picture.crop, removed=0.40),
    "rotate5": picture.rotate,
    "colour": picture.colour,
    "gray": picture.gray,
    "grain": picture.grain,
    "logo": picture.logo,
    "caption": picture.caption,
    "letterbox": picture.letterbox,
    "pillarbox": picture.pillarbox,
    "blurred_sides": picture.blurred_sides,
    "pip50": picture.picture_in_picture,
    "screen": picture.screen,
    "fps12": time.frame_rate,
    "replaced_sound": time.replaced_sound,
    "mixed_sound": time.mixed_sound,
    "late_sound": time.late_sound,
    "muted": time.muted,
    "splice": time.splice,
    "crf35": picture.strong_compression,
    "240p": picture.small,
}
"""Every single step, in the order in which a combination takes them."""

COMBINED: dict[str, tuple[str, ...]] = {
    "splice": ("excerpt", "splice"),
    "muted_mirror_crop_logo": ("mirror", "crop25", "logo", "muted"),
}
DRAWN: dict[str, int] = {"combo2": 2, "combo3": 3, "combo4": 4}
KINDS: tuple[str, ...] = (*(k for k in STEPS if k != "muted"), "muted_mirror_crop_logo", *DRAWN)
NEEDS_SOUND = frozenset({"replaced_sound", "mixed_sound", "late_sound"})

# A combination takes at most one of each row, and at most one of the steps that leave little of the picture.
_ROWS: tuple[tuple[str, ...], ...] = (
    ("excerpt", "splice"),
    ("speed080", "speed125", "fps12"),
    ("mirror",),
    ("crop10", "crop25", "crop40", "rotate5"),
    ("colour", "gray", "grain"),
    ("logo", "caption"),
    ("letterbox", "pillarbox", "blurred_sides", "pip50", "screen"),
    ("replaced_sound", "mixed_sound", "muted"),
    ("crf35", "240p"),
)
_SEVERE = frozenset({"crop40", "pip50", "screen", "blurred_sides", "splice"})


def steps_of(kind: str, rng: np.random.Generator, has_sound: bool) -> tuple[str, ...]:
    """Names of the steps of one kind, drawn by chance where it is a combination.

    Raises:
        KeyError: no such kind.
    """
    if kind in DRAWN:
        return _drawn(DRAWN[kind], rng, has_sound)
    return COMBINED.get(kind) or (kind if kind in STEPS else _unknown(kind),)


def _unknown(kind: str) -> str:
    raise KeyError(kind)


def _drawn(count: int, rng: np.random.Generator, has_sound: bool) -> tuple[str, ...]:
    rows = [[s for s in row if has_sound or s not in NEEDS_SOUND] for row in _ROWS]
    while True:
        picked = [rows[int(i)] for i in rng.choice(len(rows), count, replace=False)]
        names = {row[int(rng.integers(len(row)))] for row in picked}
        if len(names & _SEVERE) <= 1 and names != {"muted"}:
            return tuple(name for name in STEPS if name in names)
