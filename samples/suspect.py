"""The suspect clip of the demonstration: a short "report" that was manipulated in four places.

Two recordings were edited and encoded on their own and then joined without re-encoding; the first lost a word
with the frames under it, holds a picture still, and had words put into the witness's mouth.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from samples.encoding import Coding, encode, frame_times_s, stream_joined
from samples.filming import (
    PHONE,
    STRANGER,
    STUDIO,
    elder_says,
    film,
    lower_third,
    narrated,
    resident_says,
    sea,
    street,
)
from samples.outdoors import Hills
from samples.reel import Reel, joined, sample_at, with_sound, without
from samples.truth import SegmentTruth, ShotTruth, TransitionTruth, Truth, write_truth
from samples.voices import in_room, laid, room_tone, speak, wind

REMOVED_AT, REMOVED = 68, 8
ROAD = 120 - REMOVED
HELD_AT, HELD = ROAD + 45, 18
STREET = 90 + HELD
WITNESS = 165
INSERT_AT, INSERT = ROAD + STREET + 62, 45
JOIN = ROAD + STREET + WITNESS
BAY, RESIDENT = 60, 100
END = JOIN + BAY + RESIDENT


def _road() -> Reel:
    """A pan over the hills with a comment that lost a word."""
    frames = ROAD + REMOVED
    sound = wind(sample_at(frames), np.random.default_rng(94), 0.03)
    filmed = narrated(
        film(Hills(94, None, 24.0), PHONE, frames, sound),
        "The road from the depot was not used that day.",
        0.9,
    )
    return without(filmed, REMOVED_AT, REMOVED_AT + REMOVED)


def _quay() -> Reel:
    """The street, with a picture held still while the sound runs on."""
    at, filmed = HELD_AT - ROAD, narrated(street(STREET, 91, PHONE, 12.0), "Filmed at ten past six.", 0.6)
    frames = [*filmed.frames[:at], *[filmed.frames[at - 1]] * HELD, *filmed.frames[at : STREET - HELD]]
    return Reel(frames, filmed.sound)


def _first_part() -> Reel:
    """Road, quay and witness, with words of another voice put into what the witness says."""
    text = "I saw the two trucks come down from the depot, and then they stopped near the second gate."
    witness = lower_third(elder_says(text, WITNESS), ("Witness", "name withheld"), 20, 90)
    reel = joined([_road(), _quay(), witness])
    room = room_tone(sample_at(INSERT), np.random.default_rng(92), 60.0, 0.0005)
    return with_sound(
        reel, INSERT_AT, laid(room, in_room(speak("five army trucks", STRANGER), STUDIO), 0.1, 0.55)
    )


def _second_part() -> Reel:
    """Another day, another camera: the bay and a resident."""
    bay = narrated(sea(BAY, 93), "Hours later, the bay was empty.", 0.4)
    return joined([bay, resident_says("We heard the engines first. Then there was no light.", RESIDENT)])


SHOTS = (
    ShotTruth(0, ROAD, "cut", "hills", "phone"),
    ShotTruth(ROAD, ROAD + STREET, "cut", "street", "phone"),
    ShotTruth(ROAD + STREET, JOIN, "cut", "witness", "phone"),
    ShotTruth(JOIN, JOIN + BAY, "cut", "sea", "second unit"),
    ShotTruth(JOIN + BAY, END, "end", "resident", "second unit"),
)
SEGMENTS = (
    SegmentTruth("deletion", REMOVED_AT - 1, REMOVED_AT, "frames and sound removed", removed_frames=REMOVED),
    SegmentTruth("duplication", HELD_AT, HELD_AT + HELD, "one picture is held", repeats_frame=HELD_AT - 1),
    SegmentTruth(
        "audio_splice", INSERT_AT, INSERT_AT + INSERT, "words in another voice, from a quiet room, put in"
    ),
    SegmentTruth("stream_join", JOIN - 1, JOIN, "coded streams joined without re-encoding"),
)


def suspect(target: Path) -> None:
    """Write the suspect clip and its truth."""
    first, second = target.with_name("first.mp4"), target.with_name("second.mp4")
    encode(
        _first_part(), first, Coding(crf=28, preset="fast", keyint=50, bframes=2, title="Sandvik Bay, 12 May")
    )
    encode(_second_part(), second, Coding(crf=27, preset="medium", keyint=100, bframes=3))
    stream_joined([first, second], target)
    first.unlink()
    second.unlink()
    times_s = frame_times_s(target)
    about = (
        "A manipulated report: frames removed, a picture held, words put into the sound, and a stream join."
    )
    cuts = tuple(TransitionTruth("cut", shot.end_frame, shot.end_frame) for shot in SHOTS[:-1])
    truth = Truth(about, len(times_s), shots=SHOTS, transitions=cuts, segments=SEGMENTS)
    write_truth(target, truth, times_s)
