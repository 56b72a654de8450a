"""The registry, and the conformance suite that every registered detector passes."""

from __future__ import annotations

import logging

import numpy as np
import pytest

import vidforensics.flagging as flagging
from tests.flagging.conformance import Given, check_promises, evidence_of, same
from vidforensics.features.sound_series import BANDS
from vidforensics.types import Detection, Shot, SoundSeries

NAN = float("nan")
TIMES = tuple(i / 25 for i in range(60))
SILENT_BANDS = np.zeros((240, BANDS), dtype=np.uint8)
SOUND = SoundSeries(
    0,
    0.01,
    np.arange(240) * 0.01,
    {"band_code": SILENT_BANDS, "level": np.full(240, NAN, dtype=np.float32)},
)

CASES = {
    "empty clip": Given(),
    "empty clip of a declared length": Given(duration_s=5.0),
    "no picture": Given(sound_length_s=2.4, sounds=(SOUND,)),
    "no sound": Given(times_s=TIMES, packet_sizes=(900,) * 60),
    "one frame": Given(times_s=(0.0,), packet_sizes=(900,)),
    "late frame": Given(times_s=(7.0,)),
    "two frames": Given(times_s=(0.0, 0.04)),
    "frames at one moment": Given(times_s=(0.0,) * 30),
    "times that jump back": Given(times_s=(0.0, 0.04, 9.0, 0.08, 0.12) * 6),
    "picture longer than declared": Given(times_s=TIMES, duration_s=1.0),
    "no shots known": Given(times_s=TIMES, shots=()),
    "shots without length": Given(times_s=TIMES, shots=(Shot(0.0, 0.0, "cut"), Shot(0.0, 2.36, None))),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("detector", flagging.detectors(), ids=lambda d: d.name)
def test_detector_keeps_its_promises(detector, case):
    evidence = evidence_of(CASES[case])
    first = detector.detect(evidence)
    check_promises(first, detector.name, detector.label, evidence.duration_s)
    assert same(first, detector.detect(evidence))


@pytest.mark.parametrize("detector", flagging.detectors(), ids=lambda d: d.name)
def test_nothing_is_flagged_where_nothing_was_measured(detector):
    for case in ("empty clip", "empty clip of a declared length", "one frame"):
        assert detector.detect(evidence_of(CASES[case])).segments == ()


def test_names_are_unique():
    names = [d.name for d in flagging.detectors()]
    assert len(set(names)) == len(names)


class Broken:
    name = "broken"
    label = "splice"

    def detect(self, evidence):
        raise ZeroDivisionError("boom")


class Greedy(Broken):
    def detect(self, evidence):
        raise MemoryError


class Fine(Broken):
    name = "fine"

    def detect(self, evidence):
        return Detection("fine")


def test_a_broken_detector_costs_only_its_own_answer(monkeypatch, caplog):
    monkeypatch.setattr(flagging, "detectors", lambda: (Broken(), Fine()))
    seen = []
    with caplog.at_level(logging.ERROR):
        broken, fine = flagging.run_detectors(evidence_of(CASES["no sound"]), lambda *step: seen.append(step))
    assert fine.detector == "fine"
    assert [r.assessed for r in broken.coverage] == [False]
    assert broken.coverage[0].reason == "internal error in the broken detector (ZeroDivisionError)"
    assert "boom" in caplog.text
    assert seen == [("flag", 1.0, 2.0), ("flag", 2.0, 2.0)]


def test_running_out_of_memory_is_not_hidden(monkeypatch):
    monkeypatch.setattr(flagging, "detectors", lambda: (Greedy(),))
    with pytest.raises(MemoryError):
        flagging.run_detectors(evidence_of(CASES["no sound"]))
