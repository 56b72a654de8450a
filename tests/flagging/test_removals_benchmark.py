"""The benchmark of removed frames: what it makes, and what counts as found."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.benchmarks import duplication_deletion_material as material
from tests.benchmarks.duplication_deletion import Found, Row
from vidforensics import acquisition


def test_removals_take_frames_out_of_picture_and_sound(tmp_path: Path, samples: Path) -> None:
    source = material.Source(samples / "clean.mp4", "clean", "scenes", 21.8)
    made = []
    for one in material.make_removals(source, tmp_path, seed=1, count=2):
        lengths = {s.kind: s.duration_s for s in acquisition.probe(one.path).streams}
        made.append((one.operation, one.count, lengths, one.end_s - one.start_s))
    rate = 1.0 / made[1][3]
    whole_s = made[0][2]["video"]
    assert [operation for operation, _, _, _ in made] == ["untouched", *material.DELETED]
    for _, count, lengths, _ in made[1:]:
        assert count in material.DELETIONS[1:]
        assert lengths["video"] == pytest.approx(whole_s - count / rate, abs=0.05)
    assert made[1][2]["audio"] == pytest.approx(made[0][2]["audio"], abs=0.1)
    assert made[2][2]["audio"] == pytest.approx(made[0][2]["audio"] - made[2][1] / rate, abs=0.1)


def test_the_same_seed_makes_the_same_removals(tmp_path: Path, samples: Path) -> None:
    source = material.Source(samples / "clean.mp4", "clean", "scenes", 21.8)
    first, again = (
        [(m.operation, m.count, m.codec, m.start_s) for m in material.make_removals(source, tmp_path, 3, 1)]
        for _ in range(2)
    )
    assert first == again


@pytest.mark.parametrize(
    ("start_s", "raw", "is_caught"), [(4.0, 6.0, True), (4.0, 5.0, False), (6.0, 9.0, False)]
)
def test_a_removal_is_caught_where_it_is_listed(start_s: float, raw: float, is_caught: bool) -> None:
    found = (Found(start_s, start_s + 0.04, raw, "said"),)
    row = Row("deletion", "a", "scenes", True, "delete", 8, "any", 8.0, (4.0, 4.04), found, 5.6)
    assert row.is_forged
    assert not row.is_clean
    assert row.is_caught is is_caught
