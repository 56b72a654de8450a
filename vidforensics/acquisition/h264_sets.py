"""H.264 sequence and picture parameter sets, as far as slice headers depend on them.

The payload of one NAL unit goes in, a small frozen record comes out; sizes are checked against the
standard's limits, so that an absurd set costs nothing. Source: ITU-T H.264 clauses 7.3.2.1 and 7.3.2.2.
"""

from __future__ import annotations

from dataclasses import dataclass

from vidforensics.acquisition.bitstream_bits import BitReader, HeaderError, bounded

_HIGH_PROFILES = frozenset((100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135))
_PROFILE_NAMES = {66: "Baseline", 77: "Main", 88: "Extended", 100: "High", 110: "High 10", 122: "High 4:2:2"}
_MAX_SIDE_PX = 65536


@dataclass(frozen=True, slots=True)
class H264Sequence:
    """One sequence parameter set."""

    number: int
    profile: int
    level: int
    chroma_format: int
    separate_planes: bool
    frame_num_bits: int
    order_type: int
    order_bits: int
    order_always_zero: bool
    reference_frames: int
    gaps_allowed: bool
    width_px: int
    height_px: int
    frames_only: bool

    @property
    def summary(self) -> str:
        """Profile, level, coded size and reference frames in words."""
        name = _PROFILE_NAMES.get(self.profile, f"profile {self.profile}")
        size = f"{self.width_px}×{self.height_px}"
        return f"H.264 {name}, level {self.level / 10:.1f}, {size}, {self.reference_frames} reference frames"


@dataclass(frozen=True, slots=True)
class H264Picture:
    """One picture parameter set."""

    number: int
    sequence: int
    cabac: bool
    order_in_fields: bool
    references: tuple[int, int]
    weighted: bool
    weighted_b: int
    initial_qp: int
    chroma_offset: int
    redundant_pictures: bool

    @property
    def summary(self) -> str:
        """Entropy coder, initial quantiser and prediction in words."""
        coder = "CABAC" if self.cabac else "CAVLC"
        offset = f"chroma offset {self.chroma_offset}"
        return f"picture set {self.number}: {coder}, initial quantiser {self.initial_qp}, {offset}"


def read_sequence(payload: bytes) -> H264Sequence:
    """Parse a sequence parameter set.

    Args:
        payload: the NAL unit after its header byte, without emulation prevention.

    Raises:
        HeaderError: it ends early or breaks a limit of the standard.
    """
    bits = BitReader(payload[:1024])
    profile = bits.u(8)
    bits.skip(8)
    level = bits.u(8)
    number = bounded(bits.ue(), 31, "seq_parameter_set_id")
    chroma, separate = _colour_format(bits) if profile in _HIGH_PROFILES else (1, False)
    frame_num_bits = bounded(bits.ue(), 12, "log2_max_frame_num_minus4") + 4
    order_type = bounded(bits.ue(), 2, "pic_order_cnt_type")
    order_bits, always_zero = _order_count(bits, order_type)
    references = bounded(bits.ue(), 32, "max_num_ref_frames")
    gaps_allowed = bits.flag()
    width = bounded((bits.ue() + 1) * 16, _MAX_SIDE_PX, "width")
    map_units = bits.ue() + 1
    frames_only = bits.flag()
    height = bounded(map_units * 16 * (1 if frames_only else 2), _MAX_SIDE_PX, "height")
    if not frames_only:
        bits.skip(1)
    bits.skip(1)
    width, height = _cropped(bits, width, height, chroma, frames_only)
    return H264Sequence(
        number=number,
        profile=profile,
        level=level,
        chroma_format=chroma,
        separate_planes=separate,
        frame_num_bits=frame_num_bits,
        order_type=order_type,
        order_bits=order_bits,
        order_always_zero=always_zero,
        reference_frames=references,
        gaps_allowed=gaps_allowed,
        width_px=width,
        height_px=height,
        frames_only=frames_only,
    )


def _colour_format(bits: BitReader) -> tuple[int, bool]:
    chroma = bounded(bits.ue(), 3, "chroma_format_idc")
    separate = bits.flag() if chroma == 3 else False
    bounded(bits.ue(), 6, "bit_depth_luma_minus8")
    bounded(bits.ue(), 6, "bit_depth_chroma_minus8")
    bits.skip(1)
    if bits.flag():
        for index in range(8 if chroma != 3 else 12):
            if bits.flag():
                _skip_scaling_list(bits, 16 if index < 6 else 64)
    return chroma, separate


def _skip_scaling_list(bits: BitReader, size: int) -> None:
    last = following = 8
    for _ in range(size):
        if following:
            following = (last + bits.se()) % 256
        last = following or last


def _order_count(bits: BitReader, order_type: int) -> tuple[int, bool]:
    if order_type == 0:
        return bounded(bits.ue(), 12, "log2_max_pic_order_cnt_lsb_minus4") + 4, False
    if order_type == 2:
        return 0, False
    always_zero = bits.flag()
    bits.se()
    bits.se()
    for _ in range(bounded(bits.ue(), 255, "num_ref_frames_in_pic_order_cnt_cycle")):
        bits.se()
    return 0, always_zero


def _cropped(bits: BitReader, width: int, height: int, chroma: int, frames_only: bool) -> tuple[int, int]:
    if not bits.flag():
        return width, height
    step_x = 2 if chroma in (1, 2) else 1
    step_y = (2 if chroma == 1 else 1) * (1 if frames_only else 2)
    left, right, top, bottom = (bits.ue() for _ in range(4))
    width -= step_x * (left + right)
    height -= step_y * (top + bottom)
    if width <= 0 or height <= 0:
        raise HeaderError("cropping leaves no picture")
    return width, height


def read_picture(payload: bytes) -> H264Picture:
    """Parse a picture parameter set up to the fields that slice headers need.

    Args:
        payload: the NAL unit after its header byte, without emulation prevention.

    Raises:
        HeaderError: it ends early, breaks a limit, or uses slice groups (Extended profile only).
    """
    bits = BitReader(payload[:256])
    number = bounded(bits.ue(), 255, "pic_parameter_set_id")
    sequence = bounded(bits.ue(), 31, "seq_parameter_set_id")
    cabac = bits.flag()
    order_in_fields = bits.flag()
    if bits.ue():
        raise HeaderError("slice groups are not read")
    references = (bounded(bits.ue(), 31, "references") + 1, bounded(bits.ue(), 31, "references") + 1)
    weighted = bits.flag()
    weighted_b = bits.u(2)
    initial_qp = 26 + bits.se()
    bits.se()
    chroma_offset = bits.se()
    bits.skip(2)
    return H264Picture(
        number=number,
        sequence=sequence,
        cabac=cabac,
        order_in_fields=order_in_fields,
        references=references,
        weighted=weighted,
        weighted_b=weighted_b,
        initial_qp=initial_qp,
        chroma_offset=chroma_offset,
        redundant_pictures=bits.flag(),
    )
