"""How two sounds relate: the right name for every stretch, at the right times."""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np
import pytest

from tests.features.test_audio_print import RATE, melody, through_aac
from vidforensics.tracing.sound_relation import (
    MIXED,
    REPLACED,
    SAME,
    RelationOptions,
    _path,
    _settled,
    main_relation,
    relate_sound,
)
from vidforensics.types import SoundStretch

SECONDS, MARGIN = 12.0, 2.5


@pytest.fixture(scope="module")
def reference() -> np.ndarray:
    return melody(3, SECONDS + 2 * MARGIN)


def part(sound: np.ndarray, start_s: float, stop_s: float) -> np.ndarray:
    return sound[round(start_s * RATE) : round(stop_s * RATE)].copy()


def relations(found: tuple[SoundStretch, ...]) -> list[str]:
    return [stretch.relation for stretch in found]


def edited(reference: np.ndarray, kind: str) -> np.ndarray:
    query = part(reference, MARGIN, MARGIN + SECONDS)
    middle = slice(4 * RATE, 8 * RATE)
    other = part(melody(8, 6.0), 1.0, 5.0)
    if kind == "mixed":
        query[middle] += 1.5 * other
    elif kind == "replaced":
        query[middle] = other
    elif kind == "shifted":
        query[middle] = part(reference, MARGIN + 4.7, MARGIN + 8.7)
    elif kind == "muted":
        query[middle] = 0
    return query


@pytest.mark.parametrize("kind", ["mixed", "replaced", "shifted", "muted"])
@pytest.mark.parametrize("coded", [False, True])
def test_an_edited_stretch_is_named_and_placed(reference: np.ndarray, kind: str, coded: bool) -> None:
    query = edited(reference, kind)
    if coded:
        query = 0.5 * through_aac(query, 48000)[: len(query)]
    found = relate_sound(query.astype(np.float32), reference, MARGIN, start_s=100.0)
    assert relations(found) == ["same", kind, "same"]
    assert found[0].start_s == 100.0
    assert found[-1].end_s == pytest.approx(100 + SECONDS, abs=0.1)
    assert all(one.end_s == two.start_s for one, two in pairwise(found))
    slack_s = 0.6 if kind == "mixed" else 0.25  # what is laid over may itself pause at its ends
    assert found[1].start_s == pytest.approx(104, abs=slack_s)
    assert found[1].end_s == pytest.approx(108, abs=slack_s)
    if kind == "shifted":
        assert found[1].lag_s == pytest.approx(0.7, abs=0.1)


@pytest.mark.parametrize("kind", ["same", "replaced", "mixed"])
def test_resampled_sound_is_compared_at_its_speed(reference: np.ndarray, kind: str) -> None:
    query = edited(reference, kind)
    faster = np.interp(np.arange(0, len(query), 1.25), np.arange(len(query)), query).astype(np.float32)
    found = relate_sound(faster, reference, MARGIN, 1.25)
    assert relations(found) == (["same"] if kind == "same" else ["same", kind, "same"])
    assert found[0].detail["pitch"] == pytest.approx(1.25, rel=0.03)


def test_noise_and_level_leave_the_same(reference: np.ndarray) -> None:
    query = edited(reference, "same")
    noise = np.random.default_rng(1).standard_normal(len(query)) * query.std() * 0.05
    assert relations(relate_sound((0.2 * (query + noise)).astype(np.float32), reference, MARGIN)) == ["same"]


def test_a_small_error_of_alignment_does_not_matter(reference: np.ndarray) -> None:
    query = edited(reference, "same")
    assert relations(relate_sound(query, reference, MARGIN + 0.15)) == ["same"]


def test_no_track_and_nothing_to_compare(reference: np.ndarray) -> None:
    silence = np.zeros(5 * RATE, np.float32)
    assert relations(relate_sound(None, reference)) == ["absent"]
    assert relations(relate_sound(np.zeros(0, np.float32), reference)) == ["absent"]
    assert relations(relate_sound(silence, None)) == ["not_assessed"]
    assert relations(relate_sound(silence, silence)) == ["not_assessed"]
    assert relations(relate_sound(silence[:100], reference)) == ["not_assessed"]
    assert relations(relate_sound(silence, reference)) == ["muted"]


def test_reference_that_ends_early_is_no_error(reference: np.ndarray) -> None:
    query = edited(reference, "same")
    found = relate_sound(query, part(reference, MARGIN, MARGIN + 6))
    assert found[0].relation == "same"
    assert found[0].end_s == pytest.approx(6, abs=0.5)


def test_steady_noise_is_not_assessed() -> None:
    rng = np.random.default_rng(5)
    one, other = (0.1 * rng.standard_normal((2, 6 * RATE))).astype(np.float32)
    assert relations(relate_sound(one, other)) == ["not_assessed"]


def test_path_equals_brute_force() -> None:
    scores = np.random.default_rng(2).standard_normal((6, 3)) * 4
    best = max(
        product(range(3), repeat=6),
        key=lambda p: sum(scores[k, s] for k, s in enumerate(p)) - 3.0 * sum(a != b for a, b in pairwise(p)),
    )
    assert _path(scores, 3.0).tolist() == list(best)


def test_a_window_across_a_border_makes_no_stretch_of_its_own() -> None:
    states = np.array([SAME] * 8 + [MIXED] * 4 + [REPLACED] * 8)
    assert _settled(states, RelationOptions()).tolist() == [SAME] * 10 + [REPLACED] * 10


def test_main_relation() -> None:
    found = [SoundStretch(0, 1, "same"), SoundStretch(1, 4, "not_assessed"), SoundStretch(4, 6, "replaced")]
    assert main_relation(found) == "replaced"
    assert main_relation(found[1:2]) == "not_assessed"
    assert main_relation([]) == "not_assessed"
