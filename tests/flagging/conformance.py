"""Evidence built by hand, and the promises every detector must keep on it."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, field

import numpy as np

from vidforensics.types import (
    Bitstream,
    DecodeSummary,
    Detection,
    Evidence,
    Extraction,
    Features,
    FrameHashes,
    FrameSeries,
    PacketTable,
    Probe,
    Shot,
    SoundFile,
    SoundSeries,
    Stream,
)

LABELS = {"splice", "dub", "audio_splice", "deletion", "duplication", "stream_join"}


@dataclass(frozen=True)
class Given:
    """What a hand-made clip has."""

    times_s: tuple[float, ...] = ()
    values: dict = field(default_factory=dict)
    shots: tuple[Shot, ...] | None = None
    sounds: tuple[SoundSeries, ...] = ()
    sound_length_s: float = 0.0
    packet_sizes: tuple[int, ...] = ()
    duration_s: float | None = None


def packet_table(times_s, sizes):
    count = len(sizes)
    times = np.asarray(times_s[:count], dtype=np.float64)
    kinds = np.array(["I" if i % 12 == 0 else "P" for i in range(count)], dtype="<U1")
    return PacketTable(
        pts_s=times,
        dts_s=times,
        size_bytes=np.asarray(sizes, dtype=np.int64),
        is_key=kinds == "I",
        frame_type=kinds,
        qp=np.full(count, np.nan),
        offset_bytes=np.arange(count, dtype=np.int64) * 1000,
    )


def evidence_of(given: Given) -> Evidence:
    times = np.asarray(given.times_s, dtype=np.float64)
    end_s = float(times[-1]) if len(times) else 0.0
    streams = (Stream(0, "video", "h264"),) if len(times) else ()
    streams += (Stream(1, "audio", "aac"),) if given.sound_length_s else ()
    length = given.duration_s if given.duration_s is not None else max(end_s, given.sound_length_s)
    shots = given.shots if given.shots is not None else ((Shot(0.0, end_s, None),) if len(times) else ())
    sounds = (
        (SoundFile(0, 1, "audio.wav", 0.0, given.sound_length_s, 16000, 1),) if given.sound_length_s else ()
    )
    return Evidence(
        probe=Probe("mp4", length, 0.0, None, {}, streams),
        bitstream=Bitstream(
            stream_index=0 if len(times) else None,
            codec="h264" if len(times) else None,
            packets=packet_table(given.times_s, given.packet_sizes),
            gops=(),
            encoder_settings=(),
            parameter_sets=(),
            has_b_frames=False if len(times) else None,
            join_cues=(),
            findings=(),
        ),
        extraction=Extraction(
            decode=DecodeSummary(len(times), times, 320 if len(times) else None, 180, False, (), ()),
            shots=shots,
            keyframes=(),
            thumbnails=(),
            spans=(),
            borders=(),
            sounds=sounds,
        ),
        features=Features(
            frame_hashes=FrameHashes("pdq", np.zeros(0), np.zeros((0, 32), np.uint8), np.zeros(0, np.uint8)),
            audio_prints=(),
            frames=FrameSeries(times, given.values),
            sounds=given.sounds,
            sound_pictures=(),
        ),
    )


def check_promises(detection: Detection, name: str, label: str, duration_s: float) -> None:
    """Assert everything that holds for any detector's answer on any clip."""
    assert detection.detector == name
    assert label in LABELS
    rows = detection.coverage
    assert rows, "coverage covers every clip, if only with one empty row"
    assert rows[0].start_s == 0.0
    assert rows[-1].end_s == max(0.0, duration_s)
    assert all(a.end_s == b.start_s for a, b in itertools.pairwise(rows))
    assert all(r.detector == name for r in rows)
    assert all(r.assessed == (r.reason is None) for r in rows)
    for segment in detection.segments:
        assert segment.label == label
        assert segment.detector == name
        assert 0.0 <= segment.start_s <= segment.end_s <= duration_s + 1e-9
        assert 0.0 <= segment.score <= 1.0
        assert math.isfinite(segment.log10_lr)
        assert segment.basis.endswith(".")
        assert "nan" not in segment.basis.lower().split()
    for track in detection.tracks:
        assert track.detector == name
        assert len(track.times_s) == len(track.scores)
        assert np.isfinite(track.times_s).all()
        assert not np.isinf(track.scores).any()
        assert not math.isinf(track.threshold)  # NaN: it flags nothing by itself
        assert (np.diff(track.times_s) >= 0).all()


def same(a: Detection, b: Detection) -> bool:
    """Whether two answers are equal, arrays compared by value (NaN equals NaN)."""
    return (
        a.segments == b.segments
        and a.coverage == b.coverage
        and len(a.tracks) == len(b.tracks)
        and all(
            np.array_equal(x.scores, y.scores, equal_nan=True) and np.array_equal(x.times_s, y.times_s)
            for x, y in zip(a.tracks, b.tracks, strict=True)
        )
    )
