"""Keyframes: which pictures are written, which stay, and their files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from tests.extraction.clips import Coding, blocks_of, moving, probe, texture, write_clip
from vidforensics.errors import OutputError
from vidforensics.extraction.decode import DecodeOptions, Decoder
from vidforensics.extraction.keyframes import KeyframeOptions, KeyframeWriter
from vidforensics.extraction.keyframes_quality import look_of, picture_quality, sparse_planes, usable_frames
from vidforensics.types import FrameBlock, Keyframe, Shot


def grey(seed: int) -> np.ndarray:
    return cv2.cvtColor(texture(320, 180, seed), cv2.COLOR_BGR2GRAY)


def shot(seed: int, count: int = 50) -> np.ndarray:
    """A gently panning shot."""
    wide = cv2.cvtColor(texture(320 + count, 180, seed), cv2.COLOR_BGR2GRAY)
    return np.stack([wide[:, i : i + 320] for i in range(count)])


def keyframes_of(
    luma: np.ndarray, folder: Path, shots: tuple[Shot, ...] = (), rate: float = 25.0, **options: Any
) -> tuple[Keyframe, ...]:
    writer = KeyframeWriter(folder, KeyframeOptions(**options))
    for block in blocks_of(luma, rate):
        writer.update(block)
    return writer.finish(shots)


def test_each_shot_gets_a_keyframe_named_by_its_time(tmp_path: Path) -> None:
    luma = np.concatenate([shot(1), shot(2), shot(3)])
    shots = (Shot(0.0, 2.0, "cut"), Shot(2.0, 4.0, "cut"), Shot(4.0, 6.0, None))
    found = keyframes_of(luma, tmp_path, shots)
    assert [keyframe.shot for keyframe in found] == [0, 1, 2]
    for keyframe in found:
        assert keyframe.path == f"keyframes/{keyframe.time_s:010.3f}s.jpg"
        picture = cv2.imread(str(tmp_path / keyframe.path))
        assert picture.shape == (keyframe.height_px, keyframe.width_px, 3) == (180, 320, 3)
        wanted = luma[round(keyframe.time_s * 25)]
        assert np.abs(picture[..., 0].astype(int) - wanted).mean() < 3.0
        assert 0.0 < keyframe.quality <= 1.0
    assert sorted(p.name for p in (tmp_path / "keyframes").iterdir()) == [k.path[10:] for k in found]


def test_the_sharp_still_frame_wins_over_blurred_ones(tmp_path: Path) -> None:
    sharp = grey(4)
    luma = np.stack([cv2.GaussianBlur(sharp, (0, 0), 4)] * 40)
    luma[20:24] = sharp
    (keyframe,) = keyframes_of(luma, tmp_path)
    assert 20 <= round(keyframe.time_s * 25) < 24
    assert picture_quality(sharp, 0.0) > picture_quality(luma[0], 0.0)
    assert picture_quality(sharp, 0.0) > picture_quality(sharp, 20.0)


def test_black_and_blank_give_none(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 5, (40, 180, 320), np.uint8)
    assert keyframes_of(noise, tmp_path) == ()
    assert keyframes_of(noise + 180, tmp_path) == ()
    assert not (tmp_path / "keyframes").exists()


def test_one_usable_frame_among_black_ones_is_found(tmp_path: Path) -> None:
    for index in (0, 13, 39):
        luma = np.zeros((40, 180, 320), np.uint8)
        luma[index] = grey(5)
        (keyframe,) = keyframes_of(luma, tmp_path / str(index))
        assert keyframe.time_s == index / 25


def test_a_shot_that_returns_is_not_written_twice(tmp_path: Path) -> None:
    luma = np.concatenate([np.stack([grey(seed)] * 30) for seed in (1, 2, 1, 2)])
    shots = tuple(Shot(1.2 * i, 1.2 * (i + 1), "cut") for i in range(4))
    assert [keyframe.shot for keyframe in keyframes_of(luma, tmp_path, shots)] == [0, 1]


def test_long_still_shot_gives_one_and_long_changing_shot_more(tmp_path: Path) -> None:
    still = np.repeat(grey(6)[np.newaxis], 250, axis=0)
    assert len(keyframes_of(still, tmp_path / "a", rate=5.0)) == 1
    changing = np.concatenate([shot(7, 200)])
    assert len(keyframes_of(changing, tmp_path / "b", rate=5.0)) >= 3


def test_pictures_within_a_transition_yield(tmp_path: Path) -> None:
    luma = np.concatenate([shot(1, 25), shot(2, 5), shot(3, 25)])
    shots = (Shot(0.0, 1.1, "dissolve", 1.0, 1.2), Shot(1.1, 2.2, None))
    times = [keyframe.time_s for keyframe in keyframes_of(luma, tmp_path, shots)]
    assert len(times) == 2 and not any(1.0 <= time_s < 1.2 for time_s in times)


def test_png_and_equal_times(tmp_path: Path) -> None:
    luma = np.stack([grey(1), grey(2), grey(3)])
    writer = KeyframeWriter(tmp_path, KeyframeOptions(image_format="png", long_shot_s=0.0))
    for block in blocks_of(luma, times_s=np.zeros(3)):
        writer.update(block)
    found = writer.finish(())
    assert {k.path for k in found} == {f"keyframes/000000.000s{n}.png" for n in ("", "-2", "-3")}
    np.testing.assert_array_equal(cv2.imread(str(tmp_path / "keyframes/000000.000s.png"))[..., 0], luma[0])


def test_the_number_of_pictures_is_bounded(tmp_path: Path) -> None:
    luma = np.stack([grey(seed) for seed in range(20)])
    assert len(keyframes_of(luma, tmp_path, limit=5, long_shot_s=0.0)) <= 5
    assert len(list((tmp_path / "keyframes").iterdir())) <= 5


def test_no_frames(tmp_path: Path) -> None:
    assert KeyframeWriter(tmp_path).finish((Shot(0.0, 1.0, None),)) == ()


def test_a_folder_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "keyframes").write_text("in the way")
    with pytest.raises(OutputError, match="keyframes"):
        keyframes_of(shot(1), tmp_path)


def test_looks() -> None:
    one, other = grey(1), grey(2)
    brighter = np.clip(one.astype(int) + 6, 0, 255).astype(np.uint8)
    assert look_of(one).resembles(look_of(brighter), 8) and look_of(one).differs_wholly(look_of(other))
    assert look_of(one).distance(look_of(other)) == look_of(other).distance(look_of(one))
    assert list(usable_frames(sparse_planes(np.stack([one, np.full_like(one, 9)])))) == [True, False]


def test_from_a_file(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "c.mp4", moving(30, seed=1) + moving(30, seed=2), Coding())
    writer = KeyframeWriter(tmp_path / "out")
    with Decoder(path, probe(path), DecodeOptions()) as decoder:
        for block in decoder:
            assert isinstance(block, FrameBlock)
            writer.update(block)
    found = writer.finish((Shot(0.0, 1.2, "cut"), Shot(1.2, 2.4, None)))
    assert [keyframe.shot for keyframe in found] == [0, 1]
    assert cv2.imread(str(tmp_path / "out" / found[0].path)).shape == (96, 160, 3)
