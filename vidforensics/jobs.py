"""What a worker process runs for a verb: plain arguments in, files and a plain JSON object out.

The stories themselves stand in `pipeline` and `pipeline_trace`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from vidforensics import __version__, acquisition, flagging, pipeline, schema
from vidforensics.runtime import Progress, provenance, utc_now
from vidforensics.types import Case, Clip, Detection, Evidence, Extraction


def inspect_job(arguments: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
    """`inspect`: write the whole case folder; return its headlines."""
    from vidforensics import reporting

    path, folder = Path(arguments["path"]), Path(arguments["folder"])
    case = pipeline.examine(path, folder, pipeline.Options.from_plain(arguments["options"]), progress)
    progress("write the report", 0.0, None)
    reporting.write_exports(case, folder)
    reporting.write_html(case, folder / "report.html", case_folder=folder)
    report = _seal(case, folder)
    return {
        "headlines": list(reporting.headlines(case)),
        "flag_count": len(report["flags"]),
        "problems": list(case.extraction.decode.problems),
    }


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
        clip, detections, extracted.shots, every_candidate=bool(arguments.get("every_candidate"))
    )
