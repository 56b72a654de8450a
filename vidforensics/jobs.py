"""What a worker process runs for a verb: plain arguments in, files and a plain JSON object out.

The stories themselves stand in `pipeline`, `pipeline_trace` and `pipeline_compare`.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vidforensics import __version__, acquisition, flagging, pipeline, schema
from vidforensics.runtime import Progress, provenance, utc_now
from vidforensics.types import (
    Case,
    Clip,
    Comparison,
    Detection,
    Evidence,
    Extraction,
    Match,
    Modality,
    RunProvenance,
    SoundRelation,
    Trace,
    TraceSegment,
)

if TYPE_CHECKING:
    from vidforensics.pipeline_compare import Compared
    from vidforensics.tracing import Index


def inspect_job(arguments: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
    """`inspect`: write the whole case folder; return its headlines."""
    from vidforensics import reporting

    path, folder = Path(arguments["path"]), Path(arguments["folder"])
    options = pipeline.Options.from_plain(arguments["options"])
    if options.index is not None:
        case = _traced_case(path, folder, options, progress)
    else:
        case = pipeline.examine(path, folder, options, progress)
    progress("write the report", 0.0, None)
    reporting.write_exports(case, folder)
    _write_frame_hashes(case, folder / "exports")
    reporting.write_html(case, folder / "report.html", case_folder=folder)
    report = _seal(case, folder)
    return {
        "headlines": list(reporting.headlines(case)),
        "flag_count": len(report["flags"]),
        "problems": list(case.extraction.decode.problems),
    }


def _write_frame_hashes(case: Case, folder: Path) -> None:
    """The frames' PDQ hashes as ThreatExchange's vPDQ writes them: text, and a signal in JSON."""
    from vidforensics.tracing import interchange

    hashes = case.features.frame_hashes
    frames = np.searchsorted(np.sort(case.features.frames.times_s), hashes.times_s)
    text = interchange.to_vpdq_text(hashes, frames.tolist())
    (folder / "hashes.vpdq.txt").write_text(text, encoding="ascii")
    (folder / "hashes.vpdq.json").write_text(interchange.to_vpdq_json(hashes) + "\n", encoding="ascii")


def _traced_case(path: Path, folder: Path, options: pipeline.Options, progress: Progress) -> Case:
    """A case that also says where the clip occurs in an index; the clip is decoded once for both."""
    from vidforensics import pipeline_query, pipeline_trace, tracing

    assert options.index is not None
    with tracing.Index.create_or_open(options.index) as index, tempfile.TemporaryFile() as planes:
        reader = pipeline_query.QueryReader(planes)
        riders = pipeline.Riders((reader.frames,), (reader.sounds,))
        case = pipeline.examine(path, folder, options, progress, riders)
        cuts_s = [shot.end_s for shot in case.extraction.shots[:-1]]
        query = reader.query(path, case.clip, case.probe, case.features.frames, cuts_s)
        found = pipeline_trace.trace(query, index, pipeline_query.TraceOptions(), progress)
        found, videos = _with_itself(found, index), len(index)
    log = acquisition.CustodyLog.reopen(folder / "custody.jsonl", version=__version__)
    log.record(
        "looked up in index",
        str(path),
        {"index": options.index, "videos": videos, "matches": len(found.matches)},
    )
    made = replace(case.provenance, finished_at=utc_now())
    return replace(case, trace=found, custody=log.entries, provenance=made)


def _seal(case: Case, folder: Path) -> schema.Document:
    """Write report.json over the hashes of everything else, and its own hash into the custody log."""
    log = acquisition.CustodyLog.reopen(folder / "custody.jsonl", version=__version__)
    files = _file_hashes(folder, leave_out={"custody.jsonl"})
    report = schema.report_document(case, files)
    target = folder / "report.json"
    target.write_text(schema.dumps(report, indent=1) + "\n", encoding="ascii")
    log.record("wrote report", "report.json", {"sha256": _sha256(target)})
    return report


def _file_hashes(folder: Path, leave_out: set[str]) -> dict[str, str]:
    """SHA-256 of every file of a case folder by relative path."""
    found = {p.relative_to(folder).as_posix(): p for p in sorted(folder.rglob("*")) if p.is_file()}
    return {name: _sha256(p) for name, p in found.items() if name not in leave_out}


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def extract_job(arguments: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
    """`extract`: keyframes and sound with a manifest; no judgement."""
    path, folder = Path(arguments["path"]), Path(arguments["folder"])
    options = pipeline.Options.from_plain(arguments["options"])
    started_at = utc_now()
    log = acquisition.CustodyLog(folder / "custody.jsonl", version=__version__)
    digest, probe = acquisition.digest_file(path, progress), acquisition.probe(path)
    log.record("read evidence", str(path), {**asdict(digest), "parameters": asdict(options)})
    extracted = pipeline.extract_only(path, probe, folder, options, progress)
    if options.blocks:
        pipeline.write_blocks(path, probe, folder, options)
    pipeline.check_untouched(path, digest)
    clip = pipeline.clip_of(path, digest, extracted.duration_s(probe))
    manifest = _manifest(clip, extracted, _file_hashes(folder, {"custody.jsonl"}))
    manifest["provenance"] = schema.plain(
        provenance(
            version=__version__,
            started_at=started_at,
            parameters=asdict(options),
            models={},
            seconds_by_stage={},
        )
    )
    target = folder / "manifest.json"
    target.write_text(schema.dumps(manifest, indent=1) + "\n", encoding="ascii")
    log.record("wrote manifest", target.name, {"sha256": _sha256(target)})
    return {
        "keyframe_count": len(extracted.keyframes),
        "sound_count": len(extracted.sounds),
        "problems": list(extracted.decode.problems),
    }


def _manifest(clip: Clip, extracted: Extraction, files: Mapping[str, str]) -> schema.Document:
    return {
        "schema": schema.EXTRACT_SCHEMA,
        "clip": schema.plain(clip),
        "keyframes": schema.plain(extracted.keyframes),
        "sounds": schema.plain(extracted.sounds),
        "shots": [schema.shot_row(shot) for shot in extracted.shots],
        "spans": schema.plain(extracted.spans),
        "borders": schema.plain(extracted.borders),
        "problems": list(extracted.decode.problems),
        "files": dict(files),
    }


def flag_job(arguments: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
    """`flag`: the detectors alone; nothing is written."""
    path = Path(arguments["path"])
    digest, probe = acquisition.digest_file(path, progress), acquisition.probe(path)
    bitstream = acquisition.read_bitstream(path, probe)
    extracted, measured = pipeline.extract_and_measure(path, probe, None, pipeline.Options(), progress)
    evidence = Evidence(probe, bitstream, extracted, measured)
    detections: tuple[Detection, ...] = flagging.run_detectors(evidence, progress)
    clip = pipeline.clip_of(path, digest, evidence.duration_s)
    return schema.flag_document(
        clip,
        detections,
        extracted.shots,
        every_candidate=bool(arguments.get("every_candidate")),
        mark_listed=bool(arguments.get("mark_listed")),
    )


def faces_job(arguments: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
    """What `train` keeps of a file, written to `out`: stretches of face, and the sound."""
    from vidforensics.flagging import sync_files

    path = Path(arguments["path"])
    probe = acquisition.probe(path)
    talking = pipeline.follow_faces(path, probe, progress)
    measured = sync_files.measured_of(talking.faces.tracks, talking.sounds, talking.speech)
    sync_files.write_measured(Path(arguments["out"]), measured)
    return {"faces": len(talking.faces.tracks)}


def small_pictures_job(arguments: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
    """What `train` keeps of the pictures of a file, or of every file of a folder, written to `out`."""
    from vidforensics.features import gap_files

    path, out = Path(arguments["path"]), Path(arguments["out"])
    clips = sorted(path.iterdir()) if path.is_dir() else [path]
    counts = {}
    for clip in clips:
        pictures = pipeline.small_pictures(clip, acquisition.probe(clip), progress)
        gap_files.write_pictures(out / f"{clip.stem}.npz", pictures)
        counts[clip.stem] = len(pictures.levels)
    return {"frames": counts}


def fingerprint_job(arguments: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
    """What `scan` keeps of a file, written to `out`."""
    from vidforensics import pipeline_trace, tracing

    found = pipeline_trace.fingerprint(Path(arguments["path"]), progress)
    size_bytes = tracing.write_fingerprint(Path(arguments["out"]), found)
    return {"sha256": found.video.sha256, "size_bytes": size_bytes, "problems": list(found.problems)}


def trace_job(arguments: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
    """`trace`: one clip against an index; nothing is written."""
    from vidforensics import pipeline_query, pipeline_trace, tracing

    path = Path(arguments["path"])
    options = pipeline_query.TraceOptions(open_references=bool(arguments.get("open_references", True)))
    with tracing.Index.create_or_open(arguments["index"]) as index, tempfile.TemporaryFile() as planes:
        query = pipeline_query.read_query(path, planes, progress)
        found = pipeline_trace.trace(query, index, options, progress)
        return schema.trace_document(_with_itself(found, index))


def _with_itself(found: Trace, index: Index) -> Trace:
    """A trace with the clip's own bytes as the first match, where they are indexed: they may have posts."""
    number = index.has(found.clip.sha256)
    if number is None:
        return found
    video, end_s = index.video(number), found.clip.duration_s or 0.0
    seen, heard = video.width_px is not None, video.has_sound
    modality: Modality = "both" if seen and heard else "picture" if seen else "sound"
    sound: SoundRelation = "same" if heard else "absent"
    whole = TraceSegment(0.0, end_s, 0.0, end_s, 1.0, modality, 1.0, False, (), sound)
    return replace(found, matches=(Match(video, 1.0, (whole,)), *found.matches))


