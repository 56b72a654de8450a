"""What a flag rests on, drawn: the mouth against the voice, the odd shot's numbers, the sound at a join.

One flag and its case go in, small figures come out. They show measurements around the flag as they are, for a
reader to judge; none of them is a test of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from markupsafe import Markup

from vidforensics.reporting.drawing import (
    BOX_WIDTH,
    columns_x,
    curves,
    data_uri,
    grey_png,
    line_path,
    tag,
    ticks_path,
)
from vidforensics.reporting.words import clock, number
from vidforensics.types import Case, CodingGrids, FaceTrack, Segment, Shot, SoundSeries

if TYPE_CHECKING:
    from vidforensics.records.arrays import Float32Array, FloatArray

AROUND_SOUND_S, AROUND_PICTURE_S, AROUND_MOUTH_S = 4.0, 1.0, 1.0
LONGEST_S = 30.0
"""Of a longer flag its beginning is drawn."""

MOST_MOUTHS = 24
MOST_COLUMNS = 800
"""Of a spectrogram, so that two dozen of them leave the report small."""

GRID_FRAMES = 17
MOUTH_HEIGHT, CURVE_HEIGHT, SPECTRUM_HEIGHT, ROW_HEIGHT = 48, 72, 116, 26
SPEECH_BANDS = slice(4, 24)
"""About 270 Hz to 3.4 kHz of the bands of a SoundSeries, whose codes are half decibels from −120 dB."""

LOWEST_DB, CODE_DB, DARKEST_DB, LIGHTEST_DB = -120.0, 0.5, -20.0, -95.0
# places of the middles of the inner lips among the points that a face track keeps
INNER_UPPER, INNER_LOWER = 14, 18

SOURCE_NUMBERS = (
    ("noise_1_25", "fine noise"),
    ("noise_cr_50", "colour noise"),
    ("spectrum_6", "fine detail in the spectrum"),
    ("edge_1_2", "sharpness of edges"),
    ("saturation", "saturation"),
    ("contrast", "contrast"),
)


@dataclass(frozen=True, slots=True)
class FlagFigure:
    """One drawing: its title, the drawing, what its ends stand for, and how to read it."""

    title: str
    body: Markup
    first: str
    last: str
    caption: str


def flag_figures(flag: Segment, case: Case) -> tuple[FlagFigure, ...]:
    """The figures of one flag; () where what they show was not measured."""
    drawn = (draw(flag, case) for draw in _DRAWERS.get(flag.label, ()))
    return tuple(figure for figure in drawn if figure is not None)


def _span(flag: Segment, case: Case, around_s: float) -> tuple[float, float]:
    end_s = min(flag.end_s, flag.start_s + LONGEST_S) + around_s
    return max(0.0, flag.start_s - around_s), max(min(end_s, case.clip.duration_s or end_s), 0.1)


def _marks(flag: Segment, start_s: float, end_s: float, height: int) -> Markup:
    """Strokes where the flag begins and ends."""
    inside = [t for t in sorted({flag.start_s, flag.end_s}) if start_s < t < end_s]
    x = [round((t - start_s) / (end_s - start_s) * BOX_WIDTH, 1) for t in inside]
    return tag("path", d=ticks_path(x, 0.0, float(height)), class_="flag-edge")


def mouth_figure(flag: Segment, case: Case) -> FlagFigure | None:
    """Mouth pictures of the stretch, and the opening of the lips against the level of the voice."""
    start_s, end_s = _span(flag, case, AROUND_MOUTH_S)
    track = _face_of(flag, case)
    if track is None or not case.features.sounds:
        return None
    inside = np.flatnonzero((track.times_s >= start_s) & (track.times_s <= end_s))
    if len(inside) < 2:
        return None
    start_s, end_s = float(track.times_s[inside[0]]), float(track.times_s[inside[-1]])
    shown = inside[np.linspace(0, len(inside) - 1, min(MOST_MOUTHS, len(inside))).round().astype(int)]
    strip = np.concatenate(list(track.mouths[shown]), axis=1)
    pictures = tag(
        "image",
        href=data_uri(grey_png(strip), "image/png"),
        width=BOX_WIDTH,
        height=MOUTH_HEIGHT,
        preserveAspectRatio="none",
    )
    x = columns_x(track.times_s[inside] - start_s, end_s - start_s)
    lips = tag("path", d=line_path(x, _across(_opening(track)[inside], MOUTH_HEIGHT)), class_="line")
    voice = _voice(case.features.sounds[0], start_s, end_s)
    height = MOUTH_HEIGHT + CURVE_HEIGHT
    marks = _marks(flag, start_s, end_s, height)
    return FlagFigure(
        title="The mouth on camera and the voice that is heard",
        body=curves(height, pictures, voice, lips, marks),
        first=clock(start_s),
        last=clock(end_s),
        caption=f"{len(shown)} mouth pictures, evenly spaced; below, the opening of the lips (line) over the "
        "level of the voice from 270 Hz to 3.4 kHz (grey), each on its own scale. Lips that open and close "
        "with the syllables speak for a voice that belongs to them.",
    )


def _face_of(flag: Segment, case: Case) -> FaceTrack | None:
    """The largest face that is on camera for most of the flag."""
    best: tuple[float, FaceTrack] | None = None
    for track in case.features.faces.tracks:
        inside = (track.times_s >= flag.start_s) & (track.times_s <= flag.end_s)
        if not inside.any():
            continue
        weight = float(inside.sum()) * float(np.median(track.eyes_px[inside]))
        best = (weight, track) if best is None or weight > best[0] else best
    return None if best is None else best[1]


def _opening(track: FaceTrack) -> Float32Array:
    apart = track.shapes[:, INNER_LOWER] - track.shapes[:, INNER_UPPER]
    opening: Float32Array = np.hypot(apart[:, 0], apart[:, 1])
    return opening


def _voice(sound: SoundSeries, start_s: float, end_s: float) -> Markup:
    """The level of the voice as a grey area."""
    inside = (sound.times_s >= start_s) & (sound.times_s <= end_s)
    if inside.sum() < 2:
        return Markup("")
    codes = np.asarray(sound.values["band_code"])[inside, SPEECH_BANDS].astype(np.float64)
    power = 10.0 ** ((codes * CODE_DB + LOWEST_DB) / 10.0)
    level = 10.0 * np.log10(power.sum(axis=1) + 1e-12)
    level = np.maximum(level, level.max() - 40.0)
    x = columns_x(sound.times_s[inside] - start_s, end_s - start_s)
    floor = MOUTH_HEIGHT + CURVE_HEIGHT
    path = line_path(x, _across(level, MOUTH_HEIGHT))
    return tag("path", d=f"{path}L{x[-1]:g} {floor}L{x[0]:g} {floor}Z", class_="voice")


def _across(values: Float32Array | FloatArray, top: float) -> FloatArray:
    """Values as heights below `top`, the greatest highest."""
    low, high = float(np.min(values)), float(np.max(values))
    share = (np.asarray(values, np.float64) - low) / max(high - low, 1e-9)
    heights: FloatArray = top + 4 + (1.0 - share) * (CURVE_HEIGHT - 8)
    return heights


def spectrum_figure(flag: Segment, case: Case) -> FlagFigure | None:
    """The spectrogram around the flag, 10 ms a column or more; the loudest of what shares one."""
    if not case.features.sounds:
        return None
    sound = case.features.sounds[0]
    start_s, end_s = _span(flag, case, AROUND_SOUND_S)
    inside = (sound.times_s >= start_s) & (sound.times_s <= end_s)
    if inside.sum() < 10:
        return None
    start_s, end_s = float(sound.times_s[inside][0]), float(sound.times_s[inside][-1])
    codes = np.asarray(sound.values["band_code"])[inside]
    bins = np.unique(np.linspace(0, len(codes), MOST_COLUMNS, endpoint=False).astype(np.int64))
    levels = np.maximum.reduceat(codes, bins).astype(np.float64) * CODE_DB + LOWEST_DB
    dark = np.clip((levels - LIGHTEST_DB) / (DARKEST_DB - LIGHTEST_DB), 0.0, 1.0)
    grey = (255 - np.round(dark.T[::-1] * 31) * 8).clip(0, 255).astype(np.uint8)
    picture = tag(
        "image",
        href=data_uri(grey_png(grey), "image/png"),
        width=BOX_WIDTH,
        height=SPECTRUM_HEIGHT,
        preserveAspectRatio="none",
        class_="spectrogram",
    )
    return FlagFigure(
        title="The sound around the flag",
        body=curves(SPECTRUM_HEIGHT, picture, _marks(flag, start_s, end_s, SPECTRUM_HEIGHT)),
        first=clock(start_s),
        last=clock(end_s),
        caption="Spectrogram, darker is louder: 26 mel bands up to 4 kHz, then 500 Hz each to 20 kHz. What "
        "to compare is the noise between the words and where the band ends, inside the strokes and outside.",
    )


def grid_figure(flag: Segment, case: Case) -> FlagFigure | None:
    """How clearly the frames of an earlier coding show around a break: those before it, those behind it."""
    grids = case.features.coding_grids
    if flag.detector != "sound_coding" or grids is None or not len(grids.offsets):
        return None
    start_s, end_s = _span(flag, case, AROUND_SOUND_S)
    inside = np.flatnonzero((grids.times_s >= start_s) & (grids.times_s <= end_s))
    if len(inside) < GRID_FRAMES:
        return None
    columns = _columns_of(flag, grids, (start_s, end_s))
    if columns is None:
        return None
    times_s = grids.times_s[inside]
    x = columns_x(times_s - times_s[0], float(times_s[-1] - times_s[0]))
    lines = []
    for row, column in enumerate(columns):
        smooth = np.convolve(grids.shown[inside, column], np.full(GRID_FRAMES, 1 / GRID_FRAMES), "same")
        lines.append(tag("path", d=line_path(x, _across(smooth, row * CURVE_HEIGHT)), class_="line"))
    marks = _marks(flag, float(times_s[0]), float(times_s[-1]), 2 * CURVE_HEIGHT)
    first, second = (int(grids.offsets[column]) for column in columns)
    return FlagFigure(
        title="The frames of an earlier coding",
        body=curves(2 * CURVE_HEIGHT, *lines, marks),
        first=clock(float(times_s[0])),
        last=clock(float(times_s[-1])),
        caption=f"How clearly values rounded to nought show on frames that begin at sample {first} of 1024 "
        f"(above) and at sample {second} (below), means of {GRID_FRAMES} frames, each on its own scale. "
        "Sound coded in one go shows the same frames throughout, now more and now less; at a cut the one "
        "ends, the other begins.",
    )


def _columns_of(flag: Segment, grids: CodingGrids, span: tuple[float, float]) -> tuple[int, int] | None:
    """The grid that shows before the flag, and another behind it or, where that is the same, within it."""
    before = _longest_in(grids, span[0], flag.start_s, None)
    behind = _longest_in(grids, flag.end_s, span[1], before)
    if before is not None and behind is None:
        behind = _longest_in(grids, flag.start_s, flag.end_s, before)
    return None if before is None or behind is None else (before, behind)


def _longest_in(grids: CodingGrids, start_s: float, end_s: float, but: int | None) -> int | None:
    """The column that most frames between two times show, another than `but`; None for none."""
    a, b = np.searchsorted(grids.times_s, (start_s, end_s)).tolist()
    counts = np.zeros(len(grids.offsets), np.int64)
    for run in grids.runs:
        shared = min(run.last, b) - max(run.first, a)
        counts[np.flatnonzero(grids.offsets == run.offset)] += max(0, shared)
    if but is not None:
        counts[but] = 0
    return int(np.argmax(counts)) if counts.any() else None


def change_figure(flag: Segment, case: Case) -> FlagFigure | None:
    """The change from frame to frame around the flag."""
    frames = case.features.frames
    values = frames.values.get("difference")
    start_s, end_s = _span(flag, case, AROUND_PICTURE_S)
    inside = (frames.times_s >= start_s) & (frames.times_s <= end_s)
    if values is None or inside.sum() < 3:
        return None
    change = np.nan_to_num(values[inside])
    highest = max(float(change.max()), 1e-6)
    return _stroke_figure(
        "Change from frame to frame",
        flag,
        (frames.times_s[inside], change / highest),
        f"One stroke per frame, the highest {number(highest, 2)} levels of brightness; strokes in colour "
        "where the flag begins and ends.",
    )


def gap_figure(flag: Segment, case: Case) -> FlagFigure | None:
    """What the network that looks for missing frames says of each frame around the flag."""
    gaps = case.features.gaps
    if gaps is None:
        return None
    start_s, end_s = _span(flag, case, AROUND_PICTURE_S)
    inside = (gaps.times_s >= start_s) & (gaps.times_s <= end_s) & np.isfinite(gaps.odds)
    if inside.sum() < 3:
        return None
    odds = gaps.odds[inside].astype(np.float64)
    low, high = min(float(odds.min()), 0.0), max(float(odds.max()), 1.0)
    return _stroke_figure(
        "Does the movement go on?",
        flag,
        (gaps.times_s[inside], (odds - low) / (high - low)),
        "One stroke per frame, the longer the less its picture goes on from the one before; the highest has "
        f"log odds of {number(float(odds.max()), 2)} that frames are missing before it.",
    )


def _stroke_figure(
    title: str, flag: Segment, strokes: tuple[FloatArray, FloatArray], caption: str
) -> FlagFigure:
    """A figure of one stroke per frame: times and heights, 0 to 1."""
    times_s, heights = strokes
    start_s, end_s = float(times_s[0]), float(times_s[-1])
    x = columns_x(times_s - start_s, end_s - start_s)
    bars = "".join(
        f"M{px:g} {CURVE_HEIGHT}V{CURVE_HEIGHT - 2 - h * (CURVE_HEIGHT - 6):.1f}"
        for px, h in zip(x.tolist(), heights.tolist(), strict=True)
    )
    stems = tag("path", d=bars, class_="stem")
    body = curves(CURVE_HEIGHT, _marks(flag, start_s, end_s, CURVE_HEIGHT), stems)
    return FlagFigure(title, body, clock(start_s), clock(end_s), caption)


def shots_figure(flag: Segment, case: Case) -> FlagFigure | None:
    """How every shot was made, in a few numbers: the flagged shots beside the others."""
    series = case.features.sources
    shots = [s for s in case.extraction.shots if s.end_s - s.start_s >= 0.9]
    if series is None or len(shots) < 2:
        return None
    rows = []
    for name, words in SOURCE_NUMBERS:
        if name not in series.names:
            continue
        column = series.values[:, series.names.index(name)]
        medians = [_median_in(series.times_s, column, shot) for shot in shots]
        rows.append((words, np.array(medians)))
    rows = [(words, values) for words, values in rows if np.isfinite(values).sum() >= 2]
    if not rows:
        return None
    flagged = np.array([flag.start_s <= (s.start_s + s.end_s) / 2 < flag.end_s for s in shots])
    parts = [_dots(i, words, values, flagged) for i, (words, values) in enumerate(rows)]
    svg = tag("svg", *parts, width="100%", height=ROW_HEIGHT * len(rows))
    return FlagFigure(
        title="How the shots were made",
        body=svg,
        first="lowest of all shots",
        last="highest",
        caption=f"One mark per shot, {len(shots)} shots of 0.9 s and more, each row on its own scale; the "
        "flagged shot is filled. One recording gives marks near each other.",
    )


def _median_in(times_s: FloatArray, column: Float32Array, shot: Shot) -> float:
    inside = column[(times_s >= shot.start_s) & (times_s < shot.end_s)]
    inside = inside[np.isfinite(inside)]
    return float(np.median(inside)) if len(inside) else float("nan")


def _dots(row: int, words: str, values: FloatArray, flagged: np.ndarray) -> Markup:
    """One row of marks under its name; unmeasured shots have none."""
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    middle = ROW_HEIGHT * row + ROW_HEIGHT / 2
    marks = [
        tag(
            "circle",
            cx=f"{36.0 + 62.0 * (float(value) - low) / max(high - low, 1e-9):.2f}%",
            cy=middle,
            r=5 if odd else 4,
            class_="shot-odd" if odd else "shot-other",
        )
        for value, odd in sorted(zip(values, flagged, strict=True), key=lambda pair: bool(pair[1]))
        if np.isfinite(value)
    ]
    name = tag("text", words, x=0, y=middle + 4, class_="row-name")
    rule = tag("line", x1="36%", x2="98%", y1=middle, y2=middle, class_="row-rule")
    return Markup("").join([name, rule, *marks])


_DRAWERS: dict[str, tuple[Callable[[Segment, Case], FlagFigure | None], ...]] = {
    "dub": (mouth_figure,),
    "audio_splice": (grid_figure, spectrum_figure),
    "splice": (shots_figure,),
    "deletion": (gap_figure, change_figure),
    "duplication": (change_figure,),
}
