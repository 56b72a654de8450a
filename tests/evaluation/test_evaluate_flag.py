"""`evaluate flag`: the clips are forged as they say, and the scores count what they should."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from tests.evaluation import footage_kit
from vidforensics.errors import InputError, UsageError
from vidforensics.evaluation.flag import FlagOptions, evaluate_flag
from vidforensics.evaluation.flag_forgeries import Forged, _lasting, alike
from vidforensics.evaluation.flag_makers import MAKERS, Clip
from vidforensics.evaluation.flag_render import markdown
from vidforensics.evaluation.flag_scores import (
    Answer,
    average_precision,
    calibration_figures,
    coverage_figures,
    false_flags,
    kind_figures,
)
from vidforensics.evaluation.footage import Material
from vidforensics.evaluation.synthesis import NO_SYNTHESISER

pytest.importorskip("imageio_ffmpeg")
pytestmark = pytest.mark.usefixtures("no_synthesiser")
PLAIN_KINDS = len(MAKERS) - 1
"""All but the one that takes a synthesiser, which stands in test_flag_synthesised.py."""


@pytest.fixture(scope="module")
def footage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("footage")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(footage_kit, "LENGTH_S", 12.0)
        return footage_kit.write_folder(folder, loud=4, silent=0)


def silent_flagger(clip: Path) -> dict[str, Any]:
    with av.open(str(clip)) as container:
        duration_s = float(container.duration or 0) / av.time_base
    rows = [
        {"detector": name, "start_s": 0.0, "end_s": duration_s, "assessed": True, "reason": None}
        for name in ("sync", "deletion")
    ]
    return {"clip": {"duration_s": duration_s}, "segments": [], "coverage": rows}


@pytest.fixture(scope="module")
def run(
    footage: Path, no_synthesiser: None, tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict[str, Any], Path]:
    work = tmp_path_factory.mktemp("work")
    options = FlagOptions(seed=3, sources=2, side="all")
    return evaluate_flag(footage, options, silent_flagger, work=work, keep=True), work


def test_every_kind_is_made_of_every_source_and_nothing_found_is_said(
    run: tuple[dict[str, Any], Path],
) -> None:
    document, work = run
    assert document["not_made"] == [NO_SYNTHESISER]
    assert document["clips"] == 2 * (2 + PLAIN_KINDS)
    assert len(list(work.rglob("*.*"))) == 2 * (1 + PLAIN_KINDS)
    assert {row["kind"]: row["recall"] for row in document["kinds"]} == dict.fromkeys(
        (
            "voice replaced",
            "voice slid",
            "foreign pictures",
            "foreign sound",
            "own sound moved",
            "frames removed",
            "frames repeated",
            "few frames repeated",
            "picture held",
            "streams joined",
        ),
        0.0,
    )
    assert [row["per_hour"] for row in document["false_flags"]] == [0.0] * 7
    assert next(r for r in document["kinds"] if r["kind"] == "voice slid")["assessed"] == 2
    assert next(r for r in document["kinds"] if r["kind"] == "foreign sound")["assessed"] == 0


def test_the_same_seed_makes_the_same_clips(run: tuple[dict[str, Any], Path], footage: Path) -> None:
    seen: list[float] = []

    def measuring(clip: Path) -> dict[str, Any]:
        found = silent_flagger(clip)
        seen.append(found["clip"]["duration_s"])
        return found

    document = evaluate_flag(footage, FlagOptions(seed=3, sources=2, side="all"), measuring)
    assert document["chains"] == run[0]["chains"]
    assert [r["hours"] for r in document["false_flags"]] == [r["hours"] for r in run[0]["false_flags"]]


def made(run: tuple[dict[str, Any], Path], kind: str) -> Path:
    return sorted(run[1].rglob(f"*{kind}.*"))[0]


def test_forged_clips_last_as_long_as_they_should(run: tuple[dict[str, Any], Path]) -> None:
    plain, removed, repeated, cut = (
        silent_flagger(made(run, kind))["clip"]["duration_s"]
        for kind in ("re-encoded", "frames-removed", "frames-repeated", "cut")
    )
    assert 8 / 25 - 0.1 <= plain - removed <= 25 / 25 + 0.1
    assert 10 / 25 - 0.1 <= repeated - plain <= 30 / 25 + 0.1
    assert plain - cut == pytest.approx(2.0, abs=0.15)


def test_foreign_pictures_differ_only_within_their_stretch(run: tuple[dict[str, Any], Path]) -> None:
    plain = dict(footage_kit.pictures(made(run, "re-encoded")))
    other = dict(footage_kit.pictures(made(run, "foreign-pictures")))
    apart = [t for t in sorted(plain) if t in other and np.abs(plain[t] - other[t]).mean() > 12]
    assert 1.5 < apart[-1] - apart[0] < 5.5


def test_a_stretch_is_never_longer_than_what_is_cut_in() -> None:
    def lasting(seconds: float) -> Material:
        return Material(Path("x"), "g", "0", seconds, True, True, True, False)

    clip = Clip(lasting(20), 0.0, 20.0, lasting(3.0), lasting(3.0))
    rng = np.random.default_rng(1)
    for maker in ("voice replaced", "foreign pictures", "foreign sound"):
        for _ in range(50):
            plan = MAKERS[maker](clip, rng)
            assert 0.0 < plan.end_s - plan.start_s < 3.0
    assert [m.duration_s for m in _lasting([lasting(3), lasting(11), lasting(12)], 10.0)] == [11, 12]
    assert [m.duration_s for m in _lasting([lasting(3), lasting(4)], 10.0)] == [4]


def test_what_is_cut_in_is_as_like_the_host_as_there_is() -> None:
    def sized(size_px: tuple[int, int], rate: str) -> Material:
        return Material(Path("x"), "g", "0", 20.0, True, True, True, False, size_px, rate)

    host, far = sized((1280, 720), "30"), sized((720, 576), "25")
    same, slower, shaped = sized((1280, 720), "30"), sized((1280, 720), "25"), sized((640, 360), "30")
    assert alike([far, shaped, slower, same], host) == [same]
    assert alike([far, shaped, slower], host) == [slower]
    assert alike([far, shaped], host) == [shaped]
    assert alike([far], host) == [far]


def test_a_clip_keeps_its_rate_unless_it_is_absurd() -> None:
    def clip(rate: str, size_px: tuple[int, int] = (1280, 720)) -> Clip:
        material = Material(Path("x"), "g", "0", 20.0, True, True, True, False, size_px, rate)
        return Clip(material, 0.0, 20.0, material, material)

    assert [float(clip(r).rate) for r in ("24", "1000", "1", "")] == [24.0, 25.0, 25.0, 25.0]
    assert str(clip("30000/1001").rate) == "30000/1001"
    assert [clip("25", s).size_px for s in ((1280, 720), (321, 241), (720, 1280))] == [
        (640, 360), (320, 240), (640, 1136),
    ]  # fmt: skip


def test_pictures_are_repeated_and_held_where_it_says(run: tuple[dict[str, Any], Path]) -> None:
    plain = [p for _, p in footage_kit.pictures(made(run, "re-encoded"))]
    held = [p for _, p in footage_kit.pictures(made(run, "picture-held"))]
    few = [p for _, p in footage_kit.pictures(made(run, "few-frames-repeated"))]
    assert abs(len(held) - len(plain)) <= 1
    still = sum(np.abs(a - b).mean() < 0.7 for a, b in zip(held[1:], held[:-1], strict=True))
    moving = sum(np.abs(a - b).mean() < 0.7 for a, b in zip(plain[1:], plain[:-1], strict=True))
    assert 8 <= still - moving <= 30
    assert 5 <= len(few) - len(plain) <= 9


def test_joined_streams_are_copied_and_last_as_their_parts(run: tuple[dict[str, Any], Path]) -> None:
    joined = silent_flagger(made(run, "streams-joined"))["clip"]["duration_s"]
    plain = silent_flagger(made(run, "re-encoded"))["clip"]["duration_s"]
    assert plain - joined == pytest.approx(1.0, abs=0.2)
    assert not list(run[1].rglob("*.txt"))


def answer(
    label: str | None, found: list[tuple[float, float, float]], listed: bool = True, **more: Any
) -> Answer:
    kind = more.get("kind", "x" if label else "re-encoded")
    forged = Forged(Path("a"), kind, "chain", "a.mp4", label, 2.0, 6.0)  # type: ignore[arg-type]
    rows = [
        {
            "label": "dub",
            "detector": "sync",
            "start_s": a,
            "end_s": b,
            "score": s,
            "listed": listed,
            "log10_lr": float(np.log10(s / (1 - s))),
        }
        for a, b, s in found
    ]
    return Answer(forged, rows, [], 360.0, 1.0)


def test_precision_counts_each_truth_once_and_strictly() -> None:
    answers = [
        answer("dub", [(2, 6, 0.9), (2, 5, 0.8)]),
        answer("dub", [(4, 6, 0.7)]),
        answer(None, [(0, 4, 0.6)]),
    ]
    assert average_precision(answers, "dub", 0.3) == pytest.approx((1 + 2 / 3) / 2, abs=1e-3)
    assert average_precision(answers, "dub", 0.5) == pytest.approx(0.5)  # half is not more than half
    assert average_precision(answers, "splice", 0.5) is None


def test_candidates_below_the_operating_point_are_no_hits_and_no_false_flags() -> None:
    answers = [answer("dub", [(2, 6, 0.4)], listed=False), answer(None, [(0, 4, 0.6)], listed=False)]
    (row,) = kind_figures(answers)
    assert (row["found"], row["missed"]) == (0, ["a.mp4 (chain)"])
    assert false_flags(answers)[-1]["per_hour"] == 0.0
    flagged = false_flags([answer(None, [(0, 4, 0.6)], kind="cut")])
    assert flagged[-1] | {"where": None} == {
        "kind": "all", "clips": 1, "hours": 0.1, "flags": {"dub": 1}, "per_hour": 10.0, "where": None,
    }  # fmt: skip
    assert flagged[0]["per_hour"] is None


def test_ranks_ends_and_calibration_are_of_candidates() -> None:
    right = [answer("dub", [(2.5, 6, 0.9)], kind="x"), answer("dub", [(2, 5, 0.8)], kind="x")]
    wrong = [answer(None, [(0, 4, 0.2)]), answer(None, [])]
    (row,) = kind_figures([*right, *wrong])
    assert (row["auc"], row["auc_95"]) == (1.0, None)  # one source: nothing to draw anew
    assert (row["start_error_s"], row["end_error_s"]) == (0.25, 0.5)
    (figures,) = calibration_figures([*right, *wrong])
    assert (figures["right"], figures["wrong"]) == (2, 1)
    lrs = np.array([9.0, 4.0])
    by_hand = (np.log2(1 + 1 / lrs).mean() + np.log2(1 + 0.25)) / 2
    assert figures["cllr"] == pytest.approx(by_hand, abs=1e-3)
    assert figures["ece"] == pytest.approx((0.1 + 0.2 + 0.2) / 3, abs=1e-3)
    assert calibration_figures(right)[0]["cllr"] is None


def test_coverage_is_by_seconds_and_says_the_commonest_reasons() -> None:
    rows = [
        {"detector": "sync", "start_s": 0.0, "end_s": 6.0, "assessed": True, "reason": None},
        {"detector": "sync", "start_s": 6.0, "end_s": 8.0, "assessed": False, "reason": "no face"},
    ]
    (figures,) = coverage_figures([Answer(answer(None, []).forged, [], rows, 8.0, 1.0)])
    assert figures == {"detector": "sync", "assessed": 0.75, "reasons": {"no face": 0.25}}


def test_a_clip_that_cannot_be_flagged_costs_one_line(footage: Path) -> None:
    def failing(clip: Path) -> dict[str, Any]:
        raise InputError("broken.")

    document = evaluate_flag(footage, FlagOptions(sources=2, side="all"), failing)
    assert len(document["not_flagged"]) == document["clips"]
    assert "Not flagged" in markdown(document)


def test_the_document_reads_as_tables(run: tuple[dict[str, Any], Path]) -> None:
    text = markdown(run[0])
    assert "| voice replaced " in text
    assert "| untouched " in text
    assert "Missed:" in text


def test_too_little_footage_is_refused(tmp_path: Path) -> None:
    footage_kit.write_footage(tmp_path / "short.mp4", 1)
    with pytest.raises(UsageError, match="three scenes or more"):
        evaluate_flag(tmp_path, FlagOptions(side="all"), silent_flagger)
