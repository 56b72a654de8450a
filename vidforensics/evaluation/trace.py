"""`evaluate trace`: make edited re-uploads of any footage, trace them, and publish what was found.

The tracer is handed in, so that this file knows nothing of how tracing works: it sees the documents that
`trace --json` prints. Everything is made from one seed in a scratch folder.
"""

from __future__ import annotations

import hashlib
import resource
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from vidforensics.errors import InputError, UsageError, VidforensicsError
from vidforensics.evaluation import figures
from vidforensics.evaluation.edits import BenchmarkSet, Query
from vidforensics.evaluation.ffmpeg import ffmpeg_program, version
from vidforensics.evaluation.footage import Side, choose, read_footage
from vidforensics.evaluation.material import MakeOptions, make_set
from vidforensics.evaluation.peers import PeerRun, run_peers
from vidforensics.evaluation.peers_signature import SignatureSample, run_signature
from vidforensics.evaluation.recipes import KINDS
from vidforensics.evaluation.scoring import FoundMatch, read_document, score
from vidforensics.runtime import Progress, library_versions, no_progress

SCHEMA = "vidforensics.evaluate-trace/1"


@dataclass(frozen=True, slots=True)
class Tracer:
    """What is measured.

    index: called once as index(files, folder); puts the files into an index in that new folder. trace:
    called as trace(query, folder) for every query; returns the document of `trace --json`.
    """

    index: Callable[[Sequence[Path], Path], None]
    trace: Callable[[Path, Path], Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class EvaluateOptions:
    """What is made and compared.

    sources: how many clips are edited, at most one per scene or speaker. kinds: of edits, empty for all.
    side: of the split by scene; "all" takes both. peers: score the other tools too. signature_pairs:
    comparisons with ffmpeg's signature filter, which takes two files at a time; 0 for none.
    """

    seed: int = 1
    sources: int = 12
    kinds: tuple[str, ...] = ()
    side: Side = "test"
    peers: bool = True
    signature_pairs: int = 40
    make: MakeOptions = field(default_factory=MakeOptions)


def evaluate_trace(
    footage: Path,
    options: EvaluateOptions,
    tracer: Tracer,
    *,
    work: Path | None = None,
    keep: bool = False,
    progress: Progress = no_progress,
) -> dict[str, Any]:
    """Run the benchmark.

    Args:
        footage: folder of clips; a MANIFEST.csv with `speaker_or_scene_id` splits it by scene, else by file.
        options: what to make.
        tracer: what to measure.
        work: where the scratch folder is made; default the system's place for such.
        keep: leave the made clips there.
        progress: called with (stage, done, total).

    Returns:
        A `vidforensics.evaluate-trace/1` document of plain values.

    Raises:
        UsageError: no such folder, unknown kind, or too little footage.
        MissingModelError: there is no ffmpeg to make clips with.
    """
    unknown = sorted(set(options.kinds) - set(KINDS))
    if unknown:
        raise UsageError(f"There is no edit called {', '.join(unknown)}; there are {', '.join(KINDS)}.")
    program = ffmpeg_program()
    roles = choose(read_footage(footage, options.side), options.sources, options.seed)
    make = replace(options.make, seed=options.seed, kinds=options.kinds or KINDS)
    with _scratch(work, keep) as folder:
        made = make_set(folder, roles, make, program, progress)
        return measure(made, options, tracer, folder / "index", program, progress)


def measure(
    made: BenchmarkSet,
    options: EvaluateOptions,
    tracer: Tracer,
    index: Path,
    program: str,
    progress: Progress = no_progress,
) -> dict[str, Any]:
    """Trace a set that lies there, and score it.

    Args:
        made: from `make_set`, or from `truth.read_set` where one was kept.
        options: seed and side are told on, peers as for `evaluate_trace`.
        tracer: what to measure.
        index: a folder that does not exist yet.
        program: from `ffmpeg_program`.
        progress: called with (stage, done, total).

    Returns:
        As `evaluate_trace`.
    """
    run = _traced(made, tracer, index, progress)
    peers, signature = _peers(made, options, program, progress)
    scored = score(made.queries, run.found, {path.name for path in made.shared})
    return {
        "schema": SCHEMA,
        "seed": options.seed,
        "side": options.side,
        "sources": len({query.reference for query in made.queries} - {None}),
        "versions": library_versions() | {"ffmpeg": version(program)},
        **figures.document(made, scored, peers, signature),
        "cost": run.cost | ({"peers_cpu_s": dict(peers.cpu_s)} if peers else {}),
        "not_traced": run.failures,
    }


@contextmanager
def _scratch(work: Path | None, keep: bool) -> Iterator[Path]:
    if work is not None:
        work.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="evaluate-trace-", dir=work))
    try:
        yield folder
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class _Run:
    found: Mapping[str, Sequence[FoundMatch]]
    cost: dict[str, Any]
    failures: list[str]


def _traced(made: BenchmarkSet, tracer: Tracer, index: Path, progress: Progress) -> _Run:
    """Index the references, then trace every query."""
    names = {hashlib.sha256(p.read_bytes()).hexdigest(): p.name for p in made.references}
    start = _cpu_s()
    tracer.index(made.references, index)
    indexed = _cpu_s()
    found: dict[str, Sequence[FoundMatch]] = {}
    failures, walls = [], []
    for number, query in enumerate(made.queries):
        progress("trace", number, len(made.queries))
        began = time.perf_counter()
        try:
            found[query.path.name] = read_document(tracer.trace(query.path, index), names)
        except InputError as error:
            failures.append(f"{query.path.name}: {error}")
        walls.append(time.perf_counter() - began)
    cost = {
        "index_cpu_s": round(indexed - start, 3),
        "index_bytes": sum(p.stat().st_size for p in index.rglob("*") if p.is_file()),
        "reference_minutes": round(_minutes(made.references), 3),
        "trace_cpu_s": round(_cpu_s() - indexed, 3),
        "query_minutes": round(_minutes([q.path for q in made.queries]), 3),
        "trace_wall_median_s": round(sorted(walls)[len(walls) // 2], 3) if walls else None,
    }
    return _Run(found, cost, failures)


def _cpu_s() -> float:
    """CPU seconds of this process and of the children it has waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def _minutes(paths: Sequence[Path]) -> float:
    import av

    total = 0.0
    for path in paths:
        with av.open(str(path.resolve()), metadata_errors="replace") as container:
            total += float(container.duration or 0) / av.time_base
    return total / 60


def _peers(
    made: BenchmarkSet, options: EvaluateOptions, program: str, progress: Progress
) -> tuple[PeerRun | None, SignatureSample | None]:
    if not options.peers:
        return None, None
    queries: list[Query] = list(made.queries)
    run = run_peers([q.path for q in queries], made.references, progress)
    if not options.signature_pairs:
        return run, None
    try:
        sample = run_signature(
            program, queries, made.references, options.signature_pairs, options.seed, progress
        )
    except VidforensicsError:
        return run, None
    return run, sample
