"""Faces are followed and mouths described, without a real face in the repository."""

from __future__ import annotations

import numpy as np
import pytest

from tests.features.make_faces import FakeModels, block
from vidforensics.features.face_models import LEFT_EYE, RIGHT_EYE, FaceBox, FaceMesh, _tiles
from vidforensics.features.face_tracks import SHAPE_POINTS, FaceTrackAccumulator, mouth_crop, mouth_shape

CHIN = 152
"""Number of the chin among the points of a mesh."""


def follow(models: FakeModels, times_s: list[float]) -> object:
    accumulator = FaceTrackAccumulator(models)  # type: ignore[arg-type]
    for number, time_s in enumerate(times_s):
        accumulator.update(block(number, time_s))
    return accumulator.finish()


def test_one_face_is_one_track_with_the_times_of_its_pictures() -> None:
    times_s = [k / 25 for k in range(50)]
    faces = follow(FakeModels(), times_s)
    assert [len(t.times_s) for t in faces.tracks] == [50]
    assert faces.tracks[0].times_s == pytest.approx(times_s)
    assert faces.tracks[0].shapes.shape == (50, 24, 2)
    assert faces.tracks[0].mouths.shape == (50, 24, 24)


def test_pictures_at_60_a_second_are_thinned_and_odd_times_kept() -> None:
    faces = follow(FakeModels(), [k / 60 for k in range(60)])
    assert 19 <= len(faces.tracks[0].times_s) <= 31
    assert follow(FakeModels(), [0.0, 0.1, 0.7, 0.75]).tracks[0].times_s == pytest.approx(
        [0.0, 0.1, 0.7, 0.75]
    )


def test_a_lost_face_ends_its_track_and_a_new_one_begins() -> None:
    models = FakeModels(lost_at={20})
    faces = follow(models, [k / 25 for k in range(60)])
    assert len(faces.tracks) == 2
    assert faces.tracks[0].times_s[-1] < 20 / 25 < faces.tracks[1].times_s[0]


def test_a_jumping_mesh_ends_the_track() -> None:
    faces = follow(FakeModels(jump_at=30), [k / 25 for k in range(60)])
    assert len(faces.tracks) == 2


def test_no_face_and_no_picture_give_no_track() -> None:
    assert follow(FakeModels(boxes=False), [0.0, 0.04]).tracks == ()
    assert follow(FakeModels(), []).tracks == ()


def test_a_cut_ends_every_track() -> None:
    accumulator = FaceTrackAccumulator(FakeModels())  # type: ignore[arg-type]
    for number in range(20):
        accumulator.update(block(number, number / 25, level=40 if number < 10 else 160))
    assert [len(t.times_s) for t in accumulator.finish().tracks] == [10, 10]


class TwoFaces(FakeModels):
    """One on the left whose chin hangs low, one on the right; the left one is lost once."""

    def find(self, picture: object) -> list[FaceBox]:
        return [FaceBox(80.0, 90.0, 60.0, 0.0), FaceBox(240.0, 90.0, 60.0, 0.0)]

    def mesh(self, picture: object, box: FaceBox) -> FaceMesh:
        is_left = box.x < 160
        points = np.stack([np.linspace(box.x - 30, box.x + 30, 468), np.full(468, 90.0)], axis=1)
        points[0], points[1] = (box.x, 60.0), (box.x, 120.0)
        points[RIGHT_EYE], points[LEFT_EYE] = (box.x - 20, 80), (box.x + 20, 80)
        points[CHIN] = (box.x, 80 + (40 if is_left else 20))
        self.calls += 1
        return FaceMesh(points.astype(np.float32), 0.0 if is_left and self.calls == 41 else 0.99)


def test_each_of_two_faces_keeps_its_own_pictures() -> None:
    faces = follow(TwoFaces(), [k / 25 for k in range(60)])
    assert len(faces.tracks) == 3
    for track in faces.tracks:
        drop = 1.0 if track.boxes[0, 0] < 0.5 else 0.5
        chin = track.shapes[:, SHAPE_POINTS.index(CHIN), 1]
        assert chin == pytest.approx(np.full(len(track.times_s), drop))
        assert len(track.mouths) == len(track.shapes) == len(track.times_s)
    assert sorted(len(t.times_s) for t in faces.tracks)[-1] == 60


def test_the_mouth_shape_does_not_depend_on_place_size_and_tilt() -> None:
    rng = np.random.default_rng(5)
    points = rng.normal(0, 30, (468, 2)).astype(np.float32)
    angle = 0.4
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]], np.float32)
    moved = points @ turn.T * np.float32(1.7) + np.float32(55)
    assert mouth_shape(moved) == pytest.approx(mouth_shape(points), abs=1e-3)


def test_a_mouth_crop_at_the_edge_of_the_picture_is_whole() -> None:
    points = np.zeros((468, 2), np.float32)
    points[33], points[263] = (-5, 0), (5, 0)
    assert mouth_crop(np.full((20, 20, 3), 90, np.uint8), points).shape == (24, 24)


def test_boxes_overlap_as_squares_do() -> None:
    box = FaceBox(50, 50, 20, 0.0)
    assert box.overlap(box) == pytest.approx(1.0)
    assert box.overlap(FaceBox(60, 50, 20, 0.0)) == pytest.approx(1 / 3)
    assert box.overlap(FaceBox(90, 50, 20, 0.0)) == 0.0
    assert box.overlap(FaceBox(50, 50, 10, 0.0)) == pytest.approx(0.25)


@pytest.mark.parametrize("shape", [(90, 160), (160, 90), (100, 100), (1, 1), (2, 640)])
def test_tiles_cover_the_picture(shape: tuple[int, int]) -> None:
    seen = np.zeros(shape, bool)
    for x, y, side in _tiles(np.zeros((*shape, 3), np.uint8)):
        seen[max(0, y) : y + side, max(0, x) : x + side] = True
    assert seen.all()
