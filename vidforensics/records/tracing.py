"""Records of tracing: fingerprints of a clip, what an index knows of a video, and how two clips relate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from vidforensics.records.acquisition import Clip
from vidforensics.records.features import AudioPrint, SoundPicture
from vidforensics.records.provenance import RunProvenance

if TYPE_CHECKING:
    from vidforensics.records.arrays import (
        BoolArray,
        ByteArray,
        CodeArray,
        Float32Array,
        FloatArray,
        Int32Array,
        IntArray,
    )

Modality = Literal["picture", "sound", "both"]
SoundRelation = Literal["same", "replaced", "mixed", "shifted", "muted", "absent", "not_assessed"]
EditKind = Literal[
    "crop",
    "mirror",
    "rotate",
    "letterbox",
    "overlay",
    "picture_in_picture",
    "colour",
    "speed",
    "frame_rate",
    "reencode",
    "trim",
    "insert",
    "reorder",
    "loop",
    "perspective",
]
FractionBox = tuple[float, float, float, float]
"""x, y, width, height as fractions of a picture."""


@dataclass(frozen=True, slots=True)
class PicturePrint:
    """Fingerprints of the sampled frames of one clip.

    times_s float64 (N,); codes uint8 (N, B), a binary descriptor of the whole picture compared by Hamming
    distance; quality uint8 (N,), 0–100, where 0 says that the picture carries nothing and matches nothing.
    points uint8 (N, K, 4) holds x and y (in 1/255 of width and height), size and direction of the strongest
    local features, size 0 where fewer than K were found; descriptors uint8 (N, K, D) their binary codes.
    aspect is display width over height; `sampling` says which frames were taken.
    """

    algorithm: str
    sampling: Literal["i-frames", "dense"]
    aspect: float
    times_s: FloatArray
    codes: ByteArray
    quality: ByteArray
    points: ByteArray
    descriptors: ByteArray


@dataclass(frozen=True, slots=True)
class View:
    """One way of looking at a query's picture: a part of it (fractions), perhaps mirrored."""

    box: FractionBox
    mirrored: bool


@dataclass(frozen=True, slots=True)
class QueryViews:
    """Codes of a query's frames under several views.

    times_s float64 (M,) presentation time of each row's frame; view int64 (M,) index into `views`; codes
    uint8 (M, B); quality uint8 (M,).
    """

    views: tuple[View, ...]
    times_s: FloatArray
    view: IntArray
    codes: ByteArray
    quality: ByteArray


@dataclass(frozen=True, slots=True)
class Post:
    """One upload of a video by an account; unknown fields are None, `posted_at` is ISO 8601 in UTC."""

    account: str
    platform: str
    posted_at: str | None = None
    url: str | None = None
    text: str | None = None
    target: str | None = None


