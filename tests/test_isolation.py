"""The worker process: results, errors, crashes, hangs and limits, with stand-in workers."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from vidforensics import isolation
from vidforensics.errors import NotMediaError, ResourceLimitError, VidforensicsError, WorkerCrashError
from vidforensics.isolation import Limits, run_isolated

HEAD = """
import json, os, sys, time, signal
out = os.fdopen(int(sys.argv[1]), "wb", buffering=0)
job = json.loads(sys.stdin.buffer.readline())
def send(message): out.write(json.dumps(message).encode() + b"\\n")
"""


@pytest.fixture
def worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Replace the worker module by a script that does what a test wants."""

    def install(body: str) -> None:
        (tmp_path / "stand_in.py").write_text(HEAD + body)
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))
        monkeypatch.setattr(isolation, "_WORKER_MODULE", "stand_in")

    return install


def test_result_and_progress_come_back(worker):
    worker('send({"progress": ["decode", 1.0, None]}); send({"result": {"verb": job["verb"]}})')
    seen = []
    answer = run_isolated("flag", {"path": "x"}, progress=lambda *p: seen.append(p))
    assert answer == {"verb": "flag"}
    assert seen == [("decode", 1.0, None)]


def test_names_that_are_not_utf8_survive(worker):
    worker('send({"result": {"path": job["arguments"]["path"]}})')
    assert run_isolated("flag", {"path": "\udcff.mp4"}) == {"path": "\udcff.mp4"}


def test_error_keeps_its_class_and_sentence(worker):
    worker('send({"error": {"kind": "NotMediaError", "message": "x: no stream."}})')
    with pytest.raises(NotMediaError, match="no stream"):
        run_isolated("flag", {"path": "x"})


@pytest.mark.parametrize("kind", ["internal", "__builtins__", "ExitCode"])
def test_unknown_error_class_is_an_internal_error(worker, kind):
    worker(f'send({{"error": {{"kind": "{kind}", "message": "x: odd", "trace": "T"}}}})')
    with pytest.raises(VidforensicsError, match="odd") as caught:
        run_isolated("flag", {"path": "x"})
    assert caught.value.exit_code == 1


def test_crash_names_the_signal(worker):
    worker("os.kill(os.getpid(), signal.SIGSEGV)")
    with pytest.raises(WorkerCrashError, match=r"clip\.mp4.*SIGSEGV"):
        run_isolated("flag", {"path": "clip.mp4"})


def test_silent_exit_is_a_crash(worker):
    worker("sys.exit(3)")
    with pytest.raises(WorkerCrashError, match="exit status 3"):
        run_isolated("flag", {"path": "x"})


def test_hang_is_stopped(worker):
    worker("time.sleep(60)")
    with pytest.raises(ResourceLimitError, match="no progress"):
        run_isolated("flag", {"path": "x"}, limits=Limits(stall_s=0.5))


def test_endless_work_is_stopped(worker):
    worker('while True: send({"progress": ["decode", 0, None]}); time.sleep(0.05)')
    with pytest.raises(ResourceLimitError, match="time limit"):
        run_isolated("flag", {"path": "x"}, limits=Limits(time_s=1.0))


def test_flood_without_an_end_is_stopped(worker, monkeypatch):
    monkeypatch.setattr(isolation, "_MESSAGE_LIMIT_BYTES", 1 << 16)
    worker('while True: out.write(b"x" * 65536)')
    with pytest.raises(WorkerCrashError, match="endless"):
        run_isolated("flag", {"path": "x"})


def test_memory_error_is_a_limit(worker):
    worker('print("MemoryError", file=sys.stderr); sys.exit(1)')
    with pytest.raises(ResourceLimitError, match="memory"):
        run_isolated("flag", {"path": "x"})


def test_real_worker_refuses_a_file_that_is_not_there(tmp_path: Path):
    with pytest.raises(VidforensicsError, match=r"none\.mp4"):
        run_isolated("flag", {"path": str(tmp_path / "none.mp4")})


@pytest.mark.skipif(sys.platform != "linux", reason="address space limits are enforced on Linux")
def test_real_worker_says_so_when_memory_runs_out(samples: Path):
    # so little that a library may give up before Python can say why
    with pytest.raises((ResourceLimitError, WorkerCrashError), match=r"memory|died"):
        run_isolated("flag", {"path": str(samples / "clean.mp4")}, limits=Limits(memory_bytes=150 << 20))
