"""The edited samples: the clean clip is decoded, one thing is changed, and it is encoded again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from samples.camera import Frame
from samples.encoding import Coding, encode, frame_times_s, resounded, stream_joined
from samples.filming import (
    HALL,
    IMPOSTOR,
    OLD_PHONE,
    PHONE,
    STRANGER,
    Film,
    evening_hills,
    narrated,
    sea,
    stamped,
    street,
)
from samples.reel import Reel, joined, overwritten, read, sample_at, with_pictures, with_sound, without
from samples.truth import SegmentTruth, ShotTruth, SourceRow, TransitionTruth, Truth, write_truth
from samples.voices import in_room, laid, room_tone, speak

EDITOR = Coding(crf=28, keyint=250, audio_kbits=56, creation_time="2024-05-16T09:12:31Z")

CAPTION = "SHARE!! WHAT THEY HIDE ABOUT THE PORT"
CROP = (0.08, 0.06, 0.84, 0.84)
POSTED_PX = (512, 288)


def _closed_up(
    shots: tuple[ShotTruth, ...], moves: tuple[TransitionTruth, ...], at: int, removed: int
) -> tuple[tuple[ShotTruth, ...], tuple[TransitionTruth, ...]]:
    """Shots and transitions after some frames were taken out at a frame."""

    def closed(frame: int) -> int:
        return frame - removed if frame > at else frame

    return (
        tuple(replace(s, start_frame=closed(s.start_frame), end_frame=closed(s.end_frame)) for s in shots),
        tuple(replace(m, start_frame=closed(m.start_frame), end_frame=closed(m.end_frame)) for m in moves),
    )


def spliced(clean: Path, film: Film, target: Path) -> None:
    """A foreign street, filmed by another phone and compressed before, amid the official's answer."""
    start, length = 205, 60
    foreign = target.with_name("foreign.mp4")
    talk = in_room(speak("Get back. Everybody get back behind the line.", STRANGER), HALL)
    other = street(length, 77, OLD_PHONE, -14.0)
    encode(
        Reel(other.frames, laid(other.sound, talk, 0.2, 0.4)),
        foreign,
        Coding(crf=33, bframes=0, preset="veryfast"),
    )
    reel = overwritten(read(clean), read(foreign).part(0, length), start)
    foreign.unlink()
    encode(reel, target, EDITOR)
    end = start + length
    shots = [shot for shot in film.shots if shot.scene != "official"]
    official = next(shot for shot in film.shots if shot.scene == "official")
    shots += [
        replace(official, end_frame=start, transition="cut"),
        ShotTruth(start, end, "cut", "another street", "old phone"),
        replace(official, start_frame=end),
    ]
    cuts = (TransitionTruth("cut", start, start), TransitionTruth("cut", end, end))
    basis = "picture and sound of another recording replace the speaker"
    truth = Truth(
        "The clean clip with a segment of another recording put in place of part of the interview.",
        len(reel),
        shots=tuple(sorted(shots, key=lambda shot: shot.start_frame)),
        transitions=tuple(sorted(film.transitions + cuts, key=lambda one: one.start_frame)),
        segments=(SegmentTruth("splice", start, end, basis), SegmentTruth("audio_splice", start, end, basis)),
        sources=(
            SourceRow(0, start, "clean.mp4", 0, ("reencode",)),
            SourceRow(start, end, None, None, ("insert",), "replaced"),
            SourceRow(end, len(reel), "clean.mp4", end, ("reencode",)),
        ),
    )
    write_truth(target, truth)


def revoiced(clean: Path, film: Film, target: Path) -> None:
    """The resident says something else, in another voice; the pictures are the same coded bytes."""
    start, end = 388, 508
    reel = read(clean)
    text = "They told us everything on Monday. We were offered rooms, and we chose to stay here."
    room = room_tone(sample_at(end - start), np.random.default_rng(55), 50.0, 0.006)
    said = laid(room, in_room(speak(text, IMPOSTOR), HALL), 0.05, 0.5)
    changed = with_sound(reel, start, said)
    resounded(clean, changed.sound, target, EDITOR)
    basis = "the resident's words are replaced by another voice in another room"
    truth = Truth(
        "The clean clip with the voice replaced for a stretch; its pictures are copied without re-encoding.",
        len(reel),
        shots=film.shots,
        transitions=film.transitions,
        segments=(SegmentTruth("dub", start, end, basis), SegmentTruth("audio_splice", start, end, basis)),
        sources=(
            SourceRow(0, start, "clean.mp4", 0),
            SourceRow(start, end, "clean.mp4", start, (), "replaced"),
            SourceRow(end, len(reel), "clean.mp4", end),
        ),
    )
    write_truth(target, truth)


def frames_removed(clean: Path, film: Film, target: Path) -> None:
    """A third of a second of the hills and most of a second of the street are taken out, with their sound."""
    basis = "frames and the sound under them are missing inside a shot"
    reel, shots, moves = read(clean), film.shots, film.transitions
    segments, rows, done, kept = [], [], 0, 0
    for at, removed in ((40, 8), (118, 22)):
        start = at - done
        rows.append(SourceRow(kept, start, "clean.mp4", kept + done, ("trim", "reencode")))
        reel = without(reel, start, start + removed)
        shots, moves = _closed_up(shots, moves, start, removed)
        segments.append(SegmentTruth("deletion", start - 1, start, basis, removed_frames=removed))
        done, kept = done + removed, start
    rows.append(SourceRow(kept, len(reel), "clean.mp4", kept + done, ("trim", "reencode")))
    encode(reel, target, EDITOR)
    about = "The clean clip with frames taken out inside two shots, picture and sound together."
    truth = Truth(
        about, len(reel), shots=shots, transitions=moves, segments=tuple(segments), sources=tuple(rows)
    )
    write_truth(target, truth)


