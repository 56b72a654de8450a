"""Small media made in memory for the tests of acquisition."""

from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np


def box(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I", len(body) + 8) + kind + body


def write_clip(
    path: Path,
    *,
    codec: str = "mpeg4",
    size: tuple[int, int] = (64, 48),
    frames: int = 5,
    sounds: int = 1,
    tags: dict[str, str] | None = None,
    options: dict[str, str] | None = None,
    rotation_deg: int = 0,
) -> Path:
    """A moving gradient with tones; the extension chooses the container."""
    with av.open(str(path.absolute()), "w", options=options or {}) as container:
        container.metadata.update(tags or {})
        picture = None
        if frames:
            picture = container.add_stream(codec, rate=Fraction(25))
            picture.width, picture.height, picture.pix_fmt = *size, "yuv420p"
            if rotation_deg:
                picture.set_display_rotation(rotation_deg)
        tracks = [
            container.add_stream("pcm_s16le" if path.suffix == ".avi" else "aac", rate=48000)
            for _ in range(sounds)
        ]
        for track in tracks:
            track.layout = "mono"
        if picture is not None:
            for index in range(frames):
                plane = np.add.outer(np.arange(size[1]), np.arange(size[0])) * 3 + index * 9
                rgb = np.repeat((plane % 256).astype(np.uint8)[:, :, None], 3, axis=2)
                container.mux(picture.encode(av.VideoFrame.from_ndarray(rgb, format="rgb24")))
            container.mux(picture.encode())
        for track in tracks:
            form = "s16" if path.suffix == ".avi" else "fltp"
            tone = np.sin(np.arange(9600) / 20)[None]
            samples = (tone * 9000).astype(np.int16) if form == "s16" else tone.astype(np.float32)
            frame = av.AudioFrame.from_ndarray(samples, format=form, layout="mono")
            frame.sample_rate = 48000
            container.mux(track.encode(frame))
            container.mux(track.encode())
    return path


def minimal_movie(
    *, media: bytes = b"\x00" * 100, used: int | None = None, extra: bytes = b"", **fields: bytes
) -> bytes:
    """An MP4 built by hand: one track with one chunk of `used` bytes of media data."""
    used = len(media) if used is None else used
    ftyp = box(b"ftyp", b"isom", b"\x00\x00\x02\x00", b"isommp41")

    def moov(chunk: int) -> bytes:
        full = b"\x00" * 4
        mvhd = box(
            b"mvhd", full, fields.get("created", b"\x00" * 8), struct.pack(">II", 1000, 1000), b"\x00" * 80
        )
        matrix = fields.get("matrix", struct.pack(">9i", 65536, 0, 0, 0, 65536, 0, 0, 0, 1 << 30))
        tkhd = box(
            b"tkhd", full, fields.get("track_created", b"\x00" * 8), struct.pack(">IIII", 1, 0, 1000, 0),
            b"\x00" * 12, matrix, struct.pack(">II", 64 << 16, 48 << 16),
        )  # fmt: skip
        mdhd = box(b"mdhd", full, b"\x00" * 8, struct.pack(">IIHH", 1000, 1000, 0x55C4, 0))
        hdlr = box(
            b"hdlr", full, b"\x00" * 4, b"vide", b"\x00" * 12, fields.get("handler", b"VideoHandler"), b"\x00"
        )
        entry = box(b"mp4v", b"\x00" * 6, b"\x00\x01", b"\x00" * 16, struct.pack(">HH", 64, 48), b"\x00" * 50)
        entries = fields.get("entries", struct.pack(">I", 1) + entry)
        stbl = box(
            b"stbl",
            box(b"stsd", full, entries),
            box(b"stts", full, struct.pack(">III", 1, 1, 1000)),
            box(b"stsc", full, struct.pack(">IIII", 1, 1, 1, 1)),
            box(b"stsz", full, struct.pack(">III", 0, 1, used)),
            box(b"stco", full, struct.pack(">II", 1, chunk)),
        )
        dinf = box(
            b"dinf",
            box(
                b"dref",
                full,
                struct.pack(">I", 1),
                fields.get("reference", box(b"url ", b"\x00\x00\x00\x01")),
            ),
        )
        mdia = box(b"mdia", mdhd, hdlr, box(b"minf", dinf, stbl))
        edts = box(b"edts", fields["edits"]) if "edits" in fields else b""
        return box(b"moov", mvhd, box(b"trak", tkhd, edts, mdia), fields.get("user", b""))

    head = ftyp + moov(0)
    return ftyp + moov(len(head) + 8) + box(b"mdat", media) + extra


def edit_list(*entries: tuple[int, int]) -> bytes:
    rows = b"".join(struct.pack(">Iii", duration, start, 65536) for duration, start in entries)
    return box(b"elst", b"\x00" * 4, struct.pack(">I", len(entries)), rows)
