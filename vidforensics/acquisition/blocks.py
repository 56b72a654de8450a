"""Per-block quantisers and motion vectors of a stretch, written for people who look into the coding.

A path, its probe and a folder go in; compressed array files and a small index come out, a few dozen frames
at a time, so that memory stays flat. This decodes: H.264 gives both, MPEG-1, 2 and 4 motion vectors only.
Source: side data of libavcodec's decoders (AVVideoEncParams, AVMotionVector).
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vidforensics.errors import DecodeError, OutputError, UsageError
from vidforensics.media import open_evidence, open_media
from vidforensics.types import Probe

if TYPE_CHECKING:
    from numpy.typing import NDArray

READABLE = ("h264", "mpeg1video", "mpeg2video", "mpeg4")
FRAMES_PER_FILE = 32
MAX_BLOCKS_PER_FRAME = 4_000_000
_BLOCK = np.dtype([("x", "<i4"), ("y", "<i4"), ("w", "<i4"), ("h", "<i4"), ("dqp", "<i4")])
_HEADER = struct.Struct("<I4xQQii")
_KINDS = {1: "I", 2: "P", 3: "B"}
_VECTOR_FIELDS = (
    "source",
    "w",
    "h",
    "src_x",
    "src_y",
    "dst_x",
    "dst_y",
    "motion_x",
    "motion_y",
    "motion_scale",
)
_VECTOR = np.dtype([("frame", "<i4"), *((name, "<i4") for name in _VECTOR_FIELDS)])


@dataclass(slots=True)
class _Batch:
    """Frames gathered for one array file."""

    times_s: list[float] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)
    qp: list[NDArray[np.int16]] = field(default_factory=list)
    vectors: list[NDArray[np.void]] = field(default_factory=list)


def write_blocks(
    path: Path, probe: Probe, folder: Path, *, start_s: float | None = None, end_s: float | None = None
) -> tuple[str, ...]:
    """Write per-block quantisers and motion vectors of a stretch.

    Each `blocks_NNNNNN.npz` holds times_s (n,) float64, frame_type (n,) '<U1', qp (n, rows, columns) int16
    (−1 unknown; 16×16 luma blocks), and motion (m,) structured: the frame's number within the file, from
    past (source < 0) or future, block size, source and destination position in px, and the vector in units
    of 1/motion_scale px. `blocks.json` lists the files with their times.

    Args:
        path: the clip.
        probe: what `probe` said of it.
        folder: an existing folder to write into.
        start_s: first presentation time of interest; None is the beginning.
        end_s: presentation time to stop before; None is the end.

    Returns:
        Names of the files relative to `folder`, the index first; () where the codec gives no blocks or the
        stretch holds no frame.

    Raises:
        UsageError: the stretch ends before it starts.
        DecodeError: the file cannot be decoded at all.
        OutputError: the folder cannot be written to.
    """
    if start_s is not None and end_s is not None and end_s < start_s:
        raise UsageError(f"the stretch ends at {end_s} s, before it starts at {start_s} s; swap the two")
    stream = probe.first("video")
    if stream is None or stream.codec not in READABLE:
        return ()
    window = (-math.inf if start_s is None else start_s, math.inf if end_s is None else end_s)
    rows: list[dict[str, Any]] = []
    for batch in _batches(path, probe, stream.index, window):
        rows.append(_write_batch(folder, len(rows), batch))
    if not rows:
        return ()
    index = {"clip": path.name, "codec": stream.codec, "block_px": 16, "files": rows}
    _write(folder / "blocks.json", json.dumps(index, indent=1).encode())
    return ("blocks.json", *(row["file"] for row in rows))


def _batches(path: Path, probe: Probe, index: int, window: tuple[float, float]) -> Iterator[_Batch]:
    batch = _Batch()
    for frame, time_s in _frames(path, probe, index, window):
        batch.times_s.append(time_s)
        batch.kinds.append(_KINDS.get(int(frame.pict_type), "?"))
        batch.qp.append(_quantisers(frame))
        batch.vectors.append(_vectors(frame, len(batch.times_s) - 1))
        if len(batch.times_s) >= FRAMES_PER_FILE:
            yield batch
            batch = _Batch()
    if batch.times_s:
        yield batch


def _frames(path: Path, probe: Probe, index: int, window: tuple[float, float]) -> Iterator[tuple[Any, float]]:
    """Decoded frames of the window with their times; damaged packets are passed over."""
    import av

    try:
        with open_evidence(path) as handle, open_media(handle) as container:
            stream = container.streams[index]
            stream.codec_context.options = {"export_side_data": "venc_params", "flags2": "+export_mvs"}
            base_s = float(stream.time_base or 0)
            if window[0] > 0 and base_s:
                container.seek(int((window[0] + probe.origin_s) / base_s), stream=stream)
            for packet in container.demux(stream):
                try:
                    frames = packet.decode()
                except av.error.InvalidDataError:
                    continue
                for frame in frames:
                    if not isinstance(frame, av.VideoFrame) or frame.pts is None:
                        continue
                    time_s = frame.pts * base_s - probe.origin_s
                    if time_s >= window[1]:
                        return
                    if time_s >= window[0]:
                        yield frame, time_s
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise DecodeError(f"{path} cannot be decoded ({error}); check that it is complete") from error


def _quantisers(frame: Any) -> NDArray[np.int16]:
    """Quantiser per 16×16 block, shape (rows, columns), −1 where the decoder gave none."""
    grid = np.full(((frame.height + 15) // 16, (frame.width + 15) // 16), -1, dtype=np.int16)
    side = frame.side_data.get("VIDEO_ENC_PARAMS")
    if side is None:
        return grid
    data = memoryview(side)
    count, offset, size, _kind, base = _HEADER.unpack_from(data)
    if size != _BLOCK.itemsize or count > MAX_BLOCKS_PER_FRAME or offset + count * size > len(data):
        return grid
    blocks = np.frombuffer(data, _BLOCK, count, offset)
    row, column = blocks["y"] // 16, blocks["x"] // 16
    inside = (row >= 0) & (row < grid.shape[0]) & (column >= 0) & (column < grid.shape[1])
    grid[row[inside], column[inside]] = (blocks["dqp"] + base)[inside]
    return grid


def _vectors(frame: Any, number: int) -> NDArray[np.void]:
    side = frame.side_data.get("MOTION_VECTORS")
    if side is None:
        return np.empty(0, dtype=_VECTOR)
    raw = side.to_ndarray()
    vectors = np.empty(len(raw), dtype=_VECTOR)
    vectors["frame"] = number
    for name in _VECTOR_FIELDS:
        vectors[name] = raw[name]
    return vectors


def _write_batch(folder: Path, number: int, batch: _Batch) -> dict[str, Any]:
    name = f"blocks_{number:06d}.npz"
    shape = batch.qp[0].shape
    same = [qp if qp.shape == shape else np.full(shape, -1, dtype=np.int16) for qp in batch.qp]
    try:
        np.savez_compressed(
            folder / name,
            times_s=np.array(batch.times_s),
            frame_type=np.array(batch.kinds, dtype="<U1"),
            qp=np.stack(same),
            motion=np.concatenate(batch.vectors),
        )
    except OSError as error:
        raise OutputError(
            f"{folder / name} cannot be written ({error}); free space or choose another folder"
        ) from error
    return {
        "file": name,
        "frames": len(batch.times_s),
        "start_s": batch.times_s[0],
        "last_s": batch.times_s[-1],
    }


def _write(path: Path, data: bytes) -> None:
    try:
        path.write_bytes(data)
    except OSError as error:
        raise OutputError(
            f"{path} cannot be written ({error}); free space or choose another folder"
        ) from error
