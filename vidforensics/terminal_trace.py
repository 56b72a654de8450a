"""What the command line shows of traces, comparisons and scans, as lines for people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from vidforensics.terminal import count, printable

if TYPE_CHECKING:
    from vidforensics.scanning import ScanSummary

MOST_SEGMENTS = 12


def trace_lines(document: Mapping[str, Any]) -> Iterator[str]:
    """A trace for people: matches with their segments, then every post of every match, earliest first."""
    matches = document["matches"]
    yield printable(f"{document['clip']['path']}: found in {count(len(matches), 'video')}")
    for match in matches:
        yield printable(f"  {match['video']['path']}  score {match['score']:.2f}")
        for row in match["segments"][:MOST_SEGMENTS]:
            yield printable(f"    {_segment(row)}")
        if len(match["segments"]) > MOST_SEGMENTS:
            yield f"    and {len(match['segments']) - MOST_SEGMENTS} more"
    yield from _posts(matches)
    for row in document["not_assessed"]:
        yield printable(f"  not assessed: {_span(row['start_s'], row['end_s'])}, {row['reason']}")


def compare_lines(document: Mapping[str, Any]) -> Iterator[str]:
    """A comparison for people: the edit decision list, every second of the suspect once."""
    matches = document["matches"]
    verdict = (
        f"shares footage, score {matches[0]['score']:.2f}" if matches else "shares nothing that was found"
    )
    yield printable(f"{document['clip']['path']}: {verdict}")
    for row in document.get("edit_decision_list", ()):
        here = _span(row["start_s"], row["end_s"])
        if row["source"] is None:
            yield printable(f"  {here}  no source in the reference{_edits(row['edits'])}")
            continue
        there = _span(row["reference_start_s"], row["reference_end_s"])
        yield printable(f"  {here}  is {there}{_edits(row['edits'])}; sound {_words(row['sound'])}")


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


def _segment(row: Mapping[str, Any]) -> str:
    here, there = (_span(row[f"{side}_start_s"], row[f"{side}_end_s"]) for side in ("query", "reference"))
    how = {"both": "", "picture": ", by picture", "sound": ", by sound"}[row["modality"]]
    sound = "" if row["modality"] == "sound" else f"; sound {_words(row['sound'])}"
    return f"{here}  is {there}{how}{_edits(row['edits'])}{sound}"


def _edits(edits: Iterable[Mapping[str, Any]]) -> str:
    names = [_edit(edit) for edit in edits]
    return f"; {', '.join(names)}" if names else ""


def _edit(edit: Mapping[str, Any]) -> str:
    if edit["kind"] == "speed":
        return f"speed ×{edit['speed']:.3g}"
    if edit["kind"] == "rotate" and "degrees" in edit:
        return f"rotate {edit['degrees']:.1f}°"
    return _words(edit["kind"])


def _posts(matches: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Who posted which match when, earliest known first, posts without a time last."""
    posts = [(post, match["video"]["path"]) for match in matches for post in match["video"]["posts"]]
    if posts:
        yield "  Posts, earliest known first:"
    for post, path in sorted(
        posts, key=lambda pair: (pair[0]["posted_at"] is None, pair[0]["posted_at"] or "")
    ):
        when = post["posted_at"] or "time unknown"
        where = f"  {post['url']}" if post.get("url") else ""
        yield printable(f"    {when}  {post['account']} on {post['platform']}  {path}{where}")


def _span(start_s: float, end_s: float) -> str:
    return f"{start_s:.3f}–{end_s:.3f} s"


def _words(name: str) -> str:
    return name.replace("_", " ")
