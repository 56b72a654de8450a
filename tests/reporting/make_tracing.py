"""Traces and comparisons made by hand for the tests of the report: ordinary, empty, hostile, crowded."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from tests.reporting.make_case import HOSTILE, HOSTILE_PATH, SHA, jpeg, picture, provenance, sound_picture
from vidforensics.types import (
    Clip,
    Comparison,
    Edit,
    EditDecision,
    IndexedVideo,
    Match,
    NotTraced,
    PicturePair,
    Post,
    Trace,
    TraceSegment,
)

REFERENCE_SHA = "a" * 64
CLIP = Clip("evidence/interview.mp4", SHA, 42.0)
REFERENCE = Clip("archive/2023/a.mp4", REFERENCE_SHA, 95.0)
CROP = Edit("crop", (0.1, 0.1, 0.8, 0.8))
LOGO = Edit("overlay", (0.78, 0.05, 0.17, 0.12))
URL = "https://videos.example/watch?v=1&list=<2>"


def segment(start_s, end_s, there_s, *, speed=1.0, sound="same", edits=(), mirrored=False, modality="both"):
    there_end_s = there_s + (end_s - start_s) * speed
    return TraceSegment(
        start_s, end_s, there_s, there_end_s, 0.97, modality, speed, mirrored, tuple(edits), sound
    )


def post(day, account="alice", platform="Telegram", url=URL, text="Look at this!"):
    return Post(account, platform, f"2023-09-{day:02d}T10:00:00Z" if day else None, url, text)


def match(name, segments, posts=(), score=0.98, digit="b"):
    video = IndexedVideo(digit * 64, f"archive/2023/{name}", 95.0, 1280, 720, True, tuple(posts))
    return Match(video, score, tuple(segments))


def make_trace() -> Trace:
    """Three copies, posted by four accounts; the best with a replaced sound and a mirrored crop."""
    first = (
        segment(3.0, 9.5, 41.0, sound="replaced", edits=(CROP,), mirrored=True, modality="picture"),
        segment(9.5, 16.0, 47.5, edits=(CROP, LOGO)),
        segment(20.0, 26.0, 10.0, speed=1.25, sound="mixed", edits=(Edit("speed", None, {"speed": 1.25}),)),
        segment(27.0, 30.0, 0.0, sound="muted", modality="picture", edits=(Edit("letterbox"),)),
        segment(31.0, 33.5, 10.0, sound="shifted", edits=(Edit("loop"), Edit("reencode"))),
    )
    second = (segment(3.0, 9.5, 0.0, edits=(Edit("rotate", None, {"degrees": 5.0}),)),)
    third = (segment(34.0, 38.0, 12.0, modality="sound"),)
    posts = (post(1), post(3, "bob", "X"), post(9, "carol", "VK"))
    matches = (
        match("a.mp4", first, posts),
        match("b.webm", second, (post(5, "dave", "X", None, None), post(0, "erin", "TikTok")), 0.91, "c"),
        match("c.mkv", third, (), 0.83, "d"),
    )
    gaps = (NotTraced(0.0, 0.3, "black picture"), NotTraced(38.0, 42.0, "still picture, no sound"))
    return Trace(CLIP, matches, gaps)


def empty_trace() -> Trace:
    return Trace(CLIP, (), (NotTraced(0.0, 42.0, "black picture"),))


def single_trace() -> Trace:
    return Trace(CLIP, (match("one.mp4", (segment(0.0, 42.0, 5.0),)),), ())


def hostile_trace() -> Trace:
    """Names, accounts and posts that attack whoever reads them."""
    evil = f"{HOSTILE} \u202e\u2028 \udc80 \x1b[31m"
    bad = Post(evil, evil, evil, f"javascript:alert(1)//{evil}", evil, evil)
    later = replace(bad, posted_at="2023-09-01T10:00:00Z")
    video = IndexedVideo(REFERENCE_SHA, HOSTILE_PATH, None, None, None, False, (bad, later))
    edit = Edit("crop", (0.0, 0.0, 1.0, 1.0), {evil: 1.0, "area": 1.0})
    matches = (Match(video, float("nan"), (segment(1.0, 2.0, 3.0, edits=(edit,)),)),)
    return Trace(replace(CLIP, path=HOSTILE_PATH), matches, (NotTraced(0.0, 1.0, evil),))


def crowded_trace() -> Trace:
    """A hundred videos with 400 segments in the first, and 500 posts."""
    steps = tuple(
        segment(i * 0.1, i * 0.1 + 0.08, (i * 37) % 90, sound=("same", "replaced", "mixed")[i % 3])
        for i in range(400)
    )
    posts = tuple(post(i % 30 + 1, f"account{i % 40}", "X") for i in range(500))
    others = tuple(match(f"v{i}.mp4", steps[i : i + 1], (), 0.8, "e") for i in range(99))
    return Trace(CLIP, (match("many.mp4", steps, posts), *others), ())


def decision(start_s, end_s, there_s=None, *, speed=1.0, edits=(), sound="same", **detail) -> EditDecision:
    known = there_s is not None
    there_end_s = there_s + (end_s - start_s) * speed if known else None
    return EditDecision(start_s, end_s, known, there_s, there_end_s, tuple(edits), sound, detail)


MIRROR = Edit("mirror")


def decisions() -> tuple[EditDecision, ...]:
    return (
        decision(0.0, 3.0, sound="not_assessed"),
        decision(3.0, 9.5, 41.0, edits=(CROP, MIRROR), sound="replaced"),
        decision(9.5, 16.0, 47.5, edits=(CROP, LOGO)),
        decision(16.0, 20.0, edits=(Edit("insert"),), sound="not_assessed"),
        decision(20.0, 26.0, 10.0, speed=1.25, edits=(Edit("speed", None, {"speed": 1.25}),), sound="mixed"),
        decision(26.0, 27.0, sound="not_assessed"),
        decision(27.0, 30.0, 0.0, edits=(Edit("letterbox"), Edit("reorder")), sound="muted"),
        decision(30.0, 33.5, 10.0, edits=(Edit("loop"), Edit("reencode")), sound="shifted", lag_s=0.24),
        decision(33.5, 42.0, sound="absent"),
    )


def pair(query_s, reference_s, *, mirrored=False, difference=True) -> PicturePair:
    there = picture(reference_s, 320, 180)
    here = cv2.resize(there[18:162, 32:288], (320, 180))
    if mirrored:
        here = cv2.flip(here, 1)
    apart = np.clip(np.abs(np.mgrid[0:180, 0:320][1] - 260), 0, 60).astype(np.uint8) * 4
    heat = cv2.applyColorMap(255 - apart, cv2.COLORMAP_INFERNO)
    return PicturePair(query_s, reference_s, jpeg(here), jpeg(there), jpeg(heat) if difference else None)


def make_comparison() -> Comparison:
    """A suspect of nine stretches, five of them from the reference."""
    known = tuple(
        segment(d.start_s, d.end_s, d.reference_start_s or 0.0, edits=d.edits, sound=d.sound)
        for d in decisions()
        if d.reference
    )
    trace = Trace(CLIP, (match("a.mp4", known),), (NotTraced(0.0, 0.3, "black picture"),), decisions())
    pairs = tuple(
        pair(t, r, mirrored=t < 9.5, difference=t != 28.0)
        for t, r in ((3.5, 41.5), (6.0, 44.0), (9.0, 47.0), (10.0, 48.0), (13.0, 51.0), (15.5, 53.5),
                     (21.0, 11.25), (25.0, 16.25), (28.0, 1.0), (31.0, 11.0))
    )  # fmt: skip
    sounds = (sound_picture(42.0), sound_picture(95.0, 1))
    return Comparison(trace, REFERENCE, pairs, *sounds, provenance())


def empty_comparison() -> Comparison:
    """Nothing in common, no pictures, no sound, no durations."""
    clip, reference = replace(CLIP, duration_s=None), replace(REFERENCE, duration_s=None)
    return Comparison(Trace(clip, (), (), ()), reference, (), None, None, provenance())


def unrelated_comparison() -> Comparison:
    trace = Trace(CLIP, (), (), (decision(0.0, 42.0, sound="not_assessed"),))
    return replace(make_comparison(), trace=trace, pairs=())


def single_comparison() -> Comparison:
    trace = Trace(CLIP, (match("a.mp4", (segment(0.0, 42.0, 5.0),)),), (), (decision(0.0, 42.0, 5.0),))
    return replace(make_comparison(), trace=trace)


def hostile_comparison() -> Comparison:
    evil = f"{HOSTILE} \u202e\u2028 \udc80 \x1b[31m"
    row = decision(0.0, 42.0, 1.0, edits=(Edit("overlay", (-1.0, 0.5, 9.0, float("nan")), {evil: 2.0}),))
    trace = replace(hostile_trace(), decisions=(replace(row, detail={evil: evil}),))
    run = replace(provenance(), parameters={evil: evil})
    broken = PicturePair(1.0, 2.0, b"not a picture", b"", None)
    reference = replace(REFERENCE, path=HOSTILE_PATH)
    return replace(make_comparison(), trace=trace, reference=reference, pairs=(broken,), provenance=run)


def crowded_comparison() -> Comparison:
    """Four hundred stretches, every other one of unknown source, and as many pairs of pictures."""
    rows = tuple(
        decision(i * 0.1, i * 0.1 + 0.1, (i * 37) % 90 if i % 2 else None, edits=(CROP,) if i % 2 else ())
        for i in range(400)
    )
    base = make_comparison()
    pairs = tuple(replace(base.pairs[i % 10], query_s=i * 0.1, reference_s=i * 0.2) for i in range(400))
    return replace(base, trace=replace(crowded_trace(), decisions=rows), pairs=pairs)
