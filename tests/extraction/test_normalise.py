"""Normalisation: upright, square, full range, progressive and SDR before anything is measured."""

from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.extraction.clips import Coding, ffmpeg, moving, probe, texture, write_clip
from vidforensics.extraction.decode import DecodeOptions, Decoder
from vidforensics.extraction.decode_picture import PictureTrack
from vidforensics.extraction.decode_problems import ProblemLog
from vidforensics.extraction.normalise import (
    Orientation,
    PlaneScaler,
    analysis_size,
    display_size,
    orientation_of,
    upright,
)
from vidforensics.extraction.normalise_colour import (
    chroma_table,
    hdr_to_bgr,
    hlg_nits,
    luma_table,
    pq_nits,
    tone_map,
)
from vidforensics.types import DecodeSummary, FrameBlock


def first_block(path: Path) -> tuple[FrameBlock, DecodeSummary]:
    with Decoder(path, probe(path), DecodeOptions(sound=False)) as decoder:
        blocks = [block for block in decoder if isinstance(block, FrameBlock)]
        return blocks[0], decoder.summary()


def first_picture(path: Path) -> np.ndarray:
    with Decoder(path, probe(path), DecodeOptions(sound=False)) as decoder:
        return next(block.pictures[0].to_bgr() for block in decoder if isinstance(block, FrameBlock))


