"""The marks that programs, phones and platforms leave in a container, as a table.

A rule names a writer, the fields that must all match before the reading is given, and fields that support it
when they are there. Order is precedence: what a writer puts into every file it finishes stands before what
survives a re-mux (handler names do), because the question is who wrote the file last.
Sources: the muxers' own code and manuals, registered brands (mp4ra.org), Apple QuickTime and Android metadata
keys, and marks seen in published files; no rule rests on a guess about a platform. docs/acquisition.md names
the source of each platform's marks.
"""

from __future__ import annotations

from dataclasses import dataclass

from vidforensics.types import WriterFamily

Mark = tuple[str, str]
"""Regular expressions for a field's key (whole) and its value (anywhere)."""

_TOOL = r"(ilst|udta|keys)\.(track\d+\.)?(©too|©swr|©enc|encoder|com\.apple\.quicktime\.software)"
_HANDLER = r"track\d+\.handler"
_MATROSKA = r"Info\.(WritingApp|MuxingApp)"
_TEXT = r"(ilst|keys|udta)\.(©cmt|desc|ldes|comment|description)"
_ANY_TOOL = r"(INFO\.ISFT|JUNK|tag\.(encoder|ENCODER)|stream\d+\.(encoder|ENCODER))"


@dataclass(frozen=True, slots=True)
class WriterRule:
    """One reading. `name` may use {0}, {1}: the groups in the values of the required marks, in order."""

    name: str
    family: WriterFamily
    required: tuple[Mark, ...]
    supporting: tuple[Mark, ...] = ()


RULES: tuple[WriterRule, ...] = (
    # a box of its own, which every other writer would drop
    WriterRule(
        "WhatsApp",
        "platform",
        (("box_order", r"^ftyp (?:loop )?beam(?: |$)"),),
        (("box_order", r"(?:^| )loop(?: |$)"), (_HANDLER, r"^Core Media")),
    ),
    # tags that a platform writes with the ffmpeg library, and that ffmpeg copies when it re-muxes
    WriterRule(
        "Bilibili transcoder, or an ffmpeg re-mux of its file",
        "platform",
        ((_TEXT, r"Packed by Bilibili XCoder"),),
        ((_TOOL, r"^Lavf"),),
    ),
    WriterRule(
        "ByteDance service (TikTok, Douyin or another), or an ffmpeg re-mux of its file",
        "platform",
        ((_TEXT, r"^vid:v[0-9a-z]{20,}"),),
        ((_TOOL, r"^Lavf"),),
    ),
    # the program names itself in every file it finishes
    WriterRule("HandBrake {0}", "encoder library", ((_TOOL, r"^HandBrake ([\w.-]+)"),)),
    WriterRule("HandBrake {0}", "encoder library", ((_MATROSKA, r"^HandBrake ([\w.-]+)"),)),
    WriterRule("Clipchamp", "editor", ((_TOOL, r"clipchamp\.com"),)),
    WriterRule("DaVinci Resolve", "editor", ((_TOOL, r"DaVinci Resolve"),)),
    WriterRule("Apple Final Cut or iMovie", "editor", ((r"keys\.com\.apple\.proapps\..*", r""),)),
    WriterRule(
        "ffmpeg library ({0})",
        "encoder library",
        ((_TOOL, r"^(Lavf[\d.]*)"),),
        ((_HANDLER, r"^\w+Handler$"),),
    ),
    WriterRule("ffmpeg library ({0})", "encoder library", ((_MATROSKA, r"^(Lavf[\d.]*)"),)),
    WriterRule("ffmpeg library ({0})", "encoder library", ((_ANY_TOOL, r"^(Lavf[\d.]*)"),)),
    WriterRule("ffmpeg library ({0})", "encoder library", ((_ANY_TOOL, r"^(Lavc[\d.]*)"),)),
    WriterRule(
        "MKVToolNix ({0})",
        "encoder library",
        ((r"Info\.WritingApp", r"^(mkvmerge v[\d.]+)"),),
        ((_MATROSKA, r"libmatroska"),),
    ),
    WriterRule(
        "libmatroska program ({0})", "encoder library", ((r"Info\.MuxingApp", r"(libmatroska v?[\d.]+)"),)
    ),
    WriterRule("Google video service (YouTube or another)", "platform", ((r"Info\.WritingApp", r"^google"),)),
    WriterRule("Chrome or a Chromium browser's recorder", "encoder library", ((_MATROSKA, r"^Chrome$"),)),
    WriterRule("Firefox's recorder", "encoder library", ((_MATROSKA, r"^QTmuxingAppLibWebM"),)),
    WriterRule("GStreamer", "encoder library", ((_MATROSKA, r"^GStreamer"),)),
    WriterRule("libwebm program ({0})", "encoder library", ((_MATROSKA, r"^(libwebm-[\d.]+|vpxenc\S*)"),)),
    WriterRule("VirtualDub ({0})", "editor", ((_ANY_TOOL, r"^(VirtualDub\S*(?: build \d+)?)"),)),
    WriterRule("MEncoder", "encoder library", ((_ANY_TOOL, r"^MEncoder"),)),
    WriterRule(
        "{0} camera",
        "phone or camera",
        ((r"INFO\.ISFT", r"^(Canon|NIKON|CASIO|SONY|KODAK|FUJIFILM|OLYMPUS|Panasonic)"),),
    ),
    # platforms and devices that mark their own output
    WriterRule("Twitter", "platform", ((_HANDLER, r"^Twitter-vork muxer"),)),
    WriterRule("Vimeo", "platform", ((_HANDLER, r"^Vimeo Artax"),)),
    WriterRule(
        "Google video service (YouTube or another)",
        "platform",
        ((_HANDLER, r"^(ISO Media file produced by|IsoMedia File Produced by) Google"),),
    ),
    WriterRule(
        "{0} {1}",
        "phone or camera",
        (
            (r"keys\.com\.apple\.quicktime\.make", r"^(Apple)$"),
            (r"keys\.com\.apple\.quicktime\.model", r"(.+)"),
        ),
        ((r"keys\.com\.apple\.quicktime\.(software|creationdate)", r""), (_HANDLER, r"^Core Media")),
    ),
    WriterRule(
        "GoPro camera",
        "phone or camera",
        ((_HANDLER, r"GoPro AVC|GoPro H\.26"),),
        ((r"udta\.(FIRM|CAME|LENS)", r""),),
    ),
    WriterRule("DJI camera", "phone or camera", ((_HANDLER, r"^DJI\.(AVC|HEVC|Meta)"),)),
    WriterRule("Sony camera or program (XAVC)", "phone or camera", ((r"ftyp\.major_brand", r"^XAVC"),)),
    WriterRule("Canon camera", "phone or camera", ((r"udta\.CNTH", r""),)),
    # Android's own muxer has these handlers under other brands; ffmpeg, with these brands, adds a free box
    WriterRule(
        "Telegram for Android, or an app with the same video writer",
        "platform",
        (
            (r"track\d+\.handler", r"^(?:Video|Sound)Handle$"),
            (r"ftyp\.compatible_brands", r"^isom iso2 avc1 mp41$"),
            (r"box_order", r"^ftyp mdat(?:×\d+)? moov$"),
        ),
    ),
    WriterRule(
        "Android media framework (Android {0})",
        "phone or camera",
        ((r"keys\.com\.android\.version", r"(.+)"),),
        (
            (r"keys\.com\.android\.(manufacturer|model|capture\.fps)", r""),
            (_HANDLER, r"^(Video|Sound)Handle$"),
        ),
    ),
    WriterRule(
        "Android media framework",
        "phone or camera",
        ((_HANDLER, r"^VideoHandle$"),),
        ((_HANDLER, r"^SoundHandle$"),),
    ),
    WriterRule(
        "{0}",
        "editor",
        ((r"xmp\.tool\d+", r"^(Adobe (?:Premiere|After Effects|Media Encoder).*)"),),
        ((_HANDLER, r"Mainconcept"),),
    ),
    WriterRule(
        "MainConcept muxer, as in Adobe and other editors",
        "editor",
        ((_HANDLER, r"Mainconcept .*Media Handler"),),
    ),
    # libraries that leave their name in handlers or unused space
    WriterRule("GPAC (MP4Box)", "encoder library", ((_HANDLER, r"GPAC"),)),
    WriterRule("GPAC (MP4Box)", "encoder library", ((r"free\.text", r"Produced with GPAC"),)),
    WriterRule("L-SMASH", "encoder library", ((_HANDLER, r"^L-SMASH"),)),
    WriterRule("Bento4", "encoder library", ((_HANDLER, r"^Bento4"),)),
    WriterRule("AWS Elemental", "encoder library", ((_HANDLER, r"^ETI ISO"),)),
    WriterRule("Unified Streaming", "encoder library", ((_HANDLER, r"USP by CodeShop"),)),
    WriterRule(
        "Apple Core Media (any Apple device or program)",
        "encoder library",
        ((_HANDLER, r"^Core Media (Video|Audio)"),),
    ),
    WriterRule("Apple QuickTime", "encoder library", ((_HANDLER, r"^Apple (Video|Sound) Media Handler"),)),
)

