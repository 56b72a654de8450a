"""The other tools' rules, against hashes made by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.evaluation.footage_kit import LENGTH_S, write_footage
from vidforensics.evaluation import peers
from vidforensics.evaluation.edits import Query
from vidforensics.evaluation.ffmpeg import MakingFailed, ffmpeg_program
from vidforensics.evaluation.peers_signature import (
    matched_frames,
    read_matches,
    run_signature,
    sample_pairs,
)


def bits(*flipped: int, width: int = 256) -> np.ndarray:
    """One row per number: zeros with that many bits flipped."""
    rows = np.zeros((len(flipped), width), np.uint8)
    for row, count in zip(rows, flipped, strict=True):
        row[:count] = 1
    return rows


@pytest.fixture
def hashed(monkeypatch):
    """Hashes by file name instead of real ones."""
    known: dict[str, peers._Hashes] = {}
    monkeypatch.setattr(peers._Hasher, "file", lambda self, path: known[path.name])
    return known


def scores(hashed, query, reference):
    hashed["q"], hashed["r"] = query, reference
    run = peers.run_peers([Path("q")], [Path("r")])
    return {rule.name.split(",")[0]: rule.scores.get(("q", "r")) for rule in run.rules}, run


def test_rules_count_frames_within_their_distance(hashed):
    none = bits(width=64)
    query = peers._Hashes(bits(0, 100, 200), bits(0, 20, width=64))
    reference = peers._Hashes(bits(31, 132), bits(10, width=64))
    by_rule, run = scores(hashed, query, reference)
    # 0 and 31 differ in 31 bits, 100 and 132 in 32: one of three query frames, one of two reference frames.
    names = [rule.name for rule in run.rules]
    values = [rule.scores["q", "r"] for rule in run.rules]
    assert dict(zip(names, values, strict=True)) == pytest.approx(
        {
            "vPDQ, 80 % of the query": 1 / 3,
            "vPDQ, 80 % of the reference": 1 / 2,
            "PDQ, closest frame within 31 bits": -31,
            "pHash vote, half of the query": 1.0,
        }
    )
    assert by_rule["pHash vote"] == 1.0
    nothing, _ = scores(hashed, peers._Hashes(bits(), none), reference)
    assert set(nothing.values()) == {None}


def test_distances_equal_counting():
    rng = np.random.default_rng(0)
    first, second = (rng.integers(0, 2, (n, 256)).astype(np.uint8) for n in (5, 3))
    counted = [[int((a != b).sum()) for b in second] for a in first]
    assert peers.distances(first, second).tolist() == counted


def test_one_frame_per_second(tmp_path):
    clip = write_footage(tmp_path / "a.mp4", 1)
    assert len(peers.frames_at_1_hz(clip)) == LENGTH_S
    run = peers.run_peers([clip], [clip])
    assert run.missing == ()
    by_rule = {rule.name: rule.scores.get((clip.name, clip.name)) for rule in run.rules}
    assert by_rule["pHash vote, half of the query"] == 1.0
    assert run.cpu_s["decode"] > 0


def test_a_file_without_a_picture_has_no_frames(tmp_path):
    from tests.evaluation.footage_kit import write_folder

    write_folder(tmp_path / "f", loud=0, silent=0)
    assert peers.frames_at_1_hz(tmp_path / "f" / "voice.wav") == []


def test_signature_words():
    text = "[x] matching of video 0 at 1.0 and 1 at 2.5, 25 frames matching\n[x] whole video matching\n"
    text += "[x] matching of video 0 at 0.0 and 1 at 0.0, 90 frames matching\n"
    assert read_matches(text) == 90
    assert read_matches("[x] no matching of video 0 and 1\n") == 0


def test_signature_names_what_it_could_not_compare(tmp_path):
    missing = tmp_path / "none.mp4"
    with pytest.raises(MakingFailed):
        matched_frames(ffmpeg_program(), missing, missing)
    queries = [Query(missing, "mirror", missing)]
    sample = run_signature(ffmpeg_program(), queries, [missing], 2, 1)
    assert len(sample.failures) == 1
    assert sample.rule.scores == {}


def test_sample_spreads_over_kinds_and_takes_hard_pairs_first():
    queries = [Query(Path(f"q{i}_{kind}"), kind, Path("r1")) for kind in ("a", "b", "c") for i in range(4)]
    queries += [Query(Path("h"), "shared_logo", None), Query(Path("n"), "unrelated", None)]
    references = [Path("r1"), Path("r_shared_logo000")]
    pairs = sample_pairs(queries, references, 8, 1)
    right = [q.kind for q, r in pairs if q.reference == r]
    assert sorted(right) == ["a", "a", "b", "c"] or sorted(set(right)) == ["a", "b", "c"]
    wrong = [(q.path.name, r.name) for q, r in pairs if q.reference is None]
    assert wrong[0] == ("h", "r_shared_logo000")
    assert len(pairs) == len(set(pairs)) <= 8
    assert sample_pairs([], references, 8, 1) == []
