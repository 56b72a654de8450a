"""What the command line shows of traces, comparisons and scans, as lines for people.

Text from clips and lists of posts may be hostile, so every line passes through `printable` and long texts
are cut. Edits are worded as in the report; lists of them are broken to the width of the terminal.
"""

from __future__ import annotations

import math
import re
import shutil
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from vidforensics.terminal import count, printable

if TYPE_CHECKING:
    from vidforensics.scanning import ScanSummary
    from vidforensics.types import Edit

MOST_SEGMENTS = 12
PIECES_OF_A_POST = 3
NAME_CHARACTERS = 80
URL_CHARACTERS = 300
PATH_CHARACTERS = 1000
WIDEST = 110
_EVERYWHERE = {"trim", "reencode"}
"""Edits that nearly every re-upload has; they do not tell one post from another."""
_ONLY_NAMED = {"colour", "reencode"}
"""Edits whose numbers fill lines and tell a reader little; the report and --json have them."""
_ORDER = {
    "insert": "after other footage",
    "loop": "shows again what was shown",
    "reorder": "goes back in the source",
    "trim": "leaves out parts of the source",
}


def trace_lines(document: Mapping[str, Any]) -> Iterator[str]:
    """A trace for people: numbered matches with their pieces, then every post of them, earliest first."""
    matches = document["matches"]
    yield _line(0, f"{_path(document['clip']['path'])}: found in {count(len(matches), 'video')}")
    for number, match in enumerate(matches, 1):
        same = match["video"]["sha256"] == document["clip"]["sha256"]
        how = "the same file, byte for byte" if same else f"score {match['score']:.2f}"
        yield _line(2, f"{number}. {_path(match['video']['path'])}, {how}")
        yield from _pieces(match["segments"][:MOST_SEGMENTS])
        rest = len(match["segments"]) - MOST_SEGMENTS
        if rest > 0:
            yield _line(5, f"and {count(rest, 'further piece')}; --json lists them")
    yield from _posts(matches)
    for row in document["not_assessed"]:
        yield _line(2, f"not assessed: {_span(row['start_s'], row['end_s'])}, {row['reason']}")


def compare_lines(document: Mapping[str, Any]) -> Iterator[str]:
    """A comparison for people: the edit decision list, every second of the suspect once."""
    matches = document["matches"]
    clip = _path(document["clip"]["path"])
    if matches:
        score, reference = matches[0]["score"], _path(matches[0]["video"]["path"])
        yield _line(0, f"{clip}: shares material with {reference}, score {score:.2f}")
    else:
        yield _line(0, f"{clip}: nothing of it was found in the reference")
    pieces: list[Mapping[str, Any]] = []
    for row in document.get("edit_decision_list", ()):
        if row["source"] is not None:
            pieces.append({**row, "query_start_s": row["start_s"], "query_end_s": row["end_s"]})
            continue
        yield from _pieces(pieces, 2)
        pieces = []
        reason = row.get("not_assessed")
        why = f"not assessed: {reason}" if reason else "not found in the reference"
        yield _line(2, f"{_span(row['start_s'], row['end_s'])}  {why}")
    yield from _pieces(pieces, 2)


def scan_lines(done: ScanSummary) -> Iterator[str]:
    """A scan for people: the count first, then what was passed over."""
    yield f"{count(done.files, 'file')}: {count(done.added, 'new video')} in the index"
    for number, words in (
        (done.duplicates, "with the content of a video that is there already"),
        (done.unchanged, "scanned before and unchanged"),
        (done.failed_before, "failed before and unchanged (--retry-failed tries again)"),
        (len(done.failed), "failed, named above"),
    ):
        if number:
            yield f"  {count(number, 'file')} {words}"
    if done.posts_added:
        yield f"  {count(done.posts_added, 'new post')}"


def _pieces(rows: Sequence[Mapping[str, Any]], indent: int = 5) -> Iterator[str]:
    """Shared pieces: their places in both files, their sound, and what was done to them."""
    before: list[str] = []
    for row in rows:
        here, there = (_span(row[f"{side}_start_s"], row[f"{side}_end_s"]) for side in ("query", "reference"))
        if row.get("modality") == "sound":
            yield _line(indent, f"{here}  has the sound of {there}")
        else:
            yield _line(indent, f"{here}  is {there}; {_sound(row['sound'])}")
        changes = _changes(row["edits"], row.get("mirrored", False), row.get("speed", 1.0))
        again = len(changes) > 1 and changes == before
        before = changes
        words = [*(["edited like the piece before"] if again else changes), *_order(row["edits"])]
        yield from _wrapped(indent + 4, ", ".join(words))


