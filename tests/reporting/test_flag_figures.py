"""The figures beside a flag show what was measured there, and nothing where nothing was."""

from __future__ import annotations

import base64
import struct
from dataclasses import replace

import numpy as np
import pytest

from tests.reporting.make_case import make_case
from vidforensics.reporting.flag_figures import MOST_COLUMNS, SOURCE_NUMBERS, flag_figures
from vidforensics.reporting.html import render
from vidforensics.types import (
    Case,
    CodingGrids,
    Faces,
    FaceTrack,
    FrameGaps,
    FrameSeries,
    GridRun,
    Segment,
    Shot,
    SoundSeries,
    SourceSeries,
)


def flag(label: str, start_s: float = 10.0, end_s: float = 14.0) -> Segment:
    return Segment(start_s, end_s, label, 0.9, 1.2, "x", "Why.", True)  # type: ignore[arg-type]


def face(first_s: float, last_s: float, eyes_px: float = 40.0) -> FaceTrack:
    times_s = np.arange(first_s, last_s, 0.04)
    count = len(times_s)
    shapes = np.zeros((count, 24, 2), np.float32)
    shapes[:, 18, 1] = np.abs(np.sin(times_s * 9))
    mouths = np.broadcast_to(np.arange(count, dtype=np.uint8)[:, None, None], (count, 24, 24)).copy()
    numbers = np.full(count, eyes_px, np.float32)
    return FaceTrack(times_s, np.zeros((count, 3), np.float32), numbers, numbers, shapes, mouths)


def sound(last_s: float = 42.0) -> SoundSeries:
    times_s = np.arange(0, last_s, 0.01)
    codes = np.random.default_rng(1).integers(40, 200, (len(times_s), 58)).astype(np.uint8)
    return SoundSeries(0, 0.01, times_s, {"band_code": codes})


def case(**measured: object) -> Case:
    plain = make_case()
    return replace(plain, features=replace(plain.features, **measured))


@pytest.mark.parametrize("label", ["dub", "audio_splice", "splice", "deletion", "duplication", "stream_join"])
def test_without_measurements_there_is_no_figure(label):
    assert flag_figures(flag(label), case()) == ()


def test_a_dub_shows_the_mouth_of_the_largest_face_and_the_voice():
    tracks = (face(0, 30, 20.0), face(5, 40, 60.0))
    (figure,) = flag_figures(flag("dub"), case(faces=Faces(tracks=tracks), sounds=(sound(),)))
    assert figure.body.count("<image") == 1
    assert (figure.body.count('class="line"'), figure.body.count('class="voice"')) == (1, 1)
    assert "24 mouth pictures" in figure.caption
    assert (figure.first, figure.last[:10]) == ("0:00:09.000", "0:00:14.96")


def test_a_dub_without_a_face_in_its_stretch_or_without_sound_shows_none():
    late = Faces(tracks=(face(20, 30),))
    assert flag_figures(flag("dub"), case(faces=late, sounds=(sound(),))) == ()
    assert flag_figures(flag("dub"), case(faces=Faces(tracks=(face(0, 30),)))) == ()


def test_a_voice_that_ends_before_the_face_leaves_the_lips():
    (figure,) = flag_figures(flag("dub"), case(faces=Faces(tracks=(face(5, 40),)), sounds=(sound(3.0),)))
    assert (figure.body.count('class="line"'), figure.body.count('class="voice"')) == (1, 0)


def test_a_sound_join_shows_its_spectrogram_with_both_ends():
    (figure,) = flag_figures(flag("audio_splice"), case(sounds=(sound(),)))
    assert "data:image/png;base64," in figure.body
    assert figure.body.count("V116") == 2
    (figure,) = flag_figures(flag("audio_splice", 0.0, 400.0), case(sounds=(sound(),)))
    assert (figure.first, figure.last) == ("0:00:00.000", "0:00:34.000")  # the beginning of a long one


def test_a_long_spectrogram_is_no_wider_than_it_needs_to_be():
    (figure,) = flag_figures(flag("audio_splice", 0.0, 400.0), case(sounds=(sound(),)))
    png = base64.b64decode(figure.body.split("base64,")[1].split('"')[0])
    assert struct.unpack(">II", png[16:24]) == (MOST_COLUMNS, 58)
    (figure,) = flag_figures(flag("audio_splice", 1.0, 1.5), case(sounds=(sound(),)))
    png = base64.b64decode(figure.body.split("base64,")[1].split('"')[0])
    assert struct.unpack(">II", png[16:24])[0] == pytest.approx(551, abs=1)  # 10 ms a column


