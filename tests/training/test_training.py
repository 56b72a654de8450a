"""Training: forged trials, the line, the figures, and a whole training on made-up talkers."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.training.material import measure, talker
from vidforensics.errors import MissingModelError, UsageError
from vidforensics.evaluation.metrics_evidence import auc, bands_of, cllr
from vidforensics.flagging.sync_files import Measured, read_measured, write_measured
from vidforensics.flagging.sync_model import load_from
from vidforensics.flagging.sync_net import agreement_by_lag
from vidforensics.models import CONFIG, WEIGHTS
from vidforensics.runtime import no_progress
from vidforensics.training import FitOptions, TrainOptions, train
from vidforensics.training.logistic import fit_line
from vidforensics.training.sync_crossed import folds_of
from vidforensics.training.sync_figures import average_precision
from vidforensics.training.sync_fit import MIRRORED, mirrored
from vidforensics.training.sync_footage import gather
from vidforensics.training.sync_net import HEARD, SEEN, SyncNet, SyncNetOptions, to_run
from vidforensics.training.sync_trials import Pools, Talk, trials

pytestmark = pytest.mark.usefixtures("no_synthesiser")
QUICK = TrainOptions(folds=2, networks=1, fit=FitOptions(steps=60, batch=16, voices=2))


@pytest.fixture(scope="module")
def footage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("footage")
    for number in range(6):
        (folder / f"talk{number}.mp4").write_text(str(number))
    (folder / "voice.wav").write_text("77")
    return folder


@pytest.fixture(scope="module")
def model(footage: Path, no_synthesiser: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("model")
    train(footage, out, tmp_path_factory.mktemp("work"), QUICK, measure, no_progress)
    return out


def test_a_training_writes_a_model_that_loads_and_its_figures(model: Path) -> None:
    assert sorted(p.name for p in model.iterdir()) == [
        "MODEL_CARD.md", CONFIG, "metrics.json", WEIGHTS,
    ]  # fmt: skip
    metrics = json.loads((model / "metrics.json").read_text())
    assert metrics["footage"]["speakers"] == 6
    assert metrics["footage"]["voices"] == 1
    assert metrics["windows"]["4 s"]["all"]["auc"]["other speaker"] > 0.8  # learnt, on talkers never met
    assert len(load_from(model).networks) == 1
    card = (model / "MODEL_CARD.md").read_text()
    assert str(metrics["located"]["forged_parts"]) in card
    assert metrics["command"] in card


def test_a_network_run_without_torch_says_the_same() -> None:
    torch.manual_seed(3)
    network = SyncNet(SyncNetOptions(channels=16, vector=8))
    seen, heard = torch.randn(1, 60, SEEN), 2 * torch.randn(1, 50, HEARD)
    for _ in range(20):  # the normalisation learns its means and spreads
        network.see(seen + torch.randn_like(seen)), network.hear(heard + torch.randn_like(heard))
    network.eval()
    run = to_run(network)
    with torch.inference_mode():
        assert run.see(seen[0].numpy()) == pytest.approx(network.see(seen)[0].numpy(), abs=1e-5)
        assert run.hear(heard[0].numpy()) == pytest.approx(network.hear(heard)[0].numpy(), abs=1e-5)
    agreement = agreement_by_lag([run], seen[0].numpy(), heard[0].numpy(), (-3, 0, 4))
    sight, sound = run.see(seen[0].numpy()), run.hear(heard[0].numpy())
    for row, lag in enumerate((-3, 0, 4)):
        wanted = [sight[t] @ sound[t + lag] if 0 <= t + lag < 50 else np.nan for t in range(60)]
        assert agreement[row] == pytest.approx(wanted, abs=1e-5, nan_ok=True)


def test_the_same_seed_gives_the_same_weights(footage: Path, model: Path, tmp_path: Path) -> None:
    (tmp_path / "again").mkdir()
    train(footage, tmp_path / "again", tmp_path / "work", QUICK, measure, no_progress)
    assert (tmp_path / "again" / WEIGHTS).read_bytes() == (model / WEIGHTS).read_bytes()
    assert (tmp_path / "again" / CONFIG).read_text() == (model / CONFIG).read_text()


def test_changed_weights_and_broken_configurations_are_refused(model: Path, tmp_path: Path) -> None:
    (tmp_path / CONFIG).write_bytes((model / CONFIG).read_bytes())
    with pytest.raises(MissingModelError, match="not a readable model"):
        load_from(tmp_path)
    (tmp_path / WEIGHTS).write_bytes((model / WEIGHTS).read_bytes()[:-1] + b"x")
    with pytest.raises(MissingModelError, match="not the published ones"):
        load_from(tmp_path)
    (tmp_path / CONFIG).write_text("{}")
    with pytest.raises(MissingModelError, match="not a readable model"):
        load_from(tmp_path)


def test_too_few_speakers_are_refused(tmp_path: Path) -> None:
    (tmp_path / "one.mp4").write_text("1")
    with pytest.raises(UsageError, match="needs 5 speakers"):
        train(tmp_path, tmp_path, tmp_path / "work", QUICK, measure, no_progress)
    with pytest.raises(UsageError, match="not a folder"):
        gather(tmp_path / "nothing", tmp_path, "all", measure, no_progress)


def test_footage_is_measured_once_and_a_bad_file_costs_one_line(tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / f"{number}.mp4").write_text(str(number))
    asked: list[str] = []

    def counting(clip: Path, target: Path) -> None:
        asked.append(clip.name)
        if clip.name == "1.mp4":
            raise MissingModelError("1.mp4: broken.")
        measure(clip, target)

    first = gather(tmp_path, tmp_path / "work", "all", counting, no_progress)
    assert (len(first.talks), first.failed) == (2, ("1.mp4: broken.",))
    gather(tmp_path, tmp_path / "work", "all", counting, no_progress)
    assert asked == ["0.mp4", "1.mp4", "2.mp4", "1.mp4"]


def test_a_manifest_says_who_speaks_and_what_teaches(tmp_path: Path) -> None:
    for name in ("a.mp4", "b.mp4", "c.mp4", "d.mp4"):
        (tmp_path / name).write_text("3" if name == "a.mp4" else name[0].replace("b", "4").replace("c", "5"))
    (tmp_path / "MANIFEST.csv").write_text(
        "file,kind,in_sync_original,speaker_or_scene_id,source\n"
        "a.mp4,talking,yes,ann,one/x:a.mp4\nb.mp4,talking,unknown,bob,one/x:b.mp4\nc.mp4,scenes,yes,c,one/x:c.mp4\n"
    )
    found = gather(tmp_path, tmp_path / "work", "all", measure, no_progress)
    assert [(t.clip, t.speaker, t.corpus) for t in found.talks] == [("a.mp4", "ann", "one/x")]


def test_measurements_come_back_as_they_were(tmp_path: Path) -> None:
    stretch = talker(1)
    write_measured(tmp_path / "x.npz", Measured((stretch,), stretch.levels))
    again = read_measured(tmp_path / "x.npz")
    assert np.array_equal(again.stretches[0].mouths, stretch.mouths)
    assert again.stretches[0].levels == pytest.approx(stretch.levels, abs=0.05)
    write_measured(tmp_path / "none.npz", Measured((), stretch.levels[:0]))
    assert read_measured(tmp_path / "none.npz").stretches == ()


def test_forgeries_change_the_sound_within_their_part_only() -> None:
    talk, other = Talk("a", "ann", "x", talker(1)), talker(2).levels
    pools: Pools = {"other speaker": [other], "voice": [other], "synthesised": [other]}
    made = list(trials(talk, pools, np.random.default_rng(1), (4.0, 8.0)))
    assert [t.kind for t in made] == ["own", "other speaker", "voice", "synthesised", "slid"]
    assert made[0].stretch.levels is talk.stretch.levels
    for trial in made[1:]:
        changed = (trial.stretch.levels != talk.stretch.levels).any(axis=(1, 2))
        assert 100 <= trial.end - trial.start <= 200
        assert changed[trial.start : trial.end].mean() > 0.95
        assert not changed[: trial.start].any()
        assert not changed[trial.end :].any()
    assert [t.kind for t in trials(talk, {}, np.random.default_rng(1))] == ["own", "slid"]
    short = Talk("a", "ann", "x", talker(1, seconds=5.0))
    assert [t.kind for t in trials(short, pools, np.random.default_rng(1), (4.0, 8.0))] == ["own"]


def test_the_mirror_of_the_mirror_is_the_face() -> None:
    stretch = talker(3)
    shapes, mouths = mirrored(replace(stretch, shapes=mirrored(stretch)[0], mouths=mirrored(stretch)[1]))
    assert np.array_equal(shapes, stretch.shapes)
    assert np.array_equal(mouths, stretch.mouths)
    assert sorted(MIRRORED) == list(range(24))


def test_speakers_never_cross_folds_and_folds_are_about_equal() -> None:
    talks = [Talk(f"{s}-{k}", s, "x", talker(1, 4.0 + k)) for s in "abcdefgh" for k in range(2)]
    fold = folds_of(talks, 4)
    assert sorted(fold.values()) == [0, 0, 1, 1, 2, 2, 3, 3]


def test_the_line_is_a_likelihood_ratio() -> None:
    rng = np.random.default_rng(4)
    positive = np.repeat([True, False], [4000, 500])
    measures = rng.normal(np.where(positive, 1.0, -1.0), 1.0)[:, None]
    line = fit_line(measures, positive, np.ones(len(positive)), held=1e-3)
    assert line.weights[0] == pytest.approx(2.0, abs=0.2)  # equal variances: log odds = 2 x
    assert line.intercept == pytest.approx(0.0, abs=0.2)


@settings(max_examples=50)
@given(
    st.lists(st.integers(0, 6), min_size=1, max_size=20), st.lists(st.integers(0, 6), min_size=1, max_size=20)
)
def test_auc_counts_pairs(positive: list[int], negative: list[int]) -> None:
    slow = np.mean([(p > n) + 0.5 * (p == n) for p in positive for n in negative])
    assert auc(np.array(positive, float), np.array(negative, float)) == pytest.approx(slow)


def test_costs_and_bands() -> None:
    truth = np.array([True, True, False, False])
    assert cllr(np.zeros(4), truth) == pytest.approx(1.0)
    assert cllr(np.array([9.0, 9, -9, -9]), truth) < 0.01
    bands = bands_of(np.array([0.95, 0.92, 0.05, 0.93]), truth)
    assert (bands[9]["count"], bands[9]["forged"]) == (3, pytest.approx(2 / 3, abs=1e-3))
    assert (bands[5]["count"], bands[5]["forged"]) == (0, None)
    assert auc(np.zeros(0), np.ones(2)) is None


def test_average_precision_counts_each_truth_once() -> None:
    true = {0: (100, 200), 1: (0, 100)}
    found = [(3.0, 110, 200, 0), (2.0, 100, 190, 0), (1.0, 0, 90, 1), (0.5, 300, 400, 2)]
    assert average_precision(found, true, 2, 0.5) == pytest.approx((1 + 2 / 3) / 2)
    assert average_precision([], true, 2, 0.5) == 0.0
    assert average_precision(found, {}, 0, 0.5) is None
