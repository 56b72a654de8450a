"""Speech that a machine makes: neutral sentences, spoken by the program espeak-ng where it is installed.

A folder and a seed go in, one WAV file per voice comes out, the same bytes for the same seed and version of
the program. It is run, never linked, and nothing depends on it: where it is missing there are no such voices,
and that is said.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vidforensics.evaluation.footage import Side, side_of

PROGRAM = "espeak-ng"
NO_SYNTHESISER = "espeak-ng is not installed, so no synthesised voice was made"
LENGTH_S = 28.0
SPEEDS_WPM, PITCHES = (130, 190), (30, 70)
_TIMEOUT_S = 60.0

_ACCENTS = ("en-us", "en-gb", "en-gb-scotland", "en-gb-x-rp", "en-gb-x-gbclan", "en-gb-x-gbcwmd", "en-029")
# no variant is used twice: what tells these voices apart is the variant far more than the accent
_VARIANTS = (
    "", "+m1", "+m2", "+m3", "+m4", "+m5", "+m6", "+m7", "+m8", "+f1", "+f2", "+f3", "+f4", "+f5", "+croak",
    "+klatt", "+klatt2", "+klatt3", "+klatt4", "+grandma", "+grandpa", "+aunty",
)  # fmt: skip
VOICES = tuple(_ACCENTS[i % len(_ACCENTS)] + variant for i, variant in enumerate(_VARIANTS))
"""Names as espeak-ng takes them."""

SENTENCES = (
    "The council said on Tuesday that the bridge will stay closed until the end of the month.",
    "We have read the report with care, and we accept most of what it recommends.",
    "Heavy rain is expected in the north tonight, with some snow on higher ground.",
    "I want to thank everybody who worked through the weekend to bring the power back.",
    "Prices rose by two per cent over the year, a little less than had been forecast.",
    "At no time was I told that the meeting had been moved to another day.",
    "Trains are running again on the coastal line, but passengers should allow for delays.",
    "The decision was not an easy one, and it was taken after long discussion.",
    "A spokesman for the harbour said that all of the crew were safe and well.",
    "Let me be quite clear about this: the money was paid back before the summer.",
    "Schools in the valley will open an hour later while the road is being cleared.",
    "As far as I remember, there were four of us in the room that afternoon.",
    "The new hospital should be finished in the spring, about a year behind its plan.",
    "Both sides have agreed to meet again next week, although no date has been given.",
)


@dataclass(frozen=True, slots=True)
class Spoken:
    """One file of synthesised speech and whose voice it is."""

    voice: str
    path: Path


@dataclass(frozen=True, slots=True)
class Synthesised:
    """What was made.

    version: of the program, None where it is not installed; not_made: a sentence for each voice that it
    could not make, or one for all of them.
    """

    spoken: tuple[Spoken, ...]
    version: str | None
    not_made: tuple[str, ...]


def synthesise(folder: Path, seed: int, side: Side = "all") -> Synthesised:
    """Make a file of 20 to 30 s for each voice.

    Args:
        folder: where they are made; files of the same names are replaced.
        seed: of each voice's speed, pitch and order of sentences.
        side: which side of the split by speaker the voices are on.
    """
    program = shutil.which(PROGRAM)
    if program is None:
        return Synthesised((), None, (NO_SYNTHESISER,))
    folder.mkdir(parents=True, exist_ok=True)
    spoken, not_made = [], []
    for number, voice in enumerate(VOICES):
        if side not in ("all", side_of(voice)):
            continue
        target = folder / f"{voice}.wav"
        # a generator for each, so that the side changes nothing of what a voice says
        failure = _speak(program, voice, np.random.default_rng((seed, number)), target)
        if failure:
            not_made.append(f"{PROGRAM} could not speak as {voice}: {failure}")
        else:
            spoken.append(Spoken(voice, target))
    return Synthesised(tuple(spoken), _version(program), tuple(not_made))


def _speak(program: str, voice: str, rng: np.random.Generator, target: Path) -> str:
    """Write one file; returns why that could not be done, empty where it was."""
    speed, pitch = (int(rng.integers(low, high + 1)) for low, high in (SPEEDS_WPM, PITCHES))
    text = " ".join(_sentences(rng, round(speed * LENGTH_S / 60)))
    target.unlink(missing_ok=True)
    options = ["-v", voice, "-s", str(speed), "-p", str(pitch), "-w", str(target.resolve())]
    try:
        done = _run([program, *options, "--", text])
    except (OSError, subprocess.TimeoutExpired) as error:
        return type(error).__name__
    if done.returncode == 0 and target.is_file():
        return ""
    return (done.stderr.decode("utf-8", "replace").strip().splitlines() or ["it wrote nothing"])[-1][:200]


def _sentences(rng: np.random.Generator, words: int) -> Iterator[str]:
    """Sentences in seeded order until there are about so many words."""
    for index in rng.permutation(len(SENTENCES)):
        yield SENTENCES[index]
        words -= len(SENTENCES[index].split())
        if words <= 0:
            return


def _version(program: str) -> str:
    """The number alone: the line that it stands in also says where the program's data lie."""
    try:
        text = _run([program, "--version"]).stdout.decode("utf-8", "replace")
    except (OSError, subprocess.TimeoutExpired):
        text = ""
    found = re.search(r"\d+\.\d[\w.-]*", text)
    return found[0] if found else "unknown"


def _run(command: list[str]) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_TIMEOUT_S, check=False
    )
