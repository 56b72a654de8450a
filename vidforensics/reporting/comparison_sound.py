"""The reference's sound laid on the suspect's time axis, so that the eye can compare the two.

The reference's `SoundPicture` and the edit decision list go in, a `SoundPicture` on the suspect's axis
comes out: each piece cut out, moved and stretched as the decisions say, with nothing where they name no
source. Redrawn from the stored picture, so its resolution in time is that of the reference's bins.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from markupsafe import Markup

from vidforensics.reporting.drawing import at, tag, width
from vidforensics.reporting.lanes import Lane
from vidforensics.reporting.lanes_scores import sound_lanes
from vidforensics.types import EditDecision, SoundPicture

if TYPE_CHECKING:
    from vidforensics.records.arrays import ByteArray, FloatArray, IntArray

BINS = 1500
NO_BIN = -1


def laid_out(
    reference: SoundPicture, decisions: Sequence[EditDecision], end_s: float, max_hz: float | None = None
) -> SoundPicture:
    """The reference's sound in the order and at the speed in which the suspect shows it.

    Args:
        reference: the picture of the reference's sound.
        decisions: the edit decision list, in time order and without overlap.
        end_s: end of the suspect's axis in seconds, > 0.
        max_hz: top of the spectrogram's scale; that of the reference where None.

    Returns:
        A picture of `BINS` bins over [0, end_s): no level where no source is known; without samples
        where the reference has none.

    """
    top = reference.max_hz if max_hz is None else max_hz
    spectrum = _rescaled(reference.spectrogram, reference.max_hz, top)
    if reference.envelope.shape[0] == 0:
        return replace(reference, start_s=0.0, end_s=end_s, spectrogram=spectrum, max_hz=top)
    bins = _bins(reference, decisions, end_s)
    envelope = np.where((bins >= 0)[:, None], reference.envelope[np.maximum(bins, 0)], 0.0)
    picture = spectrum
    if spectrum.size:
        picture = np.where(bins >= 0, spectrum[:, np.maximum(bins, 0)], 0).astype(np.uint8)
    return SoundPicture(reference.track, 0.0, end_s, envelope.astype(np.float32), picture, top)


def _bins(reference: SoundPicture, decisions: Sequence[EditDecision], end_s: float) -> IntArray:
    """For each bin of the suspect's axis the bin of the reference, `NO_BIN` without one."""
    times = (np.arange(BINS) + 0.5) / BINS * end_s
    source = source_times(times, decisions)
    count, length = reference.envelope.shape[0], reference.end_s - reference.start_s
    place = np.full(BINS, -1.0)
    known = np.isfinite(source)
    if length > 0:
        place[known] = np.floor((source[known] - reference.start_s) / length * count)
    return np.where((place >= 0) & (place < count), place, NO_BIN).astype(np.int64)


def source_times(times_s: FloatArray, decisions: Sequence[EditDecision]) -> FloatArray:
    """When in the reference each moment of the suspect lies; float64 (N,), NaN without a source."""
    found: FloatArray = np.full(len(times_s), np.nan)
    for row in decisions:
        start, stop = row.reference_start_s, row.reference_end_s
        if not row.reference or start is None or stop is None or row.end_s <= row.start_s:
            continue
        inside = (times_s >= row.start_s) & (times_s < row.end_s)
        share = (times_s[inside] - row.start_s) / (row.end_s - row.start_s)
        found[inside] = start + share * (stop - start)
    return found


def _rescaled(spectrum: ByteArray, own_hz: float, wanted_hz: float) -> ByteArray:
    """Rows of a mel spectrogram moved to a scale with another top; empty above the own top."""
    bands = spectrum.shape[0]
    if not spectrum.size or abs(own_hz - wanted_hz) < 1.0:
        return spectrum
    mel = np.log10(1.0 + np.array([own_hz, wanted_hz]) / 700.0)
    row = ((np.arange(bands) + 0.5) * mel[1] / mel[0]).astype(np.int64)
    return np.where((row < bands)[:, None], spectrum[np.minimum(row, bands - 1)], 0).astype(np.uint8)


def compared_lanes(
    query: SoundPicture | None,
    reference: SoundPicture | None,
    decisions: Sequence[EditDecision],
    end_s: float,
) -> list[Lane]:
    """Waveforms and spectrograms of both on the suspect's axis; a file without sound has no lane."""
    lanes: list[Lane] = []
    if query is not None:
        lanes += [_renamed(lane, "suspect") for lane in sound_lanes(query, end_s)]
    if reference is not None:
        top = query.max_hz if query is not None else None
        moved = laid_out(reference, decisions, end_s, top)
        veil = _veil(decisions, end_s)
        for lane in sound_lanes(moved, end_s):
            named = _renamed(lane, "reference")
            note = "; ".join(filter(None, [named.note, "laid out as cut"]))
            lanes.append(replace(named, body=named.body + veil, note=note))
    return sorted(lanes, key=lambda lane: lane.key.startswith("mel"))


def _renamed(lane: Lane, whose: str) -> Lane:
    return replace(lane, label=f"{lane.label.split(',')[0]}, {whose}", key=f"{lane.key}-{whose}")


def _veil(decisions: Sequence[EditDecision], end_s: float) -> Markup:
    """Hatching where the reference has nothing, so that it cannot be taken for silence."""
    return Markup("").join(
        tag("rect", x=at(row.start_s, end_s), width=width(row.start_s, row.end_s, end_s), height="100%",
            fill="url(#hatch)")
        for row in decisions
        if not row.reference
    )  # fmt: skip
