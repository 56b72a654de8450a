"""Tables of a benchmark document, for the terminal and for docs/benchmarks.md."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Row = Sequence[str]


def markdown(document: Mapping[str, Any]) -> str:
    """The whole document as Markdown: overall figures, edits, negatives, peers, cost and what went wrong."""
    counts, overall = document["counts"], document["overall"]
    head = (
        f"{counts['edited']} edited queries of {document['sources']} sources and "
        f"{counts['queries'] - counts['edited']} queries without a source, against {counts['references']} "
        f"references; {document['side']} side, seed {document['seed']}."
    )
    parts = [
        head,
        table(("figure", "value"), _overall(overall)),
        table(_KIND_HEAD, (_kind_row(one) for one in document["kinds"])),
        table(_EDIT_HEAD, _edit_rows(document["edits"])),
        table(("sound was", "said"), _sound_rows(document["sound"])),
        table(_NEGATIVE_HEAD, (_negative_row(one) for one in document["negatives"])),
        table(_PEER_HEAD, (_peer_row(one) for one in document["peers"])),
        peers_by_kind(document),
        "\n".join(f"- {line}" for line in document["peers_not_run"]),
        table(("cost", "value"), ((key, _text(value)) for key, value in document["cost"].items())),
        _failures(document),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def table(head: Row, rows: Iterable[Row]) -> str:
    """A Markdown table with padded columns; empty text for no row."""
    body = [list(row) for row in rows]
    if not body:
        return ""
    lines = [list(head), *body]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    padded = [
        "| " + " | ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)) + " |" for line in lines
    ]
    return "\n".join([padded[0], "|" + "|".join("-" * (w + 2) for w in widths) + "|", *padded[1:]])


def _text(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_text(one)}" for key, one in value.items())
    return f"{value:.3f}" if isinstance(value, float) else str(value)


_OVERALL = (
    ("recall_zero_false_positives", "recall at zero false positives"),
    ("recall_without_hard_negatives", "the same, hard negatives left out"),
    ("recall_listed", "recall at the default threshold"),
    ("false_pairs", "wrong pairs listed"),
    ("unrelated_pairs", "unrelated pairs"),
    ("false_pairs_per_million", "wrong pairs per million"),
    ("highest_false_score", "highest wrong score"),
    ("micro_average_precision", "µAP (VSC)"),
    ("matching_average_precision", "matching AP (VSC)"),
    ("boundary_median_s", "boundary error, median, s"),
    ("boundary_95_s", "boundary error, 95 %, s"),
    ("alignment_median_s", "alignment error, median, s"),
    ("alignment_95_s", "alignment error, 95 %, s"),
    ("speed_within_3_percent", "speed within 3 %"),
    ("mirror_right", "mirror right"),
    ("sound_right", "sound relation right"),
    ("edit_precision", "edit kinds, precision"),
    ("edit_recall", "edit kinds, recall"),
    ("crop_overlap_median", "crop box, overlap, median"),
)


def _overall(overall: Mapping[str, Any]) -> list[Row]:
    rows: list[Row] = [(words, _text(overall[key])) for key, words in _OVERALL]
    for key, words in (("segment_macro", "macro"), ("segment_micro", "micro")):
        one = overall[key]
        said = " / ".join(_text(one[name]) for name in ("precision", "recall", "f1"))
        rows.insert(9, (f"segments (VCSL, {words}): precision / recall / F1", said))
    return rows


_KIND_HEAD = (
    "edit",
    "queries",
    "recall",
    "easy",
    "listed",
    "F1",
    "edge s",
    "speed",
    "mirror",
    "sound",
    "edits P",
    "edits R",
)


def _kind_row(one: Mapping[str, Any]) -> Row:
    keys = ("recall_zero_false_positives", "recall_without_hard_negatives", "recall_listed")
    after = (
        "boundary_median_s",
        "speed_within_3_percent",
        "mirror_right",
        "sound_right",
        "edit_precision",
        "edit_recall",
    )
    return (
        one["kind"],
        str(one["queries"]),
        *(_short(one[key]) for key in keys),
        _short(one["segment_macro"]["f1"]),
        *(_short(one[key]) for key in after),
    )


def _short(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


_EDIT_HEAD = ("edit kind", "made", "named", "said wrongly", "precision", "recall")


def _edit_rows(edits: Mapping[str, Mapping[str, Any]]) -> Iterable[Row]:
    for kind, one in edits.items():
        counts = (str(one[key]) for key in ("made", "named", "wrong"))
        yield (kind, *counts, _short(one["precision"]), _short(one["recall"]))


def _sound_rows(confusion: Mapping[str, Mapping[str, int]]) -> Iterable[Row]:
    for true, told in confusion.items():
        yield (true, ", ".join(f"{word} {count}" for word, count in told.items()))


_NEGATIVE_HEAD = ("without a source", "queries", "pairs", "wrong pairs", "highest score")


def _negative_row(one: Mapping[str, Any]) -> Row:
    numbers = (str(one[key]) for key in ("queries", "pairs", "false_pairs"))
    return (one["kind"], *numbers, _text(one["highest_score"]))


_PEER_HEAD = (
    "other tool's rule",
    "recall by default",
    "wrong pairs",
    "recall at zero wrong",
    "hard negatives left out",
    "highest wrong score",
    "µAP",
)


def _peer_row(one: Mapping[str, Any]) -> Row:
    note = f" ({one['note']})" if one["note"] else ""
    return (
        one["rule"] + note,
        _short(one["recall_default"]),
        str(one["false_pairs_default"]),
        _short(one["recall_zero_false_positives"]),
        _short(one["recall_without_hard_negatives"]),
        _text(one["highest_false_score"]),
        _short(one["micro_average_precision"]),
    )


def peers_by_kind(document: Mapping[str, Any]) -> str:
    """Recall by edit at zero false positives, hard negatives left out, ours beside each peer's."""
    peers = document["peers"]
    if not peers:
        return ""
    rows = []
    for one in document["kinds"]:
        theirs = (peer["kinds"].get(one["kind"], {}).get("without_hard_negatives") for peer in peers)
        rows.append((one["kind"], _short(one["recall_without_hard_negatives"]), *(_short(v) for v in theirs)))
    return table(("edit, hard negatives left out", "vidforensics", *(peer["rule"] for peer in peers)), rows)


def _failures(document: Mapping[str, Any]) -> str:
    lines = []
    for kind, names in document["failures"].items():
        if names:
            lines += [f"{kind} ({len(names)}):", *(f"- {name}" for name in names), ""]
    if document["not_traced"]:
        lines += ["not traced:", *(f"- {line}" for line in document["not_traced"])]
    return "\n".join(lines).strip()
