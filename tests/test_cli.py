"""The command line end to end, on the samples: what it prints, writes and returns."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from vidforensics import models
from vidforensics.tracing.interchange import read_vpdq

VERBS = ["inspect", "extract", "flag", "scan", "trace", "compare", "evaluate", "train", "verify", "models"]


def run(
    *arguments: str | Path, cwd: Path | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "vidforensics", *map(os.fspath, arguments)],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**os.environ, **environment},
        timeout=120,
    )


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory, samples: Path) -> Path:
    """A finished case folder of the suspect clip."""
    folder = tmp_path_factory.mktemp("cases") / "suspect"
    answer = run("inspect", samples / "suspect.mp4", "--out", folder)
    assert answer.returncode == 0, answer.stderr
    assert f"Report: {folder / 'report.html'}" in answer.stdout
    assert 2 <= len(answer.stdout.splitlines()) <= 6
    return folder


def test_a_case_holds_its_frame_hashes_for_exchange(case: Path):
    text = (case / "exports/hashes.vpdq.txt").read_text()
    hashes, listed = read_vpdq(text), read_vpdq((case / "exports/hashes.vpdq.json").read_text())
    assert np.array_equal(hashes.bits, listed.bits)
    assert np.array_equal(hashes.times_s, listed.times_s)
    report = json.loads((case / "report.json").read_text())
    assert np.diff(hashes.times_s).max() <= 0.6
    assert hashes.times_s[-1] <= report["clip"]["duration_s"]
    frames = [int(line.split(",")[0]) for line in text.splitlines()]
    assert frames == [round((t - hashes.times_s[0]) * 25) for t in hashes.times_s]  # at 25 a second


def test_help_names_every_verb():
    answer = run("--help")
    assert answer.returncode == 0
    assert all(verb in answer.stdout for verb in VERBS)


def test_help_is_not_cut_at_80_columns():
    text = run("--help", COLUMNS="80").stdout
    commands = text[text.index("Commands:") :].split("\n\n")[0].splitlines()[1:]
    assert not any("..." in line for line in commands)
    assert {line.split()[0] for line in commands} == set(VERBS)  # one line for each


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help(verb: str):
    answer = run(verb, "--help")
    assert answer.returncode == 0
    assert len(answer.stdout.splitlines()) > 5


@pytest.mark.parametrize("verb", ["inspect", "extract", "flag", "scan", "trace", "compare", "verify"])
def test_verbs_that_read_a_clip_share_their_options(verb: str):
    text = run(verb, "--help").stdout
    assert all(
        o in text for o in ("--time-limit SECONDS", "--memory-limit MB", "-q, --quiet", "-v, --verbose")
    )
    assert ("--blocks-between START END" in text) == (verb in {"inspect", "extract"})


def test_options_out_of_range_are_refused(samples: Path, tmp_path: Path):
    for wrong in (["--keyframes", "gif"], ["--blocks-between", "2", "1"], ["--memory-limit", "9" * 20]):
        answer = run("extract", samples / "clean.mp4", "--out", tmp_path / "x", *wrong)
        assert answer.returncode == 2
        assert wrong[0] in answer.stderr
        assert not (tmp_path / "x").exists()


def test_version():
    assert run("--version").stdout.startswith("vidforensics ")


def test_case_folder_is_whole(case: Path):
    report = json.loads((case / "report.json").read_text())
    assert report["schema"] == "vidforensics.inspect/1"
    for name in ("report.html", "custody.jsonl", "audio.wav", "exports/timeline.otio"):
        assert (case / name).stat().st_size > 0
    assert list((case / "keyframes").glob("*.jpg"))
    assert not list(case.parent.glob(".*"))
    for name, digest in report["files"].items():
        assert hashlib.sha256((case / name).read_bytes()).hexdigest() == digest


def test_flags_of_the_report_equal_those_of_the_verb(case: Path, samples: Path):
    answer = run("flag", samples / "suspect.mp4", "--json")
    document = json.loads(answer.stdout)
    report = json.loads((case / "report.json").read_text())
    assert document["segments"] == report["flags"]
    assert document["coverage"] == report["coverage"]
    assert document["segments"]


def test_fail_on_flag(samples: Path):
    assert run("flag", samples / "suspect.mp4", "--fail-on-flag").returncode == 10
    assert run("flag", samples / "clean.mp4", "--fail-on-flag").returncode == 0


def test_json_lines_in_order_with_a_failing_clip_between(samples: Path, tmp_path: Path):
    text = tmp_path / "text.mp4"
    text.write_text("not a video")
    answer = run("flag", samples / "clean.mp4", text, samples / "joined.mp4", "--json")
    assert answer.returncode == 3
    paths = [json.loads(line)["clip"]["path"] for line in answer.stdout.splitlines()]
    assert paths == [str(samples / "clean.mp4"), str(samples / "joined.mp4")]
    assert len(answer.stderr.splitlines()) == 1
    assert "text.mp4" in answer.stderr


def test_same_input_gives_the_same_json(samples: Path):
    assert (
        run("flag", samples / "joined.mp4", "--json").stdout
        == run("flag", samples / "joined.mp4", "--json").stdout
    )


def test_extract_writes_pictures_sound_and_manifest(samples: Path, tmp_path: Path):
    answer = run("extract", samples / "clean.mp4", "--out", tmp_path / "x", "--keyframes", "png")
    assert answer.returncode == 0, answer.stderr
    manifest = json.loads((tmp_path / "x" / "manifest.json").read_text())
    assert manifest["schema"] == "vidforensics.extract/1"
    assert all((tmp_path / "x" / k["path"]).suffix == ".png" for k in manifest["keyframes"])
    assert len(manifest["keyframes"]) >= 3
    assert (tmp_path / "x" / manifest["sounds"][0]["path"]).is_file()


@pytest.mark.parametrize(
    "name", ["clean", "odd/no_video", "odd/late_audio", "odd/truncated", "odd/one_frame"]
)
def test_extract_and_flag_state_one_duration(samples: Path, tmp_path: Path, name: str):
    clip = samples / f"{name}.mp4"
    assert run("extract", clip, "--out", tmp_path / "x").returncode == 0
    manifest = json.loads((tmp_path / "x" / "manifest.json").read_text())
    document = json.loads(run("flag", clip, "--json").stdout)
    assert manifest["clip"]["duration_s"] == document["clip"]["duration_s"] > 0.0


def test_blocks_on_request(samples: Path, tmp_path: Path):
    answer = run("extract", samples / "clean.mp4", "--out", tmp_path / "x", "--blocks-between", "0", "0.5")
    assert answer.returncode == 0, answer.stderr
    assert list((tmp_path / "x" / "blocks").iterdir())


def test_default_folder_never_overwrites(samples: Path, tmp_path: Path):
    for expected in ("cases/no_audio", "cases/no_audio-2"):
        answer = run("inspect", samples / "odd" / "no_audio.mp4", cwd=tmp_path)
        assert answer.returncode == 0, answer.stderr
        assert (tmp_path / expected / "report.json").is_file()


def test_existing_folder_is_refused_and_untouched(samples: Path, tmp_path: Path):
    (tmp_path / "mine.txt").write_text("mine")
    answer = run("inspect", samples / "clean.mp4", "--out", tmp_path)
    assert answer.returncode == 2
    assert "exists already" in answer.stderr
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["inspect"],
        ["nonsense"],
        ["flag", "--nonsense", "x"],
        ["inspect", "-"],
        ["flag", "-x.mp4"],
        ["trace", "x.mp4"],
        ["trace", "-", "--index", "i"],
        ["scan", "-", "--index", "i"],
        ["compare", "x.mp4"],
        ["compare", "x.mp4", "-"],
        ["evaluate", "trace"],
    ],
)
def test_usage_errors_are_one_sentence(arguments: list[str]):
    answer = run(*arguments)
    assert answer.returncode == 2
    assert answer.stdout == ""
    assert len(answer.stderr.splitlines()) == 1


def test_name_with_a_dash_gets_a_hint(samples: Path, tmp_path: Path):
    shutil.copy(samples / "odd" / "no_audio.mp4", tmp_path / "-x.mp4")
    assert "./-x.mp4" in run("flag", "-x.mp4", cwd=tmp_path).stderr
    assert run("flag", "--", "-x.mp4", cwd=tmp_path).returncode == 0
    assert run("flag", "./-x.mp4", cwd=tmp_path).returncode == 0


def test_a_name_with_a_line_break_stays_on_one_line(samples: Path, tmp_path: Path):
    shutil.copy(samples / "odd" / "no_audio.mp4", tmp_path / "a\nReport: b.mp4")
    answer = run("flag", "a\nReport: b.mp4", "a\nb", cwd=tmp_path)
    assert answer.stdout.startswith("a\ufffdReport: b.mp4: 0 flags\n")
    assert len(answer.stderr.splitlines()) == 1


def test_verify_holds(case: Path):
    answer = run("verify", case / "report.json", "--json")
    assert answer.returncode == 0, answer.stdout + answer.stderr
    document = json.loads(answer.stdout)
    assert document["holds"] is True
    assert {row["state"] for row in document["findings"]} == {"held"}


def test_verify_tells_altered_evidence(case: Path, samples: Path, tmp_path: Path):
    altered = tmp_path / "suspect.mp4"
    content = bytearray((samples / "suspect.mp4").read_bytes())
    content[-1] ^= 1
    altered.write_bytes(content)
    answer = run("verify", case / "report.json", "--clip", altered, "--json")
    assert answer.returncode == 3
    assert json.loads(answer.stdout)["evidence"] == "altered"


def test_verify_tells_a_doctored_report(case: Path, tmp_path: Path):
    doctored = tmp_path / "case"
    shutil.copytree(case, doctored)
    report = json.loads((doctored / "report.json").read_text())
    report["flags"][0]["start_s"] += 1.0
    (doctored / "report.json").write_text(json.dumps(report))
    answer = run("verify", doctored / "report.json")
    assert answer.returncode == 3
    assert "changed: flag" in answer.stdout
    assert "report.json is not the file that was written" in answer.stdout


def test_verify_without_evidence_says_where_it_looked(case: Path, tmp_path: Path):
    shutil.copytree(case, tmp_path / "case")
    report = json.loads((tmp_path / "case" / "report.json").read_text())
    report["clip"]["path"] = "gone.mp4"
    (tmp_path / "case" / "report.json").write_text(json.dumps(report))
    answer = run("verify", tmp_path / "case" / "report.json")
    assert answer.returncode == 2
    assert "gone.mp4" in answer.stderr


def test_models_list_is_json_lines(tmp_path: Path):
    answer = run("models", "list", "--json", VIDFORENSICS_MODELS=str(tmp_path))
    rows = [json.loads(line) for line in answer.stdout.splitlines()]
    assert {row["state"] for row in rows if row["name"] not in ("sync", "gaps")} == {"absent"}
    shipped = [row for row in rows if row["name"] in ("sync", "gaps")]
    assert [(row["state"], row["source"]) for row in shipped] == [
        ("present", "shipped with vidforensics")
    ] * 2


def test_models_list_tells_ones_own_model_from_the_shipped_one(tmp_path: Path):
    own = tmp_path / "gaps"
    shutil.copytree(models.shipped_folder() / "gaps", own)
    (own / models.WEIGHTS).write_bytes(b"changed")
    answer = run("models", "list", VIDFORENSICS_MODELS=str(tmp_path))
    (line,) = [line for line in answer.stdout.splitlines() if line.startswith("gaps: ")]
    assert line.startswith("gaps: wrong hash; tells whether frames are missing")
    assert f"; {own}; sha256" in line
    (own / models.CONFIG).write_text("{}")
    rows = run("models", "list", "--json", VIDFORENSICS_MODELS=str(tmp_path)).stdout.splitlines()
    assert json.loads(rows[-1])["sha256"] is None
    assert json.loads(rows[-1])["licence"] is None


def test_models_install_without_network_exits_4(tmp_path: Path):
    answer = run("models", "install", VIDFORENSICS_MODELS=str(tmp_path), PIP_NO_INDEX="1", PIP_FIND_LINKS="")
    assert answer.returncode == 4
    assert len(answer.stderr.splitlines()) == 1


def test_interrupt_leaves_nothing_behind(samples: Path, tmp_path: Path):
    command = [sys.executable, "-m", "vidforensics", "inspect", str(samples / "suspect.mp4")]
    process = subprocess.Popen(
        [*command, "--out", str(tmp_path / "x")],
        stderr=subprocess.PIPE,
        text=True,
        # a suite that a shell started in the background would hand on an ignored SIGINT
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    deadline = time.monotonic() + 20
    while not list(tmp_path.iterdir()) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=20)
    assert process.returncode == 130
    assert stderr.splitlines() == ["Interrupted; what was finished is kept."]
    assert list(tmp_path.iterdir()) == []


def test_internal_error_is_one_sentence(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    from vidforensics import cli, verbs

    monkeypatch.setattr(sys, "argv", ["vidforensics", "flag", "x.mp4"])
    monkeypatch.setattr(verbs, "flag", lambda *a, **k: 1 / 0)
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 1
    assert (
        capsys.readouterr().err == "internal error (ZeroDivisionError: division by zero); please report it.\n"
    )


def test_folder_that_appears_meanwhile_is_left_alone(tmp_path: Path):
    from vidforensics import placing
    from vidforensics.errors import OutputError

    target = tmp_path / "case"
    with pytest.raises(OutputError, match="put in place"), placing.whole_or_nothing(target):
        target.mkdir()
        (target / "theirs.txt").write_text("theirs")
    assert [p.name for p in tmp_path.iterdir()] == ["case"]
    assert (target / "theirs.txt").read_text() == "theirs"
