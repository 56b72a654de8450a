"""Tracing in words: every edit, every relation of the sound, a shared stretch as one sentence.

Records of tracing go in, short plain strings come out, the same in the case report, the comparison and
the terminal; nothing here knows HTML. Paths and accounts are made visible (see `words.clean`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import PurePosixPath

from vidforensics.reporting.binning import merge_spans
from vidforensics.reporting.words import clean, number, percent, plural, stretch
from vidforensics.types import Edit, EditDecision, EditKind, Modality, SoundRelation, TraceSegment

NAME_LIMIT = 120
LEAST_SPEED_CHANGE = 0.005
"""A speed nearer to 1 than this is called unchanged: a segment's ends are not known more exactly."""

EDIT_WORDS: Mapping[EditKind, str] = {
    "crop": "cropped",
    "mirror": "mirrored left to right",
    "rotate": "rotated",
    "letterbox": "borders added",
    "overlay": "overlaid with a logo or caption",
    "picture_in_picture": "shown small inside another picture",
    "colour": "colours changed",
    "speed": "played at another speed",
    "frame_rate": "frame rate changed",
    "reencode": "compressed again",
    "trim": "cut shorter",
    "insert": "other footage inserted",
    "reorder": "order changed",
    "loop": "repeated",
    "perspective": "seen at an angle, as when a screen is filmed",
}
SOUND_WORDS: Mapping[SoundRelation, str] = {
    "same": "the same",
    "replaced": "replaced",
    "mixed": "mixed with other sound",
    "shifted": "shifted in time",
    "muted": "muted",
    "absent": "no sound",
    "not_assessed": "not assessed",
}
SOUND_MEANING: Mapping[SoundRelation, str] = {
    "same": "The sound of the source, at its own time.",
    "replaced": "Sound that is not the source's, under the source's picture: a dub against the source.",
    "mixed": "The source's sound with other sound laid over it.",
    "shifted": "The source's sound, earlier or later against the picture than in the source.",
    "muted": "Silence where the source has sound.",
    "absent": "One of the two files has no sound here.",
    "not_assessed": "The sound could not be compared here, for instance because it is too short or still.",
}
MODALITY_WORDS: Mapping[Modality, str] = {
    "picture": "picture",
    "sound": "sound",
    "both": "picture and sound",
}
_SOUND_CLAUSES: Mapping[SoundRelation, str] = {
    "same": "with the same sound",
    "replaced": "with its sound replaced",
    "mixed": "with other sound mixed in",
    "shifted": "with its sound shifted in time",
    "muted": "with its sound muted",
    "absent": "without sound",
    "not_assessed": "",
}
_TOUCHING_S = 0.05
_UNITS = {
    "_levels": " levels",
    "_deg": "°",
    "_s": " s",
    "_px": " px",
    "_hz": " Hz",
    "_db": " dB",
    "_fps": " frames/s",
}


def file_name(path: str) -> str:
    """The last part of a path as it may be shown; the whole where it has none."""
    return clean(PurePosixPath(path).name or path, NAME_LIMIT)


def edit_words(edit: Edit) -> str:
    """One edit in words, with what was measured of it.

    >>> edit_words(Edit("crop", (0.1, 0.1, 0.8, 0.8)))
    'cropped to 64% of the picture'
    >>> edit_words(Edit("rotate", detail={"degrees": 5.0}))
    'rotated by 5°'
    """
    measured = {key: float(value) for key, value in edit.detail.items() if math.isfinite(value)}
    phrase = _PHRASES.get(edit.kind)
    found = phrase(edit, measured) if phrase else ""
    if found:
        return found
    text = EDIT_WORDS.get(edit.kind, clean(str(edit.kind).replace("_", " "), 60))
    parts = [_measured(key, value) for key, value in measured.items()]
    return f"{text} ({', '.join(parts)})" if parts else text


def _measured(key: str, value: float) -> str:
    """A measured number with its name and unit, which the end of its key tells."""
    key = clean(key, 60)
    unit = next((u for u in _UNITS if key.endswith(u)), "")
    name = key.removesuffix(unit).replace("_", " ").strip()
    return f"{name} {number(value, 2)}{_UNITS.get(unit, '')}".strip()


def _crop(edit: Edit, measured: Mapping[str, float]) -> str:
    area = measured.get("area", edit.box[2] * edit.box[3] if edit.box else math.nan)
    return f"cropped to {percent(area)} of the picture" if math.isfinite(area) else ""


def _overlay(_: Edit, measured: Mapping[str, float]) -> str:
    return (
        f"{EDIT_WORDS['overlay']} ({percent(measured['area'])} of the picture)" if "area" in measured else ""
    )


def _turn(edit: Edit, measured: Mapping[str, float]) -> str:
    if "degrees" not in measured:
        return ""
    turn = measured["degrees"]
    if edit.kind == "rotate":
        return f"rotated by {number(turn, 1)}°"
    return EDIT_WORDS[edit.kind] + (f" (turned by {number(turn, 1)}°)" if abs(turn) >= 0.5 else "")


def _speed(_: Edit, measured: Mapping[str, float]) -> str:
    return speed_words(measured.get("speed", 1.0))


