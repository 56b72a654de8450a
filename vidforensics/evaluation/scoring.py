"""Score the documents of `trace` against the truth of a made set."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any

from vidforensics.evaluation import metrics, metrics_relation, metrics_segments
from vidforensics.evaluation.edits import Query
from vidforensics.evaluation.metrics import Pair
from vidforensics.evaluation.metrics_relation import FoundSegment, NamingCounts
from vidforensics.evaluation.metrics_segments import Box, EdgeErrors

_SPEED_TOLERANCE = 0.03


@dataclass(frozen=True, slots=True)
class FoundMatch:
    """One reference that was listed for a query."""

    reference: str
    score: float
    segments: tuple[FoundSegment, ...]


@dataclass(slots=True)
class Verdict:
    """What one query with a source came to; None where it could not be judged."""

    query: Query
    listed: bool
    found: bool
    found_easy: bool
    segments: tuple[FoundSegment, ...] = ()
    edges: EdgeErrors | None = None
    speed_right: bool | None = None
    mirror_right: bool | None = None
    sounds: list[tuple[str, str]] = field(default_factory=list)
    naming: dict[str, NamingCounts] = field(default_factory=dict)
    crop_overlap: float | None = None


@dataclass(frozen=True, slots=True)
class Scored:
    """All figures' raw material: scores of pairs, verdicts of queries, and figures of pairs.

    zero: the operating point over all pairs; zero_easy: without the hard negatives.
    """

    scores: Mapping[Pair, float]
    truth: Mapping[str, str]
    zero: metrics.ZeroFalse
    zero_easy: metrics.ZeroFalse
    verdicts: tuple[Verdict, ...]
    pairs: Mapping[Pair, metrics_segments.PairFigures]
    matching: float | None


def read_document(document: Mapping[str, Any], names: Mapping[str, str]) -> list[FoundMatch]:
    """The matches of one `vidforensics.trace` document.

    Args:
        document: as `trace --json` prints it.
        names: reference file name by SHA-256; matches of other files are left out.

    Returns:
        One per reference; two matches of one file are joined at the higher score.
    """
    found: dict[str, FoundMatch] = {}
    for match in document.get("matches", ()):
        name = names.get(match["video"]["sha256"])
        if name is None:
            continue
        segments = tuple(_segment(one) for one in match["segments"])
        known = found.get(name, FoundMatch(name, float("-inf"), ()))
        found[name] = FoundMatch(name, max(known.score, float(match["score"])), known.segments + segments)
    return list(found.values())


def _segment(values: Mapping[str, Any]) -> FoundSegment:
    edits = tuple((e["kind"], tuple(e["box"]) if e.get("box") else None) for e in values["edits"])
    return FoundSegment(
        float(values["query_start_s"]),
        float(values["query_end_s"]),
        float(values["reference_start_s"]),
        float(values["reference_end_s"]),
        float(values["score"]),
        str(values["modality"]),
        float(values["speed"]),
        bool(values["mirrored"]),
        edits,
        str(values["sound"]),
    )


def box_of(segment: FoundSegment) -> Box:
    """The segment as a VCSL box."""
    return (
        segment.query_start_s,
        segment.reference_start_s,
        segment.query_end_s,
        segment.reference_end_s,
    )


def true_boxes(query: Query) -> list[Box]:
    """The true segments as VCSL boxes."""
    return [(s.query_start_s, s.reference_start_s, s.query_end_s, s.reference_end_s) for s in query.segments]


def score(
    queries: Sequence[Query], found: Mapping[str, Sequence[FoundMatch]], shared: Set[str] = frozenset()
) -> Scored:
    """Judge every query.

    Args:
        queries: with their truth.
        shared: names of references that carry furniture of the hard negatives.
        found: matches by name of the query; a query that is not there found nothing.
    """
    scores = {(name, one.reference): one.score for name, matches in found.items() for one in matches}
    truth = {q.path.name: q.reference.name for q in queries if q.reference is not None}
    zero = metrics.recall_at_zero_false_positives(scores, truth)
    easy = metrics.without(scores, hard_negatives(queries), shared)
    zero_easy = metrics.recall_at_zero_false_positives(easy, truth)
    verdicts = tuple(_judged(q, found.get(q.path.name, ()), zero, zero_easy) for q in queries if q.reference)
    pairs: dict[Pair, metrics_segments.PairFigures] = {}
    for query in queries:
        name, right = query.path.name, truth.get(query.path.name)
        listed = {m.reference: [box_of(s) for s in m.segments] for m in found.get(name, ())}
        for reference in {*listed, *([right] if right else [])}:
            boxes = true_boxes(query) if reference == right else []
            pairs[name, reference] = metrics_segments.pair_figures(listed.get(reference, []), boxes)
    matching = metrics_segments.matching_average_precision(
        [((n, m.reference), box_of(s), m.score) for n, ms in found.items() for m in ms for s in m.segments],
        [((q.path.name, truth[q.path.name]), b) for q in queries if q.reference for b in true_boxes(q)],
    )
    return Scored(scores, truth, zero, zero_easy, verdicts, pairs, matching)


def hard_negatives(queries: Sequence[Query]) -> frozenset[str]:
    """Names of the queries that share furniture with references, and nothing else."""
    return frozenset(q.path.name for q in queries if q.reference is None and q.kind != "unrelated")


def _judged(
    query: Query, matches: Sequence[FoundMatch], zero: metrics.ZeroFalse, easy: metrics.ZeroFalse
) -> Verdict:
    assert query.reference is not None
    match = next((m for m in matches if m.reference == query.reference.name), None)
    name = query.path.name
    verdict = Verdict(query, match is not None, name in zero.found, name in easy.found)
    if match is None:
        return verdict
    segments = verdict.segments = match.segments
    boxes = [box_of(s) for s in segments]
    verdict.edges = metrics_segments.edge_errors(boxes, true_boxes(query)[0]) if query.segments else None
    error = metrics_relation.speed_error(segments, query)
    verdict.speed_right = None if error is None else error <= _SPEED_TOLERANCE
    verdict.mirror_right = metrics_relation.mirror_right(segments, query)
    for stretch in query.sound:
        told = metrics_relation.sound_told(segments, stretch)
        if told is not None:
            verdict.sounds.append((stretch.relation, told))
    verdict.naming = metrics_relation.naming(segments, query)
    verdict.crop_overlap = metrics_relation.crop_overlap(segments, query)
    return verdict


def share(values: Iterable[bool | None]) -> float | None:
    """Share of True among what was judged; None for nothing."""
    known = [v for v in values if v is not None]
    return sum(known) / len(known) if known else None


def summarise(verdicts: Sequence[Verdict], scored: Scored) -> dict[str, Any]:
    """Figures over some of the queries; every share is of the queries that were found and can be judged."""
    names = {v.query.path.name for v in verdicts}
    pairs = {pair: one for pair, one in scored.pairs.items() if pair[0] in names}
    edges = [v.edges for v in verdicts if v.edges is not None]
    boundary = metrics.quantiles([e for one in edges for e in (one.start_s, one.end_s)])
    aligned = metrics.quantiles([one.aligned_s for one in edges])
    counts = metrics_relation.total(v.naming for v in verdicts).values()
    together = sum_counts(counts)
    crops = [v.crop_overlap for v in verdicts if v.crop_overlap is not None]
    return {
        "queries": len(verdicts),
        "recall_zero_false_positives": share(v.found for v in verdicts),
        "recall_without_hard_negatives": share(v.found_easy for v in verdicts),
        "recall_listed": share(v.listed for v in verdicts),
        "segment_macro": _plain(metrics_segments.macro_figures(pairs)),
        "segment_micro": _plain(metrics_segments.micro_figures(pairs)),
        "boundary_median_s": boundary[0],
        "boundary_95_s": boundary[1],
        "alignment_median_s": aligned[0],
        "alignment_95_s": aligned[1],
        "speed_within_3_percent": share(v.speed_right for v in verdicts),
        "mirror_right": share(v.mirror_right for v in verdicts),
        "sound_right": share(
            metrics_relation.sound_right(told, true) for v in verdicts for true, told in v.sounds
        ),
        "edit_precision": together.precision,
        "edit_recall": together.recall,
        "crop_overlap_median": metrics.quantiles(crops)[0],
    }


def sum_counts(counts: Iterable[NamingCounts]) -> NamingCounts:
    """All counts together."""
    whole = NamingCounts()
    for one in counts:
        whole = whole.plus(one)
    return whole


def _plain(figures: metrics_segments.SegmentFigures) -> dict[str, float | None]:
    return {"precision": figures.precision, "recall": figures.recall, "f1": figures.f1}
