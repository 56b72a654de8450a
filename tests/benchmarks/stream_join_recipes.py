"""How test clips are coded and joined: one recipe per kind of join that people make.

Nothing goes in; recipes come out, for `stream_join_material` to follow. HARDEST are kinds that leave little.
"""

from __future__ import annotations

from dataclasses import dataclass

X264 = ("-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p")
X265 = ("-c:v", "libx265", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-x265-params", "log-level=none")
AAC = ("-c:a", "aac", "-b:a", "96k", "-ar", "48000", "-ac", "2")


@dataclass(frozen=True)
class Recipe:
    """How pieces are encoded and joined."""

    kind: str
    video: tuple[str, ...] = X264
    sound: tuple[str, ...] | None = AAC
    container: str = "mp4"
    output: str = "mp4"
    excerpt: bool = False
    same_source: bool = False
    exact: bool = True
    pieces: int = 2
    other_video: tuple[str, ...] | None = None
    raw_concat: bool = False
    join_extra: tuple[str, ...] = ()
    count: int = 6


GOP60 = ("-g", "60")
RECIPES = (
    Recipe("x264, whole files", X264),
    Recipe("x264, whole files, no sound, no B", (*X264, "-bf", "0"), None),
    Recipe("x264, whole files, other settings", X264, other_video=(*X264, "-crf", "30", "-refs", "1")),
    Recipe("x264, three whole files", X264, pieces=3, count=4),
    Recipe("x264, excerpts", (*X264, *GOP60), excerpt=True),
    Recipe("x264, excerpts cut off key frames", (*X264, *GOP60), excerpt=True, exact=False),
    Recipe("x264, excerpts, no sound", (*X264, *GOP60), None, excerpt=True),
    Recipe("x264, excerpts, fixed GOP", (*X264, "-g", "25", "-sc_threshold", "0"), excerpt=True),
    Recipe(
        "x264, excerpts, open GOP, no sound",
        (*X264, *GOP60, "-x264-params", "open-gop=1"),
        None,
        excerpt=True,
    ),
    Recipe("x264, middle removed", (*X264, *GOP60), excerpt=True, same_source=True),
    Recipe("x264, middle removed, no sound", (*X264, *GOP60), None, excerpt=True, same_source=True),
    Recipe("x264, excerpts, to Matroska", (*X264, *GOP60), output="mkv", excerpt=True),
    Recipe("x264, excerpts from Matroska", (*X264, *GOP60), container="mkv", excerpt=True, count=4),
    Recipe("x264, whole transport streams, bytes joined", X264, container="ts", output="ts", raw_concat=True),
    Recipe(
        "x264, transport stream excerpts, to MP4",
        (*X264, *GOP60),
        container="ts",
        excerpt=True,
        raw_concat=True,
    ),
    Recipe(
        "x264, excerpts, B-pyramid film settings", (*X264, *GOP60, "-preset", "slow"), excerpt=True, count=4
    ),
    Recipe("x265, whole files", X265, count=4),
    Recipe("x265, excerpts (open GOP)", (*X265[:-1], "log-level=none:keyint=60"), excerpt=True, count=4),
    Recipe(
        "x265, excerpts, closed GOP, no sound",
        (*X265[:-1], "log-level=none:keyint=60:open-gop=0"),
        None,
        excerpt=True,
        count=4,
    ),
    Recipe("MPEG-4, excerpts", ("-c:v", "mpeg4", "-q:v", "4", "-g", "25"), excerpt=True, count=5),
    Recipe(
        "MPEG-4, whole AVI with MP3",
        ("-c:v", "mpeg4", "-q:v", "4"),
        ("-c:a", "libmp3lame"),
        "avi",
        "avi",
        count=4,
    ),
    Recipe(
        "MPEG-2, transport stream excerpts",
        ("-c:v", "mpeg2video", "-q:v", "4", "-bf", "2"),
        ("-c:a", "mp2"),
        "ts",
        "ts",
        True,
        raw_concat=True,
        count=5,
    ),
    Recipe(
        "VP9, whole WebM",
        ("-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-g", "60"),
        ("-c:a", "libopus"),
        "webm",
        "webm",
        count=5,
    ),
    Recipe(
        "VP9, excerpts",
        ("-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-g", "60"),
        ("-c:a", "libopus"),
        "webm",
        "webm",
        True,
        count=5,
    ),
)
HARDEST = (
    Recipe("x264, excerpts, no sound, no B", (*X264, *GOP60, "-bf", "0"), None, excerpt=True, count=10),
    Recipe(
        "x264, middle removed, no sound, no B",
        (*X264, *GOP60, "-bf", "0"),
        None,
        excerpt=True,
        same_source=True,
        count=10,
    ),
    Recipe(
        "VP9, excerpts, no sound",
        ("-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-g", "60"),
        None,
        "webm",
        "webm",
        True,
        count=6,
    ),
)
