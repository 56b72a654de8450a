"""What the command line prints for people."""

from __future__ import annotations

from vidforensics.terminal import flag_lines


def gap(start_s: float, end_s: float, reason: str = "too dark", assessed: bool = False) -> dict:
    return {"detector": "eye", "start_s": start_s, "end_s": end_s, "assessed": assessed, "reason": reason}


def lines(*coverage: dict) -> list[str]:
    return list(flag_lines({"clip": {"path": "a.mp4"}, "segments": [], "coverage": list(coverage)}))


def test_a_few_stretches_that_were_not_assessed_are_written_out():
    assert lines(gap(0, 1), gap(1, 2, assessed=True), gap(2, 4.5), gap(5, 6, "blank")) == [
        "a.mp4: 0 flags",
        "  not assessed by eye: 0.000–1.000 s, 2.000–4.500 s, too dark",
        "  not assessed by eye: 5.000–6.000 s, blank",
    ]


def test_many_are_one_line():
    (_, line) = lines(*(gap(k, k + 0.5) for k in range(3, 43)))
    assert line == "  not assessed by eye: 40 stretches, 20.000 s in all, from 3.000 s, too dark"
