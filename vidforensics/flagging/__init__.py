"""Flagging: features go in, score tracks, segments and coverage come out, one detector at a time, then fused.

`detectors()` lists every detector behind the one plug-in seam (`vidforensics.types.Detector`) and
`run_detectors()` runs them all over one clip's evidence. A detector that breaks costs its own answer,
never the clip: its coverage then says "not assessed" and why.
"""

from __future__ import annotations

import logging
from dataclasses import replace

from vidforensics import models
from vidforensics.flagging.coverage import not_assessed
from vidforensics.runtime import Progress, give_back_memory, no_progress
from vidforensics.types import Detection, Detector, Evidence

__all__ = ["detectors", "models_used", "run_detectors"]

_LOG = logging.getLogger(__name__)


def detectors() -> tuple[Detector, ...]:
    """Every detector, in the order they run and are reported, as a later one may use what an earlier found.

    Imported here so that listing costs nothing.
    """
    from vidforensics.flagging.audio_discontinuity import AudioDiscontinuityDetector
    from vidforensics.flagging.deletion import DeletionDetector
    from vidforensics.flagging.dub import DubDetector
    from vidforensics.flagging.duplication import DuplicationDetector
    from vidforensics.flagging.sound_coding import SoundCodingDetector
    from vidforensics.flagging.splice import SpliceDetector
    from vidforensics.flagging.stream_join import StreamJoinDetector

    return (
        StreamJoinDetector(),
        SpliceDetector(),
        DuplicationDetector(),
        DeletionDetector(),
        AudioDiscontinuityDetector(),
        SoundCodingDetector(),
        DubDetector(),
    )


def models_used() -> dict[str, str | None]:
    """SHA-256 of the trained weights in use, by name; None where they cannot be read."""
    from vidforensics.flagging import sync_model

    return {sync_model.NAME: models.trained_sha256(sync_model.NAME)}


def run_detectors(evidence: Evidence, progress: Progress = no_progress) -> tuple[Detection, ...]:
    """Run every detector over one clip, as `run_apart`, and bring together what they say of one stretch."""
    from vidforensics.flagging.fusion import fuse

    return fuse(run_apart(evidence, progress))


def run_apart(evidence: Evidence, progress: Progress = no_progress) -> tuple[Detection, ...]:
    """Run every detector over one clip, before what they say is brought together.

    Args:
        evidence: all that was extracted and measured.
        progress: called as ("flag", done, total) after each detector.

    Returns:
        One Detection per detector, in the order of `detectors()`.

    """
    found = detectors()
    answers: tuple[Detection, ...] = ()
    for done, detector in enumerate(found, start=1):
        answers += (_run_one(detector, replace(evidence, earlier=answers)),)
        give_back_memory()
        progress("flag", float(done), float(len(found)))
    return answers


def _run_one(detector: Detector, evidence: Evidence) -> Detection:
    try:
        return detector.detect(evidence)
    except MemoryError:  # the limit of the worker process: its parent names it
        raise
    except Exception as error:
        _LOG.exception("detector %s failed", detector.name)
        reason = f"internal error in the {detector.name} detector ({type(error).__name__})"
        return Detection(
            detector=detector.name, coverage=not_assessed(detector.name, evidence.duration_s, reason)
        )
