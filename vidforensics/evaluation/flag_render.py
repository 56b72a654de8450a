"""Tables of an `evaluate flag` document, for the terminal and for docs/benchmarks.md."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vidforensics.evaluation.render import table


def markdown(document: Mapping[str, Any]) -> str:
    """The whole document as Markdown: what was found, false flags, chains, cost and failures."""
    head = (
        f"{document['clips']} clips of {document['groups']} sources; {document['side']} side, "
        f"seed {document['seed']}; sources by folder: {_counts(document['folders'])}."
    )
    parts = [
        head,
        table(
            ("forgery", "label", "clips", "assessed", "found", "recall", "of assessed", "AP@0.3", "AP@0.5"),
            (_kind(row) for row in document["kinds"]),
        ),
        table(
            ("forgery", "AUC by clip", "95 %, by source", "start off by, s", "end off by, s"),
            (_rank(row) for row in document["kinds"]),
        ),
        table(
            ("nothing to find", "clips", "hours", "flags", "per hour"),
            (
                (
                    row["kind"],
                    str(row["clips"]),
                    _text(row["hours"]),
                    _counts(row["flags"]),
                    _text(row["per_hour"]),
                )
                for row in document["false_flags"]
            ),
        ),
        table(
            ("label", "coding chain", "clips", "found"),
            ((r["label"], r["chain"], str(r["clips"]), str(r["found"])) for r in document["chains"]),
        ),
        table(
            ("label", "right candidates", "wrong", "Cllr", "calibration error"),
            (_calibration(row) for row in document["calibration"]),
        ),
        table(
            ("detector", "assessed", "not assessed, mostly"),
            (
                (
                    r["detector"],
                    _text(r["assessed"]),
                    "; ".join(f"{k} ({v:.2f})" for k, v in r["reasons"].items()),
                )
                for r in document["coverage"]
            ),
        ),
        table(("cost", "value"), ((k, _text(v)) for k, v in document["cost"].items())),
        *_lists(document),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _kind(row: Mapping[str, Any]) -> tuple[str, ...]:
    names = ("clips", "assessed", "found", "recall", "recall_assessed", "ap_0.3", "ap_0.5")
    return (row["kind"], row["label"], *(_text(row[name]) for name in names))


def _rank(row: Mapping[str, Any]) -> tuple[str, ...]:
    interval = "–" if row["auc_95"] is None else "{:.3f}–{:.3f}".format(*row["auc_95"])
    return (row["kind"], _text(row["auc"]), interval, _text(row["start_error_s"]), _text(row["end_error_s"]))


def _calibration(row: Mapping[str, Any]) -> tuple[str, ...]:
    return (row["label"], str(row["right"]), str(row["wrong"]), _text(row["cllr"]), _text(row["ece"]))


def _lists(document: Mapping[str, Any]) -> list[str]:
    flagged = [line for row in document["false_flags"] for line in row["where"]]
    missed = [f"{row['kind']}: {', '.join(row['missed'])}" for row in document["kinds"] if row["missed"]]
    titled = (
        ("False flags", flagged),
        ("Missed", missed),
        ("Not made", document["not_made"]),
        ("Not flagged", document["not_flagged"]),
    )
    return [f"{title}:\n\n" + "\n".join(f"- {line}" for line in lines) for title, lines in titled if lines]


def _counts(flags: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {label}" for label, count in flags.items()) or "0"


def _text(value: Any) -> str:
    if value is None:
        return "–"
    return f"{value:.3f}" if isinstance(value, float) else str(value)
