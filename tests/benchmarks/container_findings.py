"""How often each structural finding and writer reading comes up on untouched files, and what it costs.

Run `python -m tests.benchmarks.container_findings --footage DIR`; nothing in it is random. The halves A and B
split the files by speaker or scene, so that no source is in both.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import statistics
import time
from collections import Counter, defaultdict
from itertools import pairwise
from pathlib import Path

from vidforensics.acquisition import probe, read_container, read_credentials
from vidforensics.types import Container


def half(source: str) -> str:
    return "A" if hashlib.sha256(source.encode()).digest()[0] % 2 else "B"


def measure(folder: Path) -> tuple[list[tuple[str, Container]], dict[str, list[tuple[float, float, float]]]]:
    """Every file's container with its half, and CPU milliseconds of probe, container and credentials."""
    found: list[tuple[str, Container]] = []
    costs: dict[str, list[tuple[float, float, float]]] = defaultdict(list)
    with (folder / "MANIFEST.csv").open(encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle))
    for row in rows:
        path = folder / row["file"]
        marks = [time.process_time()]
        probed = probe(path)
        marks.append(time.process_time())
        container = read_container(path, probed)
        marks.append(time.process_time())
        read_credentials(path)
        marks.append(time.process_time())
        found.append((half(row["speaker_or_scene_id"]), container))
        first, second, third = ((b - a) * 1000 for a, b in pairwise(marks))
        costs[container.format].append((first, second, third))
    return found, costs


def print_findings(found: list[tuple[str, Container]]) -> None:
    files = Counter((c.format, h) for h, c in found)
    counts = Counter(
        (c.format, f_level, f_code, h)
        for h, c in found
        for f_level, f_code in {(f.level, f.code) for f in c.findings}
    )
    print("| format | level | code | files of half A | files of half B |\n|---|---|---|---|---|")
    for form, level, code in sorted({key[:3] for key in counts}):
        cells = [f"{counts[form, level, code, h]} of {files[form, h]}" for h in "AB"]
        print(f"| {form} | {level} | `{code}` | {cells[0]} | {cells[1]} |")


def print_writers(found: list[tuple[str, Container]]) -> None:
    names = Counter((c.format, c.writer.family, c.writer.name.split(" (Lavf")[0]) for _, c in found)
    print("\n| format | family | reading | files |\n|---|---|---|---|")
    for (form, family, name), count in sorted(names.items(), key=lambda item: (item[0][0], -item[1])):
        print(f"| {form} | {family} | {name} | {count} |")


def print_costs(costs: dict[str, list[tuple[float, float, float]]]) -> None:
    print("\n| format | files | probe | container | credentials |\n|---|---|---|---|---|")
    for form, rows in sorted(costs.items()):
        cells = [f"{statistics.median(c):.1f} (≤ {max(c):.0f})" for c in zip(*rows, strict=True)]
        print(f"| {form} | {len(rows)} | {' | '.join(cells)} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--footage", type=Path, required=True)
    found, costs = measure(parser.parse_args().footage)
    print_findings(found)
    print_writers(found)
    print_costs(costs)


if __name__ == "__main__":
    main()
