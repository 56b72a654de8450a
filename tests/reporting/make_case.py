"""Cases made by hand for the tests of the report: ordinary, empty, hostile and very long ones."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import cv2
import numpy as np

from vidforensics.types import (
    Bitstream,
    Border,
    Box,
    Case,
    Clip,
    Container,
    ContentCredentials,
    Coverage,
    CustodyEntry,
    DecodeSummary,
    Detection,
    DoubleCompression,
    EncoderSettings,
    Extraction,
    Features,
    Finding,
    FrameHashes,
    FrameSeries,
    Gop,
    JoinCue,
    Keyframe,
    PacketTable,
    ParameterSet,
    Probe,
    RunProvenance,
    ScoreTrack,
    Segment,
    Shot,
    SoundFile,
    SoundPicture,
    Span,
    Stream,
    Thumbnail,
    WriterReading,
)

SHA = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
HOSTILE = "<script>alert(1)</script>"
HOSTILE_PATH = "ev'il\" </script><img src=x onerror=alert(2)> \u202egpj.\u05d0\u05d1 \udcff&amp;.mp4"


def picture(time_s: float, columns: int = 160, rows: int = 90) -> np.ndarray:
    """A picture that differs from moment to moment."""
    y, x = np.mgrid[0:rows, 0:columns].astype(np.float32)
    sky = 150 + 60 * np.sin(x / columns * 3 + time_s * 0.3) - y / rows * 70
    bgr = np.stack([sky + 30, sky, sky - 25 + 20 * np.cos(time_s)], -1)
    centre = (int((time_s * 0.07 % 1) * columns), int(rows * 0.62))
    image = np.clip(bgr, 0, 255).astype(np.uint8)
    cv2.circle(image, centre, max(4, rows // 7), (60, 90, 160), -1)
    cv2.rectangle(image, (0, int(rows * 0.78)), (columns, rows), (70, 95, 80), -1)
    return image


def jpeg(image: np.ndarray) -> bytes:
    return bytes(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 75])[1])


def packets(duration_s: float, fps: float = 25.0, gop: int = 48) -> PacketTable:
    count = int(duration_s * fps)
    index = np.arange(count)
    kinds = np.where(index % gop == 0, "I", np.where(index % 3 == 0, "P", "B"))
    rng = np.random.default_rng(3)
    base = np.select([kinds == "I", kinds == "P"], [42_000, 9_000], 2_600)
    size = (base * rng.uniform(0.6, 1.4, count)).astype(np.int64)
    qp = np.select([kinds == "I", kinds == "P"], [21.0, 24.0], 27.0) + rng.normal(0, 0.7, count)
    return PacketTable(
        index / fps, index / fps, size, kinds == "I", kinds.astype("<U1"), qp, np.cumsum(size) + 48
    )


def no_packets() -> PacketTable:
    none = np.zeros(0)
    whole = np.zeros(0, np.int64)
    return PacketTable(none, none, whole, np.zeros(0, bool), np.zeros(0, "<U1"), none, whole)


def features(sounds: tuple[SoundPicture, ...] = ()) -> Features:
    nothing = np.zeros(0)
    hashes = FrameHashes("pdq", nothing, np.zeros((0, 32), np.uint8), np.zeros(0, np.uint8))
    return Features(hashes, (), FrameSeries(nothing, {}), (), sounds)


def sound_picture(duration_s: float, track: int = 0, start_s: float = 0.0) -> SoundPicture:
    rng = np.random.default_rng(track)
    bins, bands = 1500, 64
    t = np.linspace(start_s, duration_s, bins)
    loud = np.clip(0.1 + 0.5 * np.abs(np.sin(t * 1.7)) * (np.sin(t * 7) > -0.2), 0, 1)
    envelope = np.stack([-loud, loud], 1) * rng.uniform(0.5, 1, (bins, 1))
    band = np.arange(bands)[:, None]
    level = 200 * loud * np.exp(-band / 30) * (0.7 + 0.3 * np.sin(band / 2.5 + t * 2)) + 20
    noise = rng.normal(0, 9, level.shape)
    picture = np.clip(level + noise, 0, 255).astype(np.uint8)
    return SoundPicture(track, start_s, duration_s, envelope.astype(np.float32), picture, 8000.0)


def shots(duration_s: float, count: int) -> tuple[Shot, ...]:
    edges = np.round(np.linspace(0, duration_s, count + 1) * 25) / 25
    kinds = ["cut", "cut", "dissolve", "cut", "fade"]
    found = []
    for i in range(count):
        start, end = float(edges[i]), float(edges[i + 1])
        kind = None if i == count - 1 else kinds[i % len(kinds)]
        extent = (end - 0.4, end + 0.4) if kind in ("dissolve", "fade") else (None, None)
        found.append(Shot(start, end, kind, *extent, confidence=0.97))
    return tuple(found)


def detections(duration_s: float) -> tuple[Detection, ...]:
    rng = np.random.default_rng(5)
    t = np.arange(0, duration_s, 0.04)
    movement = np.abs(rng.normal(0, 1, len(t)))
    movement[np.searchsorted(t, 17.4)] = 9.2
    movement[(t > 24) & (t < 29)] = np.nan
    likeness = 0.4 + 0.1 * np.sin(t) + rng.normal(0, 0.03, len(t))
    likeness[(t > 31) & (t < 33.5)] = 0.93
    hop = np.arange(0, duration_s, 0.02)
    break_score = np.abs(rng.normal(0, 0.6, len(hop)))
    break_score[np.abs(hop - 9.6) < 0.06] = 6.1
    return (
        Detection(
            "stream_join",
            (),
            (
                Segment(9.6, 9.64, "stream_join", 0.998, 3.4, "stream_join",
                        "the encoder describes itself again at packet 240 with other settings (crf=23 after "
                        "crf=20), and the rhythm of the groups of pictures starts anew"),
            ),
            (Coverage("stream_join", 0.0, duration_s, True),),
        ),
        Detection(
            "duplication",
            (ScoreTrack("duplication", "likeness_to_earlier_frames", "correlation", t, likeness, 0.85),),
            (
                Segment(31.0, 33.52, "duplication", 0.94, 1.9, "duplication",
                        "63 frames repeat those from 0:00:22.040 on, closer than neighbours differ"),
                Segment(5.0, 5.2, "duplication", 0.4, 0.1, "duplication", "weak candidate", listed=False),
            ),
            (Coverage("duplication", 0.0, duration_s, True),),
        ),
        Detection(
            "deletion",
            (ScoreTrack("deletion", "movement_jump", "robust z", t, movement, 6.0),),
            (
                Segment(17.4, 17.44, "deletion", 0.81, 1.2, "deletion",
                        "the movement jumps 9 times further than around it; the sound breaks within 20 ms"),
            ),
            (
                Coverage("deletion", 0.0, 24.0, True),
                Coverage("deletion", 24.0, 29.0, False, "nothing moves"),
                Coverage("deletion", 29.0, duration_s, True),
            ),
        ),
        Detection(
            "audio_splice",
            (ScoreTrack("audio_splice", "background_break", "", hop, break_score, 4.0),),
            (),
            (
                Coverage("audio_splice", 0.0, 38.0, True),
                Coverage("audio_splice", 38.0, duration_s, False, "digital silence"),
            ),
        ),
    )  # fmt: skip


def container() -> Container:
    table = tuple(Box(kind, 40_000 + i * 400, 400) for i, kind in enumerate(("stts", "ctts", "stsc", "stsz")))
    media = Box("mdia", 39_000, 4000, children=(Box("minf", 39_500, 3000, children=table),))
    track = Box("trak", 38_000, 6000, children=(Box("tkhd", 38_008, 92, "854×480, enabled"), media))
    boxes = (
        Box("ftyp", 0, 32, "isom, minor 512, compatible isom iso2 avc1 mp41"),
        Box("free", 32, 8),
        Box("mdat", 40, 3_400_000),
        Box("moov", 3_400_040, 9000, children=(Box("mvhd", 3_400_048, 108, "0:00:42.000"), track)),
        Box("uuid", 3_409_040, 120, "d8fec3d6-1b0e-483c-9297-5828877ec481"),
    )
    findings = (
        Finding("trailing_bytes", "anomaly", "120 bytes follow the last box that a player reads.", 3_409_040),
        Finding("moov_last", "info", "The index (moov) lies after the picture data.", 3_400_040),
        Finding("edit_gap", "notice", "The edit list of track 2 starts 23 ms late.", 38_000, 0.0),
    )
    facts = ("encoder tag “Lavf61.7.100”", "brand isom with minor version 512", "no creation time")
    limits = "Any program that uses these libraries writes the same; the tag can be changed freely."
    writer = WriterReading("ffmpeg (libavformat)", "encoder library", facts, limits)
    return Container("iso-bmff", boxes, {"major_brand": "isom"}, findings, writer)


def probe(duration_s: float, title: str = "Interview, second take") -> Probe:
    video = Stream(
        0, "video", "h264", "avc1", "High", 31, "1/12800", 0.0, duration_s, int(duration_s * 25), 612_000,
        854, 480, "25/1", "25/1", rotation_deg=0, sample_aspect="1/1", pixel_format="yuv420p",
        field_order="progressive", colour_matrix="bt709", language="und", handler="VideoHandler",
        encoder="Lavc61.19.100 libx264",
    )  # fmt: skip
    audio = Stream(
        1, "audio", "aac", "mp4a", "LC", None, "1/48000", 0.023, duration_s, bit_rate_bps=128_000,
        sample_rate_hz=48_000, channels=2, channel_layout="stereo", language="eng", handler="SoundHandler",
    )  # fmt: skip
    tags = {"title": title, "encoder": "Lavf61.7.100", "creation_time": "2026-03-04T10:11:12Z"}
    return Probe("mov,mp4,m4a,3gp,3g2,mj2", duration_s, 0.0, 740_000, tags, (video, audio))


def bitstream(duration_s: float) -> Bitstream:
    table = packets(duration_s)
    gops = tuple(
        Gop(i * 1.92, (i + 1) * 1.92, 48, 260_000, "I" + "PBB" * 15 + "PB")
        for i in range(int(duration_s / 1.92))
    )
    text = "x264 - core 164 r3108 - options: cabac=1 ref=3 crf={} keyint=48 bframes=3"
    settings = (
        EncoderSettings(0, 0.0, "x264", text.format("20.0")),
        EncoderSettings(240, 9.6, "x264", text.format("23.0")),
    )
    sets = (
        ParameterSet(0, 0.0, "SPS", False, "High, level 3.1, 854×480"),
        ParameterSet(240, 9.6, "SPS", True, "High, level 3.0, 854×480"),
    )
    cue = JoinCue(240, 9.6, "encoder_description", 3.0, "The encoder describes itself again, differently.")
    finding = Finding("sps_change", "notice", "The sequence parameter set changes once.", None, 9.6)
    return Bitstream(0, "h264", table, gops, settings, sets, True, (cue,), (finding,))


def extraction(duration_s: float, shot_count: int, thumb_step_s: float = 0.5) -> Extraction:
    found = shots(duration_s, shot_count)
    times = np.arange(int(duration_s * 25)) / 25.0
    thumbs = tuple(
        Thumbnail(round(float(t), 3), jpeg(picture(float(t)))) for t in np.arange(0, duration_s, thumb_step_s)
    )
    keys = tuple(
        Keyframe(round((s.start_s + s.end_s) / 2, 2), i, f"keyframes/{i:04d}.jpg", 0.8, 854, 480)
        for i, s in enumerate(found)
    )
    spans = (
        Span(38.0, duration_s, "digital_silence", 0),
        Span(24.0, 29.0, "frozen"),
        Span(0.0, 0.3, "black"),
    )
    borders = (Border(9.6, 20.0, "pillarbox", (0.125, 0.0, 0.75, 1.0)),)
    sound = SoundFile(0, 1, "audio.wav", 0.023, duration_s - 0.023, 48_000, 2, "eng")
    decode = DecodeSummary(
        len(times), times, 854, 480, False, ("limited range stretched to full range",), (), duration_s
    )
    return Extraction(decode, found, keys, thumbs, spans, borders, (sound,))


def provenance() -> RunProvenance:
    return RunProvenance(
        "vidforensics", "0.1.0", "2026-03-05T09:00:00.000Z", "2026-03-05T09:00:21.480Z", "3.11.7",
        "Linux x86_64", {"av": "18.1.0", "numpy": "2.4.6", "opencv-python-headless": "5.0.0.93"},
        {"operating_point": "published", "detectors": ["stream_join", "duplication"], "seed": 0},
        {"face": None}, {"acquire": 0.41, "extract": 12.2, "flag": 1.9},
    )  # fmt: skip


def custody() -> tuple[CustodyEntry, ...]:
    actions = ("opened read-only", "computed digests", "decoded", "wrote keyframes")
    return tuple(
        CustodyEntry(i, f"2026-03-05T09:00:0{i}.000Z", a, "interview.mp4", {"bytes": 3_409_160}, SHA, SHA)
        for i, a in enumerate(actions)
    )


@cache
def make_case(duration_s: float = 42.0, path: str = "evidence/interview.mp4", shot_count: int = 9) -> Case:
    """An ordinary case with flags of three kinds."""
    clip = Clip(
        path, SHA, duration_s, "d41d8cd98f00b204e9800998ecf8427e", 3_409_160, "2026-03-04T10:20:00.000Z"
    )
    return Case(
        clip,
        probe(duration_s),
        container(),
        ContentCredentials("none", "No C2PA manifest was found."),
        bitstream(duration_s),
        DoubleCompression(False, "Not applicable: the stream has B-frames, which hide the traces."),
        extraction(duration_s, shot_count, max(0.5, duration_s / 200)),
        features((sound_picture(duration_s, 0, 0.023),)),
        detections(duration_s),
        custody(),
        provenance(),
    )


def clean_case() -> Case:
    """Nothing flagged."""
    case = make_case()
    return replace(case, detections=tuple(replace(d, segments=()) for d in case.detections))


def bare_case() -> Case:
    """No picture, no sound, nothing measured."""
    case = make_case()
    decode = DecodeSummary(0, np.zeros(0), None, None, None, (), ("no frame could be decoded",))
    return replace(
        case,
        clip=replace(case.clip, duration_s=None, md5=None, size_bytes=None, modified_at=None),
        probe=Probe("matroska,webm", None, 0.0, None, {}, ()),
        container=Container(
            "matroska", (), {}, (), WriterReading("not recognised", "unknown", (), "Nothing was read.")
        ),
        bitstream=Bitstream(
            None, None, no_packets(), (), (), (), None, (), (), "the file has no picture stream"
        ),
        extraction=Extraction(decode, (), (), (), (), (), ()),
        features=features(),
        detections=(
            Detection("stream_join", coverage=(Coverage("stream_join", 0, 1, False, "no picture"),)),
        ),
        custody=(),
    )


def hostile_case() -> Case:
    """Metadata that attacks whoever reads it."""
    case = make_case(path=HOSTILE_PATH)
    evil = f"{HOSTILE} \u2028 \udc80 \x1b[31m =cmd|' /C calc'!A0"
    stream = replace(case.probe.streams[0], handler=evil, encoder=evil, metadata={evil: evil})
    found = tuple(
        replace(
            d,
            segments=tuple(replace(s, basis=f"=1+1 --> {evil}") for s in d.segments),
            tracks=tuple(replace(t, name=evil, unit=HOSTILE) for t in d.tracks),
            coverage=tuple(replace(c, reason=None if c.assessed else evil) for c in d.coverage),
        )
        for d in case.detections
    )
    writer = replace(case.container.writer, name=evil, facts=(evil,), limits=evil)
    box = Box("ev<l", 0, 10, evil, (Box(HOSTILE, 5, 5, evil),))
    return replace(
        case,
        probe=replace(case.probe, metadata={"title": HOSTILE, "comment": evil}, streams=(stream,)),
        container=Container("iso-bmff", (box,), {evil: evil}, (Finding(evil, "anomaly", evil, 0),), writer),
        credentials=ContentCredentials("invalid", evil, {evil: evil}),
        detections=found,
        extraction=replace(
            case.extraction, decode=replace(case.extraction.decode, problems=(evil,), normalised=(evil,))
        ),
    )


@cache
def crowded_case() -> Case:
    """An hour with 10,000 flags, 2,000 shots, 90,000 frames and 100 sound tracks."""
    duration = 3600.0
    case = make_case(duration)
    starts = np.arange(10_000) * 0.36
    flags = tuple(
        Segment(float(s), float(s) + 0.2, "duplication", 0.9, 1.0 + i % 3, "duplication", f"number {i}")
        for i, s in enumerate(starts)
    )
    rows = tuple(
        Coverage("duplication", float(s), float(s) + 0.36, i % 2 == 0, None if i % 2 == 0 else "still")
        for i, s in enumerate(starts)
    )
    first = replace(case.detections[1], segments=flags, coverage=rows)
    extracted = extraction(duration, 2_000, thumb_step_s=12.0)
    sounds = tuple(sound_picture(duration, i) for i in range(3)) * 33
    tree = tuple(Box("moof", i * 1000, 1000, children=(Box("traf", i * 1000, 900),)) for i in range(4000))
    return replace(
        case,
        detections=(first, *case.detections[2:]),
        extraction=extracted,
        features=features(sounds),
        container=replace(case.container, boxes=tree),
    )


def write_keyframes(case: Case, folder: Path) -> None:
    """The keyframes that the case names, as files."""
    (folder / "keyframes").mkdir(exist_ok=True)
    for keyframe in case.extraction.keyframes[:12]:
        data = jpeg(picture(keyframe.time_s, keyframe.width_px, keyframe.height_px))
        (folder / keyframe.path).write_bytes(data)