def repeated(clean: Path, film: Film, target: Path) -> None:
    """One second of the street runs twice, and the boat freezes for most of a second; the sound runs on."""
    again, length, frozen, hold = 100, 25, 335, 18
    reel = read(clean)
    reel = with_pictures(reel, again + length, reel.frames[again : again + length])
    reel = with_pictures(reel, frozen, [reel.frames[frozen - 1]] * hold)
    encode(reel, target, EDITOR)
    after = again + length
    truth = Truth(
        "The clean clip with a second of pictures repeated in one shot and a picture frozen in another.",
        len(reel),
        shots=film.shots,
        transitions=film.transitions,
        segments=(
            SegmentTruth(
                "duplication", after, after + length, "the second before is shown again", repeats_frame=again
            ),
            SegmentTruth(
                "duplication", frozen, frozen + hold, "one picture is held", repeats_frame=frozen - 1
            ),
        ),
        sources=(
            SourceRow(0, after, "clean.mp4", 0, ("reencode",)),
            SourceRow(after, after + length, "clean.mp4", again, ("loop", "reencode")),
            SourceRow(after + length, len(reel), "clean.mp4", after + length, ("reencode",)),
        ),
    )
    write_truth(target, truth)


def stream_join(target: Path) -> None:
    """Two recordings, encoded on their own with other settings, copied into one file without re-encoding."""
    first, second = target.with_name("first.mp4"), target.with_name("second.mp4")
    before = narrated(
        street(150, 61, PHONE), "This is the quay road, a little after six in the evening.", 0.6
    )
    after = narrated(
        joined([sea(110, 62), evening_hills(60)]), "And this, they say, is the same bay on the same day.", 0.8
    )
    encode(before, first, Coding(crf=29, preset="fast", keyint=50, bframes=2))
    encode(after, second, Coding(crf=28, preset="medium", keyint=100, bframes=3))
    stream_joined([first, second], target)
    first.unlink()
    second.unlink()
    times_s = frame_times_s(target)
    truth = Truth(
        "Two separately encoded recordings joined without re-encoding.",
        len(times_s),
        shots=(
            ShotTruth(0, 150, "cut", "street", "phone"),
            ShotTruth(150, 260, "cut", "sea", "second unit"),
            ShotTruth(260, 320, "end", "evening hills", "second unit"),
        ),
        transitions=(TransitionTruth("cut", 150, 150), TransitionTruth("cut", 260, 260)),
        segments=(SegmentTruth("stream_join", 149, 150, "coded streams joined without re-encoding"),),
        sources=(SourceRow(0, 150, None, None), SourceRow(150, 320, None, None)),
    )
    write_truth(target, truth, times_s)


def _caption(size: tuple[int, int]) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    width, height = size
    plate = Image.new("RGBA", size, (0, 0, 0, 0))
    draw = ImageDraw.Draw(plate)
    draw.rectangle((0, height - 50, width, height - 12), fill=(196, 20, 28, 235))
    draw.text(
        (16, height - 46),
        "SHARE!! WHAT THEY HIDE ABOUT THE PORT",
        font=ImageFont.load_default(21),
        fill="white",
    )
    draw.text((width - 118, 10), "@bay_truth_now", font=ImageFont.load_default(14), fill=(255, 255, 255, 170))
    return np.asarray(plate)


def _posted(frame: Frame, plate: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> Frame:
    """One frame cropped to CROP, mirrored, made smaller, warmed and captioned."""
    height, width = frame.shape[:2]
    x, y, w, h = (round(f * d) for f, d in zip(CROP, (width, height, width, height), strict=True))
    cut = np.ascontiguousarray(frame[y : y + h, x : x + w][:, ::-1])
    small = cv2.resize(cut, POSTED_PX, interpolation=cv2.INTER_AREA)
    warm = np.clip(small * np.array([0.93, 1.02, 1.08]) + 4, 0, 255).astype(np.uint8)
    return stamped(warm, plate)


def _between(film: Film, start: int, end: int) -> tuple[tuple[ShotTruth, ...], tuple[TransitionTruth, ...]]:
    """Shots and transitions of frames start … end - 1, counted from `start`."""

    def inside(frame: int) -> int:
        return min(max(frame, start), end) - start

    shots = tuple(
        replace(s, start_frame=inside(s.start_frame), end_frame=inside(s.end_frame))
        for s in film.shots
        if s.end_frame > start and s.start_frame < end
    )
    moves = tuple(
        replace(t, start_frame=inside(t.start_frame), end_frame=inside(t.end_frame))
        for t in film.transitions
        if start < t.start_frame < end
    )
    return shots, moves


def reupload(clean: Path, film: Film, target: Path) -> None:
    """The clip as an account posted it again: trimmed, mirrored, cropped, recoloured, captioned, small."""
    start, end = 40, 520
    reel, plate = read(clean).part(start, end), _caption(POSTED_PX)
    options = {"movflags": "+faststart", "profile:v": "main"}
    coding = Coding(30, "fast", 150, 2, 40, title=None, creation_time=None, options=options)
    encode(Reel([_posted(frame, plate) for frame in reel.frames], reel.sound), target, coding)
    shots, moves = _between(film, start, end)
    edits = ("trim", "mirror", "crop", "overlay", "colour", "reencode")
    truth = Truth(
        "The clean clip as re-uploaded: trimmed, mirrored, cropped, recoloured, captioned and made smaller.",
        len(reel),
        size_px=POSTED_PX,
        shots=shots,
        transitions=moves,
        sources=(SourceRow(0, end - start, "clean.mp4", start, edits),),
        facts={"crop_box": CROP, "mirrored": True, "caption": CAPTION},
    )
    write_truth(target, truth)