def plane_of(picture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Full-range BT.601 luma at the analysis size, by way of floats."""
    blue, green, red = (picture[..., i].astype(float) for i in range(3))
    return cv2.resize(0.299 * red + 0.587 * green + 0.114 * blue, size, interpolation=cv2.INTER_AREA)


def area_average(plane: np.ndarray, target: tuple[int, int]) -> np.ndarray:
    """Exact area average by weights, the oracle for the cascade."""

    def weights(source: int, count: int) -> np.ndarray:
        edges = np.arange(count + 1) * source / count
        low = np.maximum(edges[:-1, None], np.arange(source)[None])
        high = np.minimum(edges[1:, None], np.arange(1, source + 1)[None])
        return np.maximum(high - low, 0.0) * count / source

    height, width = plane.shape
    return weights(height, target[1]) @ plane @ weights(width, target[0]).T


@pytest.mark.parametrize("size", [(1280, 720), (1920, 1080), (854, 480), (640, 360), (360, 288), (361, 201)])
def test_scaler_equals_area_average(size: tuple[int, int]) -> None:
    plane = texture(*size)[..., 0]
    target = analysis_size(*size)
    out = np.empty(target[::-1], np.uint8)
    PlaneScaler(size, target)(plane, out)
    difference = np.abs(out - area_average(plane.astype(float), target))
    assert difference.max() <= 8.0 and difference.mean() <= 1.0


def test_scaler_drops_low_bits_with_rounding() -> None:
    plane = np.full((64, 64), 4 * 100 + 2, np.uint16)
    out = np.empty((16, 16), np.uint8)
    PlaneScaler((64, 64), (16, 16))(plane, out, shift=2)
    assert np.all((out == 100) | (out == 101))


def test_scaler_enlarges_small_pictures() -> None:
    out = np.empty((240, 240), np.uint8)
    PlaneScaler((1, 1), (240, 240))(np.full((1, 1), 77, np.uint8), out)
    assert np.all(out == 77)


@given(st.integers(1, 16384), st.integers(1, 16384))
def test_analysis_size_is_even_and_bounded(width: int, height: int) -> None:
    size = analysis_size(width, height)
    assert all(side % 2 == 0 and 58 <= side <= 960 for side in size)
    assert size[0] * size[1] == pytest.approx(57_600, rel=0.03)


def matrix(a: int, b: int, c: int, d: int) -> bytes:
    return struct.pack("=9i", a << 16, b << 16, 0, c << 16, d << 16, 0, 0, 0, 1 << 30)


def map_through(picture: np.ndarray, a: int, b: int, c: int, d: int) -> np.ndarray:
    """Move every sample to (a·x + c·y, b·x + d·y), the oracle for orientations."""
    height, width = picture.shape
    ys, xs = np.mgrid[:height, :width]
    new_x, new_y = a * xs + c * ys, b * xs + d * ys
    new_x, new_y = new_x - new_x.min(), new_y - new_y.min()
    out = np.empty((new_y.max() + 1, new_x.max() + 1), picture.dtype)
    out[new_y, new_x] = picture
    return out


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("first", [-1, 1])
@pytest.mark.parametrize("second", [-1, 1])
def test_all_eight_orientations_follow_the_matrix(turned: bool, first: int, second: int) -> None:
    numbers = (0, first, second, 0) if turned else (first, 0, 0, second)
    picture = np.arange(12, dtype=np.uint8).reshape(3, 4)
    orientation = orientation_of(matrix(*numbers))
    np.testing.assert_array_equal(upright(picture, orientation, (0, 1)), map_through(picture, *numbers))
    assert orientation.exact


def test_orientations_in_words_and_degenerate_matrices() -> None:
    assert orientation_of(matrix(0, 1, -1, 0)).describe() == "rotated 90° clockwise"
    assert orientation_of(matrix(0, -1, 1, 0)).describe() == "rotated 90° anticlockwise"
    assert orientation_of(matrix(-1, 0, 0, -1)).describe() == "rotated 180°"
    assert orientation_of(matrix(-1, 0, 0, 1)).describe() == "mirrored"
    assert orientation_of(matrix(1, 0, 0, 1)).describe() == ""
    for odd in (None, b"", bytes(36), matrix(1, 1, 1, 1)):
        assert orientation_of(odd) == Orientation()
    assert not orientation_of(matrix(3, 1, -1, 3)).exact


def test_display_size_never_shrinks() -> None:
    assert display_size(720, 576, 64 / 45, Orientation()) == (1024, 576)
    assert display_size(720, 480, 8 / 9, Orientation()) == (720, 540)
    assert display_size(720, 576, 64 / 45, Orientation(transpose=True)) == (576, 1024)


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_rotation_equals_ffmpegs_own(tmp_path: Path, degrees: int) -> None:
    flat = write_clip(tmp_path / "f.mp4", moving(3))
    path = tmp_path / "r.mp4"
    ffmpeg("-display_rotation", str(degrees), "-i", str(flat), "-c", "copy", str(path))
    block, summary = first_block(path)
    assert (summary.width_px, summary.height_px) == ((160, 96) if degrees == 180 else (96, 160))
    assert any("rotated" in note for note in summary.normalised)
    raw = ffmpeg("-i", str(path), "-frames:v", "1", "-f", "rawvideo", "-pix_fmt", "bgr24", "pipe:1")
    expected = np.frombuffer(raw, np.uint8).reshape(summary.height_px, summary.width_px, 3)
    got = first_picture(path)
    grey = [cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY).astype(int) for picture in (got, expected)]
    assert np.abs(grey[0] - grey[1]).mean() < 3.0
    small = plane_of(expected, (block.luma.shape[2], block.luma.shape[1]))
    assert np.abs(small - block.luma[0]).mean() < 4.0


def test_sample_aspect_is_made_square(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "s.mp4", moving(3), Coding(sample_aspect=Fraction(4, 3)))
    block, summary = first_block(path)
    assert (summary.width_px, summary.height_px) == (213, 96)
    assert block.luma.shape[2] / block.luma.shape[1] == pytest.approx(213 / 96, rel=0.02)
    assert first_picture(path).shape == (96, 213, 3)
    assert any("aspect 1.333" in note for note in summary.normalised)


def test_absurd_sample_aspect_is_told() -> None:
    container = SimpleNamespace(format=SimpleNamespace(name="nut"))
    stream: Any = SimpleNamespace(sample_aspect_ratio=Fraction(100), average_rate=None, container=container)
    problems = ProblemLog()
    track = PictureTrack(stream, 0.0, (4, 10**6), problems)
    list(track.take(av.VideoFrame(160, 96, "gray")))
    assert track.display_size == (160, 96) and "aspect 100 is absurd" in " ".join(problems.sentences())


FORMATS = [
    ("ffv1", "yuv420p"),
    ("ffv1", "yuv422p"),
    ("ffv1", "yuv444p"),
    ("ffv1", "yuv420p10le"),
    ("ffv1", "yuv422p10le"),
    ("ffv1", "yuv444p16le"),
    ("ffv1", "yuva420p"),
    ("ffv1", "bgra"),
    ("rawvideo", "gbrp"),
    ("ffv1", "gray"),
    ("ffv1", "gray10le"),
    ("mjpeg", "yuvj420p"),
    ("rawvideo", "nv12"),
    ("rawvideo", "rgb24"),
    ("rawvideo", "uyvy422"),
    ("qtrle", "argb"),
]


@pytest.mark.parametrize(("codec", "pixel_format"), FORMATS)
def test_every_pixel_format_comes_out_alike(tmp_path: Path, codec: str, pixel_format: str) -> None:
    picture = texture(160, 96, seed=2)
    if pixel_format.startswith("gray"):
        picture = cv2.cvtColor(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    container = "m.mov" if codec == "qtrle" else "m.nut"
    path = write_clip(tmp_path / container, [picture] * 2, Coding(codec=codec, pixel_format=pixel_format))
    block, summary = first_block(path)
    assert summary.problems == () and block.luma.shape == (2, 186, 310)
    assert np.abs(plane_of(picture, (310, 186)) - block.luma[0]).mean() < 2.5
    assert np.abs(first_picture(path).astype(int) - picture).mean() < 6.0
    neutral = np.abs(block.chroma[0].astype(int) - 128).mean()
    assert neutral < 1.0 if pixel_format.startswith("gray") else neutral > 5.0


def test_palette(tmp_path: Path) -> None:
    path = tmp_path / "p.gif"
    write_clip(tmp_path / "a.nut", [texture(160, 96)] * 2, Coding(codec="rawvideo", pixel_format="rgb24"))
    ffmpeg("-i", str(tmp_path / "a.nut"), str(path))
    block, _ = first_block(path)
    assert np.abs(plane_of(texture(160, 96), (310, 186)) - block.luma[0]).mean() < 8.0


@pytest.mark.parametrize("size", [(1, 1), (3, 5), (2, 500), (161, 97)])
def test_odd_sizes(tmp_path: Path, size: tuple[int, int]) -> None:
    picture = np.full((size[1], size[0], 3), 90, np.uint8)
    path = write_clip(tmp_path / "o.nut", [picture], Coding(codec="rawvideo", pixel_format="yuv420p"))
    block, summary = first_block(path)
    assert (summary.width_px, summary.height_px) == size
    assert np.abs(block.luma.astype(int) - 90).max() <= 2


def test_size_change_in_mid_stream_keeps_the_plane_size(tmp_path: Path) -> None:
    for name, width in (("a", 160), ("b", 240)):
        write_clip(tmp_path / f"{name}.ts", moving(20, width, 96), Coding(codec="mpeg2video"))
    path = tmp_path / "ab.ts"
    path.write_bytes((tmp_path / "a.ts").read_bytes() + (tmp_path / "b.ts").read_bytes())
    with Decoder(path, probe(path), DecodeOptions()) as decoder:
        blocks = [block for block in decoder if isinstance(block, FrameBlock)]
        summary = decoder.summary()
    assert len({block.luma.shape[1:] for block in blocks}) == 1 and summary.frame_count > 30
    assert any("changes its size in mid-stream, here to 240×96" in problem for problem in summary.problems)
    assert blocks[-1].pictures[0].to_bgr().shape == (96, 240, 3)


def test_interlaced_frames_are_deinterlaced_at_their_own_times(tmp_path: Path) -> None:
    fields = moving(40, seed=4)
    woven = []
    for top, bottom in zip(fields[::2], fields[1::2], strict=True):
        frame = top.copy()
        frame[1::2] = bottom[1::2]
        woven.append(frame)
    flags = {"preset": "ultrafast", "crf": "1", "flags": "+ildct+ilme", "x264-params": "tff=1"}
    path = write_clip(tmp_path / "i.mkv", woven, Coding(options=flags))
    with Decoder(path, probe(path), DecodeOptions()) as decoder:
        blocks = [block for block in decoder if isinstance(block, FrameBlock)]
        summary = decoder.summary()
    np.testing.assert_allclose(summary.frame_times_s, np.arange(20) / 25, atol=1e-3)
    assert "deinterlaced (bwdif)" in summary.normalised
    middle = [picture for block in blocks for picture in block.pictures][10].to_bgr().astype(int)
    straight = min(np.abs(middle - field).mean() for field in fields[20:22])
    combed = min(np.abs(woven[10].astype(int) - field).mean() for field in fields[20:22])
    assert straight < 0.7 * combed


def test_range_tables() -> None:
    table = luma_table(full_range=False, transfer="sdr")
    assert table is not None and (table[16], table[235], table[0], table[255]) == (0, 255, 0, 255)
    chroma = chroma_table(full_range=False)
    assert chroma is not None and (chroma[128], chroma[16], chroma[240]) == (128, 0, 255)
    assert luma_table(full_range=True, transfer="sdr") is None and chroma_table(full_range=True) is None


def test_hdr_transfer_functions_hit_known_points() -> None:
    np.testing.assert_allclose(pq_nits(np.array([0.0, 0.5081, 0.58, 1.0])), [0, 100, 201.6, 10000], rtol=0.01)
    np.testing.assert_allclose(hlg_nits(np.array([0.0, 0.75, 1.0])), [0, 203, 1000], rtol=0.01, atol=1e-9)
    light = tone_map(np.linspace(0.0, 10_000.0, 1000))
    assert np.all(np.diff(light) >= 0.0) and light[-1] <= 1.0 and light[0] == 0.0


@pytest.mark.parametrize("transfer", ["pq", "hlg"])
def test_hdr_tables_agree_with_the_full_picture(transfer: str) -> None:
    table = luma_table(full_range=True, transfer=transfer)
    grey = np.repeat(np.arange(256, dtype=np.uint16)[:, None, None] * 257, 3, axis=2)
    assert table is not None
    np.testing.assert_allclose(hdr_to_bgr(grey, transfer)[:, 0, 1], table, atol=2)


def test_hdr_clip_is_tone_mapped(tmp_path: Path) -> None:
    path = tmp_path / "h.mkv"
    source = "color=gray:s=160x96:d=0.2,format=yuv420p10le,setparams=range=tv:color_primaries=bt2020"
    graph = f"{source}:color_trc=smpte2084:colorspace=bt2020nc"
    ffmpeg("-f", "lavfi", "-i", graph, "-c:v", "ffv1", str(path))
    block, summary = first_block(path)
    assert any("HDR (PQ)" in note for note in summary.normalised)
    picture = first_picture(path)
    assert np.abs(picture.astype(int) - int(block.luma[0, 0, 0])).max() <= 4
    assert block.luma[0, 0, 0] > 128


def test_pictures_stay_usable_after_the_next_block(tmp_path: Path) -> None:
    clip = moving(70)
    path = write_clip(tmp_path / "k.mp4", clip)
    with Decoder(path, probe(path), DecodeOptions()) as decoder:
        blocks = [block for block in decoder if isinstance(block, FrameBlock)]
    assert np.abs(blocks[0].pictures[3].to_bgr().astype(int) - clip[3]).mean() < 8.0


def test_libav_agrees_on_the_deinterlacing_filter() -> None:
    assert "bwdif" in av.filter.filters_available
