"""Every record that travels between stages, and the words the whole project uses for them.

Plain frozen dataclasses go in and out of every stage; nothing here computes. `schema.py` turns them
into JSON, where field names become keys, so a field's name is a public promise.

Glossary
    clip            the one file under examination (the suspect, in a case; the query, in a trace)
    presentation time   `pts × time_base`, shifted so that the earliest first timestamp of any
                    picture or sound stream is 0; every `_s` field of a record is on this timeline
    origin          the raw presentation time that became 0
    stream / track  a coded stream of the container / a sound stream after decoding
    packet, frame   one coded unit / one decoded picture
    I-frame, P-frame, B-frame   coded without, from earlier, from earlier and later pictures
    GOP             the run of frames from one I-frame that can be entered at, to the next
    shot            frames recorded without interruption; shots are separated by transitions
    transition      cut, fade or dissolve: how a shot ends
    keyframe        a picture chosen to stand for its shot (never: an I-frame)
    score track     a detector's score over time, with the threshold it is read at
    segment         a stretch that a detector flags; an instant has its end at the next frame
    coverage        what a detector looked at, and why a stretch was not looked at
    finding         a fact about the file's structure, in one sentence
    query, reference    the clip that is traced / the known video it is compared with
    fingerprint     the codes of a clip's pictures and sound that tracing keeps
    view            one way of looking at a query's picture: whole, a part of it, mirrored
    hit             a moment of the query that looks or sounds like a moment of a reference
    alignment       a straight stretch on which query and reference run together
    edit            what was done to a stretch of the reference to become the query's
    stream join     the point where coded streams were joined without re-encoding

Units are in names: `_s` seconds, `_hz`, `_px`, `_bytes`, `_bits`, `_db`. Unknown is None, in arrays NaN;
empty is an empty tuple. Arrays are numpy; their shape and dtype stand in the docstring.
"""

from __future__ import annotations

from vidforensics.records.acquisition import (
    Bitstream,
    Box,
    Clip,
    Container,
    ContentCredentials,
    CredentialState,
    Digest,
    DoubleCompression,
    EncoderSettings,
    Finding,
    FindingLevel,
    Gop,
    JoinCue,
    PacketTable,
    ParameterSet,
    Probe,
    Stream,
    StreamKind,
    WriterFamily,
    WriterReading,
)
from vidforensics.records.case import (
    Case,
    CustodyEntry,
)
from vidforensics.records.extraction import (
    AudioAccumulator,
    AudioBlock,
    Border,
    BorderKind,
    DecodeSummary,
    Extraction,
    FrameAccumulator,
    FrameBlock,
    Keyframe,
    NativePlanes,
    Picture,
    Shot,
    SoundFile,
    Span,
    SpanKind,
    Thumbnail,
    TransitionKind,
)
from vidforensics.records.features import (
    AudioPrint,
    CodingGrids,
    Faces,
    FaceTrack,
    Features,
    FrameGaps,
    FrameHashes,
    FrameSeries,
    GridRun,
    SmallPictures,
    SoundPicture,
    SoundSeries,
    SourceSeries,
    Speech,
    Voices,
)
from vidforensics.records.flagging import (
    Coverage,
    Detection,
    Detector,
    Evidence,
    Label,
    ScoreTrack,
    Segment,
)
from vidforensics.records.provenance import RunProvenance
from vidforensics.records.tracing import (
    Alignment,
    Comparison,
    Edit,
    EditDecision,
    EditKind,
    Fingerprint,
    FractionBox,
    Hits,
    IndexedVideo,
    Match,
    Modality,
    NotTraced,
    PicturePair,
    PicturePrint,
    PictureRelation,
    PictureTable,
    Post,
    QueryViews,
    SoundRelation,
    SoundStretch,
    SoundTable,
    Trace,
    TraceSegment,
    View,
)

__all__ = [
    "Alignment",
    "AudioAccumulator",
    "AudioBlock",
    "AudioPrint",
    "Bitstream",
    "Border",
    "BorderKind",
    "Box",
    "Case",
    "Clip",
    "CodingGrids",
    "Comparison",
    "Container",
    "ContentCredentials",
    "Coverage",
    "CredentialState",
    "CustodyEntry",
    "DecodeSummary",
    "Detection",
    "Detector",
    "Digest",
    "DoubleCompression",
    "Edit",
    "EditDecision",
    "EditKind",
    "EncoderSettings",
    "Evidence",
    "Extraction",
    "FaceTrack",
    "Faces",
    "Features",
    "Finding",
    "FindingLevel",
    "Fingerprint",
    "FractionBox",
    "FrameAccumulator",
    "FrameBlock",
    "FrameGaps",
    "FrameHashes",
    "FrameSeries",
    "Gop",
    "GridRun",
    "Hits",
    "IndexedVideo",
    "JoinCue",
    "Keyframe",
    "Label",
    "Match",
    "Modality",
    "NativePlanes",
    "NotTraced",
    "PacketTable",
    "ParameterSet",
    "Picture",
    "PicturePair",
    "PicturePrint",
    "PictureRelation",
    "PictureTable",
    "Post",
    "Probe",
    "QueryViews",
    "RunProvenance",
    "ScoreTrack",
    "Segment",
    "Shot",
    "SmallPictures",
    "SoundFile",
    "SoundPicture",
    "SoundRelation",
    "SoundSeries",
    "SoundStretch",
    "SoundTable",
    "SourceSeries",
    "Span",
    "SpanKind",
    "Speech",
    "Stream",
    "StreamKind",
    "Thumbnail",
    "Trace",
    "TraceSegment",
    "TransitionKind",
    "View",
    "Voices",
    "WriterFamily",
    "WriterReading",
]
