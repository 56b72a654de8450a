"""Records of features: numbers measured from one clip, no judgement in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from vidforensics.records.arrays import (
        ByteArray,
        CodeArray,
        CodeArray16,
        Float32Array,
        FloatArray,
        IntArray,
        ShortArray,
        TinyArray,
    )


@dataclass(frozen=True, slots=True)
class FrameHashes:
    """PDQ-type hashes of sampled frames: times_s (N,), bits uint8 (N, 32), quality uint8 (N,) 0–100."""

    algorithm: str
    times_s: FloatArray
    bits: ByteArray
    quality: ByteArray


@dataclass(frozen=True, slots=True)
class AudioPrint:
    """Landmark fingerprint of one sound track: times_s (N,), codes uint32 (N,); silence gives none."""

    algorithm: str
    track: int
    times_s: FloatArray
    codes: CodeArray


@dataclass(frozen=True, slots=True)
class FrameSeries:
    """Numbers per decoded frame, each array (N,) in presentation order; `values` maps name to array.

    signatures, where measured, is int16 (N, 128): low DCT coefficients in 1/64 luma level, see
    `features.frame_series`; two frames that look alike have signatures near each other. cells is
    uint16 (N, 48): change of each cell of a 6×8 grid to the frame before, 1/256 luma level; velocities is
    int8 (N, 48, 2): its velocity x, y in 1/31 sample of the reduced plane per frame.
    """

    times_s: FloatArray
    values: Mapping[str, FloatArray]
    signatures: ShortArray | None = None
    cells: CodeArray16 | None = None
    velocities: TinyArray | None = None


@dataclass(frozen=True, slots=True)
class FrameGaps:
    """Log odds (natural) that frames are missing before each frame: times_s (N,), odds float32 (N,).

    NaN near the ends of the clip. One network's view of ten pictures, see `features.gap_net`.
    """

    times_s: FloatArray
    odds: Float32Array


@dataclass(frozen=True, slots=True)
class SmallPictures:
    """Every frame of a clip, small, which is what teaches the network of missing frames.

    levels: uint16 (N, 45, 80), luma in 1/16 level. cuts: int64, the first frame of every shot but the first.
    """

    levels: CodeArray16
    cuts: IntArray


@dataclass(frozen=True, slots=True)
class SourceSeries:
    """How sampled frames were made: names of K numbers, times_s (N,), values float32 (N, K), see `features`.

    NaN where a number could not be measured.
    """

    names: tuple[str, ...]
    times_s: FloatArray
    values: Float32Array


@dataclass(frozen=True, slots=True)
class SoundSeries:
    """Numbers per hop of one sound track, each array (N,) or (N, K); `values` maps name to array.

    What is measured once per hop is float32; band levels are uint8 codes, which keeps an hour small.
    """

    track: int
    hop_s: float
    times_s: FloatArray
    values: Mapping[str, Float32Array | ByteArray]


@dataclass(frozen=True, slots=True)
class SoundPicture:
    """What the report draws of one sound track, in B equal bins over [start_s, end_s).

    envelope is float32 (B, 2), least and greatest sample per bin; spectrogram is uint8 (bands, B) on a
    mel scale from 0 to `max_hz`, lowest band first, 0 = −90 dB and 255 = 0 dB.
    """

    track: int
    start_s: float
    end_s: float
    envelope: Float32Array
    spectrogram: ByteArray
    max_hz: float


@dataclass(frozen=True, slots=True)
class GridRun:
    """Frames [first, last) of a track that show one grid of an earlier coding; offset: in samples, 0–1023."""

    first: int
    last: int
    offset: int


@dataclass(frozen=True, slots=True)
class CodingGrids:
    """Frames of an earlier AAC coding that the decoded sound of one track still shows, G grids in F frames.

    times_s (F,): presentation time where frame k begins, at offset 0; frame_s: length of a frame of 1,024
    samples; offsets int64 (G,): where each grid's frames begin, samples; shown float32 (F, G): how clearly,
    in standard deviations of a single frame, 0 where it is too quiet; runs: in order of time. Without a
    trace of an earlier coding G is 0. own: where the present coding's frames begin, None where it is not AAC.
    What lies at or behind until_s was not looked at, None where all was.
    """

    track: int
    frame_s: float
    times_s: FloatArray
    offsets: IntArray
    shown: Float32Array
    runs: tuple[GridRun, ...]
    own: int | None = None
    until_s: float | None = None


@dataclass(frozen=True, slots=True)
class FaceTrack:
    """One face followed without a break, N pictures.

    times_s (N,); boxes float32 (N, 3): centre x, y and side as fractions of the picture's width and height
    (side: of the width); eyes_px (N,): distance of the outer corners of the eyes in the picture looked at, at
    most 640 px on its longer side; presence (N,): probability that a face is there; shapes float32
    (N, 24, 2): lips, chin, nose and cheeks in the frame of the eyes, in eye distances; mouths uint8
    (N, 24, 24): luma of the mouth, upright.
    """

    times_s: FloatArray
    boxes: Float32Array
    eyes_px: Float32Array
    presence: Float32Array
    shapes: Float32Array
    mouths: ByteArray


@dataclass(frozen=True, slots=True)
class Speech:
    """Probability that somebody speaks: times_s (N,), middles of 32 ms; probability float32 (N,), 0–1.

    Of one sound track, times ascending; a gap in its timestamps leaves one here.
    """

    times_s: FloatArray
    probability: Float32Array


@dataclass(frozen=True, slots=True)
class Voices:
    """Whose voice is heard: times_s (N,), where each window of 1.6 s begins; vectors float16 (N, 256).

    Of one sound track, times ascending. Two vectors of one person have a product near 1; a vector of zeros
    stands where the sound is too quiet to be anybody's.
    """

    times_s: FloatArray
    vectors: NDArray[np.float16]


@dataclass(frozen=True, slots=True)
class Faces:
    """Faces of the clip.

    not_sought is why no face was looked for, None where they were; past
    until_s faces were no longer followed, None where they were followed to the end.
    """

    tracks: tuple[FaceTrack, ...] = ()
    not_sought: str | None = None
    until_s: float | None = None


@dataclass(frozen=True, slots=True)
class Features:
    """Numbers measured from one clip, no judgement in them.

    speech and voices are those of the first sound track; where speech is None, speech_not_sought says why,
    where voices is None nobody told voices apart; coding_grids, of the first track too, is None where there
    was too little sound; where gaps is None, gaps_not_sought says why.
    """

    frame_hashes: FrameHashes
    audio_prints: tuple[AudioPrint, ...]
    frames: FrameSeries
    sounds: tuple[SoundSeries, ...]
    sound_pictures: tuple[SoundPicture, ...]
    faces: Faces = Faces(not_sought="no face was looked for")
    sources: SourceSeries | None = None
    speech: Speech | None = None
    speech_not_sought: str | None = "no speech was listened for"
    voices: Voices | None = None
    coding_grids: CodingGrids | None = None
    gaps: FrameGaps | None = None
    gaps_not_sought: str | None = "nobody looked for missing frames"
