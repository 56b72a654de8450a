"""Convolution in plain numpy, for the small networks that run without torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from vidforensics.records.arrays import Float32Array


def convolved(cells: Float32Array, kernel: Float32Array, stride: int) -> Float32Array:
    """Convolution with zero padding of half a kernel on every side.

    Args:
        cells: float32 (N, h, w, channels).
        kernel: float32 (k, k, channels, out), k odd.
        stride: step between the places that are kept, both ways.

    Returns:
        float32 (N, ⌈h / stride⌉, ⌈w / stride⌉, out); empty for no picture.
    """
    side, _, channels, out = kernel.shape
    half = side // 2
    padded = np.pad(cells, ((0, 0), (half, half), (half, half), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (side, side), axis=(1, 2))
    windows = windows[:, ::stride, ::stride].transpose(0, 1, 2, 4, 5, 3)
    count, height, width = windows.shape[:3]
    columns = windows.reshape(count * height * width, side * side * channels)
    answers: Float32Array = (columns @ kernel.reshape(-1, out)).reshape(count, height, width, out)
    return answers
