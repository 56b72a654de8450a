"""One binary code per picture for tracing: 256 bits, compared by Hamming distance, and a quality.

Takes luma planes; gives a code and a quality from 0 to 100 each, a whole stack at a time. Quality 0 says
that the picture carries nothing by which it could be told from strangers: black, blank, bars, a gradient,
plain text on flat ground.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vidforensics.features.picture_code_net import BITS, vectors_of
from vidforensics.features.picture_code_quality import quality_of

if TYPE_CHECKING:
    from vidforensics.records.arrays import ByteArray

ALGORITHM = "net-256/2"
CODE_BYTES = BITS // 8


def codes_of(luma: ByteArray) -> tuple[ByteArray, ByteArray]:
    """Codes of a stack of luma planes.

    Args:
        luma: uint8 (N, h, w), full range, upright.

    Returns:
        codes uint8 (N, 32) and quality uint8 (N,), 0–100; both empty for N = 0.
    """
    return np.packbits(vectors_of(luma) > 0.0, axis=1), quality_of(luma)