@dataclass(frozen=True, slots=True)
class IndexedVideo:
    """What an index knows of one video; `posts` are earliest known first."""

    sha256: str
    path: str
    duration_s: float | None
    width_px: int | None
    height_px: int | None
    has_sound: bool
    posts: tuple[Post, ...] = ()


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Everything that tracing keeps of one file."""

    video: IndexedVideo
    picture: PicturePrint
    sounds: tuple[AudioPrint, ...]
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PictureTable:
    """The picture codes of many videos, as they lie in one segment file of an index.

    codes uint8 (N, B), times_s float32 (N,), quality uint8 (N,); videos int64 (V,) holds the index's numbers.
    The rows of videos[i] are starts[i] to starts[i + 1], int64 (V + 1,), in the order of its PicturePrint.
    """

    codes: ByteArray
    times_s: Float32Array
    quality: ByteArray
    videos: IntArray
    starts: IntArray


@dataclass(frozen=True, slots=True)
class SoundTable:
    """The sound codes of many videos, sorted by code, as they lie in one segment file of an index.

    codes uint32 (N,) ascending, video int32 (N,) the index's numbers, times_s float32 (N,).
    """

    codes: CodeArray
    video: Int32Array
    times_s: Float32Array


@dataclass(frozen=True, slots=True)
class Hits:
    """Moments of a query that look or sound like moments of indexed videos, each array (H,).

    video int64, the index's own number; query_s and reference_s float64; weight float32, log10 of how much
    likelier the likeness is for a copy than by chance; speed float32, reference seconds per query second
    where one hit tells it (sound), else NaN; mirrored bool; view int64 (−1 for sound); reference_row int64,
    the row that was hit of the video's own PicturePrint (−1 for sound).
    """

    modality: Modality
    video: IntArray
    query_s: FloatArray
    reference_s: FloatArray
    weight: Float32Array
    speed: Float32Array
    mirrored: BoolArray
    view: IntArray
    reference_row: IntArray


@dataclass(frozen=True, slots=True)
class Alignment:
    """One straight stretch on which query and reference run together.

    Reference time = reference_start_s + speed · (query time − query_start_s); speed is reference seconds per
    query second, so 1.25 says that the query plays the reference 1.25 times as fast. `evidence` is log10 of
    how much likelier the hits are for a copy than by chance, apart for picture and sound.
    """

    query_start_s: float
    query_end_s: float
    reference_start_s: float
    reference_end_s: float
    speed: float
    mirrored: bool
    modality: Modality
    picture_evidence: float
    sound_evidence: float
    views: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Edit:
    """One named edit; `box` is a fraction of the reference picture, `detail` holds measured numbers."""

    kind: EditKind
    box: FractionBox | None = None
    detail: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PictureRelation:
    """How the query's picture shows the reference's on one stretch.

    confidence: log10 of how much likelier the matched geometry is for a copy than by chance. matrix: the
    2×3 affine map, row by row, from reference to query, both in fractions of width and height; None where
    no geometry was found. edits: as named from it.
    """

    confidence: float
    mirrored: bool
    matrix: tuple[float, ...] | None
    edits: tuple[Edit, ...]


@dataclass(frozen=True, slots=True)
class SoundStretch:
    """How the query's sound relates to the reference's on a stretch of the query."""

    start_s: float
    end_s: float
    relation: SoundRelation
    lag_s: float | None = None
    detail: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TraceSegment:
    """One stretch shared by query and reference, with what was done to it."""

    query_start_s: float
    query_end_s: float
    reference_start_s: float
    reference_end_s: float
    score: float
    modality: Modality
    speed: float
    mirrored: bool
    edits: tuple[Edit, ...]
    sound: SoundRelation


@dataclass(frozen=True, slots=True)
class Match:
    """One indexed video that shares something with the query; segments in the order of the query."""

    video: IndexedVideo
    score: float
    segments: tuple[TraceSegment, ...]


@dataclass(frozen=True, slots=True)
class NotTraced:
    """A stretch of the query that could not be searched, and why."""

    start_s: float
    end_s: float
    reason: str


@dataclass(frozen=True, slots=True)
class EditDecision:
    """One row of the edit decision list; `reference` is False where the stretch has no known source."""

    start_s: float
    end_s: float
    reference: bool
    reference_start_s: float | None
    reference_end_s: float | None
    edits: tuple[Edit, ...]
    sound: SoundRelation
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Trace:
    """Where a clip, or any piece of it, occurs; decisions are filled by a comparison of two files."""

    clip: Clip
    matches: tuple[Match, ...]
    not_assessed: tuple[NotTraced, ...]
    decisions: tuple[EditDecision, ...] = ()


@dataclass(frozen=True, slots=True)
class PicturePair:
    """A picture of the query beside that of the reference at the same moment, as JPEG.

    difference shows where they differ once the reference is brought to the query's geometry; None where no
    geometry was found.
    """

    query_s: float
    reference_s: float
    query_jpeg: bytes
    reference_jpeg: bytes
    difference_jpeg: bytes | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two files held against each other; `trace` has one match, the reference, and the edit decision list."""

    trace: Trace
    reference: Clip
    pairs: tuple[PicturePair, ...]
    query_sound: SoundPicture | None
    reference_sound: SoundPicture | None
    provenance: RunProvenance
