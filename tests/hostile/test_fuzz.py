"""Damaged files through the worker and the command line: each ends in a report or in one sentence.

The quick run is part of the suite. The full one: `python -m pytest -m slow tests/hostile/test_fuzz.py -s`;
`python -m tests.hostile.test_fuzz --files N --seed S` prints the table of docs/robustness.md.
"""

from __future__ import annotations

import argparse
import json
import selectors
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.hostile.corpus import make_corpus
from tests.hostile.harness import Witness, assert_no_traceback, assert_nothing_left, inspect
from tests.hostile.mutate import mutated

ROOT = Path(__file__).resolve().parents[2]
WATCHDOG_S = 120.0
SEED = 20240514
QUICK_FILES, FULL_FILES = 40, 2000
REPORT_SHARE = 5
CLI_SHARE = 50
SAID = {"InputError", "NotMediaError", "DecodeError", "ResourceLimitError", "WorkerCrashError"}


@dataclass
class Tally:
    """How the damaged files ended; `bad` holds what a user must never see."""

    ended: Counter[str] = field(default_factory=Counter)
    by_seed: Counter[str] = field(default_factory=Counter)
    bad: list[str] = field(default_factory=list)


class Child:
    """The worker process that is fed damaged files; it is replaced when it dies or hangs."""

    def __init__(self) -> None:
        self.noise = tempfile.TemporaryFile()  # noqa: SIM115 - closed in close()
        self.process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "tests.hostile.fuzz_child"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.noise,
        )

    def examine(self, verb: str, path: Path, folder: Path) -> dict[str, str] | None:
        """The error that the worker would send, or None when it would send a result."""
        assert self.process.stdin is not None and self.process.stdout is not None
        job = {"verb": verb, "path": str(path), "folder": str(folder)}
        self.process.stdin.write(json.dumps(job).encode() + b"\n")
        self.process.stdin.flush()
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            if not selector.select(WATCHDOG_S):
                return self._replaced("hang")
        line = self.process.stdout.readline()
        if not line:
            return self._replaced("died")
        error: dict[str, str] | None = json.loads(line)["error"]
        return error

    def _replaced(self, kind: str) -> dict[str, str]:
        self.process.kill()
        code = self.process.wait()
        self.noise.seek(0)
        tail = self.noise.read()[-1500:].decode("utf-8", "replace")
        self.noise.truncate(0)
        self.process = self._start()
        return {"kind": kind, "message": f"exit status {code}: {tail}"}

    def close(self) -> None:
        """End the worker."""
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait(30)
        self.process.stdout.close()
        self.noise.close()


def damaged(corpus: list[Path], folder: Path, count: int, seed: int) -> Iterator[tuple[int, Path, str]]:
    """Write `count` damaged copies one after another: their number, path, and what was done."""
    for index in range(count):
        source = corpus[index % len(corpus)]
        data, done = mutated(source.read_bytes(), seed, index)
        path = folder / f"{index:05d}-{source.name}"
        path.write_bytes(data)
        yield index, path, done
        path.unlink()


def judge(error: dict[str, str] | None, path: Path) -> tuple[str, str | None]:
    """How a file ended in a word, and what is wrong with that."""
    if error is None:
        return "report", None
    kind, message = error["kind"], error["message"]
    if kind == "died":  # the product's worker says so in one sentence, and only this file is lost
        return "worker died, and said so", None
    if kind not in SAID:
        return kind, f"{kind}: {message[-400:]} {error.get('trace', '')[-900:]}"
    if len(message.splitlines()) != 1 or path.name not in message:
        return kind, f"{kind}: no clear sentence: {message!r}"
    return f"one sentence ({kind})", None


def fuzz(corpus: list[Path], folder: Path, count: int, seed: int) -> Tally:
    """Feed `count` damaged files to the worker; every fifth is inspected whole, the others only flagged."""
    tally, child = Tally(), Child()
    folder.mkdir()
    for index, path, done in damaged(corpus, folder, count, seed):
        verb = "flag" if index % REPORT_SHARE else "inspect"
        word, problem = judge(child.examine(verb, path, folder / "case"), path)
        tally.ended[word] += 1
        tally.by_seed[f"{path.name.split('-')[1]} {word}"] += 1
        if problem:
            tally.bad.append(f"#{index} {verb} {path.name} {done}: {problem}")
        if word in {"hang", "died"} and (folder / "case").exists():
            subprocess.run(["rm", "-r", str(folder / "case")], check=True)
    child.close()
    return tally