# Names that a re-mux keeps: they tell of a writer before the last one.
KEPT_MARKS: tuple[tuple[str, str, str], ...] = (
    (_HANDLER, r"Produced by Google|produced by Google", "a Google video service"),
    (_HANDLER, r"^Core Media", "Apple software"),
    (_HANDLER, r"Mainconcept", "the MainConcept muxer"),
    (_HANDLER, r"GPAC", "GPAC"),
    (_HANDLER, r"^(Video|Sound)Handle$", "the Android media framework"),
    (_HANDLER, r"^Vimeo Artax", "Vimeo"),
    (_HANDLER, r"^Twitter-vork", "Twitter"),
    (_HANDLER, r"^ETI ISO", "AWS Elemental"),
    (r"keys\.com\.apple\.quicktime\.(make|model)", r"", "an Apple camera"),
    (r"keys\.com\.android\.version", r"", "an Android device"),
)

LIMITS: dict[WriterFamily, str] = {
    "phone or camera": (
        "These tags can be copied or written by hand, and any re-mux may keep them: they do not prove that "
        "the file came straight from the device."
    ),
    "editor": "It names the program that saved the file, not what was changed in it, if anything.",
    "encoder library": (
        "Very many programs, sites and download tools use it: a re-mux rewrites the container without "
        "touching the pictures, so it tells nothing of where they came from or whether they were changed."
    ),
    "platform": (
        "Services and their apps re-encode what they are given: it speaks for a passage through one of them, "
        "not for who sent it or what the file was before, and a re-mux may keep marks and a hand copy them."
    ),
    "unknown": "A file without known marks may come from anywhere; nothing follows from their absence.",
}
