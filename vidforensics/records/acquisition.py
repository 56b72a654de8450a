"""Records of acquisition: what the file is, its streams, its container, its coded pictures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from vidforensics.records.arrays import BoolArray, FloatArray, IntArray, StrArray

StreamKind = Literal["video", "audio", "subtitle", "data", "attachment"]
FindingLevel = Literal["info", "notice", "anomaly"]
WriterFamily = Literal["phone or camera", "editor", "encoder library", "platform", "unknown"]
CredentialState = Literal["none", "valid", "invalid", "unreadable"]


@dataclass(frozen=True, slots=True)
class Digest:
    """What the evidence file is, byte for byte. Hashes are lower-case hex."""

    sha256: str
    md5: str
    size_bytes: int
    modified_at: str | None


@dataclass(frozen=True, slots=True)
class Clip:
    """The file under examination, as every JSON document names it."""

    path: str
    sha256: str
    duration_s: float | None
    md5: str | None = None
    size_bytes: int | None = None
    modified_at: str | None = None


@dataclass(frozen=True, slots=True)
class Stream:
    """One coded stream. Rates and ratios are exact fractions written "30000/1001".

    `rotation_deg` is what the container asks for: degrees clockwise, 0 to 359, that set the decoded picture
    upright, after mirroring left to right where `is_mirrored`.
    """

    index: int
    kind: StreamKind
    codec: str | None
    codec_tag: str | None = None
    profile: str | None = None
    level: int | None = None
    time_base: str | None = None
    start_s: float | None = None
    duration_s: float | None = None
    frame_count: int | None = None
    bit_rate_bps: int | None = None
    width_px: int | None = None
    height_px: int | None = None
    frame_rate: str | None = None
    average_frame_rate: str | None = None
    rotation_deg: int | None = None
    is_mirrored: bool | None = None
    sample_aspect: str | None = None
    pixel_format: str | None = None
    field_order: str | None = None
    colour_range: str | None = None
    colour_primaries: str | None = None
    colour_transfer: str | None = None
    colour_matrix: str | None = None
    sample_rate_hz: int | None = None
    channels: int | None = None
    channel_layout: str | None = None
    sample_format: str | None = None
    language: str | None = None
    handler: str | None = None
    vendor: str | None = None
    encoder: str | None = None
    timecode: str | None = None
    created_at: str | None = None
    is_attached_picture: bool = False
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Probe:
    """What the demuxer says before any decoding. `origin_s` is the raw time that became 0."""

    format_name: str
    duration_s: float | None
    origin_s: float
    bit_rate_bps: int | None
    metadata: Mapping[str, str]
    streams: tuple[Stream, ...]

    def first(self, kind: StreamKind) -> Stream | None:
        """The stream of that kind which is examined: the first that is not an attached picture."""
        return next((s for s in self.streams if s.kind == kind and not s.is_attached_picture), None)


@dataclass(frozen=True, slots=True)
class Box:
    """One box, element or chunk of a container, where it lies and what it says."""

    kind: str
    offset_bytes: int
    size_bytes: int
    summary: str = ""
    children: tuple[Box, ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """A fact about the file's structure. `code` is stable, `sentence` is for people."""

    code: str
    level: FindingLevel
    sentence: str
    offset_bytes: int | None = None
    time_s: float | None = None


@dataclass(frozen=True, slots=True)
class WriterReading:
    """Who wrote this file last, as far as its structure says; never more than `facts` support."""

    name: str
    family: WriterFamily
    facts: tuple[str, ...]
    limits: str


@dataclass(frozen=True, slots=True)
class Container:
    """The container as its own bytes lay it out. `format`: iso-bmff, matroska, avi, or other."""

    format: str
    boxes: tuple[Box, ...]
    fields: Mapping[str, str]
    findings: tuple[Finding, ...]
    writer: WriterReading


@dataclass(frozen=True, slots=True)
class ContentCredentials:
    """The C2PA manifest, if any. `none` means nothing: most platforms strip it."""

    state: CredentialState
    sentence: str
    manifest: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class PacketTable:
    """Packets of one picture stream in decoding order; all arrays have shape (N,).

    pts_s, dts_s float64 (NaN unknown) · size_bytes int64 · is_key bool · frame_type '<U1' in I, P, B
    and ? · qp float64, the mean slice quantiser (NaN where the codec gives none) · offset_bytes int64.
    """

    pts_s: FloatArray
    dts_s: FloatArray
    size_bytes: IntArray
    is_key: BoolArray
    frame_type: StrArray
    qp: FloatArray
    offset_bytes: IntArray


@dataclass(frozen=True, slots=True)
class Gop:
    """One group of pictures; `pattern` is the frame types in decoding order, e.g. "IPBBP"."""

    start_s: float
    end_s: float
    frame_count: int
    size_bytes: int
    pattern: str


@dataclass(frozen=True, slots=True)
class EncoderSettings:
    """An encoder's own description of itself, found in the coded stream at one packet."""

    packet: int
    time_s: float
    name: str
    text: str


@dataclass(frozen=True, slots=True)
class ParameterSet:
    """A parameter set in the stream: `kind` SPS, PPS, VPS or sequence; `changed` against the one before."""

    packet: int
    time_s: float
    kind: str
    changed: bool
    summary: str


@dataclass(frozen=True, slots=True)
class JoinCue:
    """One reason to think that two coded streams meet at `time_s`, the first frame after the join."""

    packet: int
    time_s: float
    cue: str
    weight: float
    sentence: str


@dataclass(frozen=True, slots=True)
class DoubleCompression:
    """Traces of an earlier compression (VPF). Not applicable where B-frames hide them."""

    applicable: bool
    sentence: str
    first_gop_frames: int | None = None
    strength: float | None = None


@dataclass(frozen=True, slots=True)
class Bitstream:
    """The coded picture stream, read without a full decode; empty tables for a clip with no picture."""

    stream_index: int | None
    codec: str | None
    packets: PacketTable
    gops: tuple[Gop, ...]
    encoder_settings: tuple[EncoderSettings, ...]
    parameter_sets: tuple[ParameterSet, ...]
    has_b_frames: bool | None
    join_cues: tuple[JoinCue, ...]
    findings: tuple[Finding, ...]
    not_read: str | None = None
