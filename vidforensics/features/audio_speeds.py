"""Fingerprint a query's sound under several speeds and pitches, to be looked up among single prints.

The decoded sound at 16 kHz goes in; one print after another comes out, each with codes as a reference would
have that the query plays faster or slower: by resampling (pitch and tempo together), in tempo alone, or in
pitch alone. The peaks are found once; on their logarithmic frequency axis another pitch is a shift. A query
takes more peaks and all triples, and where a value lies near a border of the code, both sides of it:
what a reference stored of its strongest peaks is then found under noise or another sound.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from vidforensics.features.audio_print import (
    ALGORITHM,
    BANDS,
    BANDS_PER_OCTAVE,
    HOP,
    RATE_HZ,
    PeakAccumulator,
    Peaks,
    code_values,
    joined,
    triples,
)
from vidforensics.types import AudioBlock, AudioPrint

if TYPE_CHECKING:
    from vidforensics.records.arrays import CodeArray, FloatArray


@dataclass(frozen=True, slots=True)
class SpeedOptions:
    """Speeds to try: ± `reach` in natural logarithm by `step`; peaks per second, look-ahead, border width."""

    reach: float = 0.25
    step: float = 0.05
    peaks_per_s: int = 20
    look_ahead: int = 9
    border: float = 0.2
    most_crossed: int = 2


DEFAULT_SPEEDS = SpeedOptions()


def hypotheses(options: SpeedOptions = DEFAULT_SPEEDS) -> tuple[tuple[float, float], ...]:
    """(speed, pitch) to try, plain first: together, speed alone, pitch alone.

    Returns: speed in reference seconds per query second, pitch in query hertz per reference hertz.
    """
    count = round(options.reach / options.step)
    near = sorted((k for k in range(-count, count + 1) if k), key=abs)
    ratios = [float(np.exp(k * options.step)) for k in near]
    return ((1.0, 1.0), *((r, r) for r in ratios), *((r, 1.0) for r in ratios), *((1.0, r) for r in ratios))


class SpeedPrintAccumulator:
    """Fingerprints every track of a query as its blocks come."""

    def __init__(self, options: SpeedOptions = DEFAULT_SPEEDS) -> None:
        self._options = options
        self._peaks = PeakAccumulator()

    def update(self, block: AudioBlock) -> None:
        """Take the next samples of one track."""
        self._peaks.update(block)

    def finish(self) -> Iterator[tuple[float, AudioPrint]]:
        """Speed (reference seconds per query second) and print of every track under every hypothesis.

        Yields: times in the query's own seconds; codes as the reference's. Nothing where there was no sound.
        """
        for number, peaks in self._peaks.peaks():
            kept = peaks.strongest(self._options.peaks_per_s)
            for speed, pitch in hypotheses(self._options):
                yield speed, AudioPrint(ALGORITHM, number, *_codes(kept, speed, pitch, self._options))


def _codes(peaks: Peaks, speed: float, pitch: float, options: SpeedOptions) -> tuple[FloatArray, CodeArray]:
    """Times and codes of all triples as the reference would have them, in the order of time."""
    bands = peaks.bands - BANDS_PER_OCTAVE * np.log2(pitch)
    inside = (bands > -0.5) & (bands < BANDS - 0.5)
    bands, times_s = bands[inside], peaks.frames[inside] * (HOP / RATE_HZ)
    frames = peaks.frames[inside] * speed
    trio = triples(frames, bands, options.look_ahead)
    values = code_values(frames, bands, trio)
    whole = np.rint(values)
    beside = np.where(values >= whole, 1.0, -1.0)
    near = np.abs(values - whole) >= 0.5 - options.border
    found = [joined(whole)]
    firsts = [trio[0]]
    for count in range(1, options.most_crossed + 1):
        for rows in combinations(range(len(values)), count):
            at = np.flatnonzero(near[list(rows)].all(axis=0))
            crossed = whole[:, at]
            crossed[list(rows)] += beside[list(rows)][:, at]
            found.append(joined(crossed))
            firsts.append(trio[0][at])
    codes, first = np.concatenate(found), np.concatenate(firsts)
    order = np.lexsort((codes, first))
    return times_s[first[order]], codes[order]
