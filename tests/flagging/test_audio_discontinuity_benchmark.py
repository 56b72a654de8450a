"""What the figures of sound joins rest on: folds that share no voice, cuts that move, thresholds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.benchmarks import audio_discontinuity as benchmark
from tests.benchmarks import audio_discontinuity_material as material
from vidforensics.evaluation.footage import side_of
from vidforensics.flagging.audio_discontinuity_steps import Steps
from vidforensics.types import Speech, Voices

RATE_HZ = 8_000


def footage(folder: Path, groups: list[str]) -> Path:
    rows = ["file,duration_s,width,height,acodec,has_sound,speaker_or_scene_id"]
    rows += [f"speech/{g}.wav,20,,,pcm,1,{g}" for g in groups]
    (folder / "MANIFEST.csv").write_text("\n".join(rows), encoding="utf-8")
    return folder


def speaker(name: str, seed: int, corpus: str = "one") -> material.Source:
    """Ten seconds of syllables of noise with pauses between."""
    rng = np.random.default_rng(seed)
    times_s = np.arange(10 * RATE_HZ) / RATE_HZ
    loud = (np.sin(2 * np.pi * 1.1 * times_s) > -0.4) * 0.2 + 0.001
    samples = (loud * rng.standard_normal(len(times_s))).astype(np.float32)[:, None]
    return material.Source(f"{name}.wav", corpus, name, "speech", RATE_HZ, samples, (1.0, 9.5))


def answer(peak: float, fold: int, kind: str = "untouched", seconds: float = 900.0) -> benchmark.Answer:
    item = material.Item("a", kind, "pcm", speaker("a", 0), 0.0, np.zeros((0, 1)))
    steps = Steps(np.array([0.0, seconds]), np.zeros((1, 29)))
    nothing = Speech(np.zeros(0), np.zeros(0, np.float32)), Voices(np.zeros(0), np.zeros((0, 256)))
    return benchmark.Answer(benchmark.Case(fold, item, steps, *nothing), peak, 1.0, 0.0)


def test_every_speaker_is_in_one_fold_and_the_left_out_side_in_none(tmp_path: Path) -> None:
    groups = [f"speaker_{i}" for i in range(23)]
    whole = benchmark.folds_of(footage(tmp_path, groups), "all", 7)
    assert sorted(whole) == sorted(groups)
    sizes = np.bincount(list(whole.values()))
    assert len(sizes) == benchmark.FOLDS and sizes.max() - sizes.min() <= 1
    half = benchmark.folds_of(tmp_path, "fit", 7)
    assert set(half) == {g for g in groups if side_of(g) == "fit"}


def test_what_is_put_in_is_never_the_hosts_own_voice() -> None:
    host, other = speaker("host", 1), speaker("other", 2, "two")
    again = replace(speaker("host", 3), name="host_2.wav")
    items = [i for seed in range(4) for i in benchmark._items(host, [host, other, again], [7, 0, seed])]
    put_in = [i for i in items if len(i.joins) == 2]
    assert put_in and {i.donor for i in put_in} == {"two"}


@pytest.mark.parametrize(
    ("at", "after", "length", "expected"),
    [
        (2, 2, 3, (1.0, 12.5)),
        (0, 0, 3, (4.0, 12.5)),
        (2, 9, 3, (1.0, 5.5)),
        (0.5, 2, 1, (9.0,)),
        (10, 10, 3, (1.0, 9.5)),
    ],
    ids=["between", "before both", "in place of a stretch", "a cut replaced", "behind both"],
)
def test_cuts_of_the_picture_move_with_the_sound(
    at: float, after: float, length: float, expected: tuple[float, ...]
) -> None:
    samples = (int(seconds * RATE_HZ) for seconds in (at, after, length))
    assert material._moved(speaker("a", 0), *samples) == pytest.approx(expected)


def test_threshold_lets_two_an_hour_through_and_leaves_conversations_out() -> None:
    untouched = [answer(peak, 0) for peak in (5.0, 4.0, 3.0, 1.0)]  # an hour in all
    talks = [answer(9.0, 0, benchmark.KIND)] * 5
    assert benchmark.threshold_of([*untouched, *talks]) == pytest.approx(3.01)


def test_a_track_is_listed_by_the_threshold_of_the_other_folds() -> None:
    ordinary = [answer(-float(i), i % benchmark.FOLDS, seconds=60.0) for i in range(20)]
    odd = answer(7.0, 4, seconds=60.0)
    listed = [a for a in benchmark._listed([*ordinary, odd]) if a.listed]
    # with its own answer among them the threshold would be 7.01, and nothing listed
    assert [(a.peak, a.case.fold) for a in listed] == [(7.0, 4)]
