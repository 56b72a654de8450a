"""The search for sound: copies at any speed are found and placed, strangers are not."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from tests.features.test_audio_print import RATE, melody, printed, through_aac
from vidforensics.features.audio_speeds import SpeedOptions, SpeedPrintAccumulator, hypotheses
from vidforensics.tracing.search_sound import SoundSearchOptions, search_sounds
from vidforensics.tracing.search_sound_lines import Found, LineOptions, lines
from vidforensics.tracing.sound_odds import evidence, rarity
from vidforensics.tracing.store_tables import sound_table
from vidforensics.types import AudioBlock, AudioPrint, Hits, SoundTable

OWN = 3


@cache
def sound(seed: int, seconds: float = 20.0) -> np.ndarray:
    return melody(seed, seconds)


@pytest.fixture(scope="module")
def table() -> SoundTable:
    return sound_table((seed, [printed(sound(seed))]) for seed in range(1, 7))


def prints(mono: np.ndarray, options: SpeedOptions | None = None) -> list[tuple[float, AudioPrint]]:
    accumulator = SpeedPrintAccumulator(options) if options else SpeedPrintAccumulator()
    for number, piece in enumerate(np.array_split(mono.astype(np.float32), 3)):
        start_s = sum(len(p) for p in np.array_split(mono, 3)[:number]) / RATE
        accumulator.update(AudioBlock(0, 0.0, np.zeros((0, 1), np.float32), RATE, start_s, piece))
    return list(accumulator.finish())


def resampled(mono: np.ndarray, speed: float) -> np.ndarray:
    return np.interp(np.arange(0, len(mono) - 1, speed), np.arange(len(mono)), mono).astype(np.float32)


def excerpt(start_s: float, stop_s: float) -> np.ndarray:
    return sound(OWN)[round(start_s * RATE) : round(stop_s * RATE)]


def assert_found(hits: Hits, start_s: float, speed: float, within_s: float = 0.15) -> None:
    assert len(hits.video)
    assert (hits.video == OWN).all()
    assert np.abs(hits.reference_s - start_s - speed * hits.query_s).max() < within_s + 0.1
    assert float(np.median(hits.speed)) == pytest.approx(speed, rel=0.02)
    assert float(hits.weight.sum()) >= 4.5
    assert hits.modality == "sound"
    assert hits.video.dtype == hits.view.dtype == hits.reference_row.dtype == np.int64
    assert hits.weight.dtype == hits.speed.dtype == np.float32


def test_a_coded_excerpt_is_found(table: SoundTable) -> None:
    coded = 0.3 * through_aac(excerpt(5, 14), 48000)
    assert_found(search_sounds([table], prints(coded)), 5 - 1024 / RATE, 1.0)


@pytest.mark.parametrize("speed", [0.8, 0.93, 1.0, 1.1, 1.25])
def test_a_resampled_excerpt_is_found_with_its_speed(table: SoundTable, speed: float) -> None:
    assert_found(search_sounds([table], prints(resampled(excerpt(4, 14), speed))), 4.0, speed)


def test_under_another_sound(table: SoundTable) -> None:
    mixed = excerpt(4, 14) + sound(40)[: 10 * RATE]
    assert_found(search_sounds([table], prints(mixed)), 4.0, 1.0)


def test_an_excerpt_inside_another_sound_gives_hits_there_only(table: SoundTable) -> None:
    query = np.concatenate([sound(41)[: 8 * RATE], excerpt(6, 12), sound(42)[: 8 * RATE]])
    hits = search_sounds([table], prints(query))
    assert_found(hits, 6 - 8, 1.0)
    assert hits.query_s.min() > 7
    assert hits.query_s.max() < 15


@pytest.mark.parametrize("seed", range(20, 26))
def test_strangers_are_not_found(table: SoundTable, seed: int) -> None:
    assert not len(search_sounds([table], prints(sound(seed))).video)


def test_nothing_in_nothing_out(table: SoundTable) -> None:
    silence = prints(np.zeros(5 * RATE, np.float32))
    assert not len(search_sounds([table], silence).video)
    assert not len(search_sounds([table], []).video)
    assert not len(search_sounds([], prints(excerpt(0, 5))).video)
    assert not len(search_sounds([sound_table([])], prints(excerpt(0, 5))).video)
    assert not prints(np.zeros(0, np.float32))


def test_several_tables_give_what_one_gives(table: SoundTable) -> None:
    query = prints(excerpt(3, 12), SpeedOptions(reach=0.05))
    halves = [table.video <= OWN, table.video > OWN]
    parts = [SoundTable(table.codes[h], table.video[h], table.times_s[h]) for h in halves]
    one, two = search_sounds([table], query), search_sounds([*parts, sound_table([])], query)
    assert np.array_equal(one.reference_s, two.reference_s)
    assert np.array_equal(one.weight, two.weight)


def test_hits_are_equal_codes_of_the_table(table: SoundTable) -> None:
    """Brute force: every hit stands for a code that both sides have at those times."""
    query = prints(excerpt(3, 12), SpeedOptions(reach=0.0))
    hits = search_sounds([table], query)
    (_, only), *_ = query
    known = {
        (int(code), int(video), round(float(time_s), 3))
        for code, video, time_s in zip(table.codes, table.video, table.times_s, strict=True)
    }
    for video, query_s, reference_s in zip(hits.video, hits.query_s, hits.reference_s, strict=True):
        codes = only.codes[np.abs(only.times_s - query_s) < 1e-9]
        assert any((int(code), int(video), round(float(reference_s), 3)) in known for code in codes)


def test_a_code_that_is_everywhere_identifies_nothing(table: SoundTable) -> None:
    jingle = printed(sound(50, 6.0))
    crowd = sound_table((video, [jingle]) for video in range(100, 400))
    few = sound_table((video, [jingle]) for video in range(100, 103))
    query = prints(sound(50, 6.0), SpeedOptions(reach=0.0))
    rare = search_sounds([table, few], query)
    common = search_sounds([table, crowd], query, SoundSearchOptions(most_share=1.0))
    assert len(np.unique(rare.video)) == 3
    shares = [h.weight.sum() / max(1, len(np.unique(h.video))) for h in (rare, common)]
    assert shares[1] < 0.7 * shares[0]
    assert not len(search_sounds([table, crowd], query).video)


def test_hypotheses_are_distinct_and_start_plain() -> None:
    found = hypotheses()
    assert found[0] == (1.0, 1.0)
    assert len(set(found)) == len(found)
    assert min(s for s, _ in found) < 0.8 < 1.25 < max(s for s, _ in found)


def test_the_plain_print_holds_most_of_the_stored_codes() -> None:
    stored = printed(sound(OWN))
    plain = prints(sound(OWN), SpeedOptions(reach=0.0))[0][1]
    assert np.isin(stored.codes, plain.codes).mean() > 0.9
    assert (np.diff(plain.times_s) >= 0).all()


def test_evidence_grows_with_hits_and_falls_with_crowding_and_repeats() -> None:
    times_s, codes = np.arange(8.0), np.arange(8, dtype=np.uint32)
    rare, density = np.full(8, 6.0), np.full(8, 1000.0)
    full = evidence(times_s, codes, rare, density)
    assert evidence(times_s[:4], codes[:4], rare[:4], density[:4]) < full
    assert evidence(times_s / 100, codes, rare, density) < full
    assert evidence(times_s, codes * 0, rare, density) < full
    assert evidence(times_s, codes, rare - 2, density) < full
    assert evidence(times_s[:0], codes[:0], rare[:0], density[:0]) == 0.0


def test_rarity_falls_with_what_is_known() -> None:
    assert (np.diff(rarity(np.array([0, 1, 2, 10, 1000]), 10_000_000)) <= 0).all()
    assert rarity(np.array([1]), 10)[0] == pytest.approx(6, abs=0.01)


def test_two_stretches_of_one_video_are_two_lines() -> None:
    rng = np.random.default_rng(4)
    query_s = np.sort(rng.uniform(0, 40, 60))
    reference_s = np.where(query_s < 20, query_s + 30, query_s - 15) + rng.normal(0, 0.01, 60)
    found = Found(
        np.zeros(60, np.int64), np.ones(60), np.full(60, 7), query_s, reference_s,
        np.arange(60, dtype=np.uint32), np.full(60, 6.0), np.full(60, 1000.0),
    )  # fmt: skip
    got = sorted(lines(found, LineOptions()), key=lambda line: line.query_s[0])
    assert [round(line.offset_s) for line in got] == [30, -15]
    assert got[0].query_s.max() < 20.5 < got[1].query_s.min() + 1
