"""Extraction: one decode pass gives frames, shots, keyframes, sound and what they carry."""

from __future__ import annotations

from vidforensics.extraction.borders import BorderAccumulator
from vidforensics.extraction.decode import DecodeOptions, Decoder
from vidforensics.extraction.keyframes import KeyframeOptions, KeyframeWriter
from vidforensics.extraction.shots import ShotAccumulator
from vidforensics.extraction.silence import SilenceAccumulator
from vidforensics.extraction.sound import WavWriter
from vidforensics.extraction.spans import PictureSpanAccumulator
from vidforensics.extraction.thumbnails import ThumbnailAccumulator

__all__ = [
    "BorderAccumulator",
    "DecodeOptions",
    "Decoder",
    "KeyframeOptions",
    "KeyframeWriter",
    "PictureSpanAccumulator",
    "ShotAccumulator",
    "SilenceAccumulator",
    "ThumbnailAccumulator",
    "WavWriter",
]
