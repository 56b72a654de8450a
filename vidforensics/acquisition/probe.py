"""What the demuxer says of a file before any decoding: its streams, one record each.

A path goes in and a `Probe` comes out; libav reads through a handle it cannot leave, and rotation comes from
the container's own display matrix. Unknown, infinite and absurd values become None, and every `_s` field
is counted from the earliest start of any picture or sound stream. Source: libavformat, ISO/IEC 23091-2.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from vidforensics.acquisition.display import Turn, read_turns
from vidforensics.acquisition.probe_words import (
    COLOUR_MATRICES,
    COLOUR_PRIMARIES,
    COLOUR_RANGES,
    COLOUR_TRANSFERS,
    FIELD_ORDERS,
    STREAM_KINDS,
)
from vidforensics.errors import NotMediaError
from vidforensics.media import REFERRING_FORMATS, open_evidence, open_media, printable
from vidforensics.types import Probe, Stream

if TYPE_CHECKING:
    from av.container import InputContainer

MAX_STREAMS = 1000
MAX_DURATION_S = 366 * 86400.0
MAX_START_S = 100 * 366 * 86400.0
MAX_RATE_HZ = 1000
MAX_TAGS = 200
MAX_TAG_CHARACTERS = 4096
MIN_BITS_PER_S = 1.0


def probe(path: Path) -> Probe:
    """Ask the demuxer what the file holds.

    Args:
        path: the clip; its name decides nothing, only its content does.

    Returns:
        Every stream with what is known of it; times count from the earliest start of picture or sound.

    Raises:
        InputError: the file cannot be opened.
        NotMediaError: it holds no picture and no sound stream that can be read.
    """
    import av.error

    with open_evidence(path) as handle:
        try:
            with open_media(handle) as container:
                return _probe(container, handle, path)
        except (av.error.FFmpegError, ValueError, AssertionError) as error:
            raise NotMediaError(_why_not(handle, path, error)) from error


def _probe(container: InputContainer, handle: BinaryIO, path: Path) -> Probe:
    names = set(container.format.name.split(","))
    if names & REFERRING_FORMATS:
        raise NotMediaError(f"{_name(path)} is a list of other files, not a clip; name the clip itself.")
    raw = list(container.streams)[:MAX_STREAMS]
    starts = [s for stream in raw if _is_examined(stream) if (s := _start(stream)) is not None]
    if not any(stream.type in ("video", "audio") for stream in raw):
        raise NotMediaError(f"{_name(path)} holds no picture and no sound stream; check that it is a clip.")
    origin_s = min(starts, default=0.0)
    size = handle.seek(0, 2)
    turns = read_turns(handle, size, container.format.name)
    streams = tuple(_stream(stream, origin_s, turns) for stream in raw)
    duration_s = _clip_duration(container, streams, size)
    return Probe(
        format_name=container.format.name,
        duration_s=duration_s,
        origin_s=origin_s,
        bit_rate_bps=round(size * 8 / duration_s) if duration_s else None,
        metadata=_tags(container.metadata),
        streams=streams,
    )


def _why_not(handle: BinaryIO, path: Path, error: Exception) -> str:
    """One sentence on why libav could not read the file."""
    handle.seek(0)
    head = handle.read(4096)
    if head.lstrip().startswith((b"#EXTM3U", b"ffconcat version", b"<MPD", b"v=0")):
        return f"{_name(path)} is a list of other files, not a clip; name the clip itself."
    if head[4:8] in (b"ftyp", b"mdat", b"moov", b"wide", b"free", b"skip"):
        return (
            f"{_name(path)} is cut off or damaged: its index (moov box) is missing or unreadable, and "
            "without it nothing can be decoded; get a complete copy."
        )
    if not any(head):
        return f"{_name(path)} begins with nothing but zeros; copy it again from where it came from."
    if b"\x00" not in head and _is_text(head):
        return f"{_name(path)} is text, not a media file; check that it is the right file."
    reason = printable(str(getattr(error, "strerror", None) or error), 120)
    return f"{_name(path)} is no media file that can be read ({reason}); check that it arrived whole."


def _is_text(head: bytes) -> bool:
    try:
        head[:4000].decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start > 3990
    return True


def _name(path: Path) -> str:
    return printable(str(path), 1000)


def _is_examined(stream: Any) -> bool:
    """Whether a stream counts for the timeline: picture or sound, and no attached picture."""
    return stream.type in ("video", "audio") and not _is_attached(stream)


def _is_attached(stream: Any) -> bool:
    from av.stream import Disposition

    return bool(stream.disposition & Disposition.attached_pic)


def _start(stream: Any) -> float | None:
    return _seconds(stream.start_time, stream.time_base, MAX_START_S)


def _seconds(ticks: int | None, time_base: Fraction | None, limit: float) -> float | None:
    """Exact product, then one rounding; None when unknown or absurd."""
    if ticks is None or not time_base:
        return None
    value = float(ticks * time_base)
    return value if math.isfinite(value) and abs(value) <= limit else None


def _clip_duration(container: InputContainer, streams: tuple[Stream, ...], size: int) -> float | None:
    """End of the last picture or sound stream; what the container declares where streams do not say."""
    examined = [s for s in streams if s.kind in ("video", "audio") and not s.is_attached_picture]
    ends = [(s.start_s or 0.0) + s.duration_s for s in examined if s.duration_s is not None]
    declared = _seconds(container.duration, Fraction(1, 1_000_000), MAX_DURATION_S)
    value = max(ends) if ends and len(ends) == len(examined) else max([*ends, declared or 0.0])
    is_absurd = value <= 0 or value > MAX_DURATION_S or size * 8 < value * MIN_BITS_PER_S
    return None if is_absurd else value


def _stream(stream: Any, origin_s: float, turns: Mapping[int, Turn]) -> Stream:
    """The record of one libav stream."""
    start_s = _start(stream)
    kind = STREAM_KINDS.get(stream.type, "data")
    tags = _tags(stream.metadata)
    context = stream.codec_context
    return Stream(
        index=stream.index,
        kind=kind,
        codec=_codec(stream),
        time_base=_ratio(stream.time_base),
        start_s=None if start_s is None else start_s - origin_s,
        duration_s=_positive(_seconds(stream.duration, stream.time_base, MAX_DURATION_S)),
        frame_count=stream.frames if 0 < stream.frames < 1 << 40 else None,
        language=tags.get("language"),
        handler=tags.get("handler_name"),
        vendor=_vendor(tags.get("vendor_id")),
        encoder=tags.get("encoder") or tags.get("ENCODER"),
        timecode=tags.get("timecode"),
        created_at=tags.get("creation_time"),
        is_attached_picture=_is_attached(stream),
        metadata=tags,
        **(_coded_fields(context) if context is not None else {}),
        **(_picture_fields(stream, turns) if kind == "video" and context is not None else {}),
        **(_sound_fields(context) if kind == "audio" and context is not None else {}),
    )


def _codec(stream: Any) -> str | None:
    context = stream.codec_context
    name = context.codec.canonical_name if context is not None else getattr(stream, "name", None)
    return None if name in (None, "none", "unknown_codec") else str(name)


def _coded_fields(context: Any) -> dict[str, Any]:
    level = context.level
    rate = context.bit_rate
    return {
        "codec_tag": _tag(context.codec_tag),
        "profile": context.profile,
        "level": level if level is not None and 0 < level < 10_000 else None,
        "bit_rate_bps": int(rate) if rate and 0 < rate < 1 << 40 else None,
    }


def _picture_fields(stream: Any, turns: Mapping[int, Turn]) -> dict[str, Any]:
    context = stream.codec_context
    turn = turns.get(stream.id, turns.get(-1 - stream.index))
    return {
        "width_px": context.width or None,
        "height_px": context.height or None,
        "frame_rate": _rate(stream.guessed_rate),
        "average_frame_rate": _rate(stream.average_rate),
        "rotation_deg": turn.rotation_deg if turn else None,
        "is_mirrored": turn.is_mirrored if turn else None,
        "sample_aspect": _ratio(stream.sample_aspect_ratio),
        "pixel_format": context.pix_fmt,
        "field_order": FIELD_ORDERS.get(context.field_order),
        "colour_range": COLOUR_RANGES.get(context.color_range),
        "colour_primaries": COLOUR_PRIMARIES.get(context.color_primaries),
        "colour_transfer": COLOUR_TRANSFERS.get(context.color_trc),
        "colour_matrix": COLOUR_MATRICES.get(context.colorspace),
    }


def _sound_fields(context: Any) -> dict[str, Any]:
    layout, form = context.layout, context.format
    return {
        "sample_rate_hz": context.sample_rate or None,
        "channels": context.channels or None,
        "channel_layout": layout.name if layout is not None and context.channels else None,
        "sample_format": form.name if form is not None else None,
    }


def _rate(value: Fraction | None) -> str | None:
    """A frame rate as "30000/1001"; None when unknown or absurd."""
    return _ratio(value) if value is not None and 0 < value <= MAX_RATE_HZ else None


def _ratio(value: Fraction | None) -> str | None:
    return f"{value.numerator}/{value.denominator}" if value is not None and value > 0 else None


def _positive(value: float | None) -> float | None:
    return value if value is not None and value > 0 else None


def _vendor(text: str | None) -> str | None:
    """The four-character vendor code; zeros, as libav prints them, mean none."""
    return None if text is None or text.strip("[]0 ") == "" else text


def _tag(text: str | None) -> str | None:
    return printable(text) if text and text.strip("\x00") else None


def _tags(metadata: Mapping[str, str]) -> dict[str, str]:
    """Tags with bounded count and length, as the demuxer names them."""
    return {
        str(key)[:MAX_TAG_CHARACTERS]: str(value)[:MAX_TAG_CHARACTERS]
        for key, value in list(metadata.items())[:MAX_TAGS]
    }
