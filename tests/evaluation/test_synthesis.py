"""Synthesised speech: the same for the same seed, and nothing but a sentence where no program makes it."""

from __future__ import annotations

import shutil
import subprocess
import wave
from pathlib import Path
from typing import Any

import pytest

from vidforensics.evaluation import synthesis
from vidforensics.evaluation.synthesis import NO_SYNTHESISER, SENTENCES, VOICES, Synthesised, synthesise

needs_program = pytest.mark.skipif(shutil.which(synthesis.PROGRAM) is None, reason="espeak-ng is not here")


def test_where_there_is_no_program_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert synthesise(tmp_path / "made", 1) == Synthesised((), None, (NO_SYNTHESISER,))
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (subprocess.CompletedProcess([], 1, b"", b"Error: no such voice.\n"), "Error: no such voice."),
        (subprocess.CompletedProcess([], 0, b"", b""), "it wrote nothing"),
        (subprocess.TimeoutExpired("espeak-ng", 60), "TimeoutExpired"),
        (OSError(8, "Exec format error"), "OSError"),
    ],
)
def test_a_voice_that_cannot_be_made_costs_one_line(
    answer: Any, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(command: list[str], **how: Any) -> subprocess.CompletedProcess[bytes]:
        assert how["stdin"] == subprocess.DEVNULL
        assert "shell" not in how
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(shutil, "which", lambda name: f"/bin/{name}")
    monkeypatch.setattr(subprocess, "run", run)
    made = synthesise(tmp_path, 1)
    assert made.spoken == ()
    assert made.version == "unknown"
    assert len(made.not_made) == len(VOICES)
    assert made.not_made[0] == f"espeak-ng could not speak as {VOICES[0]}: {reason}"


@needs_program
def test_voices_last_long_enough_and_are_the_same_for_the_same_seed(tmp_path: Path) -> None:
    first, again, other = (
        synthesise(tmp_path / name, seed, "fit") for name, seed in (("a", 1), ("b", 1), ("c", 2))
    )
    assert first.not_made == ()
    assert first.version
    assert "/" not in first.version
    contents = [[one.path.read_bytes() for one in made.spoken] for made in (first, again, other)]
    assert contents[0] == contents[1]
    assert not set(contents[0]) & set(contents[2])
    assert len(set(contents[0])) == len(first.spoken)
    for one in first.spoken:
        with wave.open(str(one.path)) as sound:
            assert 18.0 <= sound.getnframes() / sound.getframerate() <= 32.0


@needs_program
def test_a_voice_of_one_side_is_never_on_the_other(tmp_path: Path) -> None:
    fit, test = ({s.voice for s in synthesise(tmp_path, 1, side).spoken} for side in ("fit", "test"))
    assert not fit & test
    assert fit | test == set(VOICES)
    assert min(len(fit), len(test)) >= 5


def test_no_two_voices_share_a_variant_and_sentences_are_plain() -> None:
    assert len({v.partition("+")[2] for v in VOICES}) == len(VOICES)
    assert all(s.isascii() and s.endswith(".") and 12 <= len(s.split()) <= 18 for s in SENTENCES)
    assert len(set(SENTENCES)) == len(SENTENCES)
