"""Missing frames as the network sees them: as computed slowly, steady over blocks, refused if changed."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import correlate

from tests.features.test_frame_hashes import block
from tests.flagging.test_duplication import clip
from vidforensics import models
from vidforensics.errors import MissingModelError
from vidforensics.features import gap_accumulator, gap_net
from vidforensics.features.gap_net import (
    BEFORE,
    CHANNELS,
    COLUMNS,
    DOUBTED_ODDS,
    FRAMES,
    LEAST_JUMP,
    LEAST_ODDS,
    ROWS,
    STRIDES,
    GapNet,
    load_from,
    network_input,
)
from vidforensics.features.gaps import GapAccumulator, small_planes

SHIPPED = models.shipped_folder() / gap_net.NAME


def small_net(seed=0):
    """A network of random weights, three channels per layer."""
    rng = np.random.default_rng(seed)
    tensors, before = {}, CHANNELS
    for i in range(len(STRIDES)):
        tensors[f"kernel{i}"] = rng.normal(0, 0.3, (3, 3, before, 3))
        tensors[f"bias{i}"] = rng.normal(0, 0.1, 3)
        before = 3
    tensors |= {"hidden": rng.normal(0, 0.5, (11, 4)), "hidden_bias": rng.normal(0, 0.1, 4)}
    tensors |= {"last": rng.normal(0, 1, 4), "level": np.array([0.3])}
    return GapNet.from_tensors({name: t.astype(np.float32) for name, t in tensors.items()})


def slow_odds(net, window):
    """One window through the network, a correlation per pair of channels."""
    cells, about = (part[0].astype(np.float64) for part in network_input(window[None]))
    for (kernel, bias), stride in zip(net.layers, STRIDES, strict=True):
        padded = np.pad(cells, ((1, 1), (1, 1), (0, 0)))
        full = [
            sum(correlate(padded[:, :, c], kernel[:, :, c, o], "valid") for c in range(kernel.shape[2]))
            for o in range(kernel.shape[3])
        ]
        cells = np.maximum(np.stack(full, axis=-1)[::stride, ::stride] + bias, 0)
    power = np.maximum((cells**3).mean(axis=(0, 1)), 1e-6) ** (1 / 3)
    pooled = np.concatenate([cells.mean(axis=(0, 1)), cells.max(axis=(0, 1)), power, about])
    return np.maximum(pooled @ net.hidden + net.hidden_bias, 0) @ net.last + net.level


def gaps_of(net, luma, sizes=(16,)):
    accumulator = GapAccumulator(net)
    at, number = 0, 0
    while at < len(luma):
        size = sizes[number % len(sizes)]
        part = luma[at : at + size]
        accumulator.update(block(part, times=tuple((at + i) / 25 for i in range(len(part)))))
        at, number = at + size, number + 1
    return accumulator.finish()


def test_network_equals_the_slow_way():
    windows = np.random.default_rng(3).uniform(0, 255, (3, FRAMES, ROWS, COLUMNS)).astype(np.float32)
    net = small_net()
    assert net.window_odds(windows) == pytest.approx([slow_odds(net, w) for w in windows], abs=1e-3)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(1, 13), min_size=1, max_size=4))
def test_block_sizes_do_not_matter(sizes):
    luma, net = clip(list(range(40))), small_net()
    whole = gaps_of(net, luma, (40,))
    assert gaps_of(net, luma, sizes).odds == pytest.approx(whole.odds, abs=1e-4, nan_ok=True)


@pytest.mark.parametrize("count", [0, 1, 4, FRAMES - 1, FRAMES, 30])
def test_ends_are_unknown(count):
    found = gaps_of(small_net(), clip(list(range(count))) if count else np.zeros((0, 90, 160), np.uint8))
    known = np.flatnonzero(np.isfinite(found.odds))
    assert len(found.odds) == len(found.times_s) == count
    assert known.tolist() == list(range(BEFORE, count - (FRAMES - BEFORE) + 1))


def test_a_picture_at_rest_has_the_least_odds():
    found = gaps_of(load_from(SHIPPED), np.full((30, 90, 160), 90, np.uint8))
    assert np.nanmax(found.odds) == LEAST_ODDS


def test_only_pictures_that_change_less_than_usual_are_passed_over():
    planes, net = small_planes(clip(list(range(40)))), replace(small_net(), level=6.0)
    steps = np.sqrt(((planes[1:] - planes[:-1]) ** 2).mean(axis=(1, 2)))
    usual = np.array([np.median(steps[i : i + FRAMES - 1]) for i in range(len(planes) - FRAMES + 1)])
    middle = steps[BEFORE - 1 : BEFORE - 1 + len(usual)]
    run = np.log((middle + 0.2) / (usual + 0.6)) > LEAST_JUMP
    windows = np.stack([planes[i : i + FRAMES] for i in range(len(usual))])
    forwards, backwards = net.window_odds(windows), net.window_odds(windows[:, ::-1])
    found = np.where(forwards > DOUBTED_ODDS, np.minimum(forwards, backwards), forwards)
    expected = np.where(run, np.maximum(found, LEAST_ODDS), LEAST_ODDS)
    assert 0 < run.sum() < len(run)
    assert (forwards[run] > DOUBTED_ODDS).any()
    assert net.odds(planes) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("missing", [8, 15, 25])
def test_shipped_network_sees_frames_missing_in_a_pan(missing):
    luma = clip(list(range(60)) + list(range(60 + missing, 120)))
    odds = gaps_of(load_from(SHIPPED), luma).odds
    assert int(np.nanargmax(odds)) == 60
    others = np.delete(odds, range(57, 64))
    assert odds[60] > np.nanmax(others) + 1.0


def test_pictures_of_any_shape_are_judged():
    tall = np.ascontiguousarray(clip(list(range(30))).transpose(0, 2, 1))
    assert np.isfinite(gaps_of(small_net(), tall).odds[BEFORE:20]).all()


def test_other_weights_are_refused(tmp_path, monkeypatch):
    folder = tmp_path / "gaps"
    shutil.copytree(SHIPPED, folder)
    data = bytearray((folder / models.WEIGHTS).read_bytes())
    data[-1] ^= 1
    (folder / models.WEIGHTS).write_bytes(data)
    with pytest.raises(MissingModelError, match="not the published ones"):
        load_from(folder)
    monkeypatch.setenv("VIDFORENSICS_MODELS", str(tmp_path))
    gap_net.gap_net.cache_clear()
    assert "not the published ones" in gap_accumulator()
    monkeypatch.undo()
    gap_net.gap_net.cache_clear()


@pytest.mark.parametrize("config", ["", "[]", "{}", '{"weights_sha256": 3}'])
def test_a_folder_that_holds_no_model_is_named(tmp_path, config):
    (tmp_path / models.CONFIG).write_text(config)
    (tmp_path / models.WEIGHTS).write_bytes(b"nothing")
    with pytest.raises(MissingModelError, match=str(tmp_path)):
        load_from(tmp_path)


def test_weights_that_are_whole_but_none_are_refused(tmp_path):
    import hashlib

    (tmp_path / models.WEIGHTS).write_bytes(b"nothing")
    digest = hashlib.sha256(b"nothing").hexdigest()
    (tmp_path / models.CONFIG).write_text(json.dumps({"weights_sha256": digest}))
    with pytest.raises(MissingModelError, match="not a readable model"):
        load_from(tmp_path)
