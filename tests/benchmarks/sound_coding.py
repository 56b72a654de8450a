"""Measure the detector of breaks in an earlier AAC coding, and fit its calibration.

`python -m tests.benchmarks.sound_coding --footage DIR --seed 9` takes tracks of the footage that are AAC, as
somebody's phone or platform made them, shifts each as trimming does, cuts words out, puts speech of others in
or over it, codes the result as AAC again at four bit rates, and examines it, and every track of the footage
as it is. Figures are of both sides of the split by speaker or scene; `--write` fits the calibration
on the fit side.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np

from tests.benchmarks.audio_discontinuity_material import (
    Source,
    coded_as,
    decoded,
    picture_cuts_s,
    resampled,
    rows,
)
from tests.benchmarks.intervals import rate, wilson
from tests.benchmarks.splice_fit import line_through
from vidforensics import acquisition, extraction
from vidforensics.aac_frames import FRAME
from vidforensics.errors import InputError
from vidforensics.evaluation.footage import side_of
from vidforensics.features import CodingGridAccumulator
from vidforensics.flagging.sound_coding import THRESHOLD, breaks
from vidforensics.types import AudioBlock, CodingGrids

CALIBRATION = Path(__file__).parents[2] / "vidforensics" / "flagging" / "calibration.json"
COMMAND = "python -m tests.benchmarks.sound_coding --footage DIR --seed {seed} --write"
KINDS = ("shifted", "cut", "cut on frames", "insert", "replace")
VIDEO_HZ = 25
BIT_RATES = (192_000, 128_000, 96_000, 64_000)
LEAST_S, MOST_S = 8.0, 30.0
PER_GROUP = 2
NEAR_S = 0.3
BLOCK = 48 * FRAME


@dataclass(frozen=True)
class Examined:
    """One track: what was done to it, where, and the breaks that were found as (start, end, strength)."""

    name: str
    group: str
    kind: str
    bit_rate: int
    seconds: float
    shown_s: float
    joins: tuple[float, ...]
    found: tuple[tuple[float, float, float], ...]

    def wrong(self) -> list[float]:
        """Strengths of breaks that lie at no join."""
        return [s for a, b, s in self.found if not any(a - NEAR_S <= t <= b + NEAR_S for t in self.joins)]

    def best(self) -> float:
        """Strength of the surest break at a join; 0 for none."""
        right = [s for a, b, s in self.found if any(a - NEAR_S <= t <= b + NEAR_S for t in self.joins)]
        return max(right, default=0.0)


def hosts_of(footage: Path) -> list[Source]:
    """Tracks that were AAC when they came, at most two of a speaker or scene."""
    found, count = [], defaultdict(int)
    for row in rows(footage):
        group = row["speaker_or_scene_id"]
        is_host = row["acodec"] == "aac" and row["kind"] in ("talking", "scenes", "generated")
        if not is_host or float(row["duration_s"]) < LEAST_S or count[group] >= PER_GROUP:
            continue
        rate, samples, _ = decoded(footage / row["file"])
        if len(samples) >= LEAST_S * rate:
            count[group] += 1
            found.append(Source(row["file"], "", group, "", rate, samples[: int(MOST_S * rate)]))
    return found


def donors_of(footage: Path) -> list[Source]:
    found = []
    for row in rows(footage):
        if row["kind"] in ("talking", "speech") and float(row["duration_s"]) >= 4.5:
            rate, samples, _ = decoded(footage / row["file"])
            found.append(Source(row["file"], "", row["speaker_or_scene_id"], "", rate, samples[: 30 * rate]))
    return found


def edited(
    host: Source, donors: list[Source], kind: str, rng: np.random.Generator
) -> tuple[np.ndarray, tuple[float, ...]]:
    """The host from a random sample of its first frame on, edited; and its joins, s."""
    rate, step = host.rate, round(host.rate / VIDEO_HZ)
    on_frames = kind == "cut on frames"
    samples = host.samples[step * int(rng.integers(1, 12)) if on_frames else int(rng.integers(1, FRAME)) :]
    at = int(len(samples) * rng.uniform(0.25, 0.6))
    if kind == "shifted":
        return samples, ()
    if on_frames:
        at -= at % step
        to = at + step * int(rng.integers(18, 63))
        return np.concatenate([samples[:at], samples[to:]]), (at / rate,)
    if kind == "cut":
        to = min(len(samples) - 2 * rate, at + int(rate * rng.uniform(0.7, 2.5)))
        return np.concatenate([samples[:at], samples[max(at, to) :]]), (at / rate,)
    others = [d for d in donors if d.group != host.group]
    donor = others[int(rng.integers(len(others)))]
    length = int(donor.rate * rng.uniform(1.5, 4.0))
    start = int(rng.integers(0, len(donor.samples) - length))
    piece = resampled(donor.samples[start : start + length], donor.rate, rate)
    if piece.shape[1] != samples.shape[1]:
        piece = np.repeat(piece.mean(axis=1, keepdims=True), samples.shape[1], axis=1)
    behind = samples[at if kind == "insert" else at + len(piece) :]
    return np.concatenate([samples[:at], piece, behind]), (at / rate, (at + len(piece)) / rate)


def grids_of(samples: np.ndarray, rate: int) -> CodingGrids | None:
    looker, nothing = CodingGridAccumulator("aac"), np.zeros(0, np.float32)
    for a in range(0, len(samples), BLOCK):
        part = np.ascontiguousarray(samples[a : a + BLOCK], np.float32)
        looker.update(AudioBlock(0, a / rate, part, rate, a / rate, nothing))
    return looker.finish()


def grids_of_file(path: Path) -> CodingGrids | None:
    probe = acquisition.probe(path)
    stream = probe.first("audio")
    looker = CodingGridAccumulator(stream.codec if stream else None)
    with extraction.Decoder(path, probe, extraction.DecodeOptions(picture=False)) as decoder:
        for block in decoder:
            if isinstance(block, AudioBlock):
                looker.update(block)
    return looker.finish()


def shown_s(grids: CodingGrids | None) -> float:
    return 0.0 if grids is None else sum(run.last - run.first for run in grids.runs) * grids.frame_s


def breaks_in(grids: CodingGrids | None) -> tuple[tuple[float, float, float], ...]:
    return () if grids is None else tuple((b.start_s, b.end_s, b.strength) for b in breaks(grids, 0.0))


def made(footage: Path, seed: int, most: int) -> Iterator[Examined]:
    rng = np.random.default_rng(seed)
    hosts, donors = hosts_of(footage), donors_of(footage)
    for host in [hosts[i] for i in rng.permutation(len(hosts))[:most]]:
        mates = [d for d in donors if side_of(d.group) == side_of(host.group)]
        for kind in KINDS:
            samples, joins = edited(host, mates, kind, rng)
            for bit_rate in BIT_RATES:
                _, back = coded_as(samples, host.rate, "aac", "mp4", bit_rate)
                grids, seconds = grids_of(back, host.rate), len(back) / host.rate
                where = host.name, host.group, kind, bit_rate
                yield Examined(*where, seconds, shown_s(grids), joins, breaks_in(grids))


def untouched(footage: Path) -> Iterator[Examined]:
    for row in rows(footage):
        try:
            grids = grids_of_file(footage / row["file"])
        except (InputError, av.error.FFmpegError):
            continue
        cuts_s = picture_cuts_s(footage / row["file"]) if row["width"] else ()
        seconds = float(row["duration_s"])
        found = tuple(
            b for b in breaks_in(grids) if not any(b[0] - NEAR_S <= t <= b[1] + NEAR_S for t in cuts_s)
        )
        yield Examined(
            row["file"], row["speaker_or_scene_id"], "untouched", 0, seconds, shown_s(grids), (), found
        )


def table(items: list[Examined], threshold: float) -> list[str]:
    lines = ["| AAC again at | kind | a grid shows in | found | false flags |", "|---|---|---:|---:|---:|"]
    for bit_rate in (*BIT_RATES, 0):
        for kind in (*KINDS, "untouched"):
            some = [i for i in items if i.kind == kind and i.bit_rate == bit_rate]
            if not some:
                continue
            seconds = sum(i.seconds for i in some)
            share = sum(i.shown_s for i in some) / seconds
            wrong = rate(sum(s >= threshold for i in some for s in i.wrong()), seconds)
            hit = sum(i.best() >= threshold for i in some)
            found = wilson(hit, len(some)) if some[0].joins else "–"
            name = f"{bit_rate // 1000} kb/s" if bit_rate else "as they are"
            lines.append(f"| {name} | {kind} | {share:.0%} | {found} | {wrong} |")
    return lines


def calibration(items: list[Examined], seed: int) -> dict[str, float | int | str]:
    """The line from strengths to log10 likelihood ratios: tracks with a join against tracks without one.

    A track counts with the surest break at a join, or anywhere where it has none, and with 0 where there is
    no break at all. What bounds the ratio is how many speakers and scenes there are, as a host makes several
    tracks.
    """
    right = [i for i in items if i.joins]
    wrong = [i for i in items if not i.joins]
    values = np.array([*(i.best() for i in right), *(max(i.wrong(), default=0.0) for i in wrong)])
    truth = np.arange(len(values)) < len(right)
    return line_through(values, truth) | {
        "negatives": len({i.group for i in wrong}),
        "positives": len({i.group for i in right}),
        "prior": 0.5,
        "source": COMMAND.format(seed=seed),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--footage", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=9)
    parser.add_argument("--most", type=int, default=10**6, help="hosts")
    parser.add_argument("--kept", type=Path, help="where what was found is kept, as JSON, or read from")
    parser.add_argument("--threshold", type=float, default=THRESHOLD)
    parser.add_argument("--write", action="store_true", help="fit the calibration on the fit side")
    args = parser.parse_args()
    if args.kept and args.kept.is_file():
        plain = json.loads(args.kept.read_text())
        items = [Examined(**{**p, "joins": tuple(p["joins"]), "found": tuple(p["found"])}) for p in plain]
    else:
        items = [*untouched(args.footage), *made(args.footage, args.seed, args.most)]
        if args.kept:
            args.kept.write_text(json.dumps([vars(i) for i in items]))
    for side in ("fit", "test"):
        some = [i for i in items if side_of(i.group) == side]
        wrong = sorted(((s, i.kind, i.bit_rate, i.name) for i in some for s in i.wrong()), reverse=True)
        print(f"\n{side} side, {len({i.group for i in some if i.kind != 'untouched'})} speakers and scenes\n")
        print("\n".join(table(some, args.threshold)))
        print("\nhighest elsewhere:", *(f"{s:.1f} {k} {b} {n}" for s, k, b, n in wrong[:14]), sep="\n  ")
    if args.write:
        entries = json.loads(CALIBRATION.read_text("utf-8"))
        entries["sound_coding"] = calibration([i for i in items if side_of(i.group) == "fit"], args.seed)
        CALIBRATION.write_text(json.dumps(dict(sorted(entries.items())), indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
