"""Other people's sets are read by their layout, and located stretches scored against their truth."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from vidforensics.errors import InputError, UsageError
from vidforensics.evaluation.flag_known import average_precision, average_recall, evaluate_known, markdown
from vidforensics.evaluation.truth_sets import Known, read_truth


def touch(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")


def test_av_deepfake1m_is_read(tmp_path: Path) -> None:
    touch(tmp_path / "train" / "id1" / "a.mp4")
    touch(tmp_path / "val" / "b.mp4")
    rows = [
        {
            "file": "id1/a.mp4",
            "split": "train",
            "modify_type": "both_modified",
            "fake_segments": [[1.0, 2.5]],
        },
        {"file": "id1/gone.mp4", "split": "train", "fake_segments": [[1.0, 2.5]]},
        {"file": "../../etc/passwd", "split": "train", "fake_segments": []},
    ]
    (tmp_path / "train_metadata.json").write_text(json.dumps(rows))
    (tmp_path / "val_metadata.json").write_text(
        json.dumps([{"file": "b.mp4", "split": "val", "fake_segments": []}])
    )
    assert read_truth(tmp_path, "av-deepfake1m") == [
        Known(tmp_path / "train" / "id1" / "a.mp4", ((1.0, 2.5),)),
        Known(tmp_path / "val" / "b.mp4", ()),
    ]


def test_lav_df_is_read(tmp_path: Path) -> None:
    touch(tmp_path / "test" / "000001.mp4")
    row = {"file": "test/000001.mp4", "split": "test", "n_fakes": 1, "fake_periods": [[3.2, 4.0]]}
    (tmp_path / "metadata.json").write_text(json.dumps([row]))
    assert read_truth(tmp_path, "lav-df")[0].spans == ((3.2, 4.0),)


def test_partialspoof_is_read(tmp_path: Path) -> None:
    touch(tmp_path / "con_wav" / "CON_D_0000001.wav")
    touch(tmp_path / "con_wav" / "LA_D_0000002.wav")
    (tmp_path / "dev.rttm").write_text(
        "SPEAKER CON_D_0000001 1 0.00 1.20 <NA> <NA> bonafide <NA> <NA>\n"
        "SPEAKER CON_D_0000001 1 1.20 0.80 <NA> <NA> spoof <NA> <NA>\n"
        "SPEAKER LA_D_0000002 1 0.00 2.00 <NA> <NA> bonafide <NA> <NA>\nnot a line\n"
    )
    first, second = read_truth(tmp_path, "partialspoof")
    assert first.spans == ((1.2, 2.0),)
    assert second.spans == ()


@pytest.mark.parametrize("layout", ["av-deepfake1m", "lav-df", "partialspoof"])
def test_a_folder_of_another_layout_is_refused(tmp_path: Path, layout: Any) -> None:
    with pytest.raises(UsageError):
        read_truth(tmp_path, layout)
    (tmp_path / "metadata.json").write_text("{broken")
    (tmp_path / "x.rttm").write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError):
        read_truth(tmp_path, layout)


KNOWN = [Known(Path("a"), ((0.0, 2.0), (5.0, 7.0))), Known(Path("b"), ())]


def test_precision_and_recall_by_overlap() -> None:
    rows = [(0.9, 0, 0.0, 2.0), (0.8, 1, 0.0, 2.0), (0.7, 0, 5.0, 6.5), (0.6, 0, 5.0, 7.0)]
    assert average_precision(rows, KNOWN, 0.5) == pytest.approx((1 + 2 / 3) / 2, abs=1e-3)
    assert average_precision(rows, KNOWN, 0.75) == pytest.approx((1 + 2 / 4) / 2)
    assert average_recall(rows, KNOWN, 10) == 1.0
    assert average_recall(rows, KNOWN, 1) == 0.5
    assert average_precision([], KNOWN, 0.5) == 0.0
    assert average_precision(rows, KNOWN[1:], 0.5) is None


def test_a_set_is_flagged_and_a_bad_file_costs_one_line(tmp_path: Path) -> None:
    for name in "abc":
        touch(tmp_path / f"{name}.mp4")
    rows = [{"file": "a.mp4", "fake_periods": [[1.0, 3.0]]}, {"file": "b.mp4"}, {"file": "c.mp4"}]
    (tmp_path / "metadata.json").write_text(json.dumps(rows))

    def flagger(clip: Path) -> dict[str, Any]:
        if clip.name == "c.mp4":
            raise InputError("c.mp4: broken.")
        made = {"start_s": 1.0, "end_s": 3.0, "score": 0.9, "listed": True}
        segments = [made | {"label": "dub"}, made | {"label": "deletion"}]
        return {"clip": {"duration_s": 1800.0}, "segments": segments}

    document = evaluate_known(tmp_path, "lav-df", flagger)
    assert document["ap"]["0.5"] == 1.0
    assert document["false_flags_per_hour"] == 2.0
    assert document["not_flagged"] == ["c.mp4: broken."]
    assert "AP@0.5" in markdown(document)
