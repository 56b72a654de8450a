"""The truth that is written beside an edited clip must hold in the clip itself."""

from __future__ import annotations

import subprocess
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.evaluation.footage_kit import LENGTH_S, pictures, write_folder
from vidforensics.errors import MissingModelError, UsageError
from vidforensics.evaluation import ffmpeg
from vidforensics.evaluation.edits import BenchmarkSet, Query, Work
from vidforensics.evaluation.ffmpeg import MakingFailed, ffmpeg_program, run_ffmpeg
from vidforensics.evaluation.footage import Roles, choose, read_footage, side_of
from vidforensics.evaluation.material import MakeOptions, make_set
from vidforensics.evaluation.recipes import KINDS, NEEDS_SOUND, STEPS, steps_of
from vidforensics.evaluation.truth import read_set, to_json

PLAIN = ("crop25", "mirror", "rotate5", "letterbox", "pillarbox", "blurred_sides", "pip50", "caption", "logo")
TIMED = ("speed080", "speed125", "excerpt", "splice", "fps12")


@pytest.fixture(scope="module")
def roles(tmp_path_factory) -> Roles:
    folder = write_folder(tmp_path_factory.mktemp("footage"))
    return choose(read_footage(folder, "all"), 1, seed=5)


@pytest.fixture(scope="module")
def made(tmp_path_factory, roles) -> BenchmarkSet:
    options = MakeOptions(seed=5, shared=1)
    return make_set(tmp_path_factory.mktemp("set"), roles, options, ffmpeg_program())


def one(made: BenchmarkSet, kind: str) -> Query:
    return next(q for q in made.queries if q.kind == kind)


def test_every_kind_is_made(made):
    assert made.failures == ()
    edited = [q for q in made.queries if q.reference]
    assert {q.kind for q in edited} == set(KINDS)
    assert len(edited) == len(KINDS)
    assert all(q.path.stat().st_size > 0 for q in made.queries)
    assert len({q.path.name for q in made.queries}) == len(made.queries)


def test_negatives_have_no_source(made):
    kinds = {q.kind for q in made.queries if q.reference is None}
    assert {"unrelated", "shared_logo", "shared_jingle", "black_card", "title_card"} <= kinds
    assert all(not q.segments for q in made.queries if q.reference is None)
    assert {p.name for p in made.references if "shared_logo" in p.name}


