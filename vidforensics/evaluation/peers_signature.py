"""ffmpeg's `signature` filter (MPEG-7 video signature) as a peer: two files at a time, so on a sample.

Source: ISO/IEC 15938-3; the filter's own words on stderr are its only result.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vidforensics.evaluation.edits import Query
from vidforensics.evaluation.ffmpeg import MakingFailed, as_text, run_ffmpeg
from vidforensics.evaluation.metrics import Pair
from vidforensics.evaluation.peers import PeerScores
from vidforensics.runtime import Progress, no_progress

_MATCH = re.compile(r"matching of video \d+ at [-0-9.]+ and \d+ at [-0-9.]+, (\d+) frames matching")
_PAIR_LIMIT_S = 60.0
# ffmpeg 9 now and then ends before the filter has compared: of 6 runs on a right pair, 2 said nothing.
_TRIES = 3


@dataclass(frozen=True, slots=True)
class SignatureSample:
    """Scores of the sampled pairs; `truth` names the queries whose right pair was among them."""

    rule: PeerScores
    truth: Mapping[str, str]
    pairs: int
    failures: tuple[str, ...]


def matched_frames(program: str, first: Path, second: Path, timeout_s: float = _PAIR_LIMIT_S) -> int:
    """Frames that the filter says match between two files; 0 for none.

    Raises:
        MakingFailed: the filter is missing, failed or took too long.
    """
    graph = "[0:v:0][1:v:0]signature=nb_inputs=2:detectmode=full"
    words = ["-i", as_text(first), "-i", as_text(second), "-filter_complex", graph, "-f", "null", "-"]
    for _ in range(_TRIES):
        frames = read_matches(run_ffmpeg(program, words, timeout_s, loglevel="info"))
        if frames:
            return frames
    return 0


def read_matches(text: str) -> int:
    """The largest count of matching frames in what the filter wrote; 0 for none."""
    return max((int(count) for count in _MATCH.findall(text)), default=0)


def run_signature(
    program: str,
    queries: Sequence[Query],
    references: Sequence[Path],
    pairs: int,
    seed: int,
    progress: Progress = no_progress,
) -> SignatureSample:
    """Compare a sample of pairs: half right ones, spread over the kinds of edits, half wrong ones.

    Args:
        program: from `ffmpeg_program`.
        queries: all of them.
        references: all of them.
        pairs: how many comparisons.
        seed: of the sample.
        progress: called as ("signature", done, total).
    """
    sample = sample_pairs(queries, references, pairs, seed)
    scores: dict[Pair, float] = {}
    failures = []
    for number, (query, reference) in enumerate(sample):
        progress("signature", number, len(sample))
        try:
            frames = matched_frames(program, query.path, reference)
        except MakingFailed as error:
            failures.append(f"{query.path.name} with {reference.name}: {error}")
            continue
        if frames:
            scores[query.path.name, reference.name] = float(frames)
    truth = {q.path.name: r.name for q, r in sample if q.reference is not None and q.reference == r}
    rule = PeerScores("ffmpeg signature, full detection", 1.0, scores, f"sample of {len(sample)} pairs")
    return SignatureSample(rule, truth, len(sample), tuple(failures))


def sample_pairs(
    queries: Sequence[Query], references: Sequence[Path], pairs: int, seed: int
) -> list[tuple[Query, Path]]:
    """Pairs to compare: right ones over all kinds in turn, then wrong ones with hard negatives first."""
    rng = np.random.default_rng([seed, 99])
    kinds: dict[str, list[Query]] = {}
    for query in queries:
        if query.reference is not None:
            kinds.setdefault(query.kind, []).append(query)
    shuffled = {k: [v[int(i)] for i in rng.permutation(len(v))] for k, v in kinds.items()}
    rounds = max((len(v) for v in shuffled.values()), default=0)
    right = [v[n] for n in range(rounds) for v in shuffled.values() if n < len(v)][: pairs // 2]
    sample = [(q, q.reference) for q in right if q.reference is not None]
    negatives = [q for q in queries if q.reference is None]
    hard = [(q, r) for q in negatives for r in references if q.kind != "unrelated" and q.kind in r.name]
    pool = [(q, r) for q in negatives for r in references if (q, r) not in hard]
    rest = max(0, pairs - len(sample))
    order = rng.permutation(len(pool))[: max(0, rest - len(hard))]
    return sample + hard[:rest] + [pool[int(i)] for i in order]
