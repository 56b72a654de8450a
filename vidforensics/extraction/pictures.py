"""Decoded pictures at full size: described by their source, converted to BGR only when somebody asks.

Takes libav frames; gives upright uint8 BGR arrays with square samples in standard dynamic range.
Undeclared colour matrices are read as players do: BT.709 from 720 lines on, BT.601 below.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter

from vidforensics.extraction.normalise import Orientation, display_size, upright
from vidforensics.extraction.normalise_colour import Transfer, hdr_to_bgr, transfer_of
from vidforensics.types import NativePlanes

if TYPE_CHECKING:
    from av import VideoFrame
    from numpy.typing import NDArray

# AVColorSpace (Rec. ITU-T H.273 matrix coefficients) to what the scaler calls them
_MATRICES = {
    1: Colorspace.ITU709,
    4: Colorspace.FCC,
    5: Colorspace.ITU601,
    6: Colorspace.ITU601,
    7: Colorspace.SMPTE240M,
    9: Colorspace.BT2020,
    10: Colorspace.BT2020,
}
_ALPHA = ("yuva", "rgba", "bgra", "argb", "abgr", "gbrap", "ya8", "ya16")
_HD_LINES = 720
_PLANAR = re.compile(r"(?:yuv[aj]?4\d\dp|gray)(9|10|12|14|16)?(?:le)?")
_QUALITY = Interpolation.BILINEAR | Interpolation.FULL_CHR_H_INT | Interpolation.ACCURATE_RND


@dataclass(frozen=True, slots=True)
class Source:
    """What all pictures of a stretch have in common; a change of it starts a new stretch."""

    width_px: int
    height_px: int
    pixel_format: str
    full_range: bool
    matrix: int
    transfer: Transfer
    sample_aspect: float
    orientation: Orientation

    @property
    def has_alpha(self) -> bool:
        """Whether the pixel format carries transparency."""
        return self.pixel_format.startswith(_ALPHA)

    @property
    def display_size(self) -> tuple[int, int]:
        """Width and height of the upright picture with square samples."""
        return display_size(self.width_px, self.height_px, self.sample_aspect, self.orientation)


def source_of(frame: VideoFrame, sample_aspect: float, orientation: Orientation) -> Source:
    """Describe the pictures that look like `frame`."""
    name = frame.format.name
    return Source(
        frame.width,
        frame.height,
        name,
        is_full_range(name, int(frame.color_range)),
        int(frame.colorspace),
        transfer_of(int(frame.color_trc)),
        sample_aspect,
        orientation,
    )


def is_full_range(pixel_format: str, declared: int) -> bool:
    """Whether code 0 is black: as declared, else by what the pixel format implies."""
    if pixel_format.startswith("yuvj"):
        return True
    if declared in (ColorRange.MPEG, ColorRange.JPEG):
        return declared == ColorRange.JPEG
    return not pixel_format.startswith(("yuv", "nv", "p0", "p2", "uyvy", "yuyv", "yvyu", "y2"))


@dataclass(frozen=True, slots=True)
class DecodedPicture:
    """One decoded picture; holds the libav frame, so keep few of them."""

    frame: VideoFrame
    source: Source
    reformatter: VideoReformatter

    def to_bgr(self) -> NDArray[np.uint8]:
        """The upright picture with square samples, (height, width, 3) uint8 BGR, SDR."""
        stored = self._stored_bgr()
        turned = upright(stored, self.source.orientation, (0, 1))
        size = self.source.display_size
        if (turned.shape[1], turned.shape[0]) == size:
            return turned
        return np.asarray(cv2.resize(turned, size, interpolation=cv2.INTER_CUBIC), np.uint8)

    def planes(self) -> NativePlanes:
        """The samples as they were coded, neither turned nor scaled."""
        name = self.source.pixel_format
        frame = self.frame if is_planar(name) else as_planar(self.frame, self.source, self.reformatter)
        luma, *chroma = (_as_bytes(plane, spare_bits(name)) for plane in frame.planes[:3])
        full_range = self.source.full_range or not is_planar(name)
        return NativePlanes(luma, tuple(chroma) if len(chroma) == 2 else (), full_range)

    def _stored_bgr(self) -> NDArray[np.uint8]:
        if self.source.transfer == "sdr":
            return self._converted("bgr24")
        return hdr_to_bgr(self._converted("rgb48le"), self.source.transfer)

    def _converted(self, pixel_format: str) -> NDArray[Any]:
        converted: NDArray[Any] = self.reformatter.reformat(
            self.frame,
            format=pixel_format,
            src_colorspace=matrix_of(self.source),
            src_color_range=ColorRange.JPEG if self.source.full_range else ColorRange.MPEG,
            dst_color_range=ColorRange.JPEG,
            interpolation=_QUALITY,
            threads=1,
        ).to_ndarray()
        return converted


def matrix_of(source: Source) -> Colorspace:
    """The luma-chroma matrix of a source, as declared or as players assume."""
    default = Colorspace.ITU709 if source.height_px >= _HD_LINES else Colorspace.ITU601
    return _MATRICES.get(source.matrix, default)


def is_planar(pixel_format: str) -> bool:
    """Whether luma lies in a plane of its own."""
    return _PLANAR.fullmatch(pixel_format) is not None


def spare_bits(pixel_format: str) -> int:
    """How many bits more than 8 a sample of a planar format has; 0 for other formats."""
    planar = _PLANAR.fullmatch(pixel_format)
    return int(planar.group(1) or 8) - 8 if planar else 0


def as_planar(frame: VideoFrame, source: Source, reformatter: VideoReformatter) -> VideoFrame:
    """The frame as full-range 4:4:4 planes of 8 bits, its matrix kept."""
    return reformatter.reformat(
        frame,
        format="yuv444p",
        src_colorspace=matrix_of(source),
        dst_colorspace=matrix_of(source),
        src_color_range=ColorRange.JPEG if source.full_range else ColorRange.MPEG,
        dst_color_range=ColorRange.JPEG,
        threads=1,
    )


def plane_view(plane: Any, shift: int) -> NDArray[Any]:
    """The samples of one plane, uint8 (h, w), or uint16 where they have `shift` more bits."""
    sample_bytes = 2 if shift else 1
    rows = np.frombuffer(plane, np.uint16 if shift else np.uint8)
    view = rows.reshape(plane.height, abs(plane.line_size) // sample_bytes)[:, : plane.width]
    return view[::-1] if plane.line_size < 0 else view


def _as_bytes(plane: Any, shift: int) -> NDArray[np.uint8]:
    view = plane_view(plane, shift)
    return np.asarray(view >> shift if shift else view, np.uint8)
