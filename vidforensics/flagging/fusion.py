"""Bring together what detectors of different kinds say of one stretch.

The answers of all detectors go in and come out; a segment that another kind of evidence supports carries the
likelihood ratio of both. A voice laid over a speaker shows twice, by different means: the mouth does not
follow it, and it sounds unlike what surrounds it. Their ratios multiply as if they were independent, which
they are not where somebody off camera speaks while a listener's mouth moves (docs/flagging.md). What the two
reach together is listed where either alone would have had to reach as much. Evidence never takes another's
away: a dub made in the same room by the same person's voice leaves the sound alone.
Source: product of likelihood ratios of independent evidence, Aitken & Taroni, Statistics and the evaluation
of evidence for forensic scientists (2004).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from vidforensics.types import Detection, Segment

SUPPORT = {"sync": "audio_discontinuity", "audio_discontinuity": "sync"}
"""Which other detector's evidence speaks for a detector's. Joined streams and breaks in an earlier coding are
not among them: pieces of one recording are joined as well as pieces of two."""

LEAST_SHARED = 0.5
"""Of the shorter of two segments, so much must lie in the other."""

_SAID = {
    "sync": " The mouth on camera does not follow this voice either (log10 likelihood ratio {likely:.1f}).",
    "audio_discontinuity": " Its sound also differs from what surrounds it "
    "(log10 likelihood ratio {likely:.1f}).",
}


def fuse(answers: Sequence[Detection]) -> tuple[Detection, ...]:
    """Every answer with its segments supported by those of other kinds.

    Args:
        answers: of all detectors of one clip.

    Returns:
        As many, in the same order; those that nothing supports are unchanged.
    """
    found = [segment for answer in answers for segment in answer.segments]
    return tuple(
        replace(answer, segments=tuple(_supported(s, answer, found) for s in answer.segments))
        for answer in answers
    )


def _supported(segment: Segment, answer: Detection, found: Sequence[Segment]) -> Segment:
    others = [f for f in found if f.detector == SUPPORT.get(segment.detector) and _share_time(segment, f)]
    best = max(others, key=lambda f: f.log10_lr, default=None)
    if best is None or best.log10_lr <= 0.0 or segment.log10_lr <= 0.0:
        return segment
    log10_lr = segment.log10_lr + best.log10_lr
    reaches = answer.listed_from_log10_lr is not None and log10_lr >= answer.listed_from_log10_lr
    return replace(
        segment,
        log10_lr=log10_lr,
        score=1.0 / (1.0 + 10.0**-log10_lr),
        basis=segment.basis + _SAID[best.detector].format(likely=best.log10_lr),
        listed=segment.listed or reaches,
    )


def _share_time(a: Segment, b: Segment) -> bool:
    shared_s = min(a.end_s, b.end_s) - max(a.start_s, b.start_s)
    return shared_s > 0.0 and shared_s >= LEAST_SHARED * min(a.end_s - a.start_s, b.end_s - b.start_s)
