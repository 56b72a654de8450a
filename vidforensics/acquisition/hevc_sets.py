"""HEVC sequence and picture parameter sets, as far as slice headers depend on them.

The payload of one NAL unit goes in, a small frozen record comes out; counts are checked against the
standard's limits. Source: ITU-T H.265 clauses 7.3.2.2, 7.3.2.3, 7.3.3, 7.3.4 and 7.3.7.
"""

from __future__ import annotations

from dataclasses import dataclass

from vidforensics.acquisition.bitstream_bits import BitReader, HeaderError, bounded

_MAX_SIDE_PX = 65536
_MAX_PICTURES = 16
_PROFILE_NAMES = {1: "Main", 2: "Main 10", 3: "Main Still Picture", 4: "Range Extensions"}

ReferenceSet = tuple[tuple[int, ...], tuple[int, ...], int]
"""Delta order counts of earlier and of later pictures, and how many of both the current picture uses."""


@dataclass(frozen=True, slots=True)
class HevcSequence:
    """One sequence parameter set."""

    number: int
    profile: int
    level: int
    separate_planes: bool
    chroma_format: int
    width_px: int
    height_px: int
    order_bits: int
    reference_sets: tuple[ReferenceSet, ...]
    long_term: bool
    long_term_candidates: int
    temporal_motion: bool
    sample_offset: bool

    @property
    def summary(self) -> str:
        """Profile, level and coded size in words."""
        name = _PROFILE_NAMES.get(self.profile, f"profile {self.profile}")
        return f"HEVC {name}, level {self.level / 30:.1f}, {self.width_px}×{self.height_px}"


@dataclass(frozen=True, slots=True)
class HevcPicture:
    """One picture parameter set."""

    number: int
    sequence: int
    dependent_slices: bool
    output_flag: bool
    extra_bits: int
    cabac_init: bool
    references: tuple[int, int]
    initial_qp: int
    weighted: bool
    weighted_b: bool
    lists_modified: bool

    @property
    def summary(self) -> str:
        """Initial quantiser in words."""
        return f"picture set {self.number}: initial quantiser {self.initial_qp}"


def read_sequence(payload: bytes) -> HevcSequence:
    """Parse a sequence parameter set (payload after the two header bytes, without emulation prevention).

    Raises:
        HeaderError: it ends early or breaks a limit of the standard.
    """
    bits = BitReader(payload[:2048])
    bits.skip(4)
    layers = bits.u(3)
    bits.skip(1)
    profile, level = _profile_tier_level(bits, layers)
    number = bounded(bits.ue(), 15, "sps_seq_parameter_set_id")
    chroma = bounded(bits.ue(), 3, "chroma_format_idc")
    separate = bits.flag() if chroma == 3 else False
    width, height = bounded(bits.ue(), _MAX_SIDE_PX, "width"), bounded(bits.ue(), _MAX_SIDE_PX, "height")
    if bits.flag():
        for _ in range(4):
            bits.ue()
    bits.ue()
    bits.ue()
    order_bits = bounded(bits.ue(), 12, "log2_max_pic_order_cnt_lsb_minus4") + 4
    for _ in range(layers + 1 if bits.flag() else 1):
        bits.ue(), bits.ue(), bits.ue()
    for _ in range(6):
        bits.ue()
    if bits.flag() and bits.flag():
        _skip_scaling_lists(bits)
    bits.skip(1)
    sample_offset = bits.flag()
    if bits.flag():
        bits.skip(8)
        bits.ue(), bits.ue()
        bits.skip(1)
    sets = _reference_sets(bits)
    long_term = bits.flag()
    candidates = bounded(bits.ue(), 32, "num_long_term_ref_pics_sps") if long_term else 0
    bits.skip(candidates * (order_bits + 1))
    temporal = bits.flag()
    return HevcSequence(
        number=number,
        profile=profile,
        level=level,
        separate_planes=separate,
        chroma_format=chroma,
        width_px=width,
        height_px=height,
        order_bits=order_bits,
        reference_sets=sets,
        long_term=long_term,
        long_term_candidates=candidates,
        temporal_motion=temporal,
        sample_offset=sample_offset,
    )


def _profile_tier_level(bits: BitReader, layers: int) -> tuple[int, int]:
    bits.skip(3)
    profile = bits.u(5)
    bits.skip(32 + 48)
    level = bits.u(8)
    present = [(bits.flag(), bits.flag()) for _ in range(layers)]
    if layers:
        bits.skip(2 * (8 - layers))
    for has_profile, has_level in present:
        bits.skip(88 * has_profile + 8 * has_level)
    return profile, level