def compare_job(arguments: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
    """`compare`: two files; the page and the exports are written into `folder` where one is given."""
    from vidforensics import pipeline_compare, pipeline_query

    started_at, folder = utc_now(), arguments.get("folder")
    options = pipeline_query.TraceOptions()
    suspect, reference = Path(arguments["path"]), Path(arguments["reference"])
    found = pipeline_compare.compare(suspect, reference, options, progress, pictures=folder is not None)
    document = schema.trace_document(found.trace)
    if folder is not None:
        made = provenance(
            version=__version__,
            started_at=started_at,
            parameters=asdict(options),
            models={},
            seconds_by_stage={},
        )
        _write_comparison(Path(folder), document, found, made, _constant_rate(suspect))
    return document


def _constant_rate(path: Path) -> Fraction | None:
    """Frames per second of a file's picture; None where it varies or nothing tells it."""
    stream = acquisition.probe(path).first("video")
    if stream is None or not stream.frame_rate or stream.frame_rate != stream.average_frame_rate:
        return None
    return Fraction(stream.frame_rate)


def _write_comparison(
    folder: Path, document: schema.Document, found: Compared, made: RunProvenance, rate: Fraction | None
) -> None:
    from vidforensics import reporting
    from vidforensics.reporting.exports_trace import write_trace_exports

    comparison = Comparison(
        trace=found.trace,
        reference=found.reference,
        pairs=found.pairs,
        query_sound=found.query_sound,
        reference_sound=found.reference_sound,
        provenance=made,
    )
    reporting.write_comparison(comparison, folder / "compare.html")
    write_trace_exports(found.trace, folder, rate)
    text = schema.dumps({**document, "provenance": schema.plain(made)}, indent=1)
    (folder / "compare.json").write_text(text + "\n", encoding="ascii")
