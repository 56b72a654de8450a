"""Training with synthesised voices: they teach, are a kind of forgery of their own, keep to their fold."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

from tests.training.material import measure, talker
from vidforensics.errors import MissingModelError
from vidforensics.evaluation.footage import side_of
from vidforensics.evaluation.synthesis import NO_SYNTHESISER, VOICES
from vidforensics.runtime import no_progress
from vidforensics.training import FitOptions, TrainOptions, train
from vidforensics.training.sync_crossed import Voice, crossed, folds_of_voices
from vidforensics.training.sync_footage import Footage, with_synthesised
from vidforensics.training.sync_trials import Talk, trials

NOTHING = Footage((), (), ())
# writes a number for the voice, its speed and its pitch, which is what the made-up measuring reads
PROGRAM = """#!/bin/sh
[ "$1" = --version ] && { echo "eSpeak NG text-to-speech: 9.8.7  Data at: /nowhere"; exit; }
printf %s "$2$4$6" | cksum | cut -d ' ' -f 1 > "$8"
"""


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "bin" / "espeak-ng"
    path.parent.mkdir()
    path.write_text(PROGRAM)
    path.chmod(0o755)
    monkeypatch.setattr(shutil, "which", lambda name: str(path))


def test_a_training_counts_them_and_the_card_says_who_made_them(program: None, tmp_path: Path) -> None:
    for folder in ("footage", "out"):
        (tmp_path / folder).mkdir()
    for number in range(6):
        (tmp_path / "footage" / f"talk{number}.mp4").write_text(str(number))
    options = TrainOptions(folds=2, networks=1, fit=FitOptions(steps=20, batch=16, voices=2))
    train(tmp_path / "footage", tmp_path / "out", tmp_path / "work", options, measure, no_progress)
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
    counted = metrics["footage"]
    assert (counted["voices"], counted["synthesised"]) == (0, len(VOICES))
    assert counted["synthesiser"] == "espeak-ng 9.8.7"
    assert counted["failed"] == []
    areas = metrics["windows"]["4 s"]["all"]["auc"]
    assert sorted(areas) == ["other speaker", "slid", "synthesised"]
    card = (tmp_path / "out" / "MODEL_CARD.md").read_text()
    assert f"{len(VOICES)} synthesised voices were made by espeak-ng 9.8.7." in card
    assert f"| – | {areas['synthesised']} |" in card  # no people's voices, but synthesised ones


def test_they_are_measured_once_and_leave_no_sound_behind(program: None, tmp_path: Path) -> None:
    asked: list[str] = []

    def counting(clip: Path, target: Path) -> None:
        asked.append(clip.name)
        if clip.stem == VOICES[0]:
            raise MissingModelError("broken.")
        measure(clip, target)

    first = with_synthesised(NOTHING, tmp_path / "work", 1, "all", counting, no_progress)
    assert (len(first.voices), first.failed) == (len(VOICES) - 1, ("broken.",))
    assert all(v.synthesised for v in first.voices)
    again = with_synthesised(NOTHING, tmp_path / "work", 1, "all", counting, no_progress)
    assert asked == [*(f"{v}.wav" for v in VOICES), f"{VOICES[0]}.wav"]
    assert [v.speaker for v in again.voices] == [v.speaker for v in first.voices]
    assert {p.suffix for p in (tmp_path / "work").rglob("*")} == {".npz"}
    fit = with_synthesised(NOTHING, tmp_path / "work", 1, "fit", measure, no_progress)
    assert [v.speaker for v in fit.voices] == [v for v in VOICES if side_of(v) == "fit"]


def test_without_the_program_the_footage_stays_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert with_synthesised(NOTHING, tmp_path / "work", 1, "all", measure, no_progress) == NOTHING


def test_a_synthesised_voice_is_a_forgery_of_its_own_kind() -> None:
    talk, voice = Talk("a", "ann", "x", talker(1)), talker(2).levels
    made = trials(talk, {"synthesised": [voice]}, np.random.default_rng(1))
    assert [t.kind for t in made] == ["own", "synthesised", "slid"]


def test_no_voice_is_in_two_folds_and_people_keep_theirs() -> None:
    levels = talker(1).levels
    people = [Voice(f"p{k}", levels) for k in range(5)]
    machines = [Voice(name, levels, synthesised=True) for name in VOICES[:4]]
    alone, together = folds_of_voices(people, 2), folds_of_voices([*machines, *people], 2)
    assert {s: f for s, f in together.items() if s in alone} == alone
    assert sorted(together[m.speaker] for m in machines) == [0, 0, 1, 1]


def test_a_voice_that_teaches_does_not_judge(monkeypatch: pytest.MonkeyPatch) -> None:
    taught: list[list[np.ndarray]] = []

    def fit(stretches: object, voices: list[np.ndarray], *_: object) -> None:
        taught.append(voices)

    monkeypatch.setattr("vidforensics.training.sync_crossed.fit_network", fit)
    monkeypatch.setattr("vidforensics.training.sync_crossed.to_run", lambda network: network)
    judged: list[tuple[int, list[np.ndarray]]] = []

    def judge(fold: int, networks: object, talks: object, voices: list[Voice], rng: object) -> list[object]:
        judged.append((fold, [v.levels for v in voices]))
        return []

    monkeypatch.setattr("vidforensics.training.sync_crossed._judged", judge)
    talks = [Talk(s, s, "x", talker(1, 4.0)) for s in "abcd"]
    voices = [Voice(name, talker(k).levels, synthesised=True) for k, name in enumerate(VOICES[:4])]
    list(crossed(talks, voices, FitOptions(), (2, 1), 1, lambda *_: None))
    for learnt, (_, apart) in zip(taught, judged, strict=True):
        assert len(learnt) == len(apart) == 2
        assert not {id(v) for v in learnt} & {id(v) for v in apart}


def test_the_card_says_where_none_were_made(no_synthesiser: None, tmp_path: Path) -> None:
    for number in range(6):
        (tmp_path / f"talk{number}.mp4").write_text(str(number))
    (tmp_path / "out").mkdir()
    options = TrainOptions(folds=2, networks=1, fit=FitOptions(steps=20, batch=16, voices=2))
    metrics = train(tmp_path, tmp_path / "out", tmp_path / "work", options, measure, no_progress)
    assert (metrics["footage"]["synthesised"], metrics["footage"]["synthesiser"]) == (0, None)
    card = (tmp_path / "out" / "MODEL_CARD.md").read_text()
    assert f"{NO_SYNTHESISER}." in card
    assert "AUC synthesised |" in card
    assert "| – | – |" in card
