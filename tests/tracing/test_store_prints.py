from __future__ import annotations

import os
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tracing.prints import audio_print, fingerprint, same
from vidforensics.tracing import read_fingerprint, store_prints, write_fingerprint
from vidforensics.tracing.segment_files import DamagedFileError
from vidforensics.tracing.store_tables import (
    merged_pictures,
    merged_sounds,
    picture_table,
    sound_table,
)
from vidforensics.types import Post


def test_a_file_is_exact(tmp_path):
    given_print = fingerprint(1, os.fsdecode(b"/v/\xff.mp4"), posts=(Post("a", "b", None, "https://c"),))
    given_print = replace(
        given_print,
        video=replace(given_print.video, duration_s=None),
        sounds=(*given_print.sounds, replace(audio_print(9, 0), track=1)),
    )
    assert write_fingerprint(tmp_path / "f", given_print) == (tmp_path / "f").stat().st_size
    back = read_fingerprint(tmp_path / "f")
    assert same(back, given_print)
    assert np.array_equal(back.picture.times_s, given_print.picture.times_s)


def test_a_file_without_anything(tmp_path):
    nothing = replace(fingerprint(1, frames=0), sounds=(), problems=())
    write_fingerprint(tmp_path / "f", nothing)
    assert same(read_fingerprint(tmp_path / "f"), nothing)


def test_an_altered_file_is_refused(tmp_path):
    write_fingerprint(tmp_path / "f", fingerprint(1))
    data = bytearray((tmp_path / "f").read_bytes())
    data[len(data) // 2] ^= 4
    (tmp_path / "f").write_bytes(bytes(data))
    with pytest.raises(DamagedFileError):
        read_fingerprint(tmp_path / "f")


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1000), st.integers(0, 30), st.integers(0, 50))
def test_the_blob_round_trips(seed: int, frames: int, landmarks: int):
    given_print = fingerprint(seed, frames=frames, landmarks=landmarks)
    back = store_prints.decode(store_prints.encode(given_print), given_print.video, given_print.problems)
    assert same(back, given_print)


def test_times_may_run_backwards_and_start_anywhere():
    given_print = fingerprint(1, frames=4)
    picture = replace(given_print.picture, times_s=np.array([3600.000001, 5.0, -0.25, 7.5]))
    given_print = replace(given_print, picture=picture)
    back = store_prints.decode(store_prints.encode(given_print), given_print.video, given_print.problems)
    assert same(back, given_print)


@pytest.mark.parametrize("at", [0, 5, 200, -1])
def test_an_altered_blob_is_refused(at: int):
    data = bytearray(store_prints.encode(fingerprint(1)))
    data[at] ^= 1
    with pytest.raises(DamagedFileError, match="the row of /videos/1"):
        store_prints.decode(bytes(data), fingerprint(1).video)


def test_merged_tables_equal_tables_made_at_once():
    prints = [(n, fingerprint(n, frames=n % 4 * 2, landmarks=n * 3)) for n in range(1, 9)]
    whole = picture_table((n, p.picture) for n, p in prints)
    parts = [picture_table((n, p.picture) for n, p in prints[a : a + 3]) for a in (0, 3, 6)]
    merged = merged_pictures(parts)
    assert all(np.array_equal(getattr(whole, f), getattr(merged, f)) for f in type(whole).__slots__)
    sounds = sound_table((n, p.sounds) for n, p in prints)
    merged_sound = merged_sounds(
        [sound_table((n, p.sounds) for n, p in prints[a : a + 3]) for a in (6, 0, 3)]
    )
    assert all(np.array_equal(getattr(sounds, f), getattr(merged_sound, f)) for f in type(sounds).__slots__)


def test_tables_of_nothing():
    assert picture_table([]).starts.tolist() == [0]
    assert merged_pictures([]).codes.shape == (0, 32)
    assert len(sound_table([]).codes) == len(merged_sounds([]).codes) == 0
