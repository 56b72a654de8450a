"""Block data on request: shapes, times, an index, and what is refused."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tests.acquisition.bitstream_material import Recipe, probe_of, write
from vidforensics.acquisition.blocks import FRAMES_PER_FILE, write_blocks
from vidforensics.errors import DecodeError, OutputError, UsageError
from vidforensics.types import Probe, Stream


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return write(tmp_path_factory.mktemp("blocks") / "a.mp4", Recipe(options={"qp": "30", "g": "12"}))


def test_whole_clip(clip, tmp_path):
    names = write_blocks(clip, probe_of(clip), tmp_path, start_s=None, end_s=None)
    index = json.loads((tmp_path / names[0]).read_text())
    assert [row["file"] for row in index["files"]] == list(names[1:])
    assert [row["frames"] for row in index["files"]] == [FRAMES_PER_FILE, 40 - FRAMES_PER_FILE]
    with np.load(tmp_path / names[1]) as data:
        assert data["qp"].shape == (FRAMES_PER_FILE, 3, 4)
        assert data["times_s"][:3].tolist() == pytest.approx([0.0, 0.04, 0.08])
        assert set(data["qp"][data["frame_type"] == "P"].ravel().tolist()) == {30}
        moved = data["motion"]
        assert len(moved) > 0
        assert moved["frame"].max() < FRAMES_PER_FILE


def test_a_stretch_only(clip, tmp_path):
    names = write_blocks(clip, probe_of(clip), tmp_path, start_s=0.6, end_s=0.8)
    with np.load(tmp_path / names[1]) as data:
        assert data["times_s"].tolist() == pytest.approx([0.6, 0.64, 0.68, 0.72, 0.76])


def test_mpeg4_gives_motion_without_quantisers(tmp_path):
    path = write(tmp_path / "a.mp4", Recipe("mpeg4", frames=8))
    names = write_blocks(path, probe_of(path), tmp_path, start_s=None, end_s=None)
    with np.load(tmp_path / names[1]) as data:
        assert len(data["motion"]) > 0


def test_nothing_to_write(clip, tmp_path):
    assert write_blocks(clip, probe_of(clip), tmp_path, start_s=99.0, end_s=None) == ()
    assert write_blocks(clip, Probe("wav", 1.0, 0.0, None, {}, ()), tmp_path, start_s=None, end_s=None) == ()


def test_refusals_are_one_sentence(clip, tmp_path):
    probe = probe_of(clip)
    with pytest.raises(UsageError, match="before it starts"):
        write_blocks(clip, probe, tmp_path, start_s=2.0, end_s=1.0)
    with pytest.raises(OutputError, match="cannot be written"):
        write_blocks(clip, probe, tmp_path / "absent", start_s=None, end_s=None)
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"nothing" * 99)
    with pytest.raises(DecodeError, match="cannot be decoded"):
        write_blocks(
            broken,
            Probe("mp4", 1.0, 0.0, None, {}, (Stream(0, "video", "h264"),)),
            tmp_path,
            start_s=None,
            end_s=None,
        )
