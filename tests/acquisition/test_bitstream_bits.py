"""Bits, NAL units and parameter sets: round-trips, and hostile values."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vidforensics.acquisition import h264_sets, hevc_sets
from vidforensics.acquisition.bitstream_bits import (
    MAX_UNITS_PER_PACKET,
    BitReader,
    HeaderError,
    length_prefixed_units,
    start_code_units,
    without_emulation,
)
from vidforensics.acquisition.bitstream_columns import UNKNOWN
from vidforensics.acquisition.h264_headers import H264Reader
from vidforensics.acquisition.headers import header_reader
from vidforensics.acquisition.headers_sound import AacReader, Mp3Reader, aac_window
from vidforensics.acquisition.headers_text import encoder_name, encoder_options, encoder_text
from vidforensics.acquisition.headers_vpx import open_units, superframe
from vidforensics.acquisition.nal_sets import order_high, read_start


def coded(values: list[int]) -> bytes:
    bits = ""
    for value in values:
        plain = bin(value + 1)[2:]
        bits += "0" * (len(plain) - 1) + plain
    bits += "1" + "0" * (-(len(bits) + 1) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8, "big")


@given(st.lists(st.integers(0, 2**31 - 2), min_size=1, max_size=20))
def test_exponential_golomb_round_trip(values):
    bits = BitReader(coded(values))
    assert [bits.ue() for _ in values] == values


@given(st.lists(st.integers(-(2**20), 2**20), min_size=1, max_size=10))
def test_signed_exponential_golomb_round_trip(values):
    bits = BitReader(coded([2 * v - 1 if v > 0 else -2 * v for v in values]))
    assert [bits.se() for _ in values] == values


@given(st.binary(max_size=40), st.integers(0, 60))
def test_fixed_bits_equal_shifting(data, count):
    bits = BitReader(data)
    if count > 8 * len(data):
        with pytest.raises(HeaderError):
            bits.u(count)
    else:
        assert bits.u(count) == (int.from_bytes(data, "big") >> (8 * len(data) - count) if data else 0)


def test_reading_past_the_end_and_long_runs_raise():
    for read in (lambda b: b.u(9), lambda b: b.skip(9), lambda b: b.ue()):
        with pytest.raises(HeaderError):
            read(BitReader(b"\x00"))
    with pytest.raises(HeaderError):
        BitReader(b"\x00" * 100).ue()
    with pytest.raises(HeaderError):
        BitReader(b"").flag()


@given(st.lists(st.binary(min_size=1, max_size=30), max_size=8))
def test_length_prefixed_units_round_trip(units):
    data = b"".join(len(u).to_bytes(4, "big") + u for u in units)
    assert [data[a:b] for a, b in length_prefixed_units(data, 4)] == units


def test_start_code_units_and_limits():
    data = b"\x00\x00\x00\x01ab\x00\x00\x01c"
    units = [data[a:b].rstrip(b"\x00") for a, b in start_code_units(data)]
    assert units == [b"ab", b"c"]
    assert list(start_code_units(b"")) == []
    assert len(list(start_code_units(b"\x00\x00\x01x" * 5000))) == MAX_UNITS_PER_PACKET
    assert len(list(length_prefixed_units(b"\x00\x00\x00\x01x" * 5000, 4))) == MAX_UNITS_PER_PACKET
    assert list(length_prefixed_units(b"\xff\xff\xff\xff" + b"x" * 9, 4)) == []


def test_emulation_prevention_is_taken_out():
    assert without_emulation(b"\x00\x00\x03\x01") == b"\x00\x00\x01"
    assert without_emulation(b"abc") == b"abc"


@pytest.mark.parametrize("codec", ["h264", "hevc", "mpeg1video", "mpeg2video", "mpeg4", "vp8", "vp9", "av1"])
@settings(max_examples=150)
@given(data=st.lists(st.binary(max_size=120), max_size=6), extradata=st.binary(max_size=80))
def test_readers_never_raise(codec, data, extradata):
    reader = header_reader(codec, extradata)
    for number, packet in enumerate(data):
        for shape in (packet, b"\x00\x00\x01" + packet, len(packet).to_bytes(4, "big") + packet):
            assert reader.read(shape, number).kind in "?IPB"


@given(st.binary(max_size=400))
def test_parameter_sets_raise_nothing_else(payload):
    for read in (
        h264_sets.read_sequence,
        h264_sets.read_picture,
        hevc_sets.read_sequence,
        hevc_sets.read_picture,
    ):
        try:
            read(payload)
        except HeaderError:
            continue


def test_absurd_sizes_are_refused():
    payload = bytes([66, 0, 30]) + coded([0, 0, 0, 0, 1, 2**28])
    with pytest.raises(HeaderError):
        h264_sets.read_sequence(payload)


def test_unknown_codec_has_no_reader():
    assert header_reader("mjpeg", b"") is None


def test_slices_without_sets_say_nothing():
    header = H264Reader(b"").read(b"\x00\x00\x01\x65\x88\x84\x00\x10", 0)
    assert (header.kind, header.order) == ("?", UNKNOWN)


@given(st.binary(max_size=60))
def test_sound_readers_never_raise(data):
    from vidforensics.acquisition.bitstream_columns import SoundColumns

    columns = SoundColumns(1, "aac", 1 / 48000)
    for reader in (AacReader(), Mp3Reader()):
        for number in range(3):
            reader.look(data, number, columns)


def test_aac_window_of_a_channel_pair():
    pair = (1 << 29 | 1 << 24 | 2 << 21).to_bytes(4, "big")
    single = (3 << 14).to_bytes(4, "big")
    assert (aac_window(pair), aac_window(single)) == (2, 3)


def test_signatures():
    text = encoder_text(
        b"\x05junkx264 - core 164 r3095 - H.264/MPEG-4 AVC codec - options: cabac=1 keyint=250\x00"
    )
    assert encoder_name(text) == "x264 - core 164 r3095"
    assert encoder_options(text) == {"cabac": "1", "keyint": "250"}
    assert encoder_text(b"nothing here") is None


@given(st.binary(max_size=50))
def test_vpx_containers_of_frames_stay_in_bounds(data):
    assert sum(len(frame) for frame in superframe(data)) <= len(data)
    assert all(0 <= a <= b <= len(data) for _, a, b in open_units(data))


@given(st.integers(4, 16), st.lists(st.integers(-7, 7), min_size=1, max_size=60))
def test_order_counts_come_back_from_their_low_bits(low_bits, steps):
    span = 1 << low_bits
    before = true = 0
    for step in steps:
        true += step
        found = order_high(true % span, before % span, before - before % span, span) + true % span
        assert found == true
        before = found


def test_a_header_is_read_from_as_little_of_its_unit_as_suffices():
    tried: list[int] = []

    def parse(payload: bytes) -> bytes:
        tried.append(len(payload))
        if len(payload) < 100:
            raise HeaderError("header ends early")
        return payload[:1]

    unit = b"\xff\xff" + bytes(range(1, 201))
    assert read_start(unit, (2, 202), (40, 150), parse) == b"\x01"
    assert read_start(unit, (2, 202), (40, 60), parse) is None
    assert read_start(unit, (2, 22), (40, 150), parse) is None
    assert tried == [40, 150, 40, 60, 20]