def through_the_command_line(corpus: list[Path], work: Path, numbers: range, seed: int) -> Counter[str]:
    """Inspect some of the same damaged files through the real command line."""
    evidence = work / "evidence"
    evidence.mkdir(parents=True)
    ended_as: Counter[str] = Counter()
    for number in numbers:
        source = corpus[number % len(corpus)]
        path = evidence / f"{number:05d}-{source.name}"
        path.write_bytes(mutated(source.read_bytes(), seed, number)[0])
        witness = Witness.of(evidence)
        each = work / str(number)
        each.mkdir()
        ended = inspect(path, each)
        witness.check()
        assert_no_traceback(ended)
        assert ended.code in {0, 3}, (number, ended)
        assert ended.code == 0 or len(ended.stderr.splitlines()) == 1, (number, ended)
        assert_nothing_left(each, "out")
        ended_as["report" if ended.code == 0 else "one sentence"] += 1
        path.unlink()
    return ended_as


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory, samples: Path) -> list[Path]:
    return make_corpus(tmp_path_factory.mktemp("corpus"), samples / "suspect.mp4")


def test_damage_is_repeatable(corpus: list[Path]):
    source = corpus[0].read_bytes()
    assert mutated(source, 1, 2) == mutated(source, 1, 2)
    assert mutated(source, 1, 2)[0] != source


def test_undamaged_seeds_end_in_reports(corpus: list[Path], tmp_path: Path):
    child = Child()
    for path in corpus:
        assert child.examine("flag", path, tmp_path / "case") is None, path.name
    child.close()


def test_few_damaged_files(corpus: list[Path], tmp_path: Path):
    tally = fuzz(corpus, tmp_path / "damaged", QUICK_FILES, SEED)
    assert not tally.bad, "\n".join(tally.bad)
    assert sum(tally.ended.values()) == QUICK_FILES
    assert tally.ended["report"] and tally.ended["report"] < QUICK_FILES


def test_few_damaged_files_through_the_command_line(corpus: list[Path], tmp_path: Path):
    assert through_the_command_line(corpus, tmp_path / "cli", range(3), SEED).total() == 3


@pytest.mark.slow
def test_many_damaged_files(corpus: list[Path], tmp_path: Path):
    tally = fuzz(corpus, tmp_path / "damaged", FULL_FILES, SEED)
    print(json.dumps(tally.ended, indent=1))
    assert not tally.bad, "\n".join(tally.bad)


@pytest.mark.slow
def test_many_damaged_files_through_the_command_line(corpus: list[Path], tmp_path: Path):
    numbers = range(0, FULL_FILES, CLI_SHARE)
    print(through_the_command_line(corpus, tmp_path / "cli", numbers, SEED))


def main() -> None:
    """Print how damaged files ended, as a Markdown table."""
    parser = argparse.ArgumentParser(description="Feed damaged files to the worker.")
    parser.add_argument("--files", type=int, default=FULL_FILES)
    parser.add_argument("--seed", type=int, default=SEED)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "corpus").mkdir()
        corpus = make_corpus(folder / "corpus", ROOT / "samples" / "suspect.mp4")
        tally = fuzz(corpus, folder / "damaged", given.files, given.seed)
    words = sorted(tally.ended)
    print("| seed file |", " | ".join(words), "|\n|---|" + "---|" * len(words))
    for path in corpus:
        counts = (str(tally.by_seed[f"{path.name} {word}"]) for word in words)
        print(f"| {path.name} |", " | ".join(counts), "|")
    print("| all |", " | ".join(str(tally.ended[word]) for word in words), "|")
    print(*tally.bad, sep="\n")


if __name__ == "__main__":
    main()
