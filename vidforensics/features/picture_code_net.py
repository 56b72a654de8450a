"""The network behind the picture code, in plain numpy: five convolutions, three poolings, 256 numbers.

Takes luma planes; gives a real vector each, whose signs are the code. Trained without labels on edited
copies of pictures (docs/tracing-picture.md); after SSCD (Pizzi et al., "A Self-Supervised Descriptor for
Image Copy Detection", CVPR 2022) in its use of contrastive learning with many edits. Batch normalisation
is folded into the weights, so that nothing but numpy and a few megabytes of memory is needed.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import as_file, files
from typing import TYPE_CHECKING

import numpy as np

from vidforensics.features.convolution import convolved

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vidforensics.records.arrays import ByteArray, Float32Array

SIDE = 64
BITS = 256
LOCAL_SIDE = 9
FLAT_LEVELS = 4.0
STRIDES = (2, 2, 1, 2, 1)
# windows of an adaptive 3×3 pooling over 8×8 cells
THIRDS = ((0, 3), (2, 6), (5, 8))
CHUNK = 16


def vectors_of(luma: ByteArray) -> Float32Array:
    """Vectors of a stack of luma planes.

    Args:
        luma: uint8 (N, h, w), h and w of at least 1; each plane is squeezed into a square.

    Returns:
        float32 (N, 256), each number positive for about half of all pictures.
    """
    weights = _weights()
    parts = [np.zeros((0, BITS), np.float32)]
    for start in range(0, len(luma), CHUNK):
        planes = np.stack([_input(plane) for plane in luma[start : start + CHUNK]])
        parts.append(_forward(planes, weights))
    return np.concatenate(parts)


def _input(plane: ByteArray) -> Float32Array:
    """Two channels float32 (64, 64, 2): contrast against the whole picture and against its surroundings."""
    import cv2

    small = cv2.resize(plane, (SIDE, SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
    whole = (small - small.mean()) / (small.std() + FLAT_LEVELS)
    apart = small - cv2.blur(small, (LOCAL_SIDE, LOCAL_SIDE))
    spread = np.sqrt(np.maximum(cv2.blur(apart * apart, (LOCAL_SIDE, LOCAL_SIDE)), 0.0))
    return np.stack((whole, apart / (spread + FLAT_LEVELS)), axis=-1)


def _forward(planes: Float32Array, weights: Mapping[str, Float32Array]) -> Float32Array:
    cells = planes
    for layer, stride in enumerate(STRIDES):
        cells = convolved(cells, weights[f"kernel{layer}"], stride)
        cells += weights[f"bias{layer}"]
        np.maximum(cells, 0.0, out=cells)
    count, channels = len(cells), cells.shape[-1]
    power = np.cbrt((np.maximum(cells, 1e-4) ** 3).mean(axis=(1, 2)))
    mean = cells.mean(axis=(1, 2))
    grid = np.stack([cells[:, a:b, c:d].mean(axis=(1, 2)) for a, b in THIRDS for c, d in THIRDS], axis=1)
    reduced = grid.reshape(-1, channels) @ weights["grid"]
    # channel by channel, as the network was trained
    places = reduced.reshape(count, len(THIRDS) ** 2, -1).transpose(0, 2, 1).reshape(count, -1)
    features = np.concatenate((power, mean, places), axis=1)
    return np.asarray(features @ weights["last"] - weights["middle"], np.float32)


@cache
def _weights() -> Mapping[str, Float32Array]:
    resource = files("vidforensics.features").joinpath("picture_code.npz")
    with as_file(resource) as path, np.load(path) as stored:
        return {name: stored[name].astype(np.float32) for name in stored.files}
