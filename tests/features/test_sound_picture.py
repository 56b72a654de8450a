"""The drawn sound: bins, extremes, bands; flat in duration."""

from __future__ import annotations

import numpy as np
import pytest

from vidforensics.features.sound_picture import BANDS, SoundPictureAccumulator
from vidforensics.types import AudioBlock, SoundPicture

NOTHING = np.zeros(0, np.float32)
RATE = 8000


def drawn(
    samples: np.ndarray, *, bins: int = 1200, start_s: float = 0.0, pieces: int = 3
) -> tuple[SoundPicture, ...]:
    accumulator, at = SoundPictureAccumulator(bins), 0
    for piece in np.array_split(samples, pieces):
        accumulator.update(AudioBlock(0, start_s + at / RATE, piece, RATE, 0.0, NOTHING))
        at += len(piece)
    return accumulator.finish()


def tone(hz: float, seconds: float, level: float = 0.5) -> np.ndarray:
    times = np.arange(round(seconds * RATE)) / RATE
    return (level * np.sin(2 * np.pi * hz * times))[:, None].astype(np.float32)


def test_no_sound_gives_nothing() -> None:
    assert SoundPictureAccumulator().finish() == ()
    assert drawn(np.zeros((0, 1), np.float32)) == ()


@pytest.mark.parametrize("seconds", [0.5, 3.0, 47.3, 200.0])
@pytest.mark.parametrize("bins", [2, 50, 1200])
def test_bins_are_at_most_as_many_as_asked(seconds: float, bins: int) -> None:
    (picture,) = drawn(tone(440, seconds), bins=bins, start_s=1.25)
    count = len(picture.envelope)
    assert 1 <= count <= bins
    assert picture.spectrogram.shape == (BANDS, count)
    assert picture.start_s == 1.25
    assert picture.end_s == pytest.approx(
        1.25 + seconds, abs=(picture.end_s - picture.start_s) / count + 0.04
    )
    assert picture.max_hz == RATE / 2


def test_envelope_holds_the_extremes_in_place() -> None:
    samples = np.zeros((10 * RATE, 1), np.float32)
    samples[4 * RATE] = 0.9
    samples[7 * RATE] = -0.8
    (picture,) = drawn(samples, bins=100)
    at = np.linspace(picture.start_s, picture.end_s, len(picture.envelope), endpoint=False)
    step = at[1] - at[0]
    assert picture.envelope[:, 1].max() == pytest.approx(0.9)
    assert at[picture.envelope[:, 1].argmax()] == pytest.approx(4.0, abs=step)
    assert at[picture.envelope[:, 0].argmin()] == pytest.approx(7.0, abs=step)


def test_spectrogram_is_bright_where_the_tone_is() -> None:
    (picture,) = drawn(np.concatenate([tone(300, 2.0), tone(3000, 2.0)]))
    half = picture.spectrogram.shape[1] // 2
    low, high = (
        picture.spectrogram[:, part].mean(axis=1).argmax()
        for part in (slice(5, half - 5), slice(half + 5, -5))
    )
    assert low < high
    # a full-scale tone is 0 dB = 255; half of it 6 dB less
    assert picture.spectrogram.max() == pytest.approx(255 - 6.02 / 90 * 255, abs=5)


def test_silence_is_black() -> None:
    (picture,) = drawn(np.zeros((RATE, 2), np.float32))
    assert not picture.spectrogram.any()
    assert not picture.envelope.any()


def test_gap_is_drawn_as_silence_and_absurd_times_do_not_grow() -> None:
    accumulator = SoundPictureAccumulator(100)
    for start_s in (0.0, 5.0, 1e12, -1e12):
        accumulator.update(AudioBlock(0, start_s, tone(440, 1.0), RATE, 0.0, NOTHING))
    (picture,) = accumulator.finish()
    assert picture.end_s < 7.0
    bin_s = (picture.end_s - picture.start_s) / len(picture.envelope)
    assert not picture.envelope[int(1.3 / bin_s) : int(4.8 / bin_s)].any()


@pytest.mark.parametrize("rate_hz", [8000, 22050, 44100, 48000])
def test_no_column_of_lasting_sound_is_empty(rate_hz: int) -> None:
    noise = np.random.default_rng(3).standard_normal((2 * rate_hz, 1)).astype(np.float32) * 0.1
    accumulator = SoundPictureAccumulator(400)
    accumulator.update(AudioBlock(0, 0.0, noise, rate_hz, 0.0, NOTHING))
    (picture,) = accumulator.finish()
    assert picture.spectrogram[:, :-1].any(axis=0).all()


def test_pieces_do_not_matter() -> None:
    samples = np.random.default_rng(5).standard_normal((6 * RATE, 2)).astype(np.float32) * 0.1
    one, many = drawn(samples, pieces=1)[0], drawn(samples, pieces=37)[0]
    assert np.array_equal(one.envelope, many.envelope)
    assert np.array_equal(one.spectrogram, many.spectrogram)
