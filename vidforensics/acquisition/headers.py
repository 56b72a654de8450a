"""Which reader understands which codec's headers, and what is not read for the others.

A codec name and the container's header bytes go in; a reader, or the reason why there is none, comes out.
"""

from __future__ import annotations

from vidforensics.acquisition.bitstream_columns import HeaderReader
from vidforensics.acquisition.h264_headers import H264Reader
from vidforensics.acquisition.headers_mpeg import Mpeg4Reader, Mpeg12Reader
from vidforensics.acquisition.headers_vpx import Av1Reader, Vp8Reader, Vp9Reader
from vidforensics.acquisition.hevc_headers import HevcReader

MAX_EXTRADATA_BYTES = 1 << 20


def header_reader(codec: str, extradata: bytes) -> HeaderReader | None:
    """A reader for the codec, primed with the container's header; None if its headers are not read."""
    extradata = extradata[:MAX_EXTRADATA_BYTES]
    match codec:
        case "h264":
            return H264Reader(extradata)
        case "hevc":
            return HevcReader(extradata)
        case "mpeg1video" | "mpeg2video":
            return Mpeg12Reader(extradata)
        case "mpeg4":
            return Mpeg4Reader(extradata)
        case "vp8" | "libvpx":
            return Vp8Reader(extradata)
        case "vp9" | "libvpx-vp9":
            return Vp9Reader(extradata)
        case "av1" | "libdav1d" | "libaom-av1":
            return Av1Reader(extradata)
    return None
