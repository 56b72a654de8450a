"""How often edited sound is found among references, and how often its relation is named rightly.

    python -m tests.benchmarks.sound_tracing --footage DIR --side test --seed 7 --every 8

References are all tracks of one side of the footage; every n-th of them gives the queries. Prints, for every
edit, the share found at the default odds, unrelated videos returned, and the relation per stretch and second.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tests.benchmarks.sound_tracing_material import (
    RATE_HZ,
    Query,
    Source,
    relation_queries,
    search_queries,
    sources,
    through_aac,
)
from vidforensics.features.audio_print import AudioPrintAccumulator
from vidforensics.features.audio_speeds import SpeedPrintAccumulator
from vidforensics.tracing.search_sound import search_sounds
from vidforensics.tracing.sound_relation import relate_sound
from vidforensics.tracing.store_tables import sound_table
from vidforensics.types import AudioBlock, AudioPrint, SoundTable

MARGIN_S = 2.5


def block(mono: np.ndarray) -> AudioBlock:
    return AudioBlock(0, 0.0, np.zeros((0, 1), np.float32), RATE_HZ, 0.0, mono)


def printed(mono: np.ndarray) -> tuple[AudioPrint, ...]:
    accumulator = AudioPrintAccumulator()
    accumulator.update(block(mono))
    return accumulator.finish()


def search(tracks: Sequence[Source], table: SoundTable, queries: Sequence[Query]) -> None:
    """Print recall, placement and unrelated videos returned."""
    names, groups = [t.name for t in tracks], [t.group for t in tracks]
    rows: dict[str, list[tuple[float, float, float, float]]] = defaultdict(list)
    unrelated: list[tuple[float, str, str, str]] = []
    pairs, started = 0, time.process_time()
    for query in queries:
        accumulator = SpeedPrintAccumulator()
        accumulator.update(block(query.mono))
        hits = search_sounds([table], accumulator.finish())
        own = names.index(query.source)
        error_s = hits.reference_s - query.start_s - query.speed * (hits.query_s - query.lead_s)
        right = (hits.video == own) & (np.abs(error_s) < 0.3)
        weight = float(hits.weight[right].sum())
        speed = float(np.median(hits.speed[right])) / query.speed - 1 if right.any() else np.nan
        off_s = float(np.median(np.abs(error_s[right]))) if right.any() else np.nan
        rows[query.kind].append((float(right.any()), weight, off_s, abs(speed)))
        near = {groups[names.index(name)] for name in (query.source, *query.laid)}
        pairs += sum(group not in near for group in groups)
        for video in np.unique(hits.video):
            if groups[video] not in near:
                odds = float(hits.weight[hits.video == video].sum())
                unrelated.append((odds, query.kind, query.source, names[video]))
    spent = (time.process_time() - started) / max(1, len(queries))
    print("| edit | queries | found | log10 odds, median | offset error, s | speed error, greatest |")
    for kind, found in rows.items():
        each = np.array(found)
        tail = f"{np.nanmedian(each[:, 2]):.3f} | {np.nanmax(each[:, 3]):.4f} |"
        print(f"| {kind} | {len(each)} | {each[:, 0].mean():.2f} | {np.median(each[:, 1]):.1f} | {tail}")
    print(f"all {np.mean([r[0] for found in rows.values() for r in found]):.3f}, CPU s per query {spent:.2f}")
    print(f"{len(unrelated)} unrelated of {pairs} pairs:", *sorted(unrelated, reverse=True)[:40], sep="\n  ")


def relate(references: dict[str, np.ndarray], queries: Sequence[Query]) -> None:
    """Print how many stretches and seconds are named rightly and how far their borders are off."""
    seconds: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
    stretches: dict[str, list[bool]] = defaultdict(list)
    borders: dict[str, list[float]] = defaultdict(list)
    started = time.process_time()
    for query in queries:
        low = max(0, round((query.start_s - MARGIN_S) * RATE_HZ))
        high = round((query.start_s + query.speed * len(query.mono) / RATE_HZ + MARGIN_S) * RATE_HZ)
        heard = references[query.source][low:high]
        found = relate_sound(query.mono, heard, query.start_s - low / RATE_HZ, query.speed)
        grid = np.arange(0.05, query.truth[-1][1], 0.1)
        said = np.array([next((f.relation for f in found if f.start_s <= t < f.end_s), "none") for t in grid])
        for start_s, end_s, relation in query.truth:
            inside = (grid >= start_s) & (grid < end_s)
            seconds[query.kind][0] += float((said[inside] == relation).sum())
            seconds[query.kind][1] += float(inside.sum())
            names, counts = np.unique(said[inside], return_counts=True)
            stretches[relation].append(bool(names[counts.argmax()] == relation))
        relation = query.truth[1][2]
        if relation != "same":
            cuts = [f.start_s for f in found[1:]]
            off = [min((abs(cut - time_s) for cut in cuts), default=9.0) for time_s in query.truth[1][:2]]
            borders[relation] += off
    spent = (time.process_time() - started) / sum(len(q.mono) / RATE_HZ for q in queries)
    print("| edit | seconds named rightly |")
    for kind, (right, every) in seconds.items():
        print(f"| {kind} | {right / every:.3f} |")
    for relation, each in stretches.items():
        off = np.array(borders.get(relation, [np.nan]))
        tail = f"border off {np.median(off):.3f} s, within 0.25 s {np.mean(off <= 0.25):.2f}"
        print(f"{relation}: {np.mean(each):.3f} of {len(each)} stretches, {tail}")
    every = [one for each in stretches.values() for one in each]
    print(f"stretches {np.mean(every):.3f} of {len(every)}, CPU s per s of query {spent:.4f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--footage", type=Path, required=True)
    parser.add_argument("--side", choices=("fit", "test"), default="test")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--every", type=int, default=8)
    given = parser.parse_args()
    tracks = list(sources(given.footage, given.side))
    references = {t.name: through_aac(t.mono, bit_rate="128k") for t in tracks}
    table = sound_table((k, printed(mono)) for k, mono in enumerate(references.values()))
    length_s = sum(len(mono) for mono in references.values()) / RATE_HZ
    print(f"{len(tracks)} references, {len(table.codes) / length_s:.1f} codes per second")
    some = tracks[:: given.every]
    search(tracks, table, list(search_queries(some, given.seed)))
    relate(references, list(relation_queries([t for t in some if t.seconds >= 10], given.seed)))


if __name__ == "__main__":
    main()