@pytest.mark.parametrize("kind", PLAIN)
def test_the_picture_lies_where_the_matrix_says(made, kind):
    query = one(made, kind)
    reference = pictures(query.reference)
    shown = pictures(query.path)
    at_s, picture = shown[len(shown) // 2]
    _, before = min(reference, key=lambda item: abs(item[0] - query.segments[0].reference_start_s - at_s))
    height, width = picture.shape
    across = np.array(query.matrix).reshape(2, 3)
    pixels = np.diag([width, height]) @ across @ np.diag([1 / before.shape[1], 1 / before.shape[0], 1.0])
    pixels[:, 2] += 0.5 * pixels[:, :2].sum(axis=1) - 0.5  # a pixel's place is its middle
    laid = cv2.warpAffine(before, pixels, (width, height))
    seen = cv2.warpAffine(np.ones_like(before), pixels, (width, height)) > 0.99
    for edit in query.edits:
        if edit.kind == "overlay":
            x, y, w, h = edit.box
            covered = np.zeros_like(before)
            rows = slice(int(y * before.shape[0]), int((y + h) * before.shape[0]) + 1)
            covered[rows, int(x * before.shape[1]) : int((x + w) * before.shape[1]) + 1] = 1
            seen &= cv2.warpAffine(covered, pixels, (width, height)) < 0.01
    assert seen.mean() > 0.05
    assert np.abs(laid[seen] - picture[seen]).mean() < 6
    assert np.corrcoef(laid[seen], picture[seen])[0, 1] > 0.97


def test_crop_box_is_what_is_left_of_the_reference(made):
    query = one(made, "crop25")
    (edit,) = query.edits
    x, y, width, height = edit.box
    assert width * height == pytest.approx(0.75, abs=0.02)
    a, _, tx, _, d, ty = query.matrix
    assert (a * x + tx, d * y + ty) == pytest.approx((0, 0), abs=1e-9)
    assert (a * (x + width) + tx, d * (y + height) + ty) == pytest.approx((1, 1), abs=1e-9)


def test_overlay_box_is_mirrored_with_the_picture(made):
    query = one(made, "muted_mirror_crop_logo")
    crop, logo = (next(e for e in query.edits if e.kind == kind) for kind in ("crop", "overlay"))
    assert query.mirrored
    assert logo.box[0] >= crop.box[0] - 1e-9
    assert logo.box[0] + logo.box[2] <= crop.box[0] + crop.box[2] + 1e-9


@pytest.mark.parametrize("kind", TIMED)
def test_the_segment_shows_the_moments_it_says(made, kind):
    query = one(made, kind)
    (segment,) = query.segments
    frames = [f for f in pictures(query.path) if segment.query_start_s <= f[0] < segment.query_end_s - 0.1]
    assert frames
    clock_s, level = zip(*((t, picture.mean()) for t, picture in pictures(query.reference)), strict=True)
    for at_s, picture in frames:
        told = segment.reference_start_s + (at_s - segment.query_start_s) * query.speed
        assert np.interp(picture.mean(), level, clock_s) == pytest.approx(told, abs=0.2)
    shown = segment.reference_end_s - segment.reference_start_s
    assert shown == pytest.approx((segment.query_end_s - segment.query_start_s) * query.speed)
    if kind.startswith("speed"):
        assert shown == pytest.approx(LENGTH_S, abs=0.2)


def test_sound_stretches_tile_the_segment(made):
    for query in made.queries:
        if not query.sound:
            continue
        (segment,) = query.segments
        edges = [segment.query_start_s, *(s.end_s for s in query.sound)]
        assert [s.start_s for s in query.sound] == pytest.approx(edges[:-1])
        assert edges[-1] == pytest.approx(segment.query_end_s, abs=0.15)


def test_the_same_seed_makes_the_same_clips(made, roles, tmp_path):
    options = MakeOptions(seed=5, shared=0, kinds=("crop40", "combo3"))
    again = make_set(tmp_path, roles, options, ffmpeg_program())
    for query in again.queries:
        if query.reference:
            before = next(q for q in made.queries if q.path.name == query.path.name)
            assert before.steps == query.steps
            assert before.path.read_bytes() == query.path.read_bytes()


def test_truth_comes_back_from_its_file(made, tmp_path):
    again = read_set(made.folder)
    assert again == made
    row = next(r for r in to_json(made)["queries"] if r["kind"] == "crop10")
    assert row["path"].startswith("queries/")
    assert row["reference"].startswith("references/")
    with pytest.raises(UsageError, match="no benchmark set"):
        read_set(tmp_path)
    (tmp_path / "truth.json").write_text('{"references": [], "shared": [], "queries": [{}], "failures": []}')
    with pytest.raises(UsageError, match="no benchmark set"):
        read_set(tmp_path)


def test_a_step_that_fails_costs_one_line(made, roles, tmp_path, monkeypatch):
    def broken(work, bench):
        raise MakingFailed("no")

    monkeypatch.setitem(STEPS, "gray", broken)
    options = MakeOptions(seed=5, shared=0, kinds=("gray", "mirror"))
    again = make_set(tmp_path, roles, options, ffmpeg_program())
    assert [line.endswith("gray: no") for line in again.failures] == [True]
    assert {q.kind for q in again.queries if q.reference} == {"mirror"}


def test_sound_changes_cut_stretches():
    work = Work([], 100, 100, 25.0, 10.0, 0.0, True, True)
    work.set_sound("mixed", 3.0, 7.0)
    assert [(s.start_s, s.end_s, s.relation) for s in work.stretches] == [
        (0.0, 3.0, "same"),
        (3.0, 7.0, "mixed"),
        (7.0, 10.0, "same"),
    ]
    work.retime(2.0)
    work.delay(1.0)
    assert [(s.start_s, s.end_s) for s in work.stretches] == [(1.0, 2.5), (2.5, 4.5), (4.5, 6.0)]
    unknown = Work([], 100, 100, 25.0, 10.0, 0.0, False, False)
    unknown.set_sound("muted")
    assert unknown.stretches == []


def test_combinations_draw_what_they_promise():
    rng = np.random.default_rng(0)
    for count, kind in ((2, "combo2"), (3, "combo3"), (4, "combo4")):
        for _ in range(40):
            names = steps_of(kind, rng, has_sound=False)
            assert len(names) == len(set(names)) == count
            assert not NEEDS_SOUND & set(names)
            assert list(names) == [s for s in STEPS if s in names]
    assert steps_of("splice", rng, True) == ("excerpt", "splice")
    with pytest.raises(KeyError):
        steps_of("nothing", rng, True)


def test_roles_never_share_a_group(roles):
    parts = [
        {m.group for m in part} for part in (roles.sources, roles.hosts, roles.references, roles.strangers)
    ]
    assert sum(len(p) for p in parts) == len(set().union(*parts))
    assert [m.path.name for m in roles.voices] == ["voice.wav"]


def test_manifest_gives_groups_and_leaves_out_forgeries(tmp_path):
    folder = write_folder(tmp_path / "f", loud=5, silent=0)
    (folder / "clip9.mp4").write_bytes(b"not a clip")
    rows = ["file,kind,speaker_or_scene_id", "clip0.mp4,talking,ann", "clip1.mp4,talking,ann"]
    rows += ["clip2.mp4,forged,bob", "clip3.mp4,animation,card", "clip4.mp4,talking,ann_unknown"]
    (folder / "MANIFEST.csv").write_text("\n".join(rows))
    found = {m.path.name: m for m in read_footage(folder, "all")}
    assert set(found) == {"clip0.mp4", "clip1.mp4", "clip3.mp4", "voice.wav"}
    assert found["clip0.mp4"].group == "ann"
    assert found["clip3.mp4"].graphic
    assert {m.group for m in read_footage(folder, "fit")} | {
        m.group for m in read_footage(folder, "test")
    } == {m.group for m in found.values()}
    assert {side_of("ann"), side_of("card"), side_of("voice.wav")} <= {"fit", "test"}


def test_too_little_footage_is_a_wrong_call(tmp_path):
    with pytest.raises(UsageError, match="not a folder"):
        read_footage(tmp_path / "none")
    with pytest.raises(UsageError, match="three scenes"):
        choose(read_footage(tmp_path, "all"), 2, 1)


def test_without_ffmpeg_a_missing_extra_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "imageio_ffmpeg", None)
    monkeypatch.setattr(ffmpeg.shutil, "which", lambda name: None)
    with pytest.raises(MissingModelError, match="imageio-ffmpeg"):
        ffmpeg_program()


def test_ffmpeg_failures_carry_its_last_line(tmp_path: Path, monkeypatch):
    with pytest.raises(MakingFailed, match="No such file"):
        run_ffmpeg(ffmpeg_program(), ["-i", f"file:{tmp_path}/none.mp4", "-f", "null", "-"])

    def slow(*arguments, **options):
        raise subprocess.TimeoutExpired("ffmpeg", 1)

    monkeypatch.setattr(ffmpeg.subprocess, "run", slow)
    with pytest.raises(MakingFailed, match="more than 2 s"):
        run_ffmpeg("ffmpeg", [], timeout_s=2)
