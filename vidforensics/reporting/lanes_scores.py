"""The lanes of sound and of the detectors: waveform, spectrogram, score tracks, coverage.

Records go in, `Lane`s come out on the same axis as the picture's. A gap in a score track stays a gap,
and under the tracks of each detector lies a band that shows what it did not assess, and why.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from markupsafe import Markup

from vidforensics.reporting.binning import Series, finite_range, merge_spans
from vidforensics.reporting.drawing import (
    BOX_WIDTH,
    at,
    columns_x,
    curves,
    data_uri,
    grey_png,
    line_path,
    range_path,
    tag,
    width,
)
from vidforensics.reporting.lanes import Lane, clean_note
from vidforensics.reporting.methods import method
from vidforensics.reporting.words import clean, number, percent, stretch
from vidforensics.types import Coverage, Detection, ScoreTrack, SoundPicture

WAVE_HEIGHT = 48
SPECTRUM_HEIGHT = 64
SCORE_HEIGHT = 52
_GREY_STEPS = 32
_GAP_STEPS = 8.0
_MOST_COVERAGE_ROWS = 500


def sound_lanes(picture: SoundPicture, end_s: float) -> list[Lane]:
    """Waveform and spectrogram of one sound track; nothing for a track without samples."""
    if picture.envelope.shape[0] == 0:
        return []
    name = f"sound track {picture.track}"
    lanes = [Lane(f"wave-{picture.track}", f"Waveform, {name}", "", WAVE_HEIGHT, _waveform(picture, end_s))]
    if picture.spectrogram.size:
        note = f"mel, 0 to {picture.max_hz / 1000:g} kHz; darker is louder"
        body = _spectrogram(picture, end_s)
        lanes.append(Lane(f"mel-{picture.track}", f"Spectrogram, {name}", note, SPECTRUM_HEIGHT, body))
    return lanes


def _waveform(picture: SoundPicture, end_s: float) -> Markup:
    bins = picture.envelope.shape[0]
    times = picture.start_s + (np.arange(bins) + 0.5) / bins * (picture.end_s - picture.start_s)
    envelope = np.clip(np.nan_to_num(picture.envelope.astype(float)), -1.0, 1.0)
    peak = max(float(np.abs(envelope).max(initial=0.0)), 1e-4)
    middle, reach = WAVE_HEIGHT / 2, WAVE_HEIGHT / 2 - 1
    x = columns_x(times, end_s)
    outline = np.concatenate([envelope[:, 1], envelope[::-1, 0]]) / peak
    path = line_path(np.concatenate([x, x[::-1]]), middle - outline * reach)
    axis = tag("path", d=f"M0 {middle:g}H{BOX_WIDTH}", class_="zero")
    return curves(WAVE_HEIGHT, axis, tag("path", d=path + "Z", class_="wave"))


def _spectrogram(picture: SoundPicture, end_s: float) -> Markup:
    levels = 255 - picture.spectrogram[::-1]  # highest band on top, loud is dark, as on paper
    steps = (levels // (256 // _GREY_STEPS)) * (255 // (_GREY_STEPS - 1))
    return tag(
        "image",
        href=data_uri(grey_png(np.minimum(steps, 255).astype(np.uint8)), "image/png"),
        x=at(picture.start_s, end_s),
        width=width(picture.start_s, picture.end_s, end_s),
        height=SPECTRUM_HEIGHT,
        preserveAspectRatio="none",
        class_="spectrogram",
    )


def score_lane(track: ScoreTrack, series: Series, key: str, end_s: float) -> Lane:
    """One score track with its threshold; gaps stay gaps."""
    threshold = float(track.threshold)
    has_threshold = bool(np.isfinite(threshold))
    low, high = finite_range([series.least, series.greatest], threshold if has_threshold else 0.0, 0.0)
    high += (high - low) * 0.06

    def y(
        value: np.ndarray[tuple[int], np.dtype[np.float64]],
    ) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        return 2 + (high - value) / (high - low) * (SCORE_HEIGHT - 4)

    x = columns_x(series.times_s, end_s)
    longest = _GAP_STEPS * float(np.median(np.diff(x))) if len(x) > 8 else float("inf")
    over = np.where(series.greatest >= threshold, series.greatest, np.nan)
    if series.sparse:  # a line between few samples would claim values that nobody measured
        stems = range_path(x, y(series.greatest), np.full(len(x), float(SCORE_HEIGHT)))
        parts = [tag("path", d=stems, class_="stem")]
    else:
        parts = [tag("path", d=line_path(x, y(series.greatest), longest_step=longest), class_="line")]
    if series.binned:
        parts.insert(0, tag("path", d=range_path(x, y(series.greatest), y(series.least)), class_="range"))
    if has_threshold:
        at_threshold = y(np.full(1, threshold))[0]
        floor = np.full(len(x), at_threshold)
        parts.append(tag("path", d=range_path(x, y(over), floor), class_="over"))
        parts.append(tag("path", d=f"M0 {at_threshold:.1f}H{BOX_WIDTH}", class_="threshold"))
    unit = f" {clean_note(track.unit)}" if track.unit else ""
    if has_threshold:
        read_at = f"threshold {number(threshold)}{unit} (dashed)"
    else:
        read_at = "flags nothing by itself" + (f",{unit}" if unit else "")
    note = f"{read_at}; top {number(high, 2)}"
    label = clean_note(track.name.replace("_", " ")) or "score"
    return Lane(key, f"{label[0].upper()}{label[1:]}", note, SCORE_HEIGHT, curves(SCORE_HEIGHT, *parts))


def coverage_lane(detection: Detection, share: float | None, end_s: float) -> Lane:
    """What one detector assessed (line) and what not (hatched, with the reason)."""
    rows = detection.coverage
    if len(rows) > _MOST_COVERAGE_ROWS:
        body = _many_rows(rows, end_s)
    else:
        body = Markup("").join(_coverage_row(row, end_s) for row in rows)
    note = "no coverage stated" if share is None else f"{percent(share)} assessed"
    title = method(detection.detector).title
    return Lane(
        f"coverage-{clean_note(detection.detector)}", f"Coverage: {clean_note(title)}", note, 18, body
    )


def _coverage_row(row: Coverage, end_s: float) -> Markup:
    x, wide = at(row.start_s, end_s), width(row.start_s, row.end_s, end_s)
    if row.assessed:
        title = tag("title", f"assessed, {stretch(row.start_s, row.end_s)}")
        return tag("rect", title, x=x, y=7, width=wide, height=4, class_="assessed")
    reason = clean(row.reason or "no reason given", 120)
    title = tag("title", f"not assessed, {stretch(row.start_s, row.end_s)}: {reason}")
    box = tag("rect", width="100%", height=18, fill="url(#hatch)")
    plate = tag("text", reason, x=4, y=13, class_="reason")
    return tag("svg", title, box, plate, x=x, width=wide, height=18, overflow="hidden")


def _many_rows(rows: Sequence[Coverage], end_s: float) -> Markup:
    parts = []
    for assessed in (True, False):
        spans = merge_spans(((r.start_s, r.end_s) for r in rows if r.assessed is assessed), end_s)
        for start, stop in spans:
            parts.append(
                tag(
                    "rect",
                    x=at(start, end_s),
                    y=7 if assessed else 0,
                    width=width(start, stop, end_s),
                    height=4 if assessed else 18,
                    class_="assessed" if assessed else None,
                    fill=None if assessed else "url(#hatch)",
                )
            )
    return Markup("").join(parts)
