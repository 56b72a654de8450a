"""What an examination costs, against ffmpeg decoding the same clip to nothing, in one run.

`python -m tests.benchmarks.cost --footage DIR [--runs N]` joins 720p footage into one H.264 clip, then
times whole processes in turn (A B C, A B C, …) by the operating system's own accounting and prints medians
of CPU seconds and ratios. `--hour` measures the peak memory of `inspect` on an hour of 1080p.
"""

from __future__ import annotations

import argparse
import csv
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import imageio_ffmpeg

FFMPEG = imageio_ffmpeg.get_ffmpeg_exe()
SOURCES = 13
PROBE_AND_BITSTREAM = (
    "import sys; from pathlib import Path; from vidforensics import acquisition as a; "
    "p = Path(sys.argv[1]); probe = a.probe(p); a.read_container(p, probe); a.read_bitstream(p, probe)"
)
BASE = "ffmpeg -threads 1 -f null (picture)"
BOTH = "ffmpeg -threads 1 -f null (picture and sound)"
NO_FACES = ", no face model"
IMPORTS_ONLY = "from vidforensics import acquisition as a; import av, numpy"


def main() -> None:
    """Make the clip, time every job, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--footage", type=Path)
    parser.add_argument("--clip", type=Path, help="a clip of your own instead of joined footage")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--hour", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        clip = options.clip or join_720p(options.footage, folder)
        if options.hour:
            print(hour_line(clip, folder))
            return
        print("\n".join(cost_table(clip, folder, options.runs)))


def join_720p(footage: Path, folder: Path) -> Path:
    """One 720p H.264 clip out of the first 1280×720 clips with sound, encoded like a web upload."""
    with (footage / "MANIFEST.csv").open(newline="") as file:
        rows = [r for r in csv.DictReader(file) if (r["width"], r["height"]) == ("1280", "720")]
    chosen = [footage / r["file"] for r in rows if r["acodec"]][:SOURCES]
    inputs = [argument for path in chosen for argument in ("-i", str(path))]
    prepare = [
        f"[{i}:v]fps=30,scale=1280:720,setsar=1,format=yuv420p[v{i}];[{i}:a]aresample=48000[a{i}]"
        for i in range(len(chosen))
    ]
    pads = "".join(f"[v{i}][a{i}]" for i in range(len(chosen)))
    clip = folder / "clip720.mp4"
    encode(inputs, ";".join([*prepare, f"{pads}concat=n={len(chosen)}:v=1:a=1[v][a]"]), clip)
    return clip


def encode(inputs: Sequence[str], graph: str, target: Path, *, preset: str = "fast") -> None:
    """Encode with x264 at crf 22, a key frame every 5 s, AAC 128 kb/s."""
    picture = ["-c:v", "libx264", "-preset", preset, "-crf", "22", "-g", "150"]
    sound = ["-c:a", "aac", "-b:a", "128k"]
    maps = ["-filter_complex", graph, "-map", "[v]", "-map", "[a]"]
    subprocess.run([FFMPEG, "-v", "error", "-y", *inputs, *maps, *picture, *sound, str(target)], check=True)


def cost_table(clip: Path, folder: Path, runs: int) -> list[str]:
    """A Markdown table of median CPU seconds per job and the ratio to decoding alone."""
    decode = [FFMPEG, "-v", "error", "-threads", "1", "-i", str(clip), "-map", "0:v:0", "-f", "null", "-"]
    both = [FFMPEG, "-v", "error", "-threads", "1", "-i", str(clip), "-f", "null", "-"]
    flag = [sys.executable, "-m", "vidforensics", "flag", str(clip), "--json"]
    jobs = {
        BASE: decode,
        BOTH: both,
        "Python start and imports alone": [sys.executable, "-c", IMPORTS_ONLY],
        "probe + container + bitstream": [sys.executable, "-c", PROBE_AND_BITSTREAM, str(clip)],
        "extract": ["extract"],
        "flag" + NO_FACES: flag,
        "inspect" + NO_FACES: ["inspect"],
        "flag": flag,
        "inspect": ["inspect"],
    }
    faceless = without_face_models(folder)
    seconds: dict[str, list[float]] = {name: [] for name in jobs}
    for turn in range(runs):
        for name, command in jobs.items():
            whole = filled_in(command, clip, folder / f"{name.replace(' ', '-')}{turn}")
            models = {"VIDFORENSICS_MODELS": str(faceless)} if name.endswith(NO_FACES) else {}
            seconds[name].append(cpu_seconds(whole, models))
    base, base_both = statistics.median(seconds[BASE]), statistics.median(seconds[BOTH])
    rows = [f"Clip: {duration_s(clip):.1f} s of 1280×720 H.264 + AAC; {runs} runs in turn, medians.", ""]
    rows += ["| job | CPU s | min–max | to the picture | to both |", "|---|---:|---:|---:|---:|"]
    for name, values in seconds.items():
        middle = statistics.median(values)
        ratios = f"{middle / base:.2f} | {middle / base_both:.2f}"
        rows.append(f"| {name} | {middle:.2f} | {min(values):.2f}–{max(values):.2f} | {ratios} |")
    return rows


def without_face_models(folder: Path) -> Path:
    """A models folder that holds the networks of speech and voices alone."""
    from vidforensics import models

    target = folder / "faceless"
    target.mkdir()
    for model in (models.SPEECH_FILE, models.VOICE_FILE):
        path = models.installed(model)
        if path is not None:
            shutil.copy(path, target)
    return target


def filled_in(command: list[str], clip: Path, out: Path) -> list[str]:
    """Complete the verbs that write a folder; each run gets a new one."""
    if command[0] in {"extract", "inspect"}:
        return [sys.executable, "-m", "vidforensics", command[0], str(clip), "--out", str(out), "--quiet"]
    return command


def cpu_seconds(command: list[str], more: Mapping[str, str]) -> float:
    """User and system seconds of a command and all its children, with more in its environment."""
    before, env = resource.getrusage(resource.RUSAGE_CHILDREN), {**os.environ, **more}
    env.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed package has its bytecode
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=env)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime)


def duration_s(clip: Path) -> float:
    """Duration as the product's own probe says."""
    from vidforensics.acquisition import probe

    return probe(clip).duration_s or 0.0


