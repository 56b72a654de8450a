"""The coded stream read without decoding, against the decoder and libavcodec's header trace, and broken."""

from __future__ import annotations

import re
from pathlib import Path

import av
import numpy as np
import pytest

from tests.acquisition.bitstream_material import QUIET, Recipe, probe_of, write
from vidforensics.acquisition.bitstream import read_bitstream
from vidforensics.errors import NotMediaError
from vidforensics.types import Probe, Stream

X264 = Recipe(options={"g": "12", "bf": "3", "threads": "1"})
CODED = {
    "h264.mp4": X264,
    "h264.ts": X264,
    "h264.mkv": X264,
    "h264 no B.mp4": Recipe(options={"g": "12", "bf": "0"}),
    "h264 open.ts": Recipe(options={"g": "12", "x264-params": "open-gop=1"}),
    "h264 interlaced.ts": Recipe(options={"g": "12", "x264-params": "interlaced=1:weightp=2"}),
    "h264 slices.ts": Recipe(options={"g": "12", "x264-params": "slices=3"}),
    "h264 lossless.mp4": Recipe(options={"qp": "0", "preset": "ultrafast"}, pixel_format="yuv444p"),
    "h264 ten.mp4": Recipe(pixel_format="yuv420p10le"),
    "hevc.mp4": Recipe("libx265", options={**QUIET, "g": "12"}),
    "hevc.ts": Recipe("libx265", options={"x265-params": "log-level=none:keyint=12:open-gop=0:weightb=1"}),
    "hevc.mkv": Recipe("libx265", options={"x265-params": "log-level=none:keyint=12:lossless=1"}),
    "mpeg1.mpg": Recipe("mpeg1video", options={"bf": "2", "qscale": "4", "flags": "qscale"}),
    "mpeg2.ts": Recipe("mpeg2video", options={"bf": "2"}),
    "mpeg4.mp4": Recipe("mpeg4"),
    "mpeg4.avi": Recipe("mpeg4", options={"bf": "1"}),
    "vp8.webm": Recipe("libvpx", options={"g": "12", "deadline": "realtime"}),
    "vp9.webm": Recipe("libvpx-vp9", options={"g": "12", "deadline": "realtime", "cpu-used": "8"}),
    "av1.mp4": Recipe("libsvtav1", frames=16, options={"preset": "12", "svtav1-params": "keyint=8"}),
}


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    folder = tmp_path_factory.mktemp("coded")
    made: dict[str, Path] = {}

    def get(name: str) -> Path:
        if name not in made:
            made[name] = write(folder / name.replace(" ", "_"), CODED[name])
        return made[name]

    return get


KINDS = {1: "I", 2: "P", 3: "B"}


def decoded_types(path: Path) -> dict[float, str]:
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
    return {round(float(f.pts * f.time_base), 4): KINDS.get(int(f.pict_type), "?") for f in frames}


@pytest.mark.parametrize("name", CODED)
def test_every_packet_is_there_with_the_type_that_the_decoder_finds(clips, name):
    path = clips(name)
    probe = probe_of(path)
    found = read_bitstream(path, probe)
    assert found.not_read is None
    assert len(found.packets.pts_s) == CODED[name].frames
    truth = decoded_types(path)
    times = [round(t + probe.origin_s, 4) for t in found.packets.pts_s.tolist()]
    ours = dict(zip(times, found.packets.frame_type.tolist(), strict=True))
    agree = sum(ours.get(t) == kind for t, kind in truth.items())
    assert agree >= 0.97 * len(truth)
    assert found.has_b_frames == ("B" in truth.values())
    assert sum(g.frame_count for g in found.gops) == CODED[name].frames
    assert sum(g.size_bytes for g in found.gops) == found.packets.size_bytes.sum()


def traced_quantisers(path: Path) -> list[float]:
    """QP of the first slice of each packet by libavcodec's trace_headers filter."""
    values: list[float] = []
    av.logging.set_level(av.logging.TRACE)
    try:
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            trace = av.bitstream.BitStreamFilterContext("trace_headers", stream)
            initial = 26.0
            for packet in container.demux(stream):
                if not packet.size:
                    continue
                with av.logging.Capture() as logs:
                    trace.filter(packet)
                deltas = []
                for _, _, line in logs:
                    fixed = re.search(r"init_qp_minus26 .*= (-?\d+)", line)
                    initial = 26.0 + int(fixed.group(1)) if fixed else initial
                    delta = re.search(r"slice_qp_delta .*= (-?\d+)", line)
                    if delta:
                        deltas.append(int(delta.group(1)))
                values.append(initial + np.mean(deltas))
    finally:
        av.logging.set_level(None)
    return values


