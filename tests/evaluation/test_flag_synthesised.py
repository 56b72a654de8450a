"""`evaluate flag` with synthesised voices: one more kind, and nothing else changes."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.evaluation import footage_kit
from tests.evaluation.test_evaluate_flag import silent_flagger
from vidforensics.evaluation import flag_forgeries
from vidforensics.evaluation.flag import FlagOptions, evaluate_flag
from vidforensics.evaluation.flag_forgeries import JOINED, Forged, make_forgeries
from vidforensics.evaluation.flag_makers import MAKERS, SYNTHESISED, Clip, Plan
from vidforensics.evaluation.flag_render import markdown
from vidforensics.evaluation.footage import Material
from vidforensics.evaluation.synthesis import NO_SYNTHESISER, PROGRAM

pytest.importorskip("imageio_ffmpeg")


@pytest.fixture
def footage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(footage_kit, "LENGTH_S", 12.0)
    monkeypatch.setattr(flag_forgeries, "MAKERS", {SYNTHESISED: MAKERS[SYNTHESISED]})
    return footage_kit.write_folder(tmp_path / "footage", loud=3, silent=0)


def material(name: str, group: str) -> Material:
    return Material(Path(name), group, name, 20.0, True, True, True, False)


def planned(monkeypatch: pytest.MonkeyPatch, spoken: list[Material]) -> list[tuple[Forged, Plan | None]]:
    """What would be made of two sources, without making it."""
    plans: dict[Path, Plan] = {}

    def encode(program: str, clip: Clip, plan: Plan, chain: Any, target: Path) -> None:
        plans[target] = plan

    def join(program: str, clip: Clip, chain: str, target: Path) -> Forged:
        return Forged(target, JOINED, chain, clip.material.path.name, "stream_join", 1.0, 1.0)

    monkeypatch.setattr(flag_forgeries, "_encode", encode)
    monkeypatch.setattr(flag_forgeries, "_join", join)
    sources = [material(f"{group}.mp4", group) for group in "abcd"]
    rng = np.random.default_rng(5)
    made = list(make_forgeries(Path("made"), sources[:2], sources, "ffmpeg", rng, spoken))
    return [(one, plans.get(one.path)) for one in made if isinstance(one, Forged)]


def test_the_other_clips_are_the_same_with_and_without(monkeypatch: pytest.MonkeyPatch) -> None:
    without = planned(monkeypatch, [])
    voices = [material(f"voice{k}.wav", f"voice{k}") for k in range(3)]
    with_them = planned(monkeypatch, voices)
    assert [row for row in with_them if row[0].kind != SYNTHESISED] == without
    synthesised = [row for row in with_them if row[0].kind == SYNTHESISED]
    assert len(synthesised) == 2
    for forged, plan in synthesised:
        assert plan is not None
        assert forged.label == "dub"
        assert 5.0 <= forged.end_s - forged.start_s <= 10.0
        assert plan.more[0].name.startswith("voice")
    assert with_them == planned(monkeypatch, voices)


def test_where_no_program_makes_speech_one_line_says_so(
    footage: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    document = evaluate_flag(footage, FlagOptions(sources=1, side="all"), silent_flagger)
    assert document["not_made"] == [NO_SYNTHESISER]
    assert [row["kind"] for row in document["kinds"]] == [JOINED]
    assert PROGRAM not in document["versions"]
    assert f"- {NO_SYNTHESISER}\n" in markdown(document)


@pytest.mark.skipif(shutil.which(PROGRAM) is None, reason="espeak-ng is not here")
def test_synthesised_speech_takes_the_place_of_the_sound(footage: Path, tmp_path: Path) -> None:
    options = FlagOptions(sources=1, side="all")
    document = evaluate_flag(footage, options, silent_flagger, work=tmp_path / "work", keep=True)
    assert document["not_made"] == []
    row = document["kinds"][0]
    assert (row["kind"], row["label"], row["clips"], row["assessed"]) == (SYNTHESISED, "dub", 1, 1)
    assert document["versions"][PROGRAM]
    (clip,) = (tmp_path / "work").rglob("*voice-synthesised.*")
    assert silent_flagger(clip)["clip"]["duration_s"] == pytest.approx(12.0, abs=0.2)
    assert f"| {SYNTHESISED} " in markdown(document)
