"""The whole benchmark with tracers whose answers are known."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from tests.evaluation.footage_kit import write_folder
from vidforensics.errors import InputError, UsageError
from vidforensics.evaluation import peers
from vidforensics.evaluation.edits import Query, TrueEdit, TrueSegment, TrueSound
from vidforensics.evaluation.material import MakeOptions
from vidforensics.evaluation.render import markdown, table
from vidforensics.evaluation.scoring import FoundMatch, read_document, score
from vidforensics.evaluation.trace import EvaluateOptions, Tracer, evaluate_trace

KINDS = ("mirror", "speed125", "replaced_sound")


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return write_folder(tmp_path_factory.mktemp("footage"), loud=6, silent=0)


def options(**changes) -> EvaluateOptions:
    make = MakeOptions(shared=1)
    return EvaluateOptions(3, 1, KINDS, "all", make=make, **({"signature_pairs": 3} | changes))


class Oracle:
    """Answers by the name of the query, as the maker names them."""

    def __init__(self, lies: bool = False) -> None:
        self.lies = lies
        self.files: list[Path] = []

    def index(self, files, folder):
        folder.mkdir()
        (folder / "index.bin").write_bytes(b"x" * 100)
        self.files = list(files)

    def trace(self, query, folder):
        assert (folder / "index.bin").is_file()
        if query.name.startswith("q"):
            return self.document(self.files[0], query.name)
        if self.lies and "black_card" in query.name:
            return self.document(self.files[1], query.name, 0.5)
        if "title_card" in query.name:
            raise InputError("cannot be read")
        return {"matches": []}

    def document(self, reference, name, score=0.9):
        speed = 1.25 if "speed125" in name else 1.0
        sound = "replaced" if "replaced" in name else "same"
        segment = {
            "query_start_s": 0.0,
            "query_end_s": 6.0 / speed,
            "reference_start_s": 0.0,
            "reference_end_s": 6.0,
            "score": score,
            "modality": "both",
            "speed": speed,
            "mirrored": "mirror" in name,
            "edits": [{"kind": k} for k in ("mirror", "speed") if k in name],
            "sound": sound,
        }
        digest = hashlib.sha256(reference.read_bytes()).hexdigest()
        return {"matches": [{"video": {"sha256": digest}, "score": score, "segments": [segment]}]}


@pytest.fixture(scope="module")
def result(folder, tmp_path_factory):
    oracle, work = Oracle(), tmp_path_factory.mktemp("work")
    document = evaluate_trace(folder, options(), Tracer(oracle.index, oracle.trace), work=work)
    assert list(work.iterdir()) == []
    return document


def test_an_oracle_scores_full_marks(result):
    overall = result["overall"]
    assert result["schema"] == "vidforensics.evaluate-trace/1"
    assert result["counts"]["edited"] == 3
    for key in ("recall_zero_false_positives", "recall_listed", "micro_average_precision", "mirror_right"):
        assert overall[key] == 1.0
    assert overall["sound_right"] == 1.0 or result["sound"].get("same", {}).get("replaced")
    assert overall["speed_within_3_percent"] == 1.0
    assert overall["edit_precision"] == overall["edit_recall"] == 1.0
    assert overall["segment_macro"]["f1"] > 0.95
    assert overall["boundary_median_s"] < 0.1
    assert overall["false_pairs"] == 0
    assert overall["unrelated_pairs"] == result["counts"]["queries"] * result["counts"]["references"] - 3


def test_what_went_wrong_is_listed(result):
    assert [line.endswith("cannot be read") for line in result["not_traced"]] == [True]
    assert result["failures"]["missed"] == []
    assert result["failures"]["not_made"] == []


def test_cost_is_of_index_and_queries(result):
    cost = result["cost"]
    assert cost["index_bytes"] == 100
    assert cost["reference_minutes"] > 0.3
    assert cost["trace_cpu_s"] >= 0
    assert set(cost["peers_cpu_s"]) == {"decode", "pdq", "phash"}


def test_peers_stand_beside(result):
    rules = {row["rule"]: row for row in result["peers"]}
    assert any("vPDQ" in rule for rule in rules)
    assert rules["ffmpeg signature, full detection"]["pairs"] == 3
    assert all(set(row["kinds"]) <= set(KINDS) for row in rules.values())


def test_the_document_is_plain_and_the_table_readable(result):
    assert json.loads(json.dumps(result)) == result
    text = markdown(result)
    assert "| mirror " in text
    assert "recall at zero false positives" in text
    assert "| edit kind" in text
    assert text.count("\n\n\n") == 0


def test_a_wrong_match_costs_recall_where_it_scores_higher(folder, tmp_path):
    oracle = Oracle(lies=True)
    document = evaluate_trace(
        folder, options(peers=False), Tracer(oracle.index, oracle.trace), work=tmp_path, keep=True
    )
    assert document["overall"]["false_pairs"] == 1
    assert document["overall"]["highest_false_score"] == 0.5
    black = next(row for row in document["negatives"] if row["kind"] == "black_card")
    assert (black["queries"], black["false_pairs"], black["highest_score"]) == (1, 1, 0.5)
    assert document["failures"]["false"][0].startswith("h_black_card.mp4 with")
    assert document["peers"] == []
    (kept,) = tmp_path.iterdir()
    assert (kept / "references").is_dir()


def test_wrong_calls(folder, tmp_path):
    tracer = Tracer(lambda files, place: None, lambda query, place: {})
    with pytest.raises(UsageError, match="no edit called nothing"):
        evaluate_trace(folder, EvaluateOptions(kinds=("nothing",)), tracer)
    with pytest.raises(UsageError, match="three scenes"):
        evaluate_trace(tmp_path, EvaluateOptions(), tracer)


def query(name, reference="r1", **changes) -> Query:
    values = {"segments": (TrueSegment(0, 10, 5, 15),), "sound": (TrueSound(0, 10, "same"),)} | changes
    return Query(Path(name), "mirror", Path(reference), **values)


def document(sha, *, start=0.0, end=10.0, score=0.8, sound="same", edits=()):
    segment = {
        "query_start_s": start,
        "query_end_s": end,
        "reference_start_s": start + 5,
        "reference_end_s": end + 5,
        "score": score,
        "modality": "picture",
        "speed": 1.0,
        "mirrored": False,
        "edits": [{"kind": k, "box": [0, 0, 1, 1]} for k in edits],
        "sound": sound,
    }
    return {"matches": [{"video": {"sha256": sha}, "score": score, "segments": [segment]}]}


def test_documents_are_read_by_digest_and_joined():
    both = document("s1")["matches"] + document("s1", start=3.0, score=0.9, edits=("crop",))["matches"]
    both += document("elsewhere")["matches"]
    (match,) = read_document({"matches": both}, {"s1": "r1"})
    assert (match.reference, match.score, len(match.segments)) == ("r1", 0.9, 2)
    assert match.segments[1].edits == (("crop", (0, 0, 1, 1)),)
    assert read_document({}, {}) == []


def test_hard_negatives_count_in_one_figure_and_not_in_the_other():
    queries = [query("q1", edits=(TrueEdit("mirror"),)), Query(Path("h1"), "shared_logo", None)]
    names = {"s1": "r1", "s2": "r_logo"}
    found = {
        "q1": read_document(document("s1", score=0.5), names),
        "h1": read_document(document("s2", score=0.7), names),
    }
    scored = score(queries, found, {"r_logo"})
    assert scored.zero.recall == 0.0
    assert scored.zero_easy.recall == 1.0
    (verdict,) = scored.verdicts
    assert verdict.listed
    assert not verdict.found
    assert verdict.naming["mirror"].recall == 0.0
    assert verdict.sounds == [("same", "same")]


def test_nothing_found_is_recall_nought():
    scored = score([query("q1")], {})
    assert scored.zero.recall == 0.0
    assert scored.matching == 0.0
    assert score([], {"x": [FoundMatch("r", 1.0, ())]}).zero.recall is None


def test_table_pads_and_keeps_quiet_without_rows():
    assert table(("a", "b"), []) == ""
    assert table(("a", "bb"), [("1", "2")]).splitlines() == ["| a | bb |", "|---|----|", "| 1 | 2  |"]


def test_missing_peers_are_named(monkeypatch, tmp_path):
    monkeypatch.setitem(__import__("sys").modules, "pdqhash", None)
    monkeypatch.setitem(__import__("sys").modules, "imagehash", None)
    run = peers.run_peers([], [])
    assert run.rules == ()
    assert [line.split(" was")[0] for line in run.missing] == ["vPDQ", "the pHash vote"]
