"""Name how a query's sound relates to the reference's, stretch by stretch: same, mixed, replaced and so on.

Two aligned stretches of mono sound at 16 kHz go in, `SoundStretch`es that cover the query come out. Where
waveforms can be compared (also after resampling), the delay peak of the cross-correlation says whether the
reference is in the query at all, even well below another voice, and coherence says whether it is all
there is; after a change of tempo or pitch alone the likeness of the spectra stands in for both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from vidforensics.tracing.sound_relation_measures import FRAME_S, RATE_HZ, STEP_S, Measures, measure
from vidforensics.types import SoundRelation, SoundStretch

if TYPE_CHECKING:
    from vidforensics.records.arrays import Float32Array, FloatArray, IntArray

STATES: tuple[SoundRelation, ...] = ("same", "mixed", "replaced", "shifted", "muted", "not_assessed")
SAME, MIXED, REPLACED, SHIFTED, MUTED, NOT_ASSESSED = range(6)


@dataclass(frozen=True, slots=True)
class RelationOptions:
    """Borders between the relations.

    least_peak: of the delay peak where the reference is present. least_likeness: the same for spectra, where
    waveforms cannot be compared. least_whole, least_whole_likeness: where nothing else is. least_shifted:
    likeness at another lag. silent_db, muted_drop_db: levels. steady_db: a reference whose level swings less
    is stationary. change_cost: how much clearer a change must be than none. least_s: shorter stretches are
    given to their neighbours. refine_s: how far a border may be moved to fit finer.
    """

    least_peak: float = 7.0
    least_likeness: float = 0.3
    least_whole: float = 0.77
    least_whole_likeness: float = 0.72
    least_shifted: float = 0.75
    silent_db: float = -60.0
    muted_drop_db: float = 40.0
    steady_db: float = 1.0
    change_cost: float = 6.0
    least_s: float = 0.75
    refine_s: float = 0.9


DEFAULT_RELATION = RelationOptions()


def relate_sound(
    query: Float32Array | None,
    reference: Float32Array | None,
    lead_s: float = 0.0,
    speed: float = 1.0,
    options: RelationOptions = DEFAULT_RELATION,
    *,
    start_s: float = 0.0,
) -> tuple[SoundStretch, ...]:
    """How a stretch of the query sounds next to the reference.

    Args:
        query: float32 mono at 16 kHz, the aligned stretch; None or empty where the query has no sound track.
        reference: the same of the reference, as it is (not resampled), best with 2.5 s more at both ends, in
            which sound that was slid is looked for; None where it has no track.
        lead_s: where in `reference` the query's first sample falls, s.
        speed: reference seconds per query second.
        options: see `RelationOptions`.
        start_s: time of the query's first sample on its own timeline.

    Returns:
        Stretches in order, without gaps, over all of `query`. `lag_s` of shifted ones: reference time less
        where it should be. One stretch of no length where there is no query.
    """
    if query is None or not len(query):
        return (SoundStretch(start_s, start_s, "absent"),)
    end_s = len(query) / RATE_HZ
    if reference is None or not len(reference) or end_s < 1.0:
        return (SoundStretch(start_s, start_s + end_s, "not_assessed"),)
    measures = measure(query, reference, lead_s, speed)
    states = _settled(_path(_scores(measures, options), options.change_cost), options)
    found = _stretches(measures, states, end_s, options)
    return tuple(
        SoundStretch(start_s + low, start_s + high, STATES[state], lag_s, detail)
        for low, high, state, lag_s, detail in found
    )


def _scores(m: Measures, o: RelationOptions) -> FloatArray:
    """Log likelihood of every state in every row, float64 (R, states)."""
    near = slice(max(0, m.base_lag - 1), m.base_lag + 2)
    likeness = m.likeness[near].max(axis=0)
    away = np.abs(np.arange(len(m.lags_s)) - m.base_lag) > 4
    elsewhere = m.likeness[away].max(axis=0)
    if np.isnan(m.coherence).all():
        present = np.clip((likeness - o.least_likeness) / 0.05, -3, 3)
        whole = np.clip((likeness - o.least_whole_likeness) / 0.05, -3, 3)
    else:
        present = np.clip((m.peak - o.least_peak) / 1.2, -3, 3)
        whole = np.clip((0.5 * (m.coherence + likeness) - o.least_whole) / 0.04, -3, 3)
    slid = np.clip((elsewhere - o.least_shifted) / 0.05, -3, 3)
    scores = np.stack(
        [
            _log(present) + _log(whole),
            _log(present) + _log(-whole),
            _log(-present) + _log(-slid),
            _log(-present) + _log(slid),
            np.full(len(likeness), -8.0),
            np.full(len(likeness), -3.0),
        ],
        axis=1,
    )
    sounding = m.reference_db > o.silent_db + 5
    quiet = (m.query_db < o.silent_db) | (m.query_db < m.reference_db - o.muted_drop_db)
    scores[sounding & quiet] = [-8, -8, -8, -8, 0, -4]
    steady = (m.swing_db < o.steady_db) & (present < 0)
    scores[(~sounding & (m.query_db < o.silent_db + 15)) | (steady & ~quiet)] = [
        -0.5,
        -0.7,
        -0.9,
        -0.9,
        -0.9,
        0,
    ]
    return scores


def _log(odds: FloatArray) -> FloatArray:
    """Log probability at these log odds."""
    return -np.logaddexp(0.0, -odds)


def _path(scores: FloatArray, change_cost: float) -> IntArray:
    """The states that score most when every change costs."""
    total = scores[0].copy()
    came = np.zeros(scores.shape, np.int64)
    for row in range(1, len(scores)):
        best = int(total.argmax())
        stay = total >= total[best] - change_cost
        came[row] = np.where(stay, np.arange(len(total)), best)
        total = np.maximum(total, total[best] - change_cost) + scores[row]
    path = np.zeros(len(scores), np.int64)
    path[-1] = int(total.argmax())
    for row in range(len(scores) - 1, 0, -1):
        path[row - 1] = came[row, path[row]]
    return path


def _settled(states: IntArray, options: RelationOptions) -> IntArray:
    """Without stretches that only a window across a border makes: short ones go to both neighbours."""
    least = round(options.least_s / STEP_S)
    states = states.copy()
    for low, high in _runs(states):
        inner = low > 0 and high < len(states)
        across = (
            states[low] == MIXED and inner and high - low <= 2 * least and states[low - 1] != states[high]
        )
        if (high - low < least or across) and len(states) > high - low:
            middle = (low + high + 1) // 2
            before = states[low - 1] if low else states[high]
            after = states[high] if high < len(states) else before
            states[low:middle], states[middle:high] = before, after
    return states


def _runs(states: IntArray) -> list[tuple[int, int]]:
    cuts = [0, *(np.flatnonzero(np.diff(states)) + 1).tolist(), len(states)]
    return list(pairwise(cuts))


def _stretches(
    m: Measures, states: IntArray, end_s: float, options: RelationOptions
) -> list[tuple[float, float, int, float | None, dict[str, float]]]:
    runs = _runs(states)
    lags = [_lag(m, low, high, int(states[low])) for low, high in runs]
    borders = [0.0]
    for (one, other), (lag, next_lag) in zip(pairwise(runs), pairwise(lags), strict=True):
        pair = (int(states[one[0]]), int(states[other[0]]))
        reach = min(options.refine_s, 0.5 * STEP_S * min(one[1] - one[0], other[1] - other[0]))
        borders.append(_border(m, other[0] * STEP_S, max(reach, STEP_S), pair, (lag, next_lag)))
    borders.append(end_s)
    found = []
    for (low, high), lag, start_s, stop_s in zip(runs, lags, borders, borders[1:], strict=False):
        state = int(states[low])
        lag_s = float(m.lags_s[lag]) if state == SHIFTED else None
        found.append((start_s, stop_s, state, lag_s, _detail(m, low, high)))
    return found


def _lag(m: Measures, low: int, high: int, state: int) -> int:
    """Row of the lag at which a run of rows is most like the reference."""
    if state != SHIFTED:
        return m.base_lag
    sums = m.likeness[:, low:high].sum(axis=1)
    sums[np.abs(np.arange(len(sums)) - m.base_lag) <= 4] = -np.inf
    return int(sums.argmax())


def _border(
    m: Measures, near_s: float, reach_s: float, pair: tuple[int, int], lags: tuple[int, int]
) -> float:
    """The time about `near_s` where what tells the two states apart steps most clearly."""
    rows = np.flatnonzero(np.abs(m.frames_s - near_s) <= reach_s + 0.3)
    if MUTED in pair or NOT_ASSESSED in pair:
        told = np.clip(m.query_frame_db[rows], -80.0, -40.0)
    elif lags[0] != lags[1]:
        told = _cosines(m, rows, lags[0]) - _cosines(m, rows, lags[1])
    else:
        told = _cosines(m, rows, lags[0])
    total, squares = np.append(0.0, np.cumsum(told)), np.arange(1, len(told))
    left, right = total[squares] / squares, (total[-1] - total[squares]) / (len(told) - squares)
    gain = (left - right) ** 2 * squares * (len(told) - squares)
    inside = np.abs(m.frames_s[rows[1:]] - near_s) <= reach_s
    gain = np.where(inside, gain, -1.0)
    return float(m.frames_s[rows[int(gain.argmax()) + 1]] - 0.5 * FRAME_S)


def _cosines(m: Measures, rows: IntArray, lag: int) -> FloatArray:
    """Likeness of single frames at one lag, float64 (len(rows),)."""
    one, other = m.query[rows].astype(np.float64), m.reference[rows + lag].astype(np.float64)
    lengths = np.sqrt((one**2).sum(axis=1) * (other**2).sum(axis=1))
    cosines: FloatArray = (one * other).sum(axis=1) / np.maximum(lengths, 1e3)
    return cosines


def _detail(m: Measures, low: int, high: int) -> dict[str, float]:
    """Medians of what was measured over a run of rows."""
    rows = slice(low, high)
    near = slice(max(0, m.base_lag - 1), m.base_lag + 2)
    detail = {
        "likeness": float(np.median(m.likeness[near, rows].max(axis=0))),
        "pitch": float(2.0 ** (m.pitch / 12.0)),
        "level_db": float(np.median(m.query_db[rows] - m.reference_db[rows])),
    }
    if not np.isnan(m.coherence[rows]).any():
        detail["coherence"] = float(np.median(m.coherence[rows]))
        detail["delay_peak"] = float(np.median(m.peak[rows]))
    return detail


def main_relation(stretches: Sequence[SoundStretch]) -> SoundRelation:
    """The relation that holds longest, of those that could be assessed if there are any."""
    lengths: dict[SoundRelation, float] = {}
    for stretch in stretches:
        lengths[stretch.relation] = lengths.get(stretch.relation, 0.0) + stretch.end_s - stretch.start_s
    assessed = {r: s for r, s in lengths.items() if r != "not_assessed"} or lengths
    return max(assessed, key=lambda r: assessed[r]) if assessed else "not_assessed"
