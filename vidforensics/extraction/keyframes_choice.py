"""Which of the written pictures remain as keyframes once the shots are known.

Takes written pictures and shots; gives those that stay with their shot, and those to be removed. A shot
keeps its best picture and, if it is long, one more per stretch of real change; pictures from within
a transition serve only a shot that has no other.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

from vidforensics.extraction.keyframes_quality import Look
from vidforensics.types import Keyframe, Shot


@dataclass(frozen=True, slots=True)
class Written:
    """A picture on disk and what it looks like."""

    keyframe: Keyframe
    look: Look


def choose(
    written: list[Written], shots: tuple[Shot, ...], long_shot_s: float, same_bits: int
) -> tuple[list[tuple[Written, int]], list[Written]]:
    """Split the written pictures.

    Args:
        written: all pictures written during the pass.
        shots: the clip's shots in order; empty counts as one shot.
        long_shot_s: least distance of two pictures of one shot.
        same_bits: see `Look.resembles`.

    Returns:
        Pictures that stay, each with its shot's index, in the order of their times; and the others.
    """
    by_shot: dict[int, list[Written]] = {}
    starts = [shot.start_s for shot in shots]
    for item in written:
        by_shot.setdefault(max(0, bisect_right(starts, item.keyframe.time_s) - 1), []).append(item)
    kept: list[tuple[Written, int]] = []
    for shot in sorted(by_shot):
        for item in _of_shot(by_shot[shot], shots, long_shot_s):
            if not any(item.look.resembles(other.look, same_bits) for other, _ in kept):
                kept.append((item, shot))
    kept.sort(key=lambda pair: (pair[0].keyframe.time_s, pair[0].keyframe.path))
    stays = {id(item) for item, _ in kept}
    return kept, [item for item in written if id(item) not in stays]


def _of_shot(items: list[Written], shots: tuple[Shot, ...], long_shot_s: float) -> list[Written]:
    """The best picture of a shot first, then others far enough from those taken, best first."""
    clean = [item for item in items if not _in_transition(item.keyframe.time_s, shots)]
    taken: list[Written] = []
    for item in sorted(clean or items, key=lambda w: (-w.keyframe.quality, w.keyframe.time_s)):
        if all(abs(item.keyframe.time_s - t.keyframe.time_s) >= 0.5 * long_shot_s for t in taken):
            taken.append(item)
    return taken


def _in_transition(time_s: float, shots: tuple[Shot, ...]) -> bool:
    return any(
        shot.transition_start_s is not None
        and shot.transition_end_s is not None
        and shot.transition_start_s <= time_s < shot.transition_end_s
        for shot in shots
    )
