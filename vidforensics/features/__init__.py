"""Features: numbers measured from one clip, no judgement in them.

Accumulators take the blocks of the one decode pass and give a record each; nothing here opens a clip.
"""

from __future__ import annotations

from vidforensics import models
from vidforensics.features.audio_print import AudioPrintAccumulator
from vidforensics.features.coding_grids import CodingGridAccumulator
from vidforensics.features.faces import face_accumulator
from vidforensics.features.frame_hashes import FrameHashAccumulator, to_imagehash
from vidforensics.features.frame_series import FrameSeriesAccumulator
from vidforensics.features.gap_files import SmallPictureAccumulator
from vidforensics.features.gaps import gap_accumulator
from vidforensics.features.picture_source import PictureSourceAccumulator
from vidforensics.features.sound_picture import SoundPictureAccumulator
from vidforensics.features.sound_series import SoundSeriesAccumulator
from vidforensics.features.speech import speech_accumulator
from vidforensics.features.voices import voice_accumulator

__all__ = [
    "AudioPrintAccumulator",
    "CodingGridAccumulator",
    "FrameHashAccumulator",
    "FrameSeriesAccumulator",
    "PictureSourceAccumulator",
    "SmallPictureAccumulator",
    "SoundPictureAccumulator",
    "SoundSeriesAccumulator",
    "face_accumulator",
    "gap_accumulator",
    "models_used",
    "speech_accumulator",
    "to_imagehash",
    "voice_accumulator",
]


def models_used() -> dict[str, str | None]:
    """SHA-256 of the trained weights that features are measured with, by name; None where unreadable."""
    from vidforensics.features import gap_net

    return {gap_net.NAME: models.trained_sha256(gap_net.NAME)}
