"""Who and what is filmed for the samples, with which camera, and what is said; and the clean clip made of it.

Names, places and words are invented; the voices are a synthesiser's. A `Film` is a reel with the truth
of its shots.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from samples.camera import Body, Camera, Frame
from samples.outdoors import Hills, Scene, Sea, SkyLook
from samples.portrait import Interview, Look
from samples.reel import Reel, dissolved, faded, joined, sample_at
from samples.street import Street
from samples.truth import ShotTruth, TransitionTruth
from samples.voices import (
    Room,
    Sound,
    Voice,
    envelope,
    in_room,
    laid,
    room_tone,
    speak,
    surf,
    traffic,
    wind,
)

NARRATOR = Voice("rms", 1.12, 98.0)
OFFICIAL = Voice("awb", 1.06)
RESIDENT = Voice("slt", 1.05)
IMPOSTOR = Voice("rms", 1.18, 122.0)
STRANGER = Voice("kal16", 1.05)

OFFICIAL_LOOK = Look(beard=0.35)
RESIDENT_LOOK = Look(
    skin=(92, 118, 168),
    hair=(28, 30, 36),
    clothes=(60, 66, 110),
    room="window",
    hairline=-0.7,
    long_hair=True,
    centre_px=(300.0, 176.0),
)
ELDER_LOOK = Look(
    skin=(140, 172, 222), hair=(96, 104, 112), clothes=(60, 60, 64), room="night", beard=0.7, hairline=-0.92
)

STUDIO = Room(0.22, 0.12, 80.0, 7800.0, 11)
OFFICE = Room(0.45, 0.28, 110.0, 7000.0, 12)
HALL = Room(1.1, 0.5, 160.0, 5200.0, 13)
TELEPHONE = Room(0.12, 0.05, 320.0, 3300.0, 14)

NEWS = Body(101)
SECOND_UNIT = Body(102, sway_px=3.5, blur_px=0.8, grain=3.0, saturation=0.85, gains=(1.03, 1.0, 0.97))
PHONE = Body(
    103,
    sway_px=8.0,
    blur_px=0.9,
    sharpen=1.1,
    grain=4.2,
    gamma=0.88,
    saturation=1.12,
    gains=(0.92, 1.0, 1.05),
)
OLD_PHONE = Body(
    104,
    sway_px=9.0,
    blur_px=1.3,
    sharpen=0.2,
    grain=5.5,
    grain_size_px=1.1,
    gamma=1.12,
    saturation=0.6,
    gains=(1.05, 1.0, 0.94),
)


@dataclass(frozen=True)
class Film:
    """A reel with what is true of its shots."""

    reel: Reel
    shots: tuple[ShotTruth, ...]
    transitions: tuple[TransitionTruth, ...]


def film(scene: Scene, body: Body, frames: int, sound: Sound) -> Reel:
    """Film a scene; the sound is cut or padded to the length of the pictures."""
    length = sample_at(frames)
    fitted = np.zeros(length)
    fitted[: min(length, len(sound))] = sound[:length]
    return Reel(list(Camera(body).take(scene, frames)), fitted)


def interview(seed: int, look: Look, body: Body, frames: int, said: Sound) -> Reel:
    """Film a speaker who says something, lips following the voice; the sound is the voice alone."""
    voice = laid(np.zeros(sample_at(frames)), said, 0.35)
    return film(Interview(seed, look, envelope(voice)), body, frames, voice)


def with_background(reel: Reel, background: Sound) -> Reel:
    """The reel with a background mixed under its sound."""
    return Reel(reel.frames, np.clip(0.55 * reel.sound + background[: len(reel.sound)], -0.98, 0.98))


def lower_third(reel: Reel, lines: tuple[str, str], start: int, end: int) -> Reel:
    """The reel with a name caption over some frames."""
    height, width = reel.frames[0].shape[:2]
    plate = Image.new("RGBA", (width, height), (0, 0, 0, 0))
    draw = ImageDraw.Draw(plate)
    draw.rectangle((28, height - 74, 330, height - 28), fill=(18, 34, 66, 215))
    draw.rectangle((28, height - 74, 34, height - 28), fill=(214, 160, 32, 255))
    draw.text((44, height - 71), lines[0], font=ImageFont.load_default(19), fill=(255, 255, 255, 255))
    draw.text((44, height - 48), lines[1], font=ImageFont.load_default(13), fill=(206, 216, 232, 255))
    layer = np.asarray(plate)
    frames = [
        stamped(frame, layer) if start <= index < end else frame for index, frame in enumerate(reel.frames)
    ]
    return Reel(frames, reel.sound)


def stamped(frame: Frame, layer: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> Frame:
    """A frame with an RGBA layer of the same size over it."""
    alpha = layer[..., 3:].astype(np.float32) / 255
    over = cv2.cvtColor(np.ascontiguousarray(layer[..., :3]), cv2.COLOR_RGB2BGR).astype(np.float32)
    return np.rint(frame * (1 - alpha) + over * alpha).astype(np.uint8)


def narrated(reel: Reel, text: str, at_s: float, voice: Voice = NARRATOR) -> Reel:
    """The reel with a commentary mixed in."""
    return Reel(reel.frames, laid(reel.sound, in_room(speak(text, voice), STUDIO), at_s, 0.5))


def official_says(text: str, frames: int) -> Reel:
    """The harbour official in the book-lined office."""
    said = in_room(speak(text, OFFICIAL), OFFICE)
    reel = interview(31, OFFICIAL_LOOK, NEWS, frames, said)
    return with_background(reel, room_tone(sample_at(frames), np.random.default_rng(41), 50.0, 0.004))


def resident_says(text: str, frames: int) -> Reel:
    """The resident at the window."""
    said = in_room(speak(text, RESIDENT), STUDIO)
    reel = interview(32, RESIDENT_LOOK, SECOND_UNIT, frames, said)
    return with_background(reel, room_tone(sample_at(frames), np.random.default_rng(42), 60.0, 0.003))


def elder_says(text: str, frames: int) -> Reel:
    """The witness outside at night."""
    said = in_room(speak(text, Voice("rms", 1.0, 88.0)), TELEPHONE)
    reel = interview(33, ELDER_LOOK, PHONE, frames, said)
    return with_background(reel, traffic(sample_at(frames), np.random.default_rng(43), 0.016))


def hills(frames: int, seed: int = 21, body: Body = NEWS) -> Reel:
    """The coast road hills with wind."""
    return film(Hills(seed), body, frames, wind(sample_at(frames), np.random.default_rng(seed), 0.03))


def street(frames: int, seed: int = 22, body: Body = NEWS, pan_px_s: float = 9.0) -> Reel:
    """The harbour street at dusk with traffic."""
    sound = traffic(sample_at(frames), np.random.default_rng(seed), 0.035)
    return film(Street(seed, pan_px_s), body, frames, sound)


def sea(frames: int, seed: int = 23, body: Body = SECOND_UNIT) -> Reel:
    """The bay with a boat and surf."""
    return film(Sea(seed), body, frames, surf(sample_at(frames), np.random.default_rng(seed), 0.035))


def evening_hills(frames: int) -> Reel:
    """The hills in the evening, another day."""
    look = SkyLook((126, 92, 88), (150, 176, 224), (176, 186, 226), 0.7)
    sound = wind(sample_at(frames), np.random.default_rng(24), 0.025)
    return film(Hills(24, look, -12.0), SECOND_UNIT, frames, sound)


SHOTS = (
    ShotTruth(0, 75, "cut", "hills", "news"),
    ShotTruth(75, 160, "cut", "street", "news"),
    ShotTruth(160, 310, "dissolve", "official", "news"),
    ShotTruth(310, 380, "cut", "sea", "second unit"),
    ShotTruth(380, 525, "fade", "resident", "second unit"),
    ShotTruth(525, 595, "end", "evening hills", "second unit"),
)
TRANSITIONS = (
    TransitionTruth("cut", 75, 75),
    TransitionTruth("cut", 160, 160),
    TransitionTruth("dissolve", 300, 320),
    TransitionTruth("cut", 380, 380),
    TransitionTruth("fade", 510, 537),
)
OPENING = "In Sandvik Bay, the shops are open late. But the port behind them has been silent for three days."
ANSWER = (
    "We closed the harbour on Tuesday morning, and we do not expect the ferries to run before the weekend."
)
COMPLAINT = "Nobody told us anything. My father has been waiting at the pier since early yesterday."


def clean_film() -> Film:
    """The programme every edited sample starts from: six shots, with cuts, one dissolve and one fade."""
    opening = narrated(joined([hills(75), street(85)]), OPENING, 0.5)
    answer = lower_third(official_says(ANSWER, 160), ("Ewan Hale", "Harbour office, Sandvik Bay"), 30, 110)
    middle = dissolved(answer, sea(80), 20)
    ending = [faded(resident_says(COMPLAINT, 145), 15, True), faded(evening_hills(70), 12, False)]
    return Film(joined([opening, middle, *ending]), SHOTS, TRANSITIONS)
