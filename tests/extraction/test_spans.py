"""Empty stretches: black, blank and frozen, also after another encoding."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.extraction.clips import Coding, blocks_of, probe, texture, write_clip
from vidforensics.extraction.decode import DecodeOptions, Decoder
from vidforensics.extraction.spans import PictureSpanAccumulator
from vidforensics.types import FrameBlock, Span


def shot(count: int, seed: int = 0) -> np.ndarray:
    wide = cv2.cvtColor(texture(320 + 2 * count, 180, seed), cv2.COLOR_BGR2GRAY)
    return np.stack([wide[:, 2 * i : 2 * i + 320] for i in range(count)])


def spans_of(luma: np.ndarray, rate: float = 25.0) -> list[tuple[str, float, float]]:
    accumulator = PictureSpanAccumulator()
    for block in blocks_of(luma, rate):
        accumulator.update(block)
    return [(span.kind, round(span.start_s, 3), round(span.end_s, 3)) for span in accumulator.finish()]


def file_spans(path: Path) -> tuple[Span, ...]:
    accumulator = PictureSpanAccumulator()
    with Decoder(path, probe(path), DecodeOptions(sound=False)) as decoder:
        for block in decoder:
            assert isinstance(block, FrameBlock)
            accumulator.update(block)
    return accumulator.finish()


def test_moving_picture_has_none() -> None:
    assert spans_of(shot(100)) == []


def test_black_with_noise_and_a_corner_logo() -> None:
    luma = shot(100)
    luma[25:75] = np.random.default_rng(0).integers(0, 12, (50, 180, 320))
    luma[25:75, 5:12, 5:25] = 200
    assert spans_of(luma) == [("black", 1.0, 3.0)]


def test_blank_is_one_colour() -> None:
    luma = shot(100)
    luma[50:] = 180
    assert spans_of(luma) == [("blank", 2.0, 4.0)]


def test_short_stretches_are_not_told() -> None:
    luma = shot(100)
    luma[50:60] = 0
    luma[70:80] = luma[70]
    assert spans_of(luma) == []


def test_frozen_from_its_first_frame_to_the_next_change() -> None:
    luma = shot(100)
    luma[30:60] = luma[30]
    assert spans_of(luma) == [("frozen", 1.2, 2.4)]


def test_frozen_to_the_end() -> None:
    luma = shot(60)
    luma[30:] = luma[30]
    assert spans_of(luma) == [("frozen", 1.2, 2.4)]


def test_repeated_frames_of_a_low_frame_rate_are_not_frozen() -> None:
    assert spans_of(np.repeat(shot(20), 5, axis=0)) == []


def test_a_slow_zoom_or_fade_is_not_frozen() -> None:
    base = shot(1)[0]
    faded = np.stack([(base * (1 - i / 150)).astype(np.uint8) for i in range(100)])
    assert spans_of(faded) == []


def test_a_small_moving_mouth_is_not_frozen() -> None:
    luma = np.repeat(shot(1), 100, axis=0)
    for index, frame in enumerate(luma):
        cv2.ellipse(frame, (160, 90), (6, 2 + index % 5), 0, 0, 360, 20, -1)
    assert spans_of(luma) == []


@pytest.mark.parametrize("crf", ["18", "30"])
def test_frozen_survives_another_encoding(tmp_path: Path, crf: str) -> None:
    pictures = []
    wide = texture(160 + 300, 96, 3)
    grain = np.random.default_rng(1)
    for index in range(100):
        x = 2 * min(index, 30) if index < 70 else 2 * (index - 40)
        clean = wide[:, x : x + 160].astype(int)
        noise = grain.normal(0.0, 2.0, clean.shape)
        pictures.append(np.clip(clean + noise, 0, 255).astype(np.uint8))
    for index in range(31, 70):
        pictures[index] = pictures[30]
    options = {"preset": "veryfast", "crf": crf, "g": "12"}
    spans = file_spans(write_clip(tmp_path / "f.mp4", pictures, Coding(options=options)))
    assert [span.kind for span in spans] == ["frozen"]
    assert spans[0].start_s == pytest.approx(1.2, abs=0.13) and spans[0].end_s == pytest.approx(2.8, abs=0.05)


def test_no_frames() -> None:
    assert PictureSpanAccumulator().finish() == ()