def test_a_break_in_an_earlier_coding_shows_the_frames_before_and_behind_it():
    times_s = np.arange(1800) * 0.0232
    shown = np.zeros((1800, 3), np.float32)
    shown[times_s < 12.0, 2], shown[times_s > 12.0, 0] = 2.0, 2.0
    runs = (GridRun(0, 517, 900), GridRun(518, 1800, 7))
    grids = CodingGrids(0, 0.0232, times_s, np.array([7, 300, 900]), shown, runs)
    jump = replace(flag("audio_splice", 12.0, 12.01), detector="sound_coding")
    (figure,) = flag_figures(jump, case(coding_grids=grids))
    assert figure.body.count('class="line"') == 2
    assert "begin at sample 900 of 1024 (above) and at sample 7 (below)" in figure.caption
    assert flag_figures(replace(jump, start_s=0.0, end_s=0.0), case(coding_grids=grids)) == ()
    assert flag_figures(flag("audio_splice", 12.0, 12.01), case(coding_grids=grids)) == ()
    few = replace(grids, times_s=np.arange(1800) * 0.9)
    assert flag_figures(jump, case(coding_grids=few)) == ()


def test_a_stretch_put_over_the_sound_shows_its_own_frames_below():
    times_s = np.arange(1800) * 0.0232
    runs = (GridRun(0, 517, 900), GridRun(518, 600, 7), GridRun(601, 1800, 900))
    grids = CodingGrids(0, 0.0232, times_s, np.array([7, 900]), np.zeros((1800, 2), np.float32), runs)
    guest = replace(flag("audio_splice", 12.0, 13.94), detector="sound_coding")
    (figure,) = flag_figures(guest, case(coding_grids=grids))
    assert "begin at sample 900 of 1024 (above) and at sample 7 (below)" in figure.caption


def test_an_odd_shot_is_filled_among_the_others():
    plain = make_case()
    shots = tuple(Shot(float(i), float(i + 1), None) for i in range(5))
    names = tuple(name for name, _ in SOURCE_NUMBERS)
    times_s = np.arange(0, 5, 0.25)
    values = np.random.default_rng(2).normal(size=(len(times_s), len(names))).astype(np.float32)
    values[times_s >= 4.0, 0] = np.nan  # the last shot's noise was not measured
    made = replace(
        plain,
        extraction=replace(plain.extraction, shots=shots),
        features=replace(plain.features, sources=SourceSeries(names, times_s, values)),
    )
    (figure,) = flag_figures(flag("splice", 2.0, 3.0), made)
    assert figure.body.count("shot-odd") == len(names)
    assert figure.body.count("shot-other") == 4 * len(names) - 1
    one = replace(made, extraction=replace(made.extraction, shots=shots[:1]))
    assert flag_figures(flag("splice", 0.0, 1.0), one) == ()


def test_change_has_one_stroke_per_frame():
    times_s = np.arange(0, 42, 0.04)
    change = np.ones(len(times_s))
    change[0] = np.nan
    made = case(frames=FrameSeries(times_s, {"difference": change}))
    (figure,) = flag_figures(flag("deletion", 0.4, 0.44), made)
    stems = figure.body.split('class="flag-edge"')[1]
    assert stems.count("M") == int((times_s <= 1.44).sum())


def test_odds_of_missing_frames_have_one_stroke_per_known_frame():
    times_s = np.arange(0, 42, 0.04)
    odds = np.full(len(times_s), -3.0, np.float32)
    odds[:5], odds[11] = np.nan, 4.5
    made = case(gaps=FrameGaps(times_s, odds))
    (figure,) = flag_figures(flag("deletion", 0.4, 0.44), made)
    stems = figure.body.split('class="flag-edge"')[1]
    assert stems.count("M") == int((times_s <= 1.44).sum()) - 5
    assert "4.5" in figure.caption
    unknown = case(gaps=FrameGaps(times_s, np.full(len(times_s), np.nan, np.float32)))
    assert flag_figures(flag("deletion", 0.4, 0.44), unknown) == ()


def test_the_figures_stand_in_the_report(tmp_path):
    plain = make_case()
    labels = {s.label for d in plain.detections for s in d.segments if s.listed}
    times_s = np.arange(0, 42, 0.04)
    made = case(frames=FrameSeries(times_s, {"difference": np.ones(len(times_s))}), sounds=(sound(),))
    text = render(made, case_folder=tmp_path)
    assert labels & {"deletion", "duplication", "audio_splice"}
    assert 'class="measured"' in text
    assert 'class="measured"' not in render(plain, case_folder=tmp_path)
