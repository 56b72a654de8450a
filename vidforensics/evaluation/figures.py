"""The figures of a benchmark run as plain values, and as a table to read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from vidforensics.evaluation import metrics, metrics_relation
from vidforensics.evaluation.edits import BenchmarkSet, Query
from vidforensics.evaluation.metrics import Pair
from vidforensics.evaluation.peers import PeerRun, PeerScores
from vidforensics.evaluation.peers_signature import SignatureSample
from vidforensics.evaluation.recipes import KINDS
from vidforensics.evaluation.scoring import Scored, Verdict, hard_negatives, summarise

_DIGITS = 4
_POINTS = ("default", "zero_false_positives", "without_hard_negatives")


def document(
    made: BenchmarkSet, scored: Scored, peers: PeerRun | None, signature: SignatureSample | None
) -> dict[str, Any]:
    """Everything but the run's own particulars."""
    false = metrics.false_pairs(scored.scores, scored.truth)
    positives, total = len(scored.truth), len(made.queries) * len(made.references)
    overall = summarise(scored.verdicts, scored) | {
        "micro_average_precision": metrics.micro_average_precision(scored.scores, scored.truth),
        "matching_average_precision": scored.matching,
        "highest_false_score": scored.zero.threshold,
        "false_pairs": len(false),
        "unrelated_pairs": total - positives,
        "false_pairs_per_million": 1e6 * len(false) / (total - positives) if total > positives else None,
    }
    by_kind = [[v for v in scored.verdicts if v.query.kind == kind] for kind in KINDS]
    kinds = [{"kind": vs[0].query.kind} | summarise(vs, scored) for vs in by_kind if vs]
    values = {
        "counts": {"references": len(made.references), "queries": len(made.queries), "edited": positives},
        "overall": overall,
        "kinds": kinds,
        "negatives": _negatives(made.queries, false, len(made.references)),
        "edits": {
            kind: {
                "made": c.made,
                "named": c.named,
                "wrong": c.wrong,
                "precision": c.precision,
                "recall": c.recall,
            }
            for kind, c in metrics_relation.total(v.naming for v in scored.verdicts).items()
        },
        "sound": _confusion(scored.verdicts),
        "peers": _peer_rows(made, scored.truth, peers, signature),
        "peers_not_run": list(peers.missing) if peers else [],
        "failures": _failures(scored, false, made.failures),
    }
    rounded: dict[str, Any] = _rounded(values)
    return rounded


def _negatives(
    queries: Sequence[Query], false: Sequence[tuple[Pair, float]], references: int
) -> list[dict[str, Any]]:
    """Wrong matches of the queries that have no source, by kind."""
    kinds = dict.fromkeys(q.kind for q in queries if q.reference is None)
    rows = []
    for kind in kinds:
        names = {q.path.name for q in queries if q.kind == kind and q.reference is None}
        wrong = [score for (name, _), score in false if name in names]
        rows.append(
            {
                "kind": kind,
                "queries": len(names),
                "pairs": len(names) * references,
                "false_pairs": len(wrong),
                "highest_score": max(wrong, default=None),
            }
        )
    return rows


def _confusion(verdicts: Sequence[Verdict]) -> dict[str, dict[str, int]]:
    """Stretches by what was done to the sound and by what was said of it."""
    counts = Counter(pair for v in verdicts for pair in v.sounds)
    table: dict[str, dict[str, int]] = {}
    for (true, told), count in sorted(counts.items()):
        table.setdefault(true, {})[told] = count
    return table


def _peer_rows(
    made: BenchmarkSet,
    truth: Mapping[str, str],
    peers: PeerRun | None,
    signature: SignatureSample | None,
) -> list[dict[str, Any]]:
    rows = [_peer_row(rule, made, truth) for rule in (peers.rules if peers else ())]
    if signature is not None:
        row = _peer_row(signature.rule, made, signature.truth)
        rows.append(row | {"pairs": signature.pairs, "pairs_failed": len(signature.failures)})
    return rows


def _peer_row(rule: PeerScores, made: BenchmarkSet, truth: Mapping[str, str]) -> dict[str, Any]:
    """One peer at its own threshold, and at the one that lets nothing wrong through."""
    listed = {pair: score for pair, score in rule.scores.items() if score >= rule.default}
    zero = metrics.recall_at_zero_false_positives(rule.scores, truth)
    easy = metrics.without(rule.scores, hard_negatives(made.queries), {p.name for p in made.shared})
    zero_easy = metrics.recall_at_zero_false_positives(easy, truth)
    default = metrics.recall_listed(listed, truth)
    kinds: dict[str, dict[str, float]] = {}
    for kind in KINDS:
        names = [q.path.name for q in made.queries if q.kind == kind and q.path.name in truth]
        if names:
            sets = (default, zero.found, zero_easy.found)
            hits = [sum(n in found for n in names) / len(names) for found in sets]
            kinds[kind] = dict(zip(_POINTS, hits, strict=True)) | {"queries": len(names)}
    return {
        "rule": rule.name,
        "note": rule.note,
        "recall_default": len(default) / len(truth) if truth else None,
        "false_pairs_default": len(metrics.false_pairs(listed, truth)),
        "recall_zero_false_positives": zero.recall,
        "recall_without_hard_negatives": zero_easy.recall,
        "highest_false_score": zero.threshold,
        "micro_average_precision": metrics.micro_average_precision(rule.scores, truth),
        "kinds": kinds,
    }


def _failures(
    scored: Scored, false: Sequence[tuple[Pair, float]], not_made: Sequence[str]
) -> dict[str, list[str]]:
    """What to look at, by name."""
    found = [v for v in scored.verdicts if v.listed]
    name = {id(v): f"{v.query.path.name} ({'+'.join(v.query.steps)})" for v in scored.verdicts}
    return {
        "missed": [name[id(v)] for v in scored.verdicts if not v.found],
        "false": [f"{q} with {r}: {score:.3f}" for (q, r), score in false],
        "mirror": [name[id(v)] for v in found if v.mirror_right is False],
        "speed": [name[id(v)] for v in found if v.speed_right is False],
        "sound": [
            f"{name[id(v)]}: {told} for {true}"
            for v in found
            for true, told in v.sounds
            if not metrics_relation.sound_right(told, true)
        ],
        "not_made": list(not_made),
    }


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, _DIGITS)
    if isinstance(value, Mapping):
        return {key: _rounded(one) for key, one in value.items()}
    return [_rounded(one) for one in value] if isinstance(value, list | tuple) else value
