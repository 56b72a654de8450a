"""Records of flagging: what a detector may look at and what it answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from vidforensics.records.acquisition import Bitstream, Probe
from vidforensics.records.extraction import Extraction
from vidforensics.records.features import Features

if TYPE_CHECKING:
    from vidforensics.records.arrays import FloatArray

Label = Literal["splice", "dub", "audio_splice", "deletion", "duplication", "stream_join"]


@dataclass(frozen=True, slots=True)
class ScoreTrack:
    """A detector's score over time: times_s (N,), scores (N,), NaN where nothing was assessed.

    threshold is NaN where the track is shown for reading and flags nothing by itself.
    """

    detector: str
    name: str
    unit: str
    times_s: FloatArray
    scores: FloatArray
    threshold: float


@dataclass(frozen=True, slots=True)
class Segment:
    """A flagged stretch; `listed` says whether it lies above the published operating point.

    `score` is the calibrated probability, `log10_lr` the likelihood ratio behind it.
    """

    start_s: float
    end_s: float
    label: Label
    score: float
    log10_lr: float
    detector: str
    basis: str
    listed: bool = True


@dataclass(frozen=True, slots=True)
class Coverage:
    """What one detector did with a stretch; the rows of one detector tile the whole clip."""

    detector: str
    start_s: float
    end_s: float
    assessed: bool
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Detection:
    """A detector's whole answer for one clip.

    listed_from_log10_lr is the likelihood ratio at its operating point; None where it has none.
    """

    detector: str
    tracks: tuple[ScoreTrack, ...] = ()
    segments: tuple[Segment, ...] = ()
    coverage: tuple[Coverage, ...] = ()
    listed_from_log10_lr: float | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that a detector may look at; `earlier` holds what the detectors before it answered."""

    probe: Probe
    bitstream: Bitstream
    extraction: Extraction
    features: Features
    earlier: tuple[Detection, ...] = ()

    @property
    def duration_s(self) -> float:
        """End of the timeline, 0 and up."""
        return self.extraction.duration_s(self.probe)


class Detector(Protocol):
    """The one plug-in seam: a name, the label it gives, and one method."""

    name: str
    label: Label

    def detect(self, evidence: Evidence) -> Detection:
        """Look at one clip; an answer for every second, if only "not assessed"."""
