"""The words of a probe: names for the numbers that libav gives.

Numbers of ISO/IEC 23091-2 (colour) and of libavcodec's enumerations go in and names come out; "unspecified"
and reserved numbers have none, so they become None. The names are those of the ffmpeg tools.
Source: ISO/IEC 23091-2:2021 tables 2 to 4, libavcodec/defs.h.
"""

from __future__ import annotations

from collections.abc import Mapping

from vidforensics.types import StreamKind

STREAM_KINDS: Mapping[str, StreamKind] = {
    "video": "video",
    "audio": "audio",
    "subtitle": "subtitle",
    "data": "data",
    "attachment": "attachment",
}

FIELD_ORDERS = {1: "progressive", 2: "tt", 3: "bb", 4: "tb", 5: "bt"}
COLOUR_RANGES = {1: "tv", 2: "pc"}
COLOUR_PRIMARIES = {
    1: "bt709",
    4: "bt470m",
    5: "bt470bg",
    6: "smpte170m",
    7: "smpte240m",
    8: "film",
    9: "bt2020",
    10: "smpte428",
    11: "smpte431",
    12: "smpte432",
    22: "ebu3213",
}
COLOUR_TRANSFERS = {
    1: "bt709",
    4: "bt470m",
    5: "bt470bg",
    6: "smpte170m",
    7: "smpte240m",
    8: "linear",
    9: "log100",
    10: "log316",
    11: "iec61966-2-4",
    12: "bt1361e",
    13: "iec61966-2-1",
    14: "bt2020-10",
    15: "bt2020-12",
    16: "smpte2084",
    17: "smpte428",
    18: "arib-std-b67",
}
COLOUR_MATRICES = {
    0: "gbr",
    1: "bt709",
    4: "fcc",
    5: "bt470bg",
    6: "smpte170m",
    7: "smpte240m",
    8: "ycgco",
    9: "bt2020nc",
    10: "bt2020c",
    11: "smpte2085",
    12: "chroma-derived-nc",
    13: "chroma-derived-c",
    14: "ictcp",
}
