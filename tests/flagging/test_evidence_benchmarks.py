"""The benchmarks that say what fusion adds and what bands of `score` can show: known answers by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.benchmarks.fusion import Answer, _of_voices, table
from tests.benchmarks.score_bands import chances
from vidforensics.evaluation.flag_forgeries import Forged
from vidforensics.types import Detection, Label, Segment


def segment(label: Label, log10_lr: float, listed: bool, start_s: float = 2.0) -> Segment:
    detector = "sync" if label == "dub" else "audio_discontinuity"
    return Segment(start_s, start_s + 4.0, label, 0.5, log10_lr, detector, "said", listed)


def answer(
    kind: str, alone: tuple[Segment, ...], together: tuple[Segment, ...], label: Label | None
) -> Answer:
    forged = Forged(Path(f"{kind}.mp4"), kind, "any", "one", label, 2.0, 6.0)
    return Answer(forged, 36.0, alone, together)


def test_what_fusion_lists_counts_only_on_what_was_forged() -> None:
    weak = (segment("dub", 0.5, False), segment("audio_splice", 0.8, False))
    both = (segment("dub", 1.3, True), segment("audio_splice", 1.3, True))
    elsewhere = (segment("dub", 1.3, True, 10.0),)
    found = table(
        [
            answer("voice replaced", weak, both, "dub"),
            answer("foreign sound", elsewhere, elsewhere, "audio_splice"),
            answer("re-encoded", (), (), None),
            answer("late", weak[:1], weak[:1], None),
        ]
    )
    assert "| voice replaced | 1 | 0 | 1 | 1 |" in found
    assert "| foreign sound | 1 | 0 | 0 | 0 |" in found
    assert "| re-encoded | 1 | 0 | 0 | 0 |" in found
    assert "Hours with nothing to find: 0.020." in found
    # the forged clip that is met stands above both others, the one that is not ties with one and loses to one
    assert "| each alone | 0.625 |" in found
    assert "| together | 0.625 |" in found


def test_only_what_fusion_brings_together_is_compared() -> None:
    dub, sound = segment("dub", 0.5, False), segment("audio_splice", 0.8, False)
    cut = Segment(2.0, 2.1, "audio_splice", 0.9, 1.0, "sound_coding", "said", True)
    answers = [Detection(s.detector, segments=(s,)) for s in (dub, sound, cut)]
    assert _of_voices(answers) == (dub, sound)


@pytest.mark.parametrize(("scale", "least", "most"), [(1, 0.0, 0.2), (100, 0.99, 1.0)])
def test_many_candidates_of_a_calibrated_score_keep_every_band(scale: int, least: float, most: float) -> None:
    counts = [scale * n for n in (40, 20, 20, 20, 20, 20, 20, 20, 20, 40)]
    each, every = chances(counts, 120 * scale, 120 * scale, np.random.default_rng(3))
    assert least <= every <= most
    assert len(each) == 10
    assert every <= min(each)


def test_a_band_without_candidates_is_kept() -> None:
    each, every = chances([0] * 10, 5, 5, np.random.default_rng(3))
    assert each == [1.0] * 10
    assert every == 1.0
