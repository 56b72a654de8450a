"""Numbers and untrusted text as people read them: clock times, sizes, strengths of evidence.

Plain values go in, short strings come out; nothing here knows HTML. The words for likelihood ratios
follow the example scale of the ENFSI Guideline for Evaluative Reporting in Forensic Science (2015).
"""

from __future__ import annotations

import math
import unicodedata
from dataclasses import dataclass
from typing import Any

UNKNOWN = "not stated"
NONE = "—"
TEXT_LIMIT = 400
LONG_TEXT_LIMIT = 4000

_BIDI_CONTROLS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_UNITS = ("bytes", "kB", "MB", "GB", "TB")

LABEL_WORDS = {
    "splice": "splice",
    "dub": "dub",
    "audio_splice": "audio splice",
    "deletion": "frames removed",
    "duplication": "frames repeated",
    "stream_join": "stream join",
}
LABEL_MEANING = {
    "splice": "picture from another recording than its surroundings",
    "dub": "sound that does not belong to the picture",
    "audio_splice": "sound that was cut or inserted into",
    "deletion": "frames removed inside a shot",
    "duplication": "frames repeated or frozen",
    "stream_join": "coded streams joined without re-encoding",
}
INSTANT_LABELS = frozenset({"deletion", "stream_join"})

SPAN_WORDS = {
    "black": "black picture",
    "blank": "blank picture",
    "frozen": "frozen picture",
    "silence": "silence",
    "digital_silence": "digital silence",
}

SCALE_SOURCE = (
    "Example verbal scale of the ENFSI Guideline for Evaluative Reporting in Forensic Science, "
    "approved version 3.0, 2015."
)


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the verbal scale: from `least` log10 LR on, the words are `words`."""

    least: float
    words: str
    ratio: str


SCALE = (
    Step(6.0, "extremely strong support", "1,000,000 and more"),
    Step(4.0, "very strong support", "10,000 to 1,000,000"),
    Step(3.0, "strong support", "1,000 to 10,000"),
    Step(2.0, "moderately strong support", "100 to 1,000"),
    Step(1.0, "moderate support", "10 to 100"),
    Step(math.log10(2.0), "weak support", "2 to 10"),
)
NO_SUPPORT = "no appreciable support either way"


def clock(time_s: float | None) -> str:
    """A time as h:mm:ss.mmm; a dash for None and NaN.

    >>> clock(3723.0456)
    '1:02:03.046'
    """
    if time_s is None or not math.isfinite(time_s):
        return NONE
    milliseconds = round(abs(time_s) * 1000.0)
    sign = "−" if time_s < 0 and milliseconds else ""
    seconds, rest = divmod(milliseconds, 1000)
    return f"{sign}{seconds // 3600}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{rest:03d}"


def stretch(start_s: float, end_s: float) -> str:
    """A stretch as "0:00:01.000 – 0:00:02.000"."""
    return f"{clock(start_s)} – {clock(end_s)}"


def seconds(length_s: float | None, digits: int = 3) -> str:
    """A length as "1.234 s"; a dash for None and NaN."""
    if length_s is None or not math.isfinite(length_s):
        return NONE
    return f"{length_s:,.{digits}f} s"


def size(count_bytes: int | None) -> str:
    """A size in decimal units, with the exact count behind it.

    >>> size(3412345)
    '3.41 MB (3,412,345 bytes)'
    """
    if count_bytes is None:
        return NONE
    if count_bytes < 1000:
        return f"{count_bytes} bytes"
    power = min(int(math.log10(count_bytes) // 3), len(_UNITS) - 1)
    return f"{count_bytes / 1000**power:.2f} {_UNITS[power]} ({count_bytes:,} bytes)"


def number(value: float | None, digits: int = 3) -> str:
    """A number with at most `digits` decimals; a dash for None and NaN."""
    if value is None or not math.isfinite(value):
        return NONE
    text = f"{value:,.{digits}f}"
    return (text.rstrip("0").rstrip(".") if "." in text else text).replace("-", "−")


def support(log10_lr: float) -> str:
    """The verbal equivalent of a likelihood ratio, for the label or against it.

    >>> support(2.4)
    'moderately strong support'
    >>> support(-1.2)
    'moderate support against'
    """
    if not math.isfinite(log10_lr):
        return NO_SUPPORT
    strength = abs(log10_lr) + 1e-9  # a ratio of exactly 10 belongs to the step that starts there
    words = next((step.words for step in SCALE if strength >= step.least), None)
    if words is None:
        return NO_SUPPORT
    return words if log10_lr > 0 else f"{words} against"


def ratio(log10_lr: float) -> str:
    """A likelihood ratio with two leading digits, never suggesting more precision than it has.

    >>> ratio(2.38), ratio(-1.0), ratio(7.2)
    ('240', '1/10', '16 million')
    """
    if not math.isfinite(log10_lr):
        return NONE
    if log10_lr < 0:
        return "1/" + ratio(-log10_lr) if log10_lr < -0.005 else "1"
    if log10_lr >= 12:
        return "more than a million million"
    value = 10.0**log10_lr
    if value < 10:
        return f"{value:.1f}".removesuffix(".0")
    rounded = float(f"{value:.1e}")
    return f"{rounded / 1e6:,.10g} million" if rounded >= 1e6 else f"{rounded:,.0f}"


def percent(fraction: float) -> str:
    """A share as whole percent, never 0 or 100 unless it is exactly that.

    >>> percent(0.999), percent(0.0004), percent(1.0)
    ('99%', '1%', '100%')
    """
    if fraction <= 0.0 or fraction >= 1.0:
        return "100%" if fraction >= 1.0 else "0%"
    return f"{min(99, max(1, round(fraction * 100)))}%"


def plural(count: int, one: str, many: str | None = None) -> str:
    """A count with its noun.

    >>> plural(1, "shot"), plural(2, "entry", "entries")
    ('1 shot', '2 entries')
    """
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def clean(value: object, limit: int = TEXT_LIMIT) -> str:
    """Untrusted text made safe to look at: nothing invisible survives unseen.

    Control characters, lone surrogates and direction overrides, which can make a name read as another,
    become visible code points such as ⟨U+202E⟩; line breaks and tabs become spaces; long text is cut.

    Args:
        value: anything; its `str` is taken.
        limit: most characters kept.

    Returns:
        Text that encodes to UTF-8; "" for "".

    """
    text = str(value)
    cut = len(text) > limit
    shown = "".join(_visible(character) for character in text[:limit])
    return f"{shown}… ({len(text):,} characters)" if cut else shown


def _visible(character: str) -> str:
    if character in "\n\r\t\u2028\u2029":
        return " "
    if character in _BIDI_CONTROLS or unicodedata.category(character) in ("Cc", "Cs"):
        return f"⟨U+{ord(character):04X}⟩"
    return character


def plain(value: Any) -> str:
    """A parameter or a custody detail as one short line."""
    if value is None:
        return UNKNOWN
    if isinstance(value, float):
        return number(value, 6)
    if isinstance(value, dict):
        return clean("; ".join(f"{k}: {plain(v)}" for k, v in value.items()))
    if isinstance(value, list | tuple):
        return clean(", ".join(plain(v) for v in value))
    return clean(value)


def sentence(text: str) -> str:
    """Text that starts with a capital and ends with a full stop."""
    text = text.strip()
    if not text:
        return text
    return text[0].upper() + text[1:] + ("" if text[-1] in ".!?…" else ".")
