"""Joins made packet by packet are cued where they are; streams that only repeat their headers are not."""

from __future__ import annotations

import av
import numpy as np
import pytest

from tests.acquisition.bitstream_material import Recipe, copy_packets, probe_of, write
from vidforensics.acquisition.bitstream import read_bitstream
from vidforensics.acquisition.join_cues_encoder import signature_change
from vidforensics.acquisition.join_cues_sound import signature_breaks

GOP = {"g": "12", "sc_threshold": "0"}


def weights(path):
    found = read_bitstream(path, probe_of(path))
    sums: dict[int, float] = {}
    for cue in found.join_cues:
        sums[cue.packet] = sums.get(cue.packet, 0.0) + cue.weight
    return sums, found


def joined(tmp_path, first: Recipe, second: Recipe, spans, suffix="mp4"):
    one = write(tmp_path / f"one.{suffix}", first)
    two = write(tmp_path / f"two.{suffix}", second)
    out = tmp_path / f"joined.{suffix}"
    count = copy_packets([(one, *spans[0]), (two, *spans[1])], out)
    return count, out


def test_whole_x264_files_sign_twice(tmp_path):
    count, out = joined(tmp_path, Recipe(), Recipe(seed=2), [(0, 40), (0, 40)])
    sums, found = weights(out)
    assert [p for p, w in sums.items() if w >= 2] == [count]
    cue = next(c for c in found.join_cues if c.cue == "encoder_restart")
    assert cue.time_s == pytest.approx(1.6, abs=0.02)
    assert "x264" in cue.sentence


def test_changed_settings_are_named(tmp_path):
    first, second = Recipe(options={**GOP, "crf": "20"}), Recipe(options={**GOP, "crf": "30"}, seed=2)
    _, out = joined(tmp_path, first, second, [(0, 40), (0, 40)])
    cue = next(c for c in weights(out)[1].join_cues if c.cue == "encoder_changed")
    assert cue.sentence.startswith("The settings of the encoder x264")
    assert "crf 20.0 to 30.0" in cue.sentence


def test_a_changed_encoder_is_named_with_the_one_before():
    old, new = (f"x264 - core {n} - H.264/MPEG-4 AVC codec - options: crf={n}" for n in (157, 164))
    assert signature_change(old, new).endswith("from x264 - core 157 to x264 - core 164.")
    assert "what it lists differs" in signature_change("x265 (build 1): a", "x265 (build 1): b")


def test_excerpts_without_a_signature(tmp_path):
    """Both parts begin after their first key frame; the first one ends inside a run of B-frames."""
    coded = Recipe(frames=60, options={**GOP, "bf": "3"})
    count, out = joined(
        tmp_path, coded, Recipe(frames=60, options=coded.options, seed=2), [(12, 39), (24, 60)]
    )
    sums, found = weights(out)
    assert not found.encoder_settings
    assert [p for p, w in sums.items() if w >= 2] == [count]


def test_middle_removed_breaks_the_numbering(tmp_path):
    coded = Recipe(frames=72, options={**GOP, "bf": "0"})
    path = write(tmp_path / "a.mp4", coded)
    out = tmp_path / "cut.mp4"
    count = copy_packets([(path, 0, 24), (path, 36, 72)], out)
    sums, _ = weights(out)
    assert [p for p, w in sums.items() if w >= 2] == [count]


def test_open_hevc_numbering_does_not_go_on(tmp_path):
    coded = Recipe("libx265", frames=60, options={"x265-params": "log-level=none:keyint=12"})
    one = write(tmp_path / "one.mp4", coded)
    keys = np.flatnonzero(read_bitstream(one, probe_of(one)).packets.is_key).tolist()
    out = tmp_path / "joined.mp4"
    count = copy_packets([(one, 0, keys[1] + 5), (one, keys[3], 60)], out)
    sums, _ = weights(out)
    assert sums.get(count, 0) >= 2


def test_mpeg4_clock_starts_anew(tmp_path):
    coded = Recipe("mpeg4", frames=48)
    count, out = joined(tmp_path, coded, Recipe("mpeg4", frames=48, seed=2), [(0, 40), (0, 48)])
    sums, found = weights(out)
    assert [p for p, w in sums.items() if w >= 2] == [count]
    assert any(c.cue == "coded_clock_jump" for c in found.join_cues)


@pytest.mark.parametrize(
    ("name", "recipe"),
    [
        ("a.mp4", Recipe(frames=60, options=GOP)),
        ("repeated.ts", Recipe(frames=60, options={**GOP, "x264-params": "repeat-headers=1"})),
        ("x265.ts", Recipe("libx265", frames=60, options={"x265-params": "log-level=none:keyint=12"})),
        ("mpeg2.ts", Recipe("mpeg2video", frames=60, options={"bf": "2"})),
        (
            "vp9.webm",
            Recipe("libvpx-vp9", frames=40, options={"g": "12", "deadline": "realtime", "cpu-used": "8"}),
        ),
        ("sound.mp4", Recipe(frames=60, options=GOP, sound="aac")),
        ("intra.mp4", Recipe(frames=30, options={"g": "1"})),
        ("one.mp4", Recipe(frames=1)),
    ],
)
def test_nothing_joined(tmp_path, name, recipe):
    sums, _ = weights(write(tmp_path / name, recipe))
    assert all(weight < 2 for weight in sums.values())


def test_a_frame_dropped_in_the_middle_of_a_gop_is_no_join(tmp_path):
    path = write(tmp_path / "a.mp4", Recipe(frames=60, options={**GOP, "bf": "0"}))
    out = tmp_path / "drop.mp4"
    with av.open(str(path)) as source, av.open(str(out), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for number, packet in enumerate(p for p in source.demux(video=0) if p.size):
            if number != 17:
                packet.stream = stream
                target.mux(packet)
    sums, _ = weights(out)
    assert all(weight < 2 for weight in sums.values())


def test_signature_rhythm():
    assert signature_breaks([], 900, True) == []
    assert signature_breaks([0, 256, 512], 700, True) == []
    assert signature_breaks([100, 356], 500, True) == []
    assert signature_breaks([0, 256, 300], 400, True) == [(256, 300)]
    assert signature_breaks([285], 400, True) == [(29, 285)]
    assert signature_breaks([0], 400, True) == [(0, 256)]
    assert signature_breaks([0], 900, False) == []
    assert signature_breaks([0, 431], 900, False) == [(430, 431)]
