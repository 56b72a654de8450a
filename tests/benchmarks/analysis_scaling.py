"""Candidates for scaling a decoded picture to the analysis plane: cost, and distance from an area average.

Takes 1280×720, 854×480 and 1920×1080 frames (the last enlarged from 720p) of a footage folder; prints CPU
milliseconds per luma plane and the root mean square and largest difference from the exact area average.
"""

from __future__ import annotations

import argparse
import csv
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter

from tests.extraction.test_normalise import area_average
from vidforensics.extraction.normalise import PlaneScaler, analysis_size

REPEATS = 10
CLIPS = 6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--footage", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    print("| source | way | ms | rms | largest |\n|---|---|---:|---:|---:|")
    for size, stored in (((1280, 720), (1280, 720)), ((854, 480),) * 2, ((1920, 1080), (1280, 720))):
        frames = [resized(f, size) for f in frames_of(arguments.footage, stored, arguments.seed)]
        for name, scale in candidates(size).items():
            cost, rms, largest = np.mean([measured(scale, frame) for frame in frames], axis=0)
            print(f"| {size[0]}×{size[1]} | {name} | {cost:.2f} | {rms:.2f} | {largest:.1f} |")


def frames_of(footage: Path, size: tuple[int, int], seed: int) -> list[av.VideoFrame]:
    """The 21st frame of seeded clips of that size."""
    with (footage / "MANIFEST.csv").open(encoding="utf-8") as file:
        rows = [r for r in csv.DictReader(file) if (r["width"], r["height"]) == tuple(map(str, size))]
    random.Random(seed).shuffle(rows)
    frames = []
    for row in rows[:CLIPS]:
        with av.open(str(footage / row["file"])) as container:
            frames.append([f for f, _ in zip(container.decode(video=0), range(21), strict=False)][-1])
    return frames


def resized(frame: av.VideoFrame, size: tuple[int, int]) -> av.VideoFrame:
    lanczos = Interpolation.LANCZOS
    return frame.reformat(width=size[0], height=size[1], format="yuv420p", interpolation=lanczos)


def candidates(size: tuple[int, int]) -> dict[str, Callable[[av.VideoFrame], np.ndarray]]:
    target = analysis_size(*size)
    scaler, out = PlaneScaler(size, target), np.empty(target[::-1], np.uint8)

    def ours(frame: av.VideoFrame) -> np.ndarray:
        scaler(luma_of(frame), out)
        return out

    def direct(interpolation: int) -> Callable[[av.VideoFrame], np.ndarray]:
        return lambda frame: cv2.resize(luma_of(frame), target, interpolation=interpolation)

    return {
        "bilinear cascade (chosen)": ours,
        "cv2 INTER_AREA": direct(cv2.INTER_AREA),
        "cv2 INTER_LINEAR": direct(cv2.INTER_LINEAR),
        **{
            f"swscale {name} (with chroma)": swscale(name, target)
            for name in ("FAST_BILINEAR", "BILINEAR", "AREA")
        },
    }


def swscale(name: str, target: tuple[int, int]) -> Callable[[av.VideoFrame], np.ndarray]:
    reformatter, settings = VideoReformatter(), {"width": target[0], "height": target[1], "format": "yuv420p"}
    chosen: Any = {**settings, "interpolation": name, "threads": 1}
    return lambda frame: luma_of(reformatter.reformat(frame, **chosen))


def luma_of(frame: av.VideoFrame) -> np.ndarray:
    plane = frame.planes[0]
    return np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)[:, : plane.width]


def measured(
    scale: Callable[[av.VideoFrame], np.ndarray], frame: av.VideoFrame
) -> tuple[float, float, float]:
    """CPU milliseconds, and root mean square and largest difference from the exact area average."""
    got = scale(frame).astype(float)
    start_s = time.process_time()
    for _ in range(REPEATS):
        scale(frame)
    cost = (time.process_time() - start_s) / REPEATS * 1e3
    difference = got - area_average(luma_of(frame).astype(float), got.shape[::-1])
    return cost, float(np.sqrt((difference**2).mean())), float(np.abs(difference).max())


if __name__ == "__main__":
    main()
