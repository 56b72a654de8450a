"""Colour of normalisation: narrow range to full range, and HDR (PQ, HLG) to standard range.

Takes code values; gives tables for the 8-bit analysis planes and a conversion for full pictures.
Transfer functions are those of Recommendation ITU-R BT.2100 (PQ: table 4, HLG: table 5), the colour
matrix is that of BT.2087, and the shoulder of the tone curve is exponential as in photographic film.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

Transfer = Literal["sdr", "pq", "hlg"]

# AVColorTransferCharacteristic, equal to the code points of Rec. ITU-T H.273
PQ_CODE, HLG_CODE = 16, 18
# luminance of diffuse white in HDR programmes, BT.2408
REFERENCE_WHITE_NITS = 203.0
HLG_PEAK_NITS = 1000.0
KNEE = 0.6
WHITE_AT = 0.75
_BT2020_TO_BT709 = (
    (1.660491, -0.587641, -0.072850),
    (-0.124550, 1.132900, -0.008349),
    (-0.018151, -0.100579, 1.118730),
)


def transfer_of(code: int) -> Transfer:
    """Which transfer function a stream declares; anything but PQ and HLG counts as standard."""
    return {PQ_CODE: "pq", HLG_CODE: "hlg"}.get(code, "sdr")  # type: ignore[return-value]


def pq_nits(signal: NDArray[np.float64]) -> NDArray[np.float64]:
    """Luminance in nits of PQ signal values in 0 to 1 (BT.2100, table 4)."""
    m1, m2, c1, c2, c3 = 0.1593017578125, 78.84375, 0.8359375, 18.8515625, 18.6875
    power = np.clip(signal, 0.0, 1.0) ** (1.0 / m2)
    linear: NDArray[np.float64] = np.maximum(power - c1, 0.0) / (c2 - c3 * power)
    return 10_000.0 * linear ** (1.0 / m1)


def hlg_nits(signal: NDArray[np.float64]) -> NDArray[np.float64]:
    """Luminance in nits of HLG signal values in 0 to 1 on a 1,000 nit display (BT.2100, table 5)."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    signal = np.clip(signal, 0.0, 1.0)
    scene = np.where(signal <= 0.5, signal**2 / 3.0, (np.exp((signal - c) / a) + b) / 12.0)
    nits: NDArray[np.float64] = HLG_PEAK_NITS * scene**1.2
    return nits


def tone_map(nits: NDArray[Any]) -> NDArray[Any]:
    """Linear display light in 0 to 1: proportional up to a knee, then an exponential shoulder."""
    light = nits * (WHITE_AT / REFERENCE_WHITE_NITS)
    room = 1.0 - KNEE
    return np.where(light < KNEE, light, 1.0 - room * np.exp(-(light - KNEE) / room))


def signal_table(transfer: Transfer, codes: int) -> NDArray[np.float64]:
    """Tone-mapped linear light of every full-range code of an HDR signal, shape (codes,)."""
    signal = np.arange(codes) / (codes - 1.0)
    table: NDArray[np.float64] = tone_map(pq_nits(signal) if transfer == "pq" else hlg_nits(signal))
    return table


def luma_table(full_range: bool, transfer: Transfer) -> NDArray[np.uint8] | None:
    """Table from stored 8-bit luma to full-range SDR luma; None where nothing changes."""
    if full_range and transfer == "sdr":
        return None
    codes = np.arange(256.0)
    signal = codes / 255.0 if full_range else np.clip((codes - 16.0) / 219.0, 0.0, 1.0)
    if transfer != "sdr":
        light = tone_map(pq_nits(signal) if transfer == "pq" else hlg_nits(signal))
        signal = light ** (1.0 / 2.2)
    return np.rint(signal * 255.0).astype(np.uint8)


def chroma_table(full_range: bool) -> NDArray[np.uint8] | None:
    """Table from stored 8-bit chroma to full-range chroma; None where nothing changes."""
    if full_range:
        return None
    wide = (np.arange(256.0) - 128.0) * (255.0 / 224.0) + 128.0
    return np.clip(np.rint(wide), 0, 255).astype(np.uint8)


def hdr_to_bgr(rgb: NDArray[np.uint16], transfer: Transfer) -> NDArray[np.uint8]:
    """Tone-map a BT.2020 HDR picture.

    Args:
        rgb: (h, w, 3) uint16, full range, PQ or HLG coded.
        transfer: which of the two.

    Returns:
        (h, w, 3) uint8 BGR with BT.709 primaries and a gamma of 2.2.
    """
    light = signal_table(transfer, 65_536).astype(np.float32)[rgb]
    light = np.clip(light @ np.array(_BT2020_TO_BT709, np.float32).T, 0.0, 1.0)
    gamma = np.rint(np.linspace(0.0, 1.0, 65_536) ** (1.0 / 2.2) * 255.0).astype(np.uint8)
    return np.ascontiguousarray(gamma[np.rint(light * 65_535.0).astype(np.uint16)][..., ::-1])
