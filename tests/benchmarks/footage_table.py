"""Send every clip of a footage folder through `inspect`; print failures, times and flags as a table.

`python -m tests.benchmarks.footage_table --footage DIR [--out CSV]` runs the command line itself, one clip
after the other, and never stops at a failure.
"""

from __future__ import annotations

import argparse
import csv
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any


def main() -> None:
    """Examine every clip and print the summary."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--footage", type=Path, required=True)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    with (options.footage / "MANIFEST.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    results = [examine(options.footage / row["file"], row) for row in rows]
    if options.out:
        options.out.write_text("\n".join(json.dumps(r) for r in results) + "\n")
    print("\n".join(summary(results)))


def examine(path: Path, row: dict[str, str]) -> dict[str, Any]:
    """One clip through the command line."""
    with tempfile.TemporaryDirectory() as scratch:
        case = Path(scratch) / "case"
        started = time.monotonic()
        answer = subprocess.run(
            [sys.executable, "-m", "vidforensics", "inspect", str(path), "--out", str(case), "--quiet"],
            capture_output=True,
            text=True,
        )
        result = {
            "file": row["file"],
            "seconds": time.monotonic() - started,
            "duration_s": float(row["duration_s"]),
            "exit": answer.returncode,
            "stderr": answer.stderr.strip(),
        }
        if answer.returncode == 0:
            report = json.loads((case / "report.json").read_text())
            result |= {
                "flags": [f"{s['label']}@{s['start_s']}" for s in report["flags"]],
                "problems": report["timeline"]["decode"]["problems"],
                "anomalies": [f["code"] for f in report["container"]["findings"] if f["level"] == "anomaly"],
                "writer": report["container"]["writer"]["name"],
                "shots": len(report["shots"]),
                "keyframes": len(report["keyframes"]),
            }
    return result


def summary(results: list[dict[str, Any]]) -> list[str]:
    """One row per folder, then every failure and every flag by name."""
    by_folder: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for result in results:
        by_folder[result["file"].split("/")[0]].append(result)
    lines = [
        "| folder | files | minutes | failed | traceback | s per minute | flags by label |",
        "|---|---:|---:|---:|---:|---:|---|",
    ]
    for folder, rows in [*sorted(by_folder.items()), ("all", results)]:
        lines.append(folder_line(folder, rows))
    lines += [
        "",
        "Failed:",
        *[f"- {r['file']}: exit {r['exit']}, {r['stderr']}" for r in results if r["exit"]],
    ]
    lines += ["", "Flagged:", *[f"- {r['file']}: {', '.join(r['flags'])}" for r in results if r.get("flags")]]
    lines += [
        "",
        "Decoding problems:",
        *[f"- {r['file']}: {'; '.join(r['problems'])}" for r in results if r.get("problems")],
    ]
    return lines


def folder_line(folder: str, rows: list[dict[str, Any]]) -> str:
    """A row of the table."""
    minutes = sum(r["duration_s"] for r in rows) / 60
    labels = Counter(flag.split("@")[0] for r in rows for flag in r.get("flags", []))
    failed = sum(1 for r in rows if r["exit"])
    traceback = sum("Traceback" in r["stderr"] or r["exit"] == 1 for r in rows)
    spent = sum(r["seconds"] for r in rows)
    flags = ", ".join(f"{n} {label}" for label, n in sorted(labels.items())) or "none"
    cells = [folder, len(rows), f"{minutes:.1f}", failed, traceback, f"{spent / minutes:.1f}", flags]
    return "| " + " | ".join(map(str, cells)) + " |"


if __name__ == "__main__":
    main()