def hour_line(clip: Path, folder: Path) -> str:
    """Peak memory of `inspect` on an hour of 1080p: the clip upscaled once, then repeated by stream copy."""
    wide = folder / "wide.mp4"
    encode(["-i", str(clip)], "[0:v]scale=1920:1080[v];[0:a]anull[a]", wide, preset="veryfast")
    times = int(3600 / duration_s(wide)) + 1
    hour = folder / "hour.mp4"
    subprocess.run(
        [FFMPEG, "-v", "error", "-stream_loop", str(times - 1), "-i", str(wide), "-c", "copy", str(hour)],
        check=True,
    )
    lines = []
    for name, path in (("one pass of the clip", wide), ("an hour", hour)):
        command = [
            sys.executable,
            "-m",
            "vidforensics",
            "inspect",
            str(path),
            "--out",
            str(folder / name),
            "--quiet",
        ]
        peak_mb = peak_memory_mb(command)
        lines.append(f"| {name}, {duration_s(path):.0f} s | {peak_mb:.0f} |")
    return "\n".join(["| 1080p | peak resident MB of the largest process |", "|---|---:|", *lines])


def peak_memory_mb(command: list[str]) -> float:
    """Peak resident memory of the largest process that the command started, measured in a child of ours."""
    code = (
        "import resource, subprocess, sys; "
        "subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL); "
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code, *command], check=True, capture_output=True, text=True
    )
    return int(answer.stdout) / 1024


if __name__ == "__main__":
    main()
