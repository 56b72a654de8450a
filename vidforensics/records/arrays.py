"""Array types by element, for annotations only: importing this never imports numpy at run time."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]
    Float32Array = NDArray[np.float32]
    ByteArray = NDArray[np.uint8]
    ShortArray = NDArray[np.int16]
    TinyArray = NDArray[np.int8]
    CodeArray16 = NDArray[np.uint16]
    CodeArray = NDArray[np.uint32]
    BoolArray = NDArray[np.bool_]
    IntArray = NDArray[np.int64]
    WordArray = NDArray[np.uint64]
    Int32Array = NDArray[np.int32]
    StrArray = NDArray[np.str_]
