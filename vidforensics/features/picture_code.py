"""One binary code per picture for tracing: 256 bits, compared by Hamming distance, and a quality.

Takes luma planes; gives a code and a quality from 0 to 100 each, a whole stack at a time. Quality 0 says
that the picture carries nothing by which it could be told from strangers: black, blank, bars, a gradient,
plain text on flat ground.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vidforensics.features.frame_hashes import hash_luma
from vidforensics.features.picture_code_quality import quality_of

if TYPE_CHECKING:
    from vidforensics.records.arrays import ByteArray

ALGORITHM = "dct-256/1"
CODE_BYTES = 32


def codes_of(luma: ByteArray) -> tuple[ByteArray, ByteArray]:
    """Codes of a stack of luma planes.

    Args:
        luma: uint8 (N, h, w), full range, upright.

    Returns:
        codes uint8 (N, 32) and quality uint8 (N,), 0–100; both empty for N = 0.
    """
    if not len(luma):
        return np.zeros((0, CODE_BYTES), np.uint8), np.zeros(0, np.uint8)
    codes, _ = hash_luma(luma)
    return codes, quality_of(luma)
