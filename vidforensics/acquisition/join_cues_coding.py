"""Join cues from the coded pictures' own numbering: idr_pic_id, frame_num, picture order counts, clocks.

Facts go in, cues come out. One encoder's numbering is continuous by the standard's rules; a cut leaves
missing pictures at the end of what precedes it, and a second encoder's numbering does not continue it.
Source: ITU-T H.264 clauses 7.4.3 (frame_num, idr_pic_id) and 8.2.1; H.265 clause 8.3.1.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from vidforensics.acquisition.bitstream_columns import (
    FLAG_BROKEN_LINK,
    FLAG_FIELD,
    FLAG_IDR,
    FLAG_NUMBER_BREAK,
    UNKNOWN,
)
from vidforensics.acquisition.bitstream_facts import StreamFacts
from vidforensics.acquisition.join_cues_rules import RawCue, gop_lengths

if TYPE_CHECKING:
    from vidforensics.records.arrays import BoolArray, IntArray

_TAIL_PICTURES = 17
_LOSSY_BREAKS = 6
_RULE_WEIGHTS = (0.0, 0.9, 2.1, 2.5)
"""Of a broken idr_pic_id rule, by how many steps keep it."""


def coding_cues(facts: StreamFacts) -> Iterator[RawCue]:
    """Cues from the numbering of pictures."""
    yield from _idr_cues(facts)
    yield from _number_cues(facts)
    yield from _order_cues(facts)
    yield from _clock_cues(facts)
    for gop in np.flatnonzero(facts.flags[facts.starts] & FLAG_BROKEN_LINK).tolist():
        if gop:
            yield RawCue(gop, "broken_link", 2.0, "The stream itself marks a cut here (broken_link).")


def _idr_cues(facts: StreamFacts) -> Iterator[RawCue]:
    """A step of idr_pic_id that breaks the rule which all other steps keep."""
    idr_gops = np.flatnonzero((facts.flags[facts.starts] & FLAG_IDR) != 0)
    ids = facts.idr[facts.starts[idr_gops]]
    if len(ids) < 2 or (ids == UNKNOWN).any():
        return
    turns = _turns(ids) if _looks_like_x264(facts) else None
    kept = _kept_steps(ids) if turns is None else turns
    broken = int(np.count_nonzero(~kept))
    regular = len(kept) - broken
    if broken > max(2, 0.25 * len(kept)) and turns is None:
        return
    weight = 2.5 if turns is not None else _RULE_WEIGHTS[min(regular, len(_RULE_WEIGHTS) - 1)]
    for index in np.flatnonzero(~kept).tolist() if weight else []:
        text = f"idr_pic_id goes from {ids[index]} to {ids[index + 1]}, against the encoder's own rule"
        text += f", kept at {regular} other key frames." if regular else "."
        yield RawCue(int(idr_gops[index + 1]), "idr_numbering", weight, text)


def _looks_like_x264(facts: StreamFacts) -> bool:
    """Whether x264 signed the stream, or its picture set holds the quantiser and offset that x264 writes."""
    return any(
        (event.kind == "encoder" and event.text.startswith("x264"))
        or (event.kind == "PPS" and event.text.endswith("initial quantiser 23, chroma offset -2"))
        for event in facts.events
    )


def _turns(ids: IntArray) -> BoolArray | None:
    """Steps at which the number turns between 0 and 1, as x264's do; None where most steps do not."""
    turning: BoolArray = (ids[1:] == 1 - ids[:-1]) & (ids[1:] <= 1)
    broken = int(np.count_nonzero(~turning))
    return turning if broken <= max(2, len(turning) // 2) and ids.max() <= 1 else None


def _kept_steps(ids: IntArray) -> BoolArray:
    """Which steps keep the likeliest rule: no change, one increase, or turning between 0 and 1."""
    steps = np.diff(ids)
    turning: BoolArray = (ids[1:] == 1 - ids[:-1]) & (ids[1:] <= 1)
    values, counts = np.unique(steps, return_counts=True)
    same: BoolArray = steps == values[np.argmax(counts)]
    return turning if np.count_nonzero(turning) >= np.count_nonzero(same) else same


def _number_cues(facts: StreamFacts) -> Iterator[RawCue]:
    """A jump of frame_num at an entry point that is no IDR picture."""
    breaks = (facts.flags & FLAG_NUMBER_BREAK) != 0
    total = int(np.count_nonzero(breaks))
    weight = 3.0 if total <= _LOSSY_BREAKS else 0.5
    for gop in np.flatnonzero(breaks[facts.starts]).tolist():
        if gop:
            number = facts.number[facts.starts[gop]]
            text = f"frame_num jumps to {number}: the pictures before this one are not there."
            yield RawCue(gop, "frame_number_jump", weight, text)


def _order_cues(facts: StreamFacts) -> Iterator[RawCue]:
    """Pictures missing at the end of a GOP, or an order count that does not go on across its border."""
    lengths = gop_lengths(facts)
    if (facts.order == UNKNOWN).any() or (facts.flags & FLAG_FIELD).any() or np.median(lengths) <= 2:
        return
    lowest = np.minimum.reduceat(facts.order, facts.starts)
    highest = np.maximum.reduceat(facts.order, facts.starts)
    unit = _order_unit(facts)
    missing = (highest - lowest) // unit + 1 - lengths
    incomplete = np.flatnonzero(missing[:-1] != 0)
    tails = [gop for gop in incomplete.tolist() if _is_cut_tail(facts, gop, unit)]
    gappy = len(incomplete) - len(tails) > 0.1 * len(lengths)
    for gop in tails if not gappy else []:
        count = int(missing[gop])
        text = f"{count} coded picture{'s are' if count != 1 else ' is'} missing just before this key frame."
        yield RawCue(gop + 1, "pictures_missing", 2.5, text)
    if not gappy:
        yield from _border_cues(facts, lowest, highest, unit)


def _order_unit(facts: StreamFacts) -> int:
    """Step of the order count from one displayed picture to the next: 2 in most H.264 streams, 1 in HEVC."""
    start = facts.starts.tolist()
    longest = int(np.argmax(np.diff([*start, facts.count])))
    end = start[longest + 1] if longest + 1 < len(start) else facts.count
    steps = np.diff(np.sort(facts.order[start[longest] : end]))
    steps = steps[steps > 0]
    return max(1, int(np.median(steps))) if len(steps) else 1


def _is_cut_tail(facts: StreamFacts, gop: int, unit: int) -> bool:
    """Whether the GOP lacks pictures only among its last ones."""
    order = np.sort(facts.order[facts.starts[gop] : facts.starts[gop + 1]])
    steps = np.diff(order)
    holes = np.flatnonzero(steps != unit)
    return bool(
        len(holes) and (steps[holes] > unit).all() and order[-1] - order[holes[0]] <= _TAIL_PICTURES * unit
    )


def _border_cues(facts: StreamFacts, lowest: IntArray, highest: IntArray, unit: int) -> Iterator[RawCue]:
    """Entry points that are no IDR picture: the order count must go on from the GOP before."""
    is_idr = (facts.flags[facts.starts] & FLAG_IDR) != 0
    is_open = ~is_idr[1:]
    broken = is_open & (lowest[1:] - highest[:-1] != unit)
    if np.count_nonzero(broken) > max(3.0, 0.2 * np.count_nonzero(is_open)):
        return
    for gop in (np.flatnonzero(broken) + 1).tolist():
        text = f"The picture order count jumps from {highest[gop - 1]} to {lowest[gop]} at this key frame."
        yield RawCue(gop, "order_jump", 3.0, text)
    odd = np.flatnonzero(is_idr[1:]) + 1
    if np.count_nonzero(is_open) and len(odd) <= 0.2 * len(is_idr):
        for gop in odd.tolist():
            text = (
                "The numbering of pictures starts anew here (IDR); other key frames of the stream are open."
            )
            yield RawCue(gop, "numbering_restart", 1.0, text)


def _clock_cues(facts: StreamFacts) -> Iterator[RawCue]:
    """The clock coded in the pictures steps neither with the file's time stamps nor with their number."""
    clock = facts.clock_s[facts.starts]
    if np.count_nonzero(np.isfinite(clock)) < 2 or not np.isfinite(facts.frame_s):
        return
    steps = np.diff(clock)
    against_times = np.abs(steps - np.diff(facts.pts_s[facts.starts]))
    against_count = np.abs(steps - gop_lengths(facts)[:-1] * facts.frame_s)
    jumps = np.minimum(against_times, against_count) > 0.75 * facts.frame_s
    if np.count_nonzero(jumps) > max(2.0, 0.2 * len(steps)) and len(steps) > 3:
        return
    for gop in (np.flatnonzero(jumps) + 1).tolist():
        text = (
            f"The clock coded in the pictures steps by {steps[gop - 1]:+.3f} s here, unlike the file's times."
        )
        yield RawCue(gop, "coded_clock_jump", 3.0, text)