def _skip_scaling_lists(bits: BitReader) -> None:
    for size in range(4):
        for _ in range(0, 6, 3 if size == 3 else 1):
            if not bits.flag():
                bits.ue()
                continue
            if size > 1:
                bits.se()
            for _ in range(min(64, 1 << (4 + 2 * size))):
                bits.se()


def _reference_sets(bits: BitReader) -> tuple[ReferenceSet, ...]:
    sets: list[ReferenceSet] = []
    count = bounded(bits.ue(), 64, "num_short_term_ref_pic_sets")
    for index in range(count):
        sets.append(read_reference_set(bits, index, count, sets))
    return tuple(sets)


def read_reference_set(bits: BitReader, index: int, count: int, sets: list[ReferenceSet]) -> ReferenceSet:
    """Parse one short-term reference picture set (clause 7.3.7); `sets` are the ones before it.

    Raises:
        HeaderError: it ends early, names a set that is absent, or holds too many pictures.
    """
    if index and bits.flag():
        return _predicted_set(bits, index, count, sets)
    earlier_count = bounded(bits.ue(), _MAX_PICTURES, "num_negative_pics")
    later_count = bounded(bits.ue(), _MAX_PICTURES, "num_positive_pics")
    used = 0
    deltas: list[tuple[int, ...]] = []
    for pictures, sign in ((earlier_count, -1), (later_count, 1)):
        at, found = 0, []
        for _ in range(pictures):
            at += sign * (bits.ue() + 1)
            used += bits.flag()
            found.append(at)
        deltas.append(tuple(found))
    return deltas[0], deltas[1], used


def _predicted_set(bits: BitReader, index: int, count: int, sets: list[ReferenceSet]) -> ReferenceSet:
    back = bits.ue() + 1 if index == count else 1
    if back > index:
        raise HeaderError("a reference set is predicted from one that is absent")
    sign = bits.flag()
    shift = (1 - 2 * sign) * (bits.ue() + 1)
    earlier, later, _ = sets[index - back]
    kept: list[int] = []
    used = 0
    for delta in (*earlier, *later, 0):
        is_used = bits.flag()
        if is_used or bits.flag():
            kept.append(delta + shift)
            used += is_used
    if len(kept) > 2 * _MAX_PICTURES:
        raise HeaderError("too many pictures in a reference set")
    before = tuple(sorted((d for d in kept if d < 0), reverse=True))
    return before, tuple(sorted(d for d in kept if d > 0)), used


def read_picture(payload: bytes) -> HevcPicture:
    """Parse a picture parameter set (payload after the two header bytes, without emulation prevention).

    Raises:
        HeaderError: it ends early or breaks a limit of the standard.
    """
    bits = BitReader(payload[:512])
    number = bounded(bits.ue(), 63, "pps_pic_parameter_set_id")
    sequence = bounded(bits.ue(), 15, "pps_seq_parameter_set_id")
    dependent, output_flag = bits.flag(), bits.flag()
    extra_bits = bits.u(3)
    bits.skip(1)
    cabac_init = bits.flag()
    references = (bounded(bits.ue(), 14, "references") + 1, bounded(bits.ue(), 14, "references") + 1)
    initial_qp = 26 + bits.se()
    bits.skip(2)
    if bits.flag():
        bits.ue()
    bits.se()
    bits.se()
    bits.skip(1)
    weighted, weighted_b = bits.flag(), bits.flag()
    bits.skip(1)
    tiles, _wavefront = bits.flag(), bits.flag()
    if tiles:
        _skip_tiles(bits)
    bits.skip(1)
    if bits.flag():
        bits.skip(1)
        if not bits.flag():
            bits.se()
            bits.se()
    if bits.flag():
        _skip_scaling_lists(bits)
    return HevcPicture(
        number=number,
        sequence=sequence,
        dependent_slices=dependent,
        output_flag=output_flag,
        extra_bits=extra_bits,
        cabac_init=cabac_init,
        references=references,
        initial_qp=initial_qp,
        weighted=weighted,
        weighted_b=weighted_b,
        lists_modified=bits.flag(),
    )


def _skip_tiles(bits: BitReader) -> None:
    columns, rows = bounded(bits.ue(), 1023, "tile columns"), bounded(bits.ue(), 1023, "tile rows")
    if not bits.flag():
        for _ in range(columns + rows):
            bits.ue()
    bits.skip(1)
