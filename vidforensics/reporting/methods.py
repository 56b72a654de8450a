"""What each detector measures and where it is silent, in words for the report.

A detector's name goes in, its method and limits come out; an unknown name gets a text that claims
nothing. The limits follow the published figures of the methods (see docs/report.md).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Method:
    """How a detector works, and what it cannot show."""

    title: str
    measures: str
    limits: str


METHODS = {
    "stream_join": Method(
        "Stream join",
        "Reads the coded packets without decoding them and looks for the marks that joining two coded "
        "streams leaves: an encoder's self-description or parameter sets that appear again or change, a "
        "break in the rhythm of the groups of pictures, timestamps that jump.",
        "A join disappears when the file is encoded again after it. Broadcast streams repeat their headers "
        "on purpose; repetition alone is therefore not counted.",
    ),
    "duplication": Method(
        "Frames repeated",
        "Frozen: a run of frames that stands still although the same shot moves right before and after, and "
        "that cost the encoder little. Shown again: a run that begins or ends with a jump and is nearer to "
        "another stretch than to all the rest, or that moves step by step as another does. Differences are "
        "held against what is usual around them, because encoding again changes even an exact copy.",
        "Still scenes, slideshows, low frame rates and end cards look alike and are set apart by their "
        "surroundings; a few still frames of a speaker who hardly moves cannot be told from a pause. A shot "
        "shown twice is taken for editing; a clip that runs in a loop is mostly flagged.",
    ),
    "deletion": Method(
        "Frames removed",
        "A small network, trained on clips with frames taken out, looks at five pictures before every frame "
        "and five from it on, and says whether the movement goes on. Flagged is an instant at which it does "
        "so less than at any frame near, and at which the picture also changes more than around and its "
        "motion breaks and returns at once.",
        "Needs movement: whoever comes back to the same pose leaves no step, and strong compression hides "
        "small ones, so that no flag does not show that nothing is missing. All cues come from the picture. "
        "Frames that a camera or a conversion of the frame rate dropped are missing too, and camera jolts "
        "look similar. A jump that is listed as a cut is flagged only where the motion goes on across it.",
    ),
    "audio_splice": Method(
        "Audio splice",
        "Compares every stretch of 0.8 to 12 s of speech with up to 10 s of sound before and behind it, "
        "within one shot: the quiet, middle and loud levels of 29 bands, which show the noise between the "
        "words and the channel, how fast seven broad bands fall and rise, which shows how the room rings, "
        "and, where its model is installed, the voice. Flagged is what differs in all together more than "
        "one recording usually does.",
        "A second speaker at another microphone, a caller and a quotation played in differ as well, without "
        "any forgery, and of conversations made in one room one in 15 was flagged. Cuts within one recording "
        "leave almost nothing that this could hear; sound that changes with the picture, music and single "
        "sounds are not assessed. A quarter or more are missed.",
    ),
    "sound_coding": Method(
        "Sound cut or put together",
        "Looks for the frames of 1024 samples of an AAC coding that the sound had before this file was "
        "made: on them, more values of its transform lie near nought than on any others. Flagged is where "
        "these frames go on at another offset, which cutting and putting in move them to, while the picture "
        "has no cut.",
        "Says nothing where no such frames show: sound that was never AAC, was resampled, or was coded again "
        "more coarsely (under about 128 kb/s few frames are left). Where they show, about half of the cuts "
        "are found; a cut that moves the frames by little, or onto those of the present coding, is not, nor "
        "mostly what is laid over the sound in its place. A recorder that fills lost sound and an editor's "
        "cut look alike. It does not say whether two pieces are of one recording.",
    ),
    "splice": Method(
        "Splice",
        "Compares how each shot was made (noise, spectrum, sharpness, colour, coding, repeated frames) with "
        "all other shots of the clip, and flags the odd one out with the numbers that are odd.",
        "Cameras and scenes differ lawfully in edited material: supporting evidence only. Clips of "
        "one or two shots, shots under a second and still pictures cannot be compared.",
    ),
    "tracing": Method(
        "Tracing",
        "Searches an index of other videos for pictures and sounds of this clip, aligns what is found to a "
        "fraction of a second, and reads from aligned pictures and sound what was done to it. Scores are "
        "calibrated against unrelated footage.",
        "Finds only what the index holds. Black, blank and still pictures, title cards and silence match "
        "nothing. Which of two copies came first is not in the footage; only known posts date them.",
    ),
    "dub": Method(
        "Dub",
        "Follows the mouth of every speaker on camera and compares its movements with the voice, by "
        "networks that learnt from real recordings what belongs together, over stretches of 4 s and more "
        "and at every shift of up to 0.2 s about the lag of the whole shot. Of several faces one that fits "
        "is enough.",
        "Says nothing of speech off camera. Small or turned faces, hands before the mouth and a face that "
        "moves the lips while somebody else speaks can look like a dub. A generated face that was made to "
        "fit the sound is in step by construction.",
    ),
}
ALIASES = {"audio_discontinuity": "audio_splice", "audio": "audio_splice", "sync": "dub"}


def method(detector: str) -> Method:
    """The description of one detector; for an unknown one, a text that claims nothing."""
    known = METHODS.get(ALIASES.get(detector, detector))
    if known is not None:
        return known
    title = detector.replace("_", " ").capitalize()
    return Method(title, "No description of this detector is part of this version.", "Not stated.")


GLOSSARY = (
    ("Presentation time", "The time at which a frame or sound is shown, counted from the earliest first "
     "timestamp of any picture or sound stream. All times in this report are presentation times, read from "
     "the file's own timestamps and never computed from a frame rate."),
    ("Coded stream, packet", "Picture or sound as it is stored, compressed; a packet is one stored unit."),
    ("I-, P- and B-frame", "Frames coded on their own (I), from earlier frames (P), or from earlier and "
     "later ones (B)."),
    ("GOP", "Group of pictures: the frames from one I-frame at which decoding can begin to the next."),
    ("QP", "Quantiser: how coarsely the encoder stored a frame. Higher is coarser."),
    ("Shot", "Frames recorded without interruption. An ordinary cut between shots is editing and is "
     "never flagged."),
    ("Keyframe", "A picture chosen to stand for its shot. It is not the same as an I-frame."),
    ("Score track", "A detector's measurement over time, with the threshold at which it is read. A gap "
     "means that nothing was assessed there."),
    ("Likelihood ratio (LR)", "How many times more probable the measurements are if the label is right "
     "than if it is not. It is not the probability that the label is right."),
    ("Flag", "A stretch or instant at which a detector's score lies above its published operating point."),
    ("Coverage", "What a detector looked at, and why it did not look at the rest."),
    ("Container", "The file format around the coded streams; its boxes tell how the file was put together."),
    ("Stream join", "A point where coded streams were joined without encoding again."),
    ("SHA-256, MD5", "Digests computed from every byte of the file; a changed file has another digest."),
    ("Content credentials (C2PA)", "A signed statement of origin inside the file. Most platforms remove "
     "it, so its absence means nothing."),
)  # fmt: skip
