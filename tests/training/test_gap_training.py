"""Training the network of missing frames: as it runs, a whole training on made-up footage, refusals."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

from tests.training.test_gap_material import measure, shown, write_footage
from vidforensics import verbs
from vidforensics.errors import UsageError
from vidforensics.evaluation.ffmpeg import ffmpeg_program
from vidforensics.evaluation.footage import side_of
from vidforensics.features.gap_files import UNITS_PER_LEVEL
from vidforensics.features.gap_net import BEFORE, COLUMNS, FRAMES, ROWS, GapNet, load_from
from vidforensics.models import CONFIG, WEIGHTS
from vidforensics.runtime import no_progress
from vidforensics.training import GapFitOptions, GapTrainOptions, gap_train, train_gaps
from vidforensics.training.gap_fit import TrainedGapNet, hardest, odds_of
from vidforensics.training.gap_train import window_figures
from vidforensics.training.gap_windows import Windows

SMALL = GapFitOptions(steps=12, batch=16, channels=(4, 4, 4, 4), hidden=4)


@pytest.fixture
def few_gaps_will_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gap_train, "LEAST_GAPS", 1)


@pytest.fixture(scope="module")
def footage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    names = [f"clip{i}" for i in range(12)]
    sides = {side: [n for n in names if side_of(f"{n}.mp4") == side][:2] for side in ("fit", "test")}
    return write_footage(tmp_path_factory.mktemp("footage"), (*sides["fit"], *sides["test"]), 180)


def trained(footage: Path, tmp_path: Path, options: GapTrainOptions) -> dict:
    (tmp_path / "out").mkdir()
    work = footage.with_name("work")  # the same clips in every test
    return train_gaps(footage, tmp_path / "out", work, options, ffmpeg_program(), measure, no_progress)


def test_the_network_that_is_trained_is_the_one_that_runs():
    torch.manual_seed(1)
    net = TrainedGapNet(GapFitOptions())
    windows = np.random.default_rng(4).uniform(0, 255, (5, FRAMES, ROWS, COLUMNS)).astype(np.float32)
    for _ in range(3):
        net.odds(windows)  # moves the averages of the normalisation away from where they began
    net.eval()
    with torch.inference_mode():
        expected = net.odds(windows).numpy()
    run = GapNet.from_tensors(net.tensors())
    assert run.window_odds(windows) == pytest.approx(expected, abs=1e-4)
    assert GapNet.from_tensors(run.tensors()).window_odds(windows) == pytest.approx(expected, abs=1e-4)


def test_odds_of_a_clip_are_those_of_its_windows_and_the_hardest_are_the_highest():
    torch.manual_seed(2)
    net = TrainedGapNet(SMALL).eval()
    file = shown(range(150))
    odds = odds_of(net, file.levels, 16)
    windows = np.stack([file.levels[at - BEFORE : at + 5] for at in range(BEFORE, 146)]) / UNITS_PER_LEVEL
    with torch.inference_mode():
        expected = net.odds(windows.astype(np.float32)).numpy()
    assert odds[BEFORE:146] == pytest.approx(expected, abs=1e-4)
    assert np.isnan(odds[:BEFORE]).all()
    assert np.isnan(odds[146:]).all()
    with torch.no_grad():
        net.head[3].bias += 50.0  # above the least odds, so that only their order counts
    places = [at for _, at in hardest(net, Windows([file], np.random.default_rng(0)))]
    assert sorted(odds[places])[::-1] == sorted(odds[BEFORE:146])[::-1][: len(places)]
    assert len(places) == 6


def test_a_training_learns_pans_and_writes_a_model_that_loads(few_gaps_will_do, footage, tmp_path):
    fit = GapFitOptions(steps=50, batch=32, channels=(8, 8, 8, 8), hidden=8)
    metrics = trained(footage, tmp_path, GapTrainOptions(passes=1, judged=150, fit=fit))
    out = tmp_path / "out"
    assert sorted(p.name for p in out.iterdir()) == ["MODEL_CARD.md", CONFIG, "metrics.json", WEIGHTS]
    assert json.loads((out / "metrics.json").read_text()) == json.loads(json.dumps(metrics))
    counted = metrics["footage"]
    assert (counted["clips"], counted["scenes"], counted["made"], counted["failed"]) == (4, 4, 8, [])
    for side in ("fit", "test"):
        assert metrics["windows"][side]["auc"] > 0.8  # learnt, on pans never met
        assert metrics["windows"][side]["scenes"] == 2
    card = (out / "MODEL_CARD.md").read_text()
    assert metrics["command"] in card
    assert str(metrics["windows"]["fit"]["auc"]) in card
    assert "no figures of their own" in card
    pan = shown([*range(40), *range(60, 100)]).levels.astype(np.float32) / UNITS_PER_LEVEL
    assert np.isfinite(load_from(out).odds(pan)).all()


def test_one_side_teaches_the_other_judges_and_a_seed_repeats_it(few_gaps_will_do, footage, tmp_path):
    options = GapTrainOptions(side="fit", passes=1, judged=150, fit=SMALL)
    metrics = trained(footage, tmp_path, options)
    assert list(metrics["windows"]) == ["test"]
    assert metrics["footage"]["clips"] == 2
    assert "--side fit" in metrics["command"]
    weights = (tmp_path / "out" / WEIGHTS).read_bytes()
    (tmp_path / "out").rename(tmp_path / "before")
    trained(footage, tmp_path, options)
    assert (tmp_path / "out" / WEIGHTS).read_bytes() == weights
    (tmp_path / "out").rename(tmp_path / "again")
    trained(footage, tmp_path, replace(options, seed=2))
    assert (tmp_path / "out" / WEIGHTS).read_bytes() != weights


def test_too_little_footage_is_refused(tmp_path):
    footage = write_footage(tmp_path / "footage", ("one",), 50)
    with pytest.raises(UsageError, match="needs 20 places to take frames out; it has"):
        trained(footage, tmp_path, GapTrainOptions(passes=1, fit=SMALL))
    assert list((tmp_path / "out").iterdir()) == []


def test_the_verb_measures_in_workers_and_puts_nothing_in_place_that_is_not_whole(tmp_path):
    footage = write_footage(tmp_path / "footage", ("one",), 50)
    (footage / "broken.mp4").write_bytes(b"nothing")
    work = footage / "work"
    write_footage(work, ("left by an interrupted training",))
    with pytest.raises(UsageError, match="needs 20 places"):
        verbs.train(footage, out=tmp_path / "out", model="gaps", work=work)
    assert not (tmp_path / "out").exists()
    assert len(list(work.glob("*.npy"))) == 1  # kept for the next time


def test_nothing_to_judge_by_gives_no_figures():
    run = GapNet.from_tensors(TrainedGapNet(SMALL).tensors())
    assert window_figures(run, [], GapTrainOptions()) is None
    assert window_figures(run, [shown(range(60))], GapTrainOptions()) is None
