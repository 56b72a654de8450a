"""CPU cost of the decode pass and of everything that rides on it, against ffmpeg's own null decode.

Joins 720p clips of a footage folder into one H.264 file (x264 fast, crf 22, 30 fps, AAC), then runs
`ffmpeg -threads 1 -i F -f null -` and the extraction pass in turn and prints medians in CPU seconds
(user + system). `start` is what a fresh interpreter spends on imports, which a long clip does not notice.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

CLIPS = 13
SECONDS_EACH = 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--footage", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--clip", type=Path, help="measure this file instead of a joined one")
    parser.add_argument("--one-pass", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one_pass:
        print(json.dumps(one_pass(arguments.one_pass)))
        return
    with tempfile.TemporaryDirectory() as folder:
        clip = arguments.clip or join(arguments.footage, Path(folder) / "joined.mp4", arguments.seed)
        measure(clip, arguments.rounds)


def join(footage: Path, target: Path, seed: int) -> Path:
    """Join seeded 720p clips by re-encoding; clips without sound get silence."""
    import av

    with (footage / "MANIFEST.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if (row["width"], row["height"]) == ("1280", "720")]
    random.Random(seed).shuffle(rows)
    inputs, graph, labels = [], [], []
    for index, row in enumerate(rows[:CLIPS]):
        path = footage / row["file"]
        inputs += ["-t", str(SECONDS_EACH), "-i", str(path)]
        graph.append(f"[{index}:v:0]fps=30,scale=1280:720,setsar=1,format=yuv420p[v{index}]")
        with av.open(str(path)) as container:
            seconds = min(SECONDS_EACH, float((container.duration or 0) / 1e6))
            sound = f"[{index}:a:0]apad" if container.streams.audio else "anullsrc=r=44100:cl=stereo"
        graph.append(f"{sound},aresample=44100,aformat=channel_layouts=stereo,atrim=0:{seconds}[a{index}]")
        labels.append(f"[v{index}][a{index}]")
    graph.append("".join(labels) + f"concat=n={len(labels)}:v=1:a=1[v][a]")
    mapped = ["-filter_complex", ";".join(graph), "-map", "[v]", "-map", "[a]"]
    coded = ["-c:v", "libx264", "-preset", "fast", "-crf", "22", "-c:a", "aac", "-b:a", "128k", str(target)]
    subprocess.run([ffmpeg(), "-v", "error", "-y", *inputs, *mapped, *coded], check=True)
    return target


def ffmpeg() -> str:
    import imageio_ffmpeg

    return str(imageio_ffmpeg.get_ffmpeg_exe())


def measure(clip: Path, rounds: int) -> None:
    """Run both in turn and print the table."""
    null, whole, inside = [], [], []
    for _ in range(rounds):
        null.append(child([ffmpeg(), "-v", "error", "-threads", "1", "-i", str(clip), "-f", "null", "-"])[0])
        again = [sys.executable, "-m", "tests.benchmarks.extraction_cost", "--footage", "."]
        seconds, output = child([*again, "--one-pass", str(clip)])
        whole.append(seconds)
        inside.append(json.loads(output))
    base = median(null)
    frames = inside[0].pop("frames")
    peak = median(run.pop("peak_mb") for run in inside)
    for run in inside[1:]:
        run.pop("frames")
    print(
        f"ffmpeg null: {base:.2f} CPU s for {frames} frames ({1e3 * base / frames:.2f} ms per frame); ",
        end="",
    )
    print(f"{rounds} rounds in turn; peak memory {peak:.0f} MB\n")
    print("| part | CPU s | × ffmpeg null |\n|---|---:|---:|")
    rows = {name: median(run[name] for run in inside) for name in inside[0]}
    for name, seconds in [*rows.items(), ("whole process", median(whole))]:
        print(f"| {name} | {seconds:.2f} | {seconds / base:.3f} |")


def child(command: list[str]) -> tuple[float, bytes]:
    """CPU seconds of a command with its children, and its output."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    # as the worker process runs: idle BLAS threads would spin and be counted
    environment = dict(os.environ, OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1")
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, env=environment).stdout
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime - before.ru_utime) + (after.ru_stime - before.ru_stime), output


def one_pass(clip: Path) -> dict[str, float]:
    """CPU seconds per part of one whole extraction pass."""
    from vidforensics import acquisition, extraction
    from vidforensics.types import FrameBlock

    start_s = time.process_time()
    probe = acquisition.probe(clip)
    spent: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        pictures, sounds = accumulators(Path(folder), probe)
        spent = dict.fromkeys([*pictures, *sounds], 0.0)
        total_s = time.process_time()
        with extraction.Decoder(clip, probe, extraction.DecodeOptions()) as decoder:
            for block in decoder:
                for name, accumulator in (pictures if isinstance(block, FrameBlock) else sounds).items():
                    before_s = time.process_time()
                    accumulator.update(block)
                    spent[name] += time.process_time() - before_s
            frames = decoder.summary().frame_count
        shots: Any = ()
        for name, accumulator in {**pictures, **sounds}.items():
            before_s = time.process_time()
            result = accumulator.finish(shots) if name == "keyframes" else accumulator.finish()
            shots = result if name == "shots" else shots
            spent[name] += time.process_time() - before_s
        total_s = time.process_time() - total_s
    decode_s = total_s - sum(spent.values())
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    rows = {"start": start_s, "decode and normalise": decode_s, **spent, "pass without start": total_s}
    return {**rows, "frames": frames, "peak_mb": peak_mb}


def accumulators(folder: Path, probe: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Everything that takes part in a full inspection, by name."""
    from vidforensics import extraction, features

    pictures = {
        "shots": extraction.ShotAccumulator(),
        "keyframes": extraction.KeyframeWriter(folder),
        "thumbnails": extraction.ThumbnailAccumulator(),
        "borders": extraction.BorderAccumulator(),
        "spans": extraction.PictureSpanAccumulator(),
        "frame hashes": features.FrameHashAccumulator(),
        "frame series": features.FrameSeriesAccumulator(),
    }
    sounds = {
        "silence": extraction.SilenceAccumulator(),
        "WAV files": extraction.WavWriter(folder, probe),
        "sound series": features.SoundSeriesAccumulator(),
        "sound pictures": features.SoundPictureAccumulator(),
        "audio prints": features.AudioPrintAccumulator(),
    }
    return pictures, sounds


if __name__ == "__main__":
    main()
