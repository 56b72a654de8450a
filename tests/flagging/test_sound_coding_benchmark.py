"""The benchmark of breaks in an earlier coding: its edits, and its counting by hand."""

from __future__ import annotations

import numpy as np
import pytest

from tests.benchmarks.audio_discontinuity_material import Source
from tests.benchmarks.sound_coding import Examined, calibration, edited, table

RATE = 1000


def source(group: str, level: float, seconds: int = 20, channels: int = 1) -> Source:
    return Source(f"{group}.mp4", "", group, "", RATE, np.full((seconds * RATE, channels), level, np.float32))


@pytest.mark.parametrize("kind", ["insert", "replace"])
def test_what_is_put_in_is_anothers_and_lies_between_the_joins(kind: str) -> None:
    host, other = source("a", 0.1, channels=2), source("b", 0.5)
    samples, (start_s, end_s) = edited(host, [host, other], kind, np.random.default_rng(1))
    inside = np.arange(len(samples)) / RATE
    inside = (inside >= start_s) & (inside < end_s)
    assert np.unique(samples[inside]).tolist() == [np.float32(0.5)]
    assert np.unique(samples[~inside]).tolist() == [np.float32(0.1)]
    assert samples.shape[1] == 2
    longer_s = (len(samples) - len(host.samples)) / RATE
    assert longer_s > 0.4 if kind == "insert" else -1.1 < longer_s < 0.0


def test_a_cut_takes_sound_out_and_a_shift_only_trims() -> None:
    host = source("a", 0.1)
    host.samples[:, 0] = np.arange(len(host.samples))
    samples, (at_s,) = edited(host, [], "cut", np.random.default_rng(1))
    steps = np.diff(samples[:, 0])
    assert np.flatnonzero(steps != 1).tolist() == [round(at_s * RATE) - 1]
    assert 0.7 * RATE <= steps.max() - 1 <= 2.5 * RATE
    trimmed, joins = edited(host, [], "shifted", np.random.default_rng(1))
    assert joins == () and 0 < len(host.samples) - len(trimmed) < 1024


def item(kind: str, joins: tuple[float, ...], *found: tuple[float, float, float]) -> Examined:
    return Examined("a.mp4", "a", kind, 128_000, 36.0, 18.0, joins, found)


def test_breaks_at_a_join_are_right_and_all_others_wrong() -> None:
    one = item("cut", (5.0,), (4.8, 4.9, 9.0), (2.0, 6.0, 7.0), (8.0, 8.1, 11.0))
    assert one.best() == 9.0
    assert one.wrong() == [11.0]
    lines = table([one, item("cut", (5.0,)), item("shifted", ())], 8.0)
    assert "| 128 kb/s | shifted | 50% | – | 0 in 0.6 min = 0.0/h (0.0–368.9) |" in lines
    assert any(
        line.startswith("| 128 kb/s | cut | 50% | 1/2 = 0.50") and "1 in 1.2 min" in line for line in lines
    )


def test_the_calibration_says_more_for_stronger_breaks() -> None:
    items = [item("cut", (5.0,), (5.0, 5.0, s)) for s in (9.0, 15.0, 22.0)]
    items += [item("shifted", (), (3.0, 3.0, 5.5)), item("shifted", ()), item("untouched", ())]
    line = calibration(items, 9)
    assert (line["positives"], line["negatives"]) == (1, 1)  # all of one speaker
    assert line["slope"] > 0
    assert "--seed 9 --write" in line["source"]
