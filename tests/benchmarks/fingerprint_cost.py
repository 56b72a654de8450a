"""What fingerprinting a file for the index costs, against ffmpeg decoding the same file to nothing.

`python -m tests.benchmarks.fingerprint_cost --footage DIR [--clip CLIP] [--runs N]` joins 720p footage into
one clip (see `cost`), encodes it anew in other codings, and times whole processes in turn by the operating
system's own accounting: picture and sound, interpreter start and imports included. Prints a Markdown table.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.benchmarks.cost import FFMPEG, cpu_seconds, duration_s, join_720p

FINGERPRINT = (
    "import sys; from pathlib import Path; from vidforensics import pipeline_trace as p; "
    "from vidforensics.tracing import write_fingerprint as w; "
    "w(Path(sys.argv[2]), p.fingerprint(Path(sys.argv[1]), lambda *a: None))"
)
IMPORTS_ONLY = "from vidforensics import pipeline_trace; from vidforensics.tracing import write_fingerprint"
SOUND = ["-c:a", "copy"]
VARIANTS = {
    "720p H.264, key frames 5 s apart": None,
    "720p H.264, key frames 1 s apart": ["-c:v", "libx264", "-preset", "fast", "-crf", "22", "-g", "30"],
    "720p H.264, x264's own key frames": ["-c:v", "libx264", "-preset", "fast", "-crf", "22"],
    "720p HEVC, 5 s": ["-c:v", "libx265", "-preset", "fast", "-crf", "26", "-g", "150", "-x265-params",
                       "log-level=none:keyint=150"],
    "720p VP9, 5 s": ["-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-b:v", "1500k",
                      "-g", "150"],
    "1080p H.264, 5 s": ["-vf", "scale=1920:1080", "-c:v", "libx264", "-preset", "fast", "-crf", "22",
                         "-g", "150"],
    "25 s of 720p H.264": ["-t", "25", "-c:v", "libx264", "-preset", "fast", "-crf", "22", "-g", "150"],
}  # fmt: skip


def main() -> None:
    """Make the clips, time them, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--footage", type=Path)
    parser.add_argument("--clip", type=Path, help="a clip of your own instead of joined footage")
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        clip = options.clip or join_720p(options.footage, folder)
        print("\n".join(table(clip, folder, options.runs)))


def table(clip: Path, folder: Path, runs: int) -> list[str]:
    """Markdown rows: CPU seconds, ratio to decoding, bytes per minute."""
    start = statistics.median(cpu_seconds([sys.executable, "-c", IMPORTS_ONLY]) for _ in range(runs))
    rows = [f"Interpreter start and imports alone: {start:.2f} CPU s, included below. Medians of {runs}.", ""]
    rows += ["| file | decoding, CPU s | fingerprint, CPU s | ratio | without start | KB per minute |"]
    rows += ["|---|---:|---:|---:|---:|---:|"]
    for name, arguments in VARIANTS.items():
        path = clip if arguments is None else made(clip, folder, arguments)
        decode = [FFMPEG, "-v", "error", "-threads", "1", "-i", str(path), "-map", "0:v:0", "-f", "null", "-"]
        out = folder / "print"
        seconds = [
            (cpu_seconds(decode), cpu_seconds([sys.executable, "-c", FINGERPRINT, str(path), str(out)]))
            for _ in range(runs)
        ]
        base, ours = (statistics.median(column) for column in zip(*seconds, strict=True))
        per_minute = out.stat().st_size / 1000 / (duration_s(path) / 60)
        rows.append(
            f"| {name} | {base:.2f} | {ours:.2f} | {ours / base:.2f} | {(ours - start) / base:.2f} | "
            f"{per_minute:.1f} |"
        )
    return rows


def made(clip: Path, folder: Path, arguments: list[str]) -> Path:
    """The clip in another coding."""
    target = folder / "variant.mkv"
    subprocess.run(
        [FFMPEG, "-v", "error", "-y", "-i", str(clip), *arguments, *SOUND, str(target)], check=True
    )
    return target


if __name__ == "__main__":
    main()