def _frame_rate(_: Edit, measured: Mapping[str, float]) -> str:
    rates = [measured.get(key) for key in ("reference_hz", "query_hz")]
    if None in rates:
        return ""
    return f"frame rate changed from {number(rates[0], 2)} to {number(rates[1], 2)} frames/s"


def _inset(_: Edit, measured: Mapping[str, float]) -> str:
    return (
        f"shown at {percent(measured['scale'])} width inside another picture" if "scale" in measured else ""
    )


def _borders(_: Edit, measured: Mapping[str, float]) -> str:
    return EDIT_WORDS["letterbox"]


def _coding(_: Edit, measured: Mapping[str, float]) -> str:
    parts = ["another codec"] if measured.get("codec_differs") else []
    parts += [f"{number(measured[key], 2)} times the {what}" for key, what in
              (("pixels_ratio", "pixels"), ("bit_rate_ratio", "bit rate")) if key in measured]  # fmt: skip
    return f"{EDIT_WORDS['reencode']} ({', '.join(parts)})" if parts else ""


def _place_of(edit: Edit, measured: Mapping[str, float]) -> str:
    """Stretches left out of the reference, put in, played again or in another order."""
    if "reference_start_s" in measured and "reference_end_s" in measured:
        where = stretch(measured["reference_start_s"], measured["reference_end_s"])
        return (
            f"source left out ({where})"
            if edit.kind == "trim"
            else f"{EDIT_WORDS[edit.kind]} (source {where})"
        )
    if "start_s" in measured and "end_s" in measured:
        return f"{EDIT_WORDS[edit.kind]} ({stretch(measured['start_s'], measured['end_s'])})"
    return ""


_PHRASES: Mapping[str, Callable[[Edit, Mapping[str, float]], str]] = {
    "crop": _crop,
    "overlay": _overlay,
    "rotate": _turn,
    "perspective": _turn,
    "speed": _speed,
    "frame_rate": _frame_rate,
    "letterbox": _borders,
    "picture_in_picture": _inset,
    "reencode": _coding,
    "trim": _place_of,
    "insert": _place_of,
    "loop": _place_of,
    "reorder": _place_of,
}
"""Kinds whose measured numbers make a better phrase than a list; "" from one falls back to the list."""


def speed_words(speed: float) -> str:
    """How fast the source plays; "" where it plays as fast as it was.

    >>> speed_words(1.25), speed_words(0.8), speed_words(1.001)
    ('played 1.25 times as fast', 'slowed to 0.8 of its speed', '')
    """
    if not math.isfinite(speed) or speed <= 0 or abs(speed - 1.0) < LEAST_SPEED_CHANGE:
        return ""
    return f"played {number(speed)} times as fast" if speed > 1 else f"slowed to {number(speed)} of its speed"


def change_words(edits: Sequence[Edit], *, mirrored: bool = False, speed: float = 1.0) -> tuple[str, ...]:
    """Everything that was done to a stretch, each thing once; empty where nothing was.

    A segment states mirroring and speed by itself; they are named even where no edit does.
    """
    kinds = {edit.kind for edit in edits}
    found = [
        speed_words(speed) or edit_words(edit) if edit.kind == "speed" else edit_words(edit) for edit in edits
    ]
    if mirrored and "mirror" not in kinds:
        found.append(EDIT_WORDS["mirror"])
    if "speed" not in kinds:
        found.append(speed_words(speed))
    return tuple(dict.fromkeys(text for text in found if text))


def segment_changes(segment: TraceSegment) -> tuple[str, ...]:
    """What was done to one shared stretch."""
    return change_words(segment.edits, mirrored=segment.mirrored, speed=segment.speed)


def decision_speed(decision: EditDecision) -> float:
    """Reference seconds per second of the suspect; NaN for a stretch without source."""
    start, end = decision.reference_start_s, decision.reference_end_s
    length = decision.end_s - decision.start_s
    return (end - start) / length if start is not None and end is not None and length > 0 else math.nan


def listed(parts: Iterable[str]) -> str:
    """Parts as a list in a sentence.

    >>> listed(["cropped", "mirrored", "rotated"])
    'cropped, mirrored and rotated'
    """
    found = list(parts)
    return " and ".join(filter(None, [", ".join(found[:-1]), found[-1]])) if found else ""


def segment_sentence(segment: TraceSegment, name: str) -> str:
    """One shared stretch as one sentence without a full stop.

    Args:
        segment: the stretch.
        name: what the indexed video is called, ready to be shown.

    """
    what = "sound" if segment.modality == "sound" else "footage"
    there = stretch(segment.reference_start_s, segment.reference_end_s)
    here = stretch(segment.query_start_s, segment.query_end_s)
    changes = listed(segment_changes(segment))
    sound = "" if segment.modality == "sound" else _SOUND_CLAUSES.get(segment.sound, "")
    return ", ".join(filter(None, [f"{here} is {what} of {name} ({there})", changes, sound]))


def stretches_words(spans: Sequence[tuple[float, float]], most: int = 3) -> str:
    """A few stretches in words, those that touch as one, the rest counted."""
    joined = merge_spans(spans, 1.0, round(1 / _TOUCHING_S))
    shown = ", ".join(stretch(a, b) for a, b in joined[:most])
    rest = len(joined) - most
    return f"{shown} and {plural(rest, 'further stretch', 'further stretches')}" if rest > 0 else shown
