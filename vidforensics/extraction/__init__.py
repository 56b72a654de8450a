"""Extraction: one decode pass gives frames, shots, keyframes, sound and what they carry."""

from __future__ import annotations

from vidforensics.extraction.decode import DecodeOptions, Decoder
from vidforensics.extraction.silence import SilenceAccumulator
from vidforensics.extraction.sound import WavWriter

__all__ = ["DecodeOptions", "Decoder", "SilenceAccumulator", "WavWriter"]
