"""An edit decision list as CMX3600 text: one picture track, cuts only, M2 lines for speed.

Rows of a comparison go in, lines of an .edl file come out. The format knows neither the frame rate nor more
than eight letters of a reel, so comments carry the rate, the names and the edits. Rows are placed to whole
frames, end to end; what has no source is taken from the suspect itself, so that the list rebuilds it.

Source: CMX 3600 as read and written by OpenTimelineIO's cmx_3600 adapter.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from fractions import Fraction

from vidforensics.reporting.exports_actions import decision_words
from vidforensics.reporting.words import clean
from vidforensics.types import EditDecision

DEFAULT_RATE = Fraction(25)
REFERENCE_REEL, SUSPECT_REEL = "REF", "SUSPECT"
_DAY_HOURS = 24
_SAME_SPEED = 1e-6


def edl_lines(
    decisions: Sequence[EditDecision],
    *,
    suspect: str,
    reference: str,
    rate: Fraction | None = None,
) -> Iterator[str]:
    """The lines of one CMX3600 file.

    Args:
        decisions: rows in order, without gap or overlap.
        suspect: name of the suspect's file.
        reference: name of the reference's file.
        rate: frames per second of the suspect; None counts 25. Time codes count frames without dropping
            any, at the nearest whole rate.

    Yields:
        Lines without their ends. A row shorter than half a frame is left out, as it has no frame.
    """
    chosen = DEFAULT_RATE if rate is None or rate <= 0 else rate
    base = max(1, round(chosen))
    yield f"TITLE: {_plain(suspect)[:70]}"
    yield "FCM: NON-DROP FRAME"
    # Some readers take a comment before the first event for a damaged event, so these follow it.
    general = [
        f"* FRAME RATE: {chosen.numerator}/{chosen.denominator}",
        f"* REEL {REFERENCE_REEL}: {_plain(reference)}",
        f"* REEL {SUSPECT_REEL}: {_plain(suspect)}",
    ]
    number = 0
    for row in decisions:
        first, last = _frame(row.start_s, chosen), _frame(row.end_s, chosen)
        if last <= first:
            continue
        number += 1
        name = reference if row.reference else suspect
        yield from _event(number, row, (first, last), chosen, base, name)
        yield from general
        general = []


def _event(
    number: int, row: EditDecision, record: tuple[int, int], rate: Fraction, base: int, name: str
) -> Iterator[str]:
    reel = REFERENCE_REEL if row.reference else SUSPECT_REEL
    length = record[1] - record[0]
    source, speed = record[0], 1.0
    if row.reference:
        source, speed = _frame(row.reference_start_s or 0.0, rate), float(row.detail.get("speed", 1.0))
    changed = row.reference and abs(speed - 1.0) > _SAME_SPEED
    taken = max(1, round(length * speed)) if changed else length
    codes = (timecode(f, base) for f in (source, source + taken, *record))
    yield f"{number:03d}  {reel:<8} V     C        {' '.join(codes)}"
    if changed:
        yield f"M2   {reel:<8}       {speed * float(rate):05.1f}                {timecode(source, base)}"
    yield f"* FROM CLIP NAME: {_plain(name)}"
    for words in decision_words(row):
        yield f"* COMMENT: {_plain(words)}"


def timecode(frame: int, base: int) -> str:
    """A frame number as hh:mm:ss:ff at a whole rate; a day later it starts again.

    >>> timecode(90061, 25)
    '01:00:02:11'
    """
    seconds, frames = divmod(max(0, frame), base)
    return f"{seconds // 3600 % _DAY_HOURS:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}:{frames:02d}"


def _frame(time_s: float, rate: Fraction) -> int:
    return max(0, round(time_s * float(rate)))


def _plain(text: str) -> str:
    """Text in ASCII on one line, as readers of the format expect."""
    folded = unicodedata.normalize("NFKD", clean(text, 300)).encode("ascii", "replace").decode("ascii")
    return " ".join(folded.split())
