"""Odd but legitimate files, and two broken ones: what arrives in an investigator's inbox on any day."""

from __future__ import annotations

import tempfile
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from samples.encoding import Coding, copied, encode, ffmpeg_path, write_wav
from samples.filming import PHONE, official_says, sea, street
from samples.reel import Reel
from samples.truth import Truth, write_truth

SMALL = Coding(crf=29, preset="medium", keyint=50, audio_kbits=48)
SOUND_AND_PICTURE = (("video", "h264"), ("audio", "aac"))


def _half(reel: Reel) -> Reel:
    """The reel at half its size."""
    frames = [cv2.resize(f, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA) for f in reel.frames]
    return Reel([np.asarray(frame, np.uint8) for frame in frames], reel.sound)


def variable_rate(reel: Reel, path: Path) -> None:
    """Frames at uneven times, as phones write them in the dark: steps of 1, 2 and 3 fiftieths of a second."""
    import av

    rng = np.random.default_rng(71)
    stamps = np.concatenate([[0], np.cumsum(rng.choice([20, 40, 60], len(reel) - 1, p=[0.25, 0.5, 0.25]))])
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"crf": "29", "threads": "2"})
        height, width = reel.frames[0].shape[:2]
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.time_base = stream.time_base = Fraction(1, 1000)
        for frame, stamp in zip(reel.frames, stamps, strict=True):
            picture = av.VideoFrame.from_ndarray(frame, format="bgr24")
            picture.pts, picture.time_base = int(stamp), Fraction(1, 1000)
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    times_s = [round(int(stamp) / 1000, 6) for stamp in stamps]
    truth = Truth(
        "Variable frame rate: steps of 20, 40 and 60 ms.", len(reel), (("video", "h264"),), (320, 180)
    )
    write_truth(path, _with(truth, duration_s=times_s[-1] + 0.04, facts={"frame_times_s": times_s}), times_s)


def _with(truth: Truth, **changes: object) -> Truth:
    return Truth(**(truth.__dict__ | changes))


def rotated(source: Path, path: Path, frames: int) -> None:
    """Pictures stored lying down, and a display matrix that turns them upright again."""
    import ffmpeg

    with tempfile.TemporaryDirectory() as folder:
        lying = Path(folder) / "lying.mp4"
        clip = ffmpeg.input(str(source), noautorotate=None)
        turned = clip.video.filter("transpose", "clock")
        job = ffmpeg.output(turned, clip.audio, str(lying), **{"c:v": "libx264", "crf": 24, "c:a": "copy"})
        job.global_args("-loglevel", "error").run(ffmpeg_path(), overwrite_output=True)
        copied(lying, path, {"display_rotation": 90})
    write_truth(
        path,
        Truth("Stored lying down, shown upright.", frames, size_px=(180, 320), facts={"rotation_deg": 90}),
    )


def late_audio(reel: Reel, path: Path) -> None:
    """Sound that starts 1.5 s after the picture."""
    import ffmpeg

    with tempfile.TemporaryDirectory() as folder:
        silent, wav = Path(folder) / "pictures.mp4", Path(folder) / "sound.wav"
        encode(reel, silent, SMALL)
        write_wav(wav, reel.sound[: int(2.4 * 44100)])
        sound = ffmpeg.input(str(wav), itsoffset=1.5).audio
        options = {"c:v": "copy", "c:a": "aac", "b:a": "48k"}
        job = ffmpeg.output(ffmpeg.input(str(silent)).video, sound, str(path), **options)
        job.global_args("-loglevel", "error").run(ffmpeg_path(), overwrite_output=True)
    write_truth(
        path, Truth("The sound starts late.", len(reel), size_px=(320, 180), facts={"audio_start_s": 1.5})
    )


def attached_picture(source: Path, reel: Reel, path: Path) -> None:
    """A cover image as a second picture stream."""
    import ffmpeg

    with tempfile.TemporaryDirectory() as folder:
        cover = Path(folder) / "cover.jpg"
        cv2.imwrite(str(cover), reel.frames[len(reel) // 2], [cv2.IMWRITE_JPEG_QUALITY, 80])
        main = ffmpeg.input(str(source))
        options = {"c": "copy", "disposition:v:1": "attached_pic"}
        job = ffmpeg.output(main.video, main.audio, ffmpeg.input(str(cover)).video, str(path), **options)
        job.global_args("-loglevel", "error").run(ffmpeg_path(), overwrite_output=True)
    streams = (*SOUND_AND_PICTURE, ("picture", "mjpeg"))
    write_truth(path, Truth("A clip with a cover picture.", len(reel), streams, (320, 180)))


def truncated(source: Path, folder: Path, frames: int) -> None:
    """Downloads that broke off: once with the index at the front, once with the index lost."""
    fronted = copied(source, folder / "whole.mp4", movflags="+faststart")
    data, plain = fronted.read_bytes(), source.read_bytes()
    fronted.unlink()
    front, lost = folder / "truncated.mp4", folder / "truncated_no_index.mp4"
    front.write_bytes(data[: len(data) * 6 // 10])
    lost.write_bytes(plain[: len(plain) * 6 // 10])
    facts = {"whole_bytes": len(data), "kept_bytes": len(data) * 6 // 10}
    write_truth(
        front, Truth("Index in front, the last 40 % missing.", frames, size_px=(320, 180), facts=facts)
    )
    gone = Truth("Index at the end, and missing: nothing can be decoded.", 0, (), None, opens=False)
    write_truth(lost, _with(gone, facts={"whole_bytes": len(plain), "kept_bytes": len(plain) * 6 // 10}))


def one_frame(reel: Reel, path: Path) -> None:
    """A clip of a single picture, no sound."""
    import ffmpeg

    with tempfile.TemporaryDirectory() as folder:
        still = Path(folder) / "still.png"
        cv2.imwrite(str(still), reel.frames[0])
        job = ffmpeg.output(ffmpeg.input(str(still)), str(path), pix_fmt="yuv420p", threads=2, crf=24, r=25)
        job.global_args("-loglevel", "error").run(ffmpeg_path(), overwrite_output=True)
    write_truth(path, Truth("One single frame.", 1, (("video", "h264"),), (320, 180)))


def make_odd(folder: Path) -> None:
    """Write every odd sample."""
    talk, quay = (
        _half(official_says("Please keep to the left side of the pier.", 85)),
        _half(street(85, 81, PHONE)),
    )
    base = encode(talk, folder / "base.mp4", SMALL)
    variable_rate(quay, folder / "variable_frame_rate.mp4")
    rotated(base, folder / "rotated.mp4", len(talk))
    late_audio(_half(sea(100, 82)), folder / "late_audio.mp4")
    attached_picture(base, talk, folder / "attached_picture.mp4")
    truncated(base, folder, len(talk))
    one_frame(quay, folder / "one_frame.mp4")
    copied(base, folder / "no_audio.mp4", an=None)
    write_truth(folder / "no_audio.mp4", Truth("Pictures only.", len(talk), (("video", "h264"),), (320, 180)))
    copied(base, folder / "no_video.mp4", vn=None)
    sound_only = Truth("Sound only.", 0, (("audio", "aac"),), None, duration_s=talk.duration_s)
    write_truth(folder / "no_video.mp4", sound_only)
    base.unlink()
