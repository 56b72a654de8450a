"""What teaches the network of missing frames: gaps where they are said to be, clips made once."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.extraction.clips import Coding, moving, write_clip
from tests.flagging.test_duplication import clip
from vidforensics.errors import InputError, UsageError
from vidforensics.evaluation.ffmpeg import ffmpeg_program
from vidforensics.features.gap_files import UNITS_PER_LEVEL
from vidforensics.features.gap_net import BEFORE, COLUMNS, FRAMES, ROWS
from vidforensics.features.gaps import small_planes
from vidforensics.jobs import small_pictures_job
from vidforensics.runtime import no_progress
from vidforensics.training import gap_clips
from vidforensics.training.gap_clips import MISSING, Making, Shown, gather, sources, with_gaps
from vidforensics.training.gap_windows import Windows, near


def shown(order, gaps=(), cuts=()):
    levels = np.rint(small_planes(clip(order)) * UNITS_PER_LEVEL).astype(np.uint16)
    return Shown("scene", True, bool(gaps), levels, np.array(cuts, np.int64), tuple(gaps))


def measure(path: Path, out: Path) -> None:
    """What a worker does, in this process."""
    small_pictures_job({"path": path, "out": out}, no_progress)


def write_footage(folder: Path, names=("one", "two"), count: int = 120) -> Path:
    folder.mkdir(exist_ok=True)
    for seed, name in enumerate(names):
        write_clip(folder / f"{name}.mp4", moving(count, seed=seed))
    return folder


@given(st.integers(30, 900), st.lists(st.integers(1, 899), max_size=4), st.integers(0, 99))
def test_gaps_lie_where_they_are_said_to(total, cuts, seed):
    left, gaps = with_gaps(total, np.array(sorted(cuts), np.int64), np.random.default_rng(seed))
    order = [i for a, b in left for i in range(a, b)]
    jumps = {i + 1: b - a - 1 for i, (a, b) in enumerate(pairwise(order)) if b != a + 1}
    assert jumps == {at: abs(missing) for at, missing in gaps}
    assert all(MISSING[0] <= missing <= MISSING[1] for missing in jumps.values())
    assert (order[0], order[-1]) == (0, total - 1)
    for at, missing in gaps:
        is_inside = not any(order[at - 1] < cut <= order[at] for cut in cuts)
        assert is_inside == (missing > 0)


def test_a_seed_repeats_the_windows_and_half_of_them_have_a_gap():
    files = [shown(range(100)), shown([*range(50), *range(70, 120)], [(50, 20)])]
    (one, truth), (again, same) = (Windows(files, np.random.default_rng(5)).batch(80) for _ in range(2))
    assert one.shape == (80, FRAMES, ROWS, COLUMNS)
    assert (one == again).all()
    assert (truth == same).all()
    assert 25 < truth.sum() < 55


def test_windows_with_a_gap_or_a_cut_are_no_usual_ones():
    file = shown([*range(50), *range(70, 120)], [(50, 20)], cuts=(80,))
    plain = Windows([file, shown(range(100))], np.random.default_rng(0)).plain[0]
    for place in (50, 80):
        inside = [at for at in plain if at - BEFORE < place < at + FRAMES - BEFORE]
        assert inside == []


def test_near_is_bounded_by_the_ends():
    assert np.flatnonzero(near(12, [0, 11], 2, 1)).tolist() == [0, 1, 9, 10, 11]


def test_made_clips_hold_the_pictures_that_were_left_and_are_made_once(tmp_path, monkeypatch):
    footage = write_footage(tmp_path / "footage", ("one",))
    making = Making(ffmpeg_program(), 2, 3)
    (own, again, first, second), failed = gather(
        sources(footage), tmp_path / "work", making, measure, no_progress
    )
    assert failed == []
    assert [c.is_made for c in (own, again, first, second)] == [False, True, True, True]
    assert len(own.levels) == len(again.levels) == 120
    assert own.gaps == again.gaps == ()
    for made in (first, second):
        order = np.arange(120)
        for at, missing in made.gaps:  # from the first on: the places are of the made clip
            order = np.delete(order, range(at, at + abs(missing)))
        assert len(order) == len(made.levels)
        assert made.gaps
        wanted = own.levels[order].astype(np.float64)
        assert np.abs(made.levels - wanted).mean() / UNITS_PER_LEVEL < 4.0  # coded again, nothing else

    def never(path: Path, out: Path) -> None:
        raise AssertionError("measured twice")

    kept, _ = gather(sources(footage), tmp_path / "work", making, never, no_progress)
    assert all((a.levels == b.levels).all() for a, b in zip(kept, (own, again, first, second), strict=True))
    assert sorted(p.suffix for p in (tmp_path / "work").iterdir()) == [".json", ".npy"]


def test_odd_and_broken_files_cost_one_line_each(tmp_path):
    footage = write_footage(tmp_path / "footage", ("one",))
    uneven = Coding(codec="libvpx", steps=[1, 3, 2] * 20)
    write_clip(footage / "uneven.webm", moving(60, seed=4), uneven)
    write_clip(footage / "upright.mp4", moving(50, width=36, height=64, seed=5))
    write_clip(footage / "one frame.mp4", moving(1))
    write_clip(footage / "sound.mp4", [], tones=[(8000, 1, 2.0, 0.0)])
    (footage / "empty.mp4").write_bytes(b"")
    (footage / "broken.mp4").write_bytes((footage / "one.mp4").read_bytes()[:300])
    making = Making(ffmpeg_program(), 1, 1)
    clips, failed = gather(sources(footage), tmp_path / "work", making, measure, no_progress)
    own = [len(c.levels) for c in clips if not c.is_made]
    assert own == [120, 60, 50]  # in the order of names
    made = [len(c.levels) for c in clips if c.is_made]
    assert made[::2] == own  # encoded anew
    assert all(20 <= count <= whole for count, whole in zip(made[1::2], own, strict=True))
    assert {name for name in ("empty", "broken") for line in failed if f"{name}.mp4" in line} == {
        "empty", "broken",
    }  # fmt: skip
    assert len(failed) <= 3


def test_what_a_manifest_says_is_heeded(tmp_path):
    for name in ("talk.mp4", "drawn.mp4", "forged.mp4", "voice.wav", "unlisted.mov", "note.txt"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "MANIFEST.csv").write_text(
        "file,kind,speaker_or_scene_id\ntalk.mp4,talking,ann\ndrawn.mp4,animation,\nforged.mp4,forged,x\n"
    )
    assert [(s.path.name, s.scene, s.is_camera) for s in sources(tmp_path)] == [
        ("drawn.mp4", "drawn.mp4", False),
        ("talk.mp4", "ann", True),
        ("unlisted.mov", "unlisted.mov", True),
    ]
    with pytest.raises(UsageError, match="not a folder"):
        sources(tmp_path / "nothing")


def test_a_made_clip_of_another_length_is_not_used(tmp_path, monkeypatch):
    footage = write_footage(tmp_path / "footage", ("one",))
    encode = gap_clips._encode
    monkeypatch.setattr(gap_clips, "_encode", lambda p, s, left, *rest: encode(p, s, [(0, 50)], *rest))
    clips, failed = gather(
        sources(footage), tmp_path / "work", Making(ffmpeg_program(), 1, 1), measure, no_progress
    )
    assert clips == []
    assert "one.mp4: made 50 frames" in failed[0]


def test_a_file_that_is_gone_is_listed(tmp_path):
    gone = gap_clips.Source(tmp_path / "gone.mp4", "x", True)
    clips, failed = gather([gone], tmp_path / "work", Making("", 1, 1), measure, no_progress)
    assert (clips, failed) == ([], [f"{tmp_path / 'gone.mp4'}: cannot be read (No such file or directory)."])


def test_a_file_that_cannot_be_measured_is_listed(tmp_path):
    def broken(path: Path, out: Path) -> None:
        raise InputError(f"{path}: nothing in it.")

    footage = write_footage(tmp_path / "footage", ("one",), 10)
    clips, failed = gather(sources(footage), tmp_path / "work", Making("", 1, 1), broken, no_progress)
    assert (clips, failed) == ([], [f"{footage / 'one.mp4'}: nothing in it."])
    assert list((tmp_path / "work").iterdir()) == []


def test_kept_pictures_are_plain_data(tmp_path):
    footage = write_footage(tmp_path / "footage", ("one",), 60)
    gather(sources(footage), tmp_path / "work", Making(ffmpeg_program(), 1, 1), measure, no_progress)
    (index,) = (tmp_path / "work").glob("*.json")
    rows = json.loads(index.read_text())
    levels = np.load(index.with_suffix(".npy"), allow_pickle=False)
    assert sum(row["frames"] for row in rows) == len(levels)
    assert levels.dtype == np.uint16
