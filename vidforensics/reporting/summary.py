"""The headline findings of a case in plain words, most telling first.

A `Case` goes in, a tuple of single-line sentences comes out; the command line prints the first of
them, the report shows all. They state measurements and their strength, never a verdict, as the ENFSI
Guideline for Evaluative Reporting in Forensic Science (2015) asks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from vidforensics.reporting.tracing_lines import trace_lines
from vidforensics.reporting.words import (
    INSTANT_LABELS,
    LABEL_MEANING,
    LABEL_WORDS,
    clean,
    clock,
    percent,
    plural,
    ratio,
    sentence,
    support,
)
from vidforensics.types import Case, Coverage, Detection, Finding, Segment

_FLAGS_SHOWN = 6
_FINDINGS_SHOWN = 4
_LINE_LIMIT = 600
_NEGLIGIBLE_SHARE = 0.005

HeadlineKind = Literal["trace", "flag", "clear", "loss", "structure", "fact"]


@dataclass(frozen=True, slots=True)
class Headline:
    """One headline: what was found, why, and when on the timeline (None: the whole clip)."""

    kind: HeadlineKind
    lead: str
    detail: str = ""
    time_s: float | None = None

    @property
    def text(self) -> str:
        """Both parts as one line."""
        return f"{self.lead} {self.detail}".strip()


def headlines(case: Case) -> tuple[str, ...]:
    """The most telling facts of a case, most important first.

    Args:
        case: everything known about one clip.

    Returns:
        One plain sentence or two per line, without control characters; never empty.

    """
    return tuple(item.text for item in headline_items(case))


def headline_items(case: Case) -> tuple[Headline, ...]:
    """The headlines with their times, most important first; never empty."""
    return (
        *_trace_lines(case),
        *_flag_lines(case),
        *_loss_lines(case),
        *_finding_lines(case, "anomaly"),
        *_writer_lines(case),
        *_coverage_lines(case.detections),
        *_credential_lines(case),
        *_history_lines(case),
        *_finding_lines(case, "notice"),
        *_content_lines(case),
    )


def listed_segments(detections: Iterable[Detection]) -> tuple[Segment, ...]:
    """Segments above the operating point, strongest first, then in time order."""
    found = [s for d in detections for s in d.segments if s.listed]
    return tuple(sorted(found, key=lambda s: (-s.log10_lr, s.start_s, s.detector)))


def when(segment: Segment) -> str:
    """The time of a segment in words: an instant or a stretch."""
    if segment.label in INSTANT_LABELS:
        return f"at {clock(segment.start_s)}"
    return f"from {clock(segment.start_s)} to {clock(segment.end_s)}"


def strength(segment: Segment) -> str:
    """The strength of a segment in words, with its likelihood ratio."""
    return f"{support(segment.log10_lr)} (likelihood ratio about {ratio(segment.log10_lr)})"


def assessed_share(coverage: Iterable[Coverage]) -> float | None:
    """Share of the covered time that was assessed; None where nothing is covered."""
    rows = [(max(0.0, c.end_s - c.start_s), c.assessed) for c in coverage]
    total = sum(length for length, _ in rows)
    return sum(length for length, assessed in rows if assessed) / total if total > 0 else None


def _trace_lines(case: Case) -> Iterator[Headline]:
    for lead, detail, time_s in trace_lines(case.trace) if case.trace else ():
        yield Headline("trace", lead, detail, time_s)


def _flag_lines(case: Case) -> Iterator[Headline]:
    flags = listed_segments(case.detections)
    if not flags:
        yield _nothing_flagged(case)
        return
    for flag in flags[:_FLAGS_SHOWN]:
        basis = sentence(clean(flag.basis, _LINE_LIMIT))
        yield Headline("flag", sentence(_flag_sentence(flag)), basis, flag.start_s)
    if len(flags) > _FLAGS_SHOWN:
        rest = Counter(LABEL_WORDS.get(f.label, f.label) for f in flags[_FLAGS_SHOWN:])
        kinds = ", ".join(f"{count:,} × {label}" for label, count in rest.most_common())
        yield Headline("flag", f"{plural(len(flags) - _FLAGS_SHOWN, 'further flag')}: {kinds}.")


def _flag_sentence(flag: Segment) -> str:
    at = when(flag)
    meaning = LABEL_MEANING.get(flag.label, flag.label)
    return f"{at[0].upper()}{at[1:]}: measurements consistent with {meaning}; {strength(flag)}"


def _nothing_flagged(case: Case) -> Headline:
    looked = [d for d in case.detections if (assessed_share(d.coverage) or 0.0) > 0.0]
    if not looked:
        lead = "Nothing was flagged, because no detector could assess this clip."
        return Headline("clear", lead, "This shows nothing either way.")
    shares = [(d.detector.replace("_", " "), assessed_share(d.coverage) or 0.0) for d in looked]
    parts = [f"{clean(name, 60)} ({percent(share)} of the clip)" for name, share in shares]
    lead = "Nothing was flagged, which is no proof of authenticity."
    return Headline("clear", lead, f"Looked at: {', '.join(parts)}.")


def _loss_lines(case: Case) -> Iterator[Headline]:
    problems = case.extraction.decode.problems
    if problems:
        lead = f"Problem while decoding: {sentence(clean(problems[0]))}"
        rest = len(problems) - 1
        more = f"{plural(rest, 'further problem')}: see Coverage in the report." if rest else ""
        yield Headline("loss", lead, more)
    if case.bitstream.not_read:
        lead = f"The coded picture stream was not read: {sentence(clean(case.bitstream.not_read))}"
        yield Headline("loss", lead)


def _finding_lines(case: Case, level: str) -> Iterator[Headline]:
    found = [f for f in (*case.container.findings, *case.bitstream.findings) if f.level == level]
    for finding in found[:_FINDINGS_SHOWN]:
        yield Headline("structure", _finding_sentence(finding), time_s=finding.time_s)
    if len(found) > _FINDINGS_SHOWN:
        kind = ("anomaly", "anomalies") if level == "anomaly" else ("notice", "notices")
        rest = plural(len(found) - _FINDINGS_SHOWN, *(f"further structural {word}" for word in kind))
        yield Headline("structure", f"{rest} in the file.")


def _finding_sentence(finding: Finding) -> str:
    prefix = "Structure: " if finding.time_s is None else f"Structure at {clock(finding.time_s)}: "
    return prefix + sentence(clean(finding.sentence))


def _writer_lines(case: Case) -> Iterator[Headline]:
    writer = case.container.writer
    facts = "; ".join(clean(fact, 160) for fact in writer.facts[:3])
    detail = f"Read from: {facts}." if facts else ""
    if writer.family == "unknown":
        yield Headline("fact", "The file's structure does not show what wrote it last.", detail)
        return
    name = f"{clean(writer.name, 120)} ({writer.family})"
    yield Headline("fact", f"The file's structure is consistent with {name} having written it last.", detail)


def _coverage_lines(detections: Iterable[Detection]) -> Iterator[Headline]:
    parts = []
    for detection in detections:
        share = assessed_share(detection.coverage)
        if share is None or 1.0 - share < _NEGLIGIBLE_SHARE:
            continue
        why = main_reason(detection.coverage)
        name = clean(detection.detector.replace("_", " "), 60)
        parts.append(f"{name} for {percent(1.0 - share)} of the clip" + (f" ({why})" if why else ""))
    if parts:
        yield Headline("fact", f"Not assessed: {'; '.join(parts)}.")


def main_reason(coverage: Iterable[Coverage]) -> str:
    """The reason that left most time unassessed; "" where there is none."""
    lengths: Counter[str] = Counter()
    for row in coverage:
        if not row.assessed and row.reason:
            lengths[row.reason] += max(0, round((row.end_s - row.start_s) * 1000))
    return clean(lengths.most_common(1)[0][0], 160) if lengths else ""


def _credential_lines(case: Case) -> Iterator[Headline]:
    if case.credentials.state != "none":
        yield Headline("fact", f"Content credentials (C2PA): {sentence(clean(case.credentials.sentence))}")


def _history_lines(case: Case) -> Iterator[Headline]:
    compression = case.double_compression
    if compression.applicable and compression.first_gop_frames is not None:
        yield Headline("fact", f"Compression history: {sentence(clean(compression.sentence))}")


def _content_lines(case: Case) -> Iterator[Headline]:
    shots = case.extraction.shots
    if shots:
        kinds = Counter(s.transition for s in shots if s.transition is not None)
        how = ", ".join(f"{count:,} × {kind}" for kind, count in kinds.most_common())
        yield Headline("fact", plural(len(shots), "shot") + (f", separated by {how}" if how else "") + ".")
    if case.probe.first("video") is None:
        yield Headline("fact", "The file holds no picture stream.")
    if case.probe.first("audio") is None:
        yield Headline("fact", "The file holds no sound stream.")
    if case.credentials.state == "none":
        lead = "No content credentials (C2PA) were found."
        yield Headline("fact", lead, "Most platforms remove them, so this means nothing.")