@pytest.mark.parametrize(
    "name", ["h264.ts", "h264 slices.ts", "h264 open.ts", "h264 interlaced.ts", "hevc.ts"]
)
def test_quantisers_equal_the_header_trace(clips, name):
    path = clips(name)
    ours = read_bitstream(path, probe_of(path)).packets.qp
    np.testing.assert_allclose(ours, traced_quantisers(path))


def test_quantiser_is_what_the_encoder_was_told(tmp_path):
    path = write(tmp_path / "a.mp4", Recipe(options={"qp": "31", "bf": "0"}))
    packets = read_bitstream(path, probe_of(path)).packets
    assert set(packets.qp[packets.frame_type == "P"].tolist()) == {31.0}


def test_x264_signature_and_sets(clips):
    path = clips("h264.mp4")
    found = read_bitstream(path, probe_of(path))
    assert [e.packet for e in found.encoder_settings] == [0]
    assert found.encoder_settings[0].name.startswith("x264 - core")
    assert "bframes=3" in found.encoder_settings[0].text
    assert {"SPS", "PPS"} <= {p.kind for p in found.parameter_sets}
    assert "64×48" in next(p.summary for p in found.parameter_sets if p.kind == "SPS")


def test_times_are_on_the_clips_own_timeline(clips):
    for name in ("h264.mp4", "h264.ts", "mpeg2.ts"):
        path = clips(name)
        times = read_bitstream(path, probe_of(path)).packets.pts_s
        assert np.sort(times)[0] == pytest.approx(0.0, abs=0.1)
        assert np.median(np.diff(np.sort(times))) == pytest.approx(0.04, abs=1e-3)


def test_no_picture_stream_is_an_answer(tmp_path):
    found = read_bitstream(
        tmp_path / "absent", Probe("wav", 1.0, 0.0, None, {}, (Stream(0, "audio", "pcm_s16le"),))
    )
    assert found.stream_index is None
    assert found.not_read
    assert len(found.packets.pts_s) == 0


def test_a_codec_whose_headers_are_not_read_gives_packets(tmp_path):
    path = write(tmp_path / "a.avi", Recipe("mjpeg", frames=10, pixel_format="yuvj420p"))
    found = read_bitstream(path, probe_of(path))
    assert len(found.packets.pts_s) == 10
    assert "mjpeg" in found.not_read
    assert set(found.packets.frame_type.tolist()) == {"?"}
    assert found.has_b_frames is None


def test_a_text_file_is_refused_in_one_sentence(tmp_path):
    path = tmp_path / "a.mp4"
    path.write_text("no video here\n" * 50)
    with pytest.raises(NotMediaError, match=r"a\.mp4 cannot be read as media"):
        read_bitstream(path, Probe("mp4", 1.0, 0.0, None, {}, (Stream(0, "video", "h264"),)))


@pytest.mark.parametrize("name", ["h264.ts", "hevc.mkv", "mpeg4.avi", "vp9.webm", "mpeg1.mpg", "av1.mp4"])
def test_damage_never_raises_and_keeps_arrays_of_one_length(clips, tmp_path, name):
    whole = clips(name).read_bytes()
    probe = probe_of(clips(name))
    rng = np.random.default_rng(5)
    for round_number in range(12):
        data = bytearray(whole)
        for at in rng.integers(300, len(data), 40).tolist():
            data[at] = int(rng.integers(256))
        path = tmp_path / f"{round_number}{clips(name).suffix}"
        path.write_bytes(bytes(data[: int(len(data) * rng.uniform(0.4, 1.0))]))
        try:
            packets = read_bitstream(path, probe).packets
        except NotMediaError:
            continue
        lengths = {
            len(getattr(packets, f)) for f in ("pts_s", "dts_s", "size_bytes", "is_key", "frame_type", "qp")
        }
        assert len(lengths) == 1


def test_irregular_times_are_kept(tmp_path):
    source = write(tmp_path / "a.mp4", Recipe(options={"bf": "0"}, frames=20))
    target = tmp_path / "late.mkv"
    with av.open(str(source)) as given, av.open(str(target), "w") as out:
        stream = out.add_stream_from_template(given.streams.video[0])
        for number, packet in enumerate(p for p in given.demux(video=0) if p.size):
            packet.pts = packet.dts = 7 * packet.duration + packet.pts * (1 + number % 2)
            if number % 2 == 0:
                packet.stream = stream
                out.mux(packet)
    times = read_bitstream(target, probe_of(target)).packets.pts_s
    assert times.tolist() == pytest.approx([0.08 * i for i in range(10)], abs=2e-3)
