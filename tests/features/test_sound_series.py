"""Series per hop: known sounds give known numbers, whatever the block sizes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vidforensics.features.sound_series import (
    BANDS,
    HOP_S,
    MEL_BANDS,
    SoundSeriesAccumulator,
    band_edges_hz,
    levels_db,
)
from vidforensics.features.sound_series_framing import Framer, Framing, band_matrix, finite, mel_edges_hz
from vidforensics.types import AudioBlock, SoundSeries

NOTHING = np.zeros(0, np.float32)


def tone(hz: float, seconds: float = 1.0, *, rate_hz: int = 48000, level: float = 0.5) -> np.ndarray:
    times = np.arange(round(seconds * rate_hz)) / rate_hz
    return (level * np.sin(2 * np.pi * hz * times))[:, None].astype(np.float32)


def series(
    samples: np.ndarray, *, rate_hz: int = 48000, start_s: float = 0.0, pieces: int = 1
) -> tuple[SoundSeries, ...]:
    accumulator, at = SoundSeriesAccumulator(), 0
    for piece in np.array_split(samples, pieces):
        accumulator.update(AudioBlock(0, start_s + at / rate_hz, piece, rate_hz, start_s, NOTHING))
        at += len(piece)
    return accumulator.finish()


def test_no_sound_gives_nothing() -> None:
    assert SoundSeriesAccumulator().finish() == ()
    assert series(np.zeros((0, 2), np.float32)) == ()
    assert series(tone(440, 0.01)) == ()


@pytest.mark.parametrize("rate_hz", [8000, 16000, 22050, 44100, 48000, 96000])
def test_a_tone_lies_in_its_band_at_any_rate(rate_hz: int) -> None:
    (found,) = series(tone(1000, rate_hz=rate_hz), rate_hz=rate_hz)
    levels = levels_db(found.values["band_code"])
    edges = band_edges_hz()
    loudest = int(levels.mean(axis=0).argmax())
    assert edges[loudest] <= 1000 < edges[loudest + 1]
    assert found.hop_s == pytest.approx(HOP_S, rel=0.01)
    assert levels[:, edges[:-1] > rate_hz / 2].max(initial=-120.0) == -120.0


def test_levels_and_numbers_are_those_of_the_sound() -> None:
    (found,) = series(np.concatenate([tone(500, level=0.5), tone(500, level=0.05)]) + np.float32(0.1))
    rms_db, half = found.values["rms_db"], len(found.times_s) // 2
    assert rms_db[half - 10] == pytest.approx(10 * np.log10(0.125 + 0.01), abs=0.1)
    assert found.values["dc"][:half].mean() == pytest.approx(0.1, abs=0.002)
    assert found.values["peak"][10] == pytest.approx(0.6, abs=0.01)
    levels = levels_db(found.values["band_code"])[:, band_edges_hz()[:-1] > 300]
    assert levels[half // 2].max() - levels[-half // 2].max() == pytest.approx(20.0, abs=0.6)


def test_stereo_field() -> None:
    left = tone(700)
    cases = {"mono": (left, left), "left": (left, 0 * left), "out": (left, -left)}
    width = {k: series(np.hstack(v))[0].values["stereo_width"].mean() for k, v in cases.items()}
    assert width["mono"] == pytest.approx(0.0, abs=1e-4)
    assert width["left"] == pytest.approx(0.5, abs=1e-4)
    assert width["out"] == pytest.approx(1.0, abs=1e-4)
    louder_left = series(np.hstack([left, 0.5 * left]))[0].values["balance_db"]
    assert louder_left.mean() == pytest.approx(6.02, abs=0.05)
    assert np.isnan(series(left)[0].values["stereo_width"]).all()


def test_surround_is_measured_as_its_mean() -> None:
    (found,) = series(np.repeat(tone(700), 8, axis=1))
    assert found.values["rms_db"].mean() == pytest.approx(10 * np.log10(0.125), abs=0.1)


def test_shapes_and_sizes_stay_small() -> None:
    (found,) = series(tone(700, 3.0))
    count = len(found.times_s)
    assert found.values["band_code"].shape == (count, BANDS)
    assert all(len(v) == count for v in found.values.values())
    assert sum(v.nbytes for v in found.values.values()) + found.times_s.nbytes <= 200 * count
    assert MEL_BANDS < BANDS


def test_late_start_and_gaps_keep_times_true() -> None:
    accumulator = SoundSeriesAccumulator()
    for start_s in (2.5, 7.0):
        accumulator.update(AudioBlock(0, start_s, tone(440), 48000, start_s, NOTHING))
    (found,) = accumulator.finish()
    assert found.times_s[0] == pytest.approx(2.5 + 512 / 48000)
    assert not ((found.times_s > 3.5) & (found.times_s < 7.0)).any()
    assert (np.diff(found.times_s) > 0).all()


def test_rate_and_channels_may_change_within_a_track() -> None:
    accumulator = SoundSeriesAccumulator()
    accumulator.update(AudioBlock(0, 0.0, tone(440), 48000, 0.0, NOTHING))
    accumulator.update(AudioBlock(0, 1.0, np.repeat(tone(440, rate_hz=16000), 2, 1), 16000, 1.0, NOTHING))
    (found,) = accumulator.finish()
    assert found.times_s[-1] > 1.9
    assert found.values["rms_db"] == pytest.approx(10 * np.log10(0.125), abs=0.3)


def test_every_track_has_its_series_up_to_a_limit() -> None:
    accumulator = SoundSeriesAccumulator()
    for track in reversed(range(100)):
        accumulator.update(AudioBlock(track, 0.0, tone(440, 0.1), 48000, 0.0, NOTHING))
    assert [s.track for s in accumulator.finish()] == list(range(84, 100))


def test_broken_numbers_stay_out() -> None:
    samples = tone(440)
    samples[1000:1100] = np.nan
    samples[2000] = np.inf
    (found,) = series(samples)
    assert all(np.isfinite(found.values[k]).all() for k in ("rms_db", "peak", "dc"))


def test_finite_gives_back_sound_arrays_untouched() -> None:
    samples = tone(440)
    assert finite(samples) is samples
    assert finite(np.array([[1e30]], np.float32)).max() == 64.0


@given(st.integers(1, 40), st.integers(20, 400), st.integers(1, 20))
@settings(max_examples=20, deadline=None)
def test_windows_do_not_depend_on_the_pieces(pieces: int, window: int, hop: int) -> None:
    samples = np.random.default_rng(1).standard_normal(3000).astype(np.float32)
    framer = Framer(Framing(1000, window, hop), batch_s=0.3)
    found, at = [], 0
    for piece in np.array_split(samples, pieces):
        found += [(w.samples.copy(), w.times_s) for w in framer.push(at / 1000, piece)]
        at += len(piece)
    found += [(w.samples, w.times_s) for w in framer.flush()]
    starts = range(0, 3000 - window + 1, hop)
    expected = np.array([samples[s : s + window] for s in starts])
    assert bool((np.concatenate([f[0] for f in found]) == expected).all())
    times_s = np.concatenate([f[1] for f in found])
    assert times_s == pytest.approx([(s + window / 2) / 1000 for s in starts])


def test_bands_share_every_bin_once() -> None:
    edges = mel_edges_hz(0.0, 4000.0, 12)
    weights = band_matrix(edges, 8000, 256)
    assert weights.sum(axis=1)[1:-1] == pytest.approx(1.0, abs=1e-5)
    assert (np.diff(edges) > 0).all()
