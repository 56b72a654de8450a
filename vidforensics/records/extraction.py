"""Records of extraction: decoded blocks, shots, keyframes, tracks, and what the pass lost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, TypeVar

if TYPE_CHECKING:
    from vidforensics.records.acquisition import Probe
    from vidforensics.records.arrays import ByteArray, Float32Array, FloatArray

TransitionKind = Literal["cut", "fade", "dissolve"]
SpanKind = Literal["black", "blank", "frozen", "silence", "digital_silence"]
BorderKind = Literal["letterbox", "pillarbox", "windowbox"]

T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class NativePlanes:
    """Samples as coded: luma uint8 (h, w), chroma Cb and Cr, uint8, at their own size; none for grey.

    full_range says whether code 0 is black; luma above 8 bits has lost its lowest bits.
    """

    luma: ByteArray
    chroma: tuple[ByteArray, ...]
    full_range: bool


class Picture(Protocol):
    """A decoded picture at full size, converted only when somebody asks."""

    def to_bgr(self) -> ByteArray:
        """The upright picture with square samples, (height, width, 3) uint8 BGR, SDR."""

    def planes(self) -> NativePlanes:
        """The samples as they were coded, neither turned nor scaled."""


@dataclass(frozen=True, slots=True)
class FrameBlock:
    """A run of consecutive decoded frames in presentation order, already normalised.

    luma is uint8 (N, h, w), the upright analysis plane of about 320×180 samples, area-averaged, full
    range; chroma is uint8 (N, 2, h/2, w/2), Cb and Cr. All blocks of a clip have the same h and w.
    """

    first_index: int
    pts_s: FloatArray
    luma: ByteArray
    chroma: ByteArray
    pictures: Sequence[Picture]


@dataclass(frozen=True, slots=True)
class AudioBlock:
    """Decoded sound of one track, at its own rate and once resampled for measuring.

    samples is float32 (n, channels) at `sample_rate_hz`, ±1 full scale, its first at `start_s`; mono is
    float32 (m,) at 16 kHz, the channels' mean, its first at `mono_start_s`. Either may be empty. A jump of
    `start_s` against the samples so far is a real gap or overlap in the stream's timestamps.
    """

    track: int
    start_s: float
    samples: Float32Array
    sample_rate_hz: int
    mono_start_s: float
    mono: Float32Array


class FrameAccumulator(Protocol[T_co]):
    """Takes every frame of the one decode pass, then gives its result."""

    def update(self, block: FrameBlock) -> None:
        """Take the next frames."""

    def finish(self) -> T_co:
        """Give the result; called once, also when no frame came."""


class AudioAccumulator(Protocol[T_co]):
    """Takes the sound of every track of the one decode pass, then gives its result."""

    def update(self, block: AudioBlock) -> None:
        """Take the next samples."""

    def finish(self) -> T_co:
        """Give the result; called once, also when no sound came."""


@dataclass(frozen=True, slots=True)
class Shot:
    """A shot and how it ends. `transition` is None for the last shot; gradual ones have an extent."""

    start_s: float
    end_s: float
    transition: TransitionKind | None
    transition_start_s: float | None = None
    transition_end_s: float | None = None
    confidence: float | None = None


@dataclass(frozen=True, slots=True)
class Keyframe:
    """A picture written for its shot; `path` is relative to the folder it was written into."""

    time_s: float
    shot: int
    path: str
    quality: float
    width_px: int
    height_px: int


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """A small JPEG for the filmstrip."""

    time_s: float
    jpeg: bytes


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of the picture or of one sound track that carries nothing."""

    start_s: float
    end_s: float
    kind: SpanKind
    track: int | None = None


@dataclass(frozen=True, slots=True)
class Border:
    """Bars around the picture; `box` is the active picture, [x, y, w, h] as fractions."""

    start_s: float
    end_s: float
    kind: BorderKind
    box: tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class SoundFile:
    """One sound track written as WAV; its first sample belongs at `offset_s` of the timeline.

    `notes` says, one sentence each, what had to be filled, trimmed or converted to keep it in time.
    """

    track: int
    stream_index: int
    path: str
    offset_s: float
    duration_s: float
    sample_rate_hz: int
    channels: int
    language: str | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DecodeSummary:
    """How the decode pass went. `problems` names what was lost; `normalised` what was straightened.

    `sound_end_s` is where the last decoded sample of any track ends; None when no sound came out.
    """

    frame_count: int
    frame_times_s: FloatArray
    width_px: int | None
    height_px: int | None
    variable_frame_rate: bool | None
    normalised: tuple[str, ...]
    problems: tuple[str, ...]
    sound_end_s: float | None = None


@dataclass(frozen=True, slots=True)
class Extraction:
    """Everything the one decode pass took out of the clip."""

    decode: DecodeSummary
    shots: tuple[Shot, ...]
    keyframes: tuple[Keyframe, ...]
    thumbnails: tuple[Thumbnail, ...]
    spans: tuple[Span, ...]
    borders: tuple[Border, ...]
    sounds: tuple[SoundFile, ...]

    def duration_s(self, probe: Probe) -> float:
        """End of the clip's timeline: the probe's duration, or what was decoded if that is longer."""
        times = self.decode.frame_times_s
        last_frame_s = float(times[-1]) if len(times) else 0.0
        return max(last_frame_s, self.decode.sound_end_s or 0.0, probe.duration_s or 0.0)
