"""Silence and digital silence: found where they tell something, nowhere else."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vidforensics.extraction.silence import SilenceAccumulator, silence_level_db
from vidforensics.types import AudioBlock, Span

RATE = 16000
RNG = np.random.default_rng(3)


def noise(seconds: float, level: float = 0.1) -> np.ndarray:
    return (level * RNG.standard_normal((round(seconds * RATE), 2))).astype(np.float32)


def spans_of(samples: np.ndarray, *, start_s: float = 0.0, pieces: int = 4) -> tuple[Span, ...]:
    accumulator, at = SilenceAccumulator(), 0
    for piece in np.array_split(samples, pieces):
        accumulator.update(AudioBlock(0, start_s + at / RATE, piece, RATE, 0.0, np.zeros(0, np.float32)))
        at += len(piece)
    return accumulator.finish()


def test_no_sound_gives_nothing() -> None:
    assert SilenceAccumulator().finish() == ()
    assert spans_of(np.zeros((0, 1), np.float32), pieces=1) == ()


def test_steady_sound_gives_nothing() -> None:
    assert spans_of(noise(3.0)) == ()


def test_silence_is_found_in_time_and_short_pauses_are_not() -> None:
    quiet = 1e-4
    track = np.concatenate([noise(1.0), noise(0.8, quiet), noise(1.0), noise(0.3, quiet), noise(1.0)])
    spans = spans_of(track, start_s=2.0)
    assert [s.kind for s in spans] == ["silence"]
    assert (spans[0].start_s, spans[0].end_s) == (
        pytest.approx(3.0, abs=0.011),
        pytest.approx(3.8, abs=0.011),
    )
    assert spans[0].track == 0


def test_a_lone_click_does_not_split_silence() -> None:
    gap = noise(1.0, 1e-4)
    gap[RATE // 2] = 0.5
    assert (
        len([s for s in spans_of(np.concatenate([noise(1.0), gap, noise(1.0)])) if s.kind == "silence"]) == 1
    )


def test_zeros_are_digital_silence() -> None:
    track = np.concatenate([noise(1.0), np.zeros((800, 2), np.float32), noise(1.0)])
    (span,) = spans_of(track)
    assert span.kind == "digital_silence"
    assert (span.start_s, span.end_s) == (pytest.approx(1.0, abs=0.011), pytest.approx(1.05, abs=0.011))


def test_dither_must_last_longer_than_zeros() -> None:
    step = (RNG.integers(-1, 2, (RATE, 2)) / 32768).astype(np.float32)
    kinds = [s.kind for s in spans_of(np.concatenate([noise(1.0), step[:800], noise(1.0)]))]
    assert kinds == []
    kinds = [s.kind for s in spans_of(np.concatenate([noise(1.0), step[:3200], noise(1.0)]))]
    assert kinds == ["digital_silence"]


def test_codec_priming_at_the_ends_is_left_out() -> None:
    edge = np.zeros((int(0.1 * RATE), 2), np.float32)
    assert spans_of(np.concatenate([edge, noise(2.0), edge])) == ()
    longer = np.zeros((int(0.4 * RATE), 2), np.float32)
    assert [s.kind for s in spans_of(np.concatenate([longer, noise(2.0)]))] == ["digital_silence"]


def test_a_silent_track_is_silent_throughout() -> None:
    spans = spans_of(np.zeros((2 * RATE, 1), np.float32))
    assert {(s.kind, s.start_s, s.end_s) for s in spans} == {
        ("silence", 0.0, 2.0),
        ("digital_silence", 0.0, 2.0),
    }


def test_gaps_in_the_timestamps_keep_times_true() -> None:
    accumulator = SilenceAccumulator()
    late = np.concatenate([noise(1.0), np.zeros((RATE, 2), np.float32), noise(0.5)])
    for start_s, samples in ((0.0, noise(1.0)), (10.0, late)):
        accumulator.update(AudioBlock(0, start_s, samples, RATE, 0.0, np.zeros(0, np.float32)))
    assert {round(s.start_s, 1) for s in accumulator.finish()} == {11.0}


def test_level_is_bounded() -> None:
    assert silence_level_db(np.full(100, 1.0, np.float32)) == -45.0
    assert silence_level_db(np.full(100, 0.1, np.float32)) == pytest.approx(-60.0)
    assert silence_level_db(np.zeros(100, np.float32)) == -70.0


@given(st.integers(1, 12), st.integers(0, 2**32 - 1))
@settings(max_examples=25, deadline=None)
def test_block_sizes_do_not_matter(pieces: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    levels = rng.choice([0.0, 1e-5, 0.1], 12)
    hops = np.repeat(levels, 1600)[:, None].astype(np.float32)
    track = hops * np.where(np.arange(len(hops)) % 2, 1, -1)[:, None].astype(np.float32)
    assert spans_of(track, pieces=pieces) == spans_of(track, pieces=1)
