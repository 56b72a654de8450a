"""A cut in sound that was coded before, from the file to the flag."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.features.make_coded import RATE_HZ, aac, music, write_aac
from vidforensics.verbs import flag


def segments(path: Path) -> list[dict]:
    return [s for s in flag(path)["segments"] if s["detector"] == "sound_coding"]


def test_a_cut_is_flagged_where_it_is_and_nothing_without_one(tmp_path: Path) -> None:
    once, at, gone = aac(music(9.0, 1), 96_000), 5 * RATE_HZ, RATE_HZ // 2
    write_aac(tmp_path / "cut.mp4", np.concatenate([once[317:at], once[at + gone :]]), 160_000)
    write_aac(tmp_path / "whole.mp4", once[317:], 160_000)
    (found,) = segments(tmp_path / "cut.mp4")
    assert found["label"] == "audio_splice"
    assert found["start_s"] == pytest.approx((at - 317) / RATE_HZ, abs=0.1)
    assert "jump by" in found["basis"] and "needs no other recording" in found["basis"]
    assert segments(tmp_path / "whole.mp4") == []
    coverage = [c for c in flag(tmp_path / "whole.mp4")["coverage"] if c["detector"] == "sound_coding"]
    assert sum(c["end_s"] - c["start_s"] for c in coverage if c["assessed"]) > 6.0