def _sound(relation: str) -> str:
    """How the sound relates, in words that stand alone."""
    return {
        "same": "same sound",
        "replaced": "sound replaced",
        "mixed": "other sound mixed in",
        "shifted": "sound shifted in time",
        "muted": "sound muted",
        "absent": "no sound to compare",
        "not_assessed": "sound not assessed",
    }.get(relation, f"sound {_short(relation)}")


def _changes(edits: Iterable[Mapping[str, Any]], mirrored: bool, speed: float) -> list[str]:
    """What was done to the picture and the speed of a piece, as the report words it."""
    from vidforensics.reporting.tracing_words import change_words

    records = [_edit(edit) for edit in edits if edit["kind"] not in _ORDER]
    return list(change_words(records, mirrored=mirrored, speed=speed))


def _edit(row: Mapping[str, Any]) -> Edit:
    """An edit of a document as a record, with those numbers that say something at a glance."""
    from vidforensics.types import Edit

    box, kind = row.get("box"), row["kind"]
    told = {} if kind in _ONLY_NAMED else row
    detail = {k: float(v) for k, v in told.items() if isinstance(v, int | float) and math.isfinite(v)}
    return Edit(kind, tuple(box) if box else None, detail)


def _order(edits: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """What the order of the pieces tells; all that was left out of the source as one thing."""
    for kind, words in _ORDER.items():
        same = [edit for edit in edits if edit["kind"] == kind]
        start, end = ("start_s", "end_s") if kind == "insert" else ("reference_start_s", "reference_end_s")
        spans = [_span(edit[start], edit[end]) for edit in same if start in edit and end in edit]
        if same:
            yield f"{words} ({' and '.join(spans)})" if spans else words


def _posts(matches: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Who posted which match when, which pieces it shares and how this clip differs from it.

    Earliest known first, posts without a time last.
    """
    posts = [(post, n, match) for n, match in enumerate(matches, 1) for post in match["video"]["posts"]]
    if not posts:
        return
    yield _line(2, "Posts of these videos, earliest known first; edits are those of this clip against them:")
    posts.sort(key=lambda row: (row[0]["posted_at"] is None, row[0]["posted_at"] or "", row[1]))
    for post, number, match in posts:
        when = _short(post["posted_at"] or "time unknown")
        who = f"{_short(post['account'])} on {_short(post['platform'])}"
        yield _line(4, f"{when}  {who}: video {number}, {_shared(match['segments'])}")
        if post.get("url"):
            yield _line(8, _short(post["url"], URL_CHARACTERS))


def _shared(segments: Sequence[Mapping[str, Any]]) -> str:
    """What a post shares with the clip, in one line: pieces, edits by kind, sound."""
    spans = [_span(s["query_start_s"], s["query_end_s"]) for s in segments[:PIECES_OF_A_POST]]
    rest = len(segments) - len(spans)
    pieces = ", ".join(spans) + (f" and {count(rest, 'further piece')}" if rest else "")
    kinds = dict.fromkeys(edit["kind"] for s in segments for edit in s["edits"])
    named = [_short(kind.replace("_", " ")) for kind in kinds if kind not in _EVERYWHERE]
    sounds = dict.fromkeys(_sound(s["sound"]) for s in segments if s["sound"] != "same")
    return "; ".join(filter(None, [pieces, ", ".join(named), ", ".join(sounds)]))


def _wrapped(indent: int, text: str) -> Iterator[str]:
    """Text broken at spaces to the width of the terminal, every line indented."""
    width = min(WIDEST, shutil.get_terminal_size((WIDEST, 24)).columns)
    width = max(width - indent, 40)
    whole = re.sub(r"(?<=\d) s\b", "\u00a0s", printable(text))  # a number stays with its unit
    for part in textwrap.wrap(whole, width, break_long_words=False, break_on_hyphens=False):
        yield " " * indent + part.replace("\u00a0", " ")


def _line(indent: int, text: str) -> str:
    return " " * indent + printable(text)


def _span(start_s: float, end_s: float) -> str:
    return f"{start_s:.3f}–{end_s:.3f} s"


def _path(text: str) -> str:
    return _short(text, PATH_CHARACTERS)


def _short(text: str, limit: int = NAME_CHARACTERS) -> str:
    """Text on one line, cut where it is longer than anybody reads."""
    return text if len(text) <= limit else text[: limit - 1] + "…"
