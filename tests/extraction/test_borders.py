"""Borders: found with captions, noise and dark scenes, and not where the picture merely has edges."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from tests.extraction.clips import blocks_of, texture
from vidforensics.extraction.borders import BorderAccumulator
from vidforensics.types import Border


def shot(count: int, seed: int = 0, width: int = 320, height: int = 180) -> np.ndarray:
    wide = cv2.cvtColor(texture(width + count, height, seed), cv2.COLOR_BGR2GRAY)
    return np.stack([wide[:, i : i + width] for i in range(count)])


def boxed(luma: np.ndarray, box: tuple[int, int, int, int], level: int = 0, noise: int = 0) -> np.ndarray:
    left, top, width, height = box
    out = np.full((len(luma), 180, 320), level, np.uint8)
    inner = [cv2.resize(frame, (width, height), interpolation=cv2.INTER_AREA) for frame in luma]
    out[:, top : top + height, left : left + width] = inner
    if noise:
        jitter = np.random.default_rng(0).integers(-noise, noise + 1, out.shape)
        out = np.clip(out.astype(int) + jitter, 0, 255).astype(np.uint8)
    return out


def borders_of(luma: np.ndarray) -> tuple[Border, ...]:
    accumulator = BorderAccumulator()
    for block in blocks_of(luma):
        accumulator.update(block)
    return accumulator.finish()


@pytest.mark.parametrize(
    ("box", "kind"),
    [
        ((0, 22, 320, 136), "letterbox"),
        ((110, 0, 100, 180), "pillarbox"),
        ((40, 22, 240, 136), "windowbox"),
        ((0, 40, 320, 140), "letterbox"),
    ],
)
@pytest.mark.parametrize("noise", [0, 4])
def test_bars_are_found_to_the_line(box: tuple[int, int, int, int], kind: str, noise: int) -> None:
    (border,) = borders_of(boxed(shot(96), box, noise=noise))
    assert border.kind == kind and (border.start_s, border.end_s) == (0.0, 95 / 25)
    left, top, width, height = box
    np.testing.assert_allclose(border.box, (left / 320, top / 180, width / 320, height / 180), atol=0.006)


def test_plain_pictures_have_none() -> None:
    for seed in range(5):
        assert borders_of(shot(96, seed)) == ()


def test_captions_in_a_bar_do_not_hide_it() -> None:
    luma = boxed(shot(128), (0, 26, 320, 128))
    for frame in luma[30:]:
        cv2.putText(frame, "a caption in the lower bar", (30, 172), cv2.FONT_HERSHEY_SIMPLEX, 0.5, 255, 1)
    (border,) = borders_of(luma)
    np.testing.assert_allclose(border.box, (0, 26 / 180, 1, 128 / 180), atol=0.006)


def test_a_dark_scene_takes_the_borders_around_it() -> None:
    luma = shot(192)
    luma[64:128] //= 40
    (border,) = borders_of(boxed(luma, (0, 22, 320, 136)))
    assert (border.start_s, border.end_s) == (0.0, 191 / 25)
    assert borders_of(luma) == () and borders_of(np.zeros((64, 180, 320), np.uint8)) == ()


def test_borders_of_an_inserted_stretch() -> None:
    luma = np.concatenate([shot(96), boxed(shot(96, 1), (90, 0, 140, 180)), shot(96, 2)])
    (border,) = borders_of(luma)
    assert border.kind == "pillarbox"
    assert border.start_s == pytest.approx(96 / 25, abs=0.1) and border.end_s == pytest.approx(
        192 / 25, abs=0.1
    )


def test_coloured_bars_count_in_pairs_only() -> None:
    (border,) = borders_of(boxed(shot(96), (80, 0, 160, 180), level=200))
    assert border.kind == "pillarbox"
    one_sided = boxed(shot(96), (0, 30, 320, 150), level=200)
    assert borders_of(one_sided) == ()


def test_title_cards_and_drawn_lines_are_no_bars() -> None:
    card = np.zeros((96, 180, 320), np.uint8)
    for frame in card:
        cv2.putText(frame, "A TITLE", (60, 90), cv2.FONT_HERSHEY_SIMPLEX, 1.5, 255, 3)
        cv2.line(frame, (5, 150), (315, 150), 255, 2)
    assert borders_of(card) == ()


def test_no_frames() -> None:
    assert BorderAccumulator().finish() == ()
