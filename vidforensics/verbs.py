"""The verbs of the command line as library functions of the same names, with the same defaults.

Each examines one file in a worker process under limits, and puts results in place only when they are
complete: a case folder appears whole or not at all.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vidforensics.errors import (
    ReportError,
    ResourceLimitError,
    UsageError,
    WorkerCrashError,
)
from vidforensics.isolation import Limits, run_isolated
from vidforensics.placing import whole_or_nothing, write_new
from vidforensics.runtime import Progress, no_progress
from vidforensics.verbs_train import train

if TYPE_CHECKING:
    from vidforensics.reporting.verification import Verification
    from vidforensics.scanning import ScanSummary

__all__ = [
    "CaseFolder",
    "compare",
    "extract",
    "flag",
    "inspect",
    "scan",
    "trace",
    "train",
    "verify",
    "write_matches",
]

_CASES = "cases"


@dataclass(frozen=True, slots=True)
class CaseFolder:
    """Where `inspect` or `extract` put its results, and what to tell about them."""

    folder: Path
    headlines: tuple[str, ...] = ()
    flag_count: int = 0
    keyframe_count: int = 0
    sound_count: int = 0
    problems: tuple[str, ...] = ()


def inspect(
    clip: Path | str,
    *,
    index: Path | str | None = None,
    out: Path | str | None = None,
    options: Mapping[str, Any] | None = None,
    limits: Limits | None = None,
    progress: Progress = no_progress,
) -> CaseFolder:
    """Examine one suspect clip and write its case folder.

    Args:
        clip: the file; it is only ever read.
        index: folder of an index to look the clip up in; it is only read.
        out: the case folder, which must not exist yet; default `cases/NAME` below the current folder.
        options: fields of `pipeline.Options`.
        limits: time and memory the examination may use.
        progress: called with (stage, done, total).

    Returns:
        The folder, the most telling lines, and the number of flags.

    Raises:
        InputError, OutputError, UsageError: see `vidforensics.errors`.
    """
    chosen = dict(options or {})
    if index is not None:
        chosen["index"] = os.fspath(index)
    return _into_folder("inspect", Path(clip), out, chosen, limits, progress)


def extract(
    clip: Path | str,
    *,
    out: Path | str,
    options: Mapping[str, Any] | None = None,
    limits: Limits | None = None,
    progress: Progress = no_progress,
) -> CaseFolder:
    """Write keyframes with exact times, every sound track as WAV, and a manifest.

    Args and Raises as for `inspect`; `out` must not exist yet.
    """
    return _into_folder("extract", Path(clip), out, options, limits, progress)


def flag(
    clip: Path | str,
    *,
    every_candidate: bool = False,
    limits: Limits | None = None,
    progress: Progress = no_progress,
) -> dict[str, Any]:
    """Run the detectors alone and return the `vidforensics.flag/1` document; nothing is written.

    Args:
        clip: the file; it is only ever read.
        every_candidate: list segments below the published operating point too.
        limits: time and memory the examination may use.
        progress: called with (stage, done, total).
    """
    _refuse_standard_input(clip)
    arguments = {"path": os.fspath(clip), "every_candidate": every_candidate}
    return run_isolated("flag", arguments, limits=limits, progress=progress)


def trace(
    clip: Path | str,
    *,
    index: Path | str,
    limits: Limits | None = None,
    progress: Progress = no_progress,
) -> dict[str, Any]:
    """Find where a clip, or any piece of it, occurs in an index; return the `vidforensics.trace/1` document.

    Args:
        clip: the suspect; it is only ever read.
        index: folder of an index that `scan` made; it is only read.
        limits: time and memory the trace may use.
        progress: called with (stage, done, total).

    Raises:
        InputError, UsageError, IndexUnusableError: see `vidforensics.errors`.
    """
    _refuse_standard_input(clip)
    arguments = {"path": os.fspath(clip), "index": os.fspath(index)}
    try:
        return run_isolated("trace", arguments, limits=limits, progress=progress)
    except (WorkerCrashError, ResourceLimitError) as error:
        # it may have been an indexed video that broke the decoder: the index alone still tells where
        alone = {**arguments, "open_references": False}
        document = run_isolated("trace", alone, limits=limits, progress=progress)
        reason = f"the indexed videos were not opened, as that failed ({error})"
        whole = {"start_s": 0.0, "end_s": document["clip"]["duration_s"], "reason": reason}
        document["not_assessed"].append(whole)
        return document


def write_matches(
    documents: Sequence[Mapping[str, Any]], *, vsc: Path | str | None = None, vcsl: Path | str | None = None
) -> None:
    """Write what traces found for others' scorers: VSC's matching CSV, VCSL's JSON.

    Args:
        documents: of `trace`, one per clip.
        vsc: a new file for the CSV; None writes none.
        vcsl: the same for the JSON.

    Raises:
        UsageError, OutputError: a file exists, or cannot be written.
    """
    from vidforensics.tracing import interchange_segments

    stretches, pairs = interchange_segments.stretches_in(documents)
    if vsc is not None:
        write_new(Path(vsc), interchange_segments.to_vsc_csv(stretches))
    if vcsl is not None:
        write_new(Path(vcsl), interchange_segments.to_vcsl_json(stretches, pairs) + "\n")


def compare(
    suspect: Path | str,
    reference: Path | str,
    *,
    out: Path | str | None = None,
    limits: Limits | None = None,
    progress: Progress = no_progress,
) -> dict[str, Any]:
    """Hold a suspect against one reference; return its `vidforensics.trace/1` document with the edit list.

    Args:
        suspect: the clip in question; it is only ever read.
        reference: the clip it may have been made from; it is only ever read.
        out: a folder to make, which must not exist yet, for compare.html, compare.json, and the edit
            decision list as OpenTimelineIO, CMX3600 EDL and WebVTT; None writes nothing.
        limits: time and memory the comparison may use.
        progress: called with (stage, done, total).

    Raises:
        InputError, OutputError, UsageError: see `vidforensics.errors`.
    """
    _refuse_standard_input(suspect)
    _refuse_standard_input(reference)
    arguments = {"path": os.fspath(suspect), "reference": os.fspath(reference)}
    if out is None:
        return run_isolated("compare", arguments, limits=limits, progress=progress)
    with whole_or_nothing(Path(out)) as scratch:
        folders = {"folder": os.fspath(scratch), "out": os.fspath(out)}
        return run_isolated("compare", {**arguments, **folders}, limits=limits, progress=progress)


def scan(
    paths: Sequence[Path | str],
    *,
    index: Path | str,
    posts: Path | str | None = None,
    workers: int | None = None,
    retry_failed: bool = False,
    limits: Limits | None = None,
    progress: Progress = no_progress,
) -> ScanSummary:
    """Fingerprint every video under some paths into an index; goes on where an earlier scan ended.

    Args:
        paths: files and folders; they are only ever read.
        index: folder of the index, made if it is not there.
        posts: which account posted which file: a CSV or JSONL file, or a folder of yt-dlp .info.json files.
        workers: how many files at once; None for one per processor.
        retry_failed: try files again that failed before and have not changed.
        limits: time and memory per file.
        progress: called with rate and time left in words, files done, files in all.

    Raises:
        IndexUnusableError, OutputError, UsageError: see `vidforensics.errors`.
    """
    from vidforensics import scanning
    from vidforensics.tracing import Index

    for path in paths:
        _refuse_standard_input(path)
    known = scanning.read_posts(Path(posts)) if posts is not None else None
    options = scanning.ScanOptions(retry_failed=retry_failed)
    with Index.create_or_open(index, write=True) as opened:
        return scanning.scan(
            paths, opened, posts=known, workers=workers, options=options, limits=limits, progress=progress
        )


def verify(
    report: Path | str,
    *,
    clip: Path | str | None = None,
    limits: Limits | None = None,
    progress: Progress = no_progress,
) -> Verification:
    """Derive every finding of a report anew from the evidence, and say which hold.

    Matches in an index are not looked up again.

    Args:
        report: the report.json of a case folder.
        clip: the evidence, where it is no longer at the path that the report names.
        limits: time and memory the examination may use.
        progress: called with (stage, done, total).

    Raises:
        ReportError: the report cannot be read or names a clip that is not there.
    """
    from vidforensics import schema
    from vidforensics.reporting import verification

    report = Path(report)
    old = schema.load_report(report)
    evidence = _find_evidence(report, old, clip)
    case_problems = verification.case_problems(report, old) + _custody_problems(report)
    if verification.is_altered(old, evidence):
        return verification.altered(old, report=report, clip=evidence, case_problems=case_problems)
    with tempfile.TemporaryDirectory(prefix="vidforensics-") as scratch:
        # what an index holds changes with the next scan: its matches are no finding in the evidence
        options = {k: v for k, v in verification.parameters(old).items() if k != "index"}
        arguments = _arguments(evidence, Path(scratch), options)
        run_isolated("inspect", arguments, limits=limits, progress=progress)
        new = schema.load_report(Path(scratch) / "report.json")
    return verification.compare(old, new, report=report, clip=evidence, case_problems=case_problems)


def _custody_problems(report: Path) -> tuple[str, ...]:
    """What is wrong with the custody log beside a report, its seal on that report included."""
    from vidforensics.acquisition import check_custody

    return check_custody(report.parent / "custody.jsonl", sealed=report)


def _find_evidence(report: Path, document: Mapping[str, Any], clip: Path | str | None) -> Path:
    """The evidence file: as told, as the report names it, or beside the case folder."""
    named = Path(str(document.get("clip", {}).get("path", "")))
    places = (
        [Path(clip)]
        if clip is not None
        else [named, report.parent / named, report.parent.parent / named.name]
    )
    for place in places:
        if place.is_file():
            return place
    raise ReportError(f"{report}: its evidence {places[0]} is not there; say where it is with --clip.")


def _into_folder(
    verb: str,
    clip: Path,
    out: Path | str | None,
    options: Mapping[str, Any] | None,
    limits: Limits | None,
    progress: Progress,
) -> CaseFolder:
    _refuse_standard_input(clip)
    target = Path(out) if out is not None else _free_case_folder(clip)
    with whole_or_nothing(target) as scratch:
        arguments = _arguments(clip, scratch, options or {})
        answer = run_isolated(verb, arguments, limits=limits, progress=progress)
    return CaseFolder(
        folder=target,
        headlines=tuple(answer.get("headlines", ())),
        flag_count=int(answer.get("flag_count", 0)),
        keyframe_count=int(answer.get("keyframe_count", 0)),
        sound_count=int(answer.get("sound_count", 0)),
        problems=tuple(answer.get("problems", ())),
    )


def _arguments(clip: Path, folder: Path, options: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "path": os.fspath(clip),
        "folder": os.fspath(folder),
        "out": os.fspath(folder),
        "options": dict(options),
    }


def _refuse_standard_input(clip: Path | str) -> None:
    if os.fspath(clip) == "-":
        raise UsageError(
            "-: standard input cannot be examined, as evidence is read more than once; save it to a file."
        )


def _free_case_folder(clip: Path) -> Path:
    """`cases/NAME`, or `cases/NAME-2` and so on when that is taken."""
    stem = clip.stem or "clip"
    number = 1
    while True:
        candidate = Path(_CASES) / (stem if number == 1 else f"{stem}-{number}")
        if not os.path.lexists(candidate):
            return candidate
        number += 1
