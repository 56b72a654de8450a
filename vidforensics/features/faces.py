"""Whether faces can be followed here, and by whom."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vidforensics.features.face_tracks import FaceTrackAccumulator

NO_FACE_MODEL = "the face model is not installed; run: vidforensics models install"


def face_accumulator() -> FaceTrackAccumulator | str:
    """Who follows faces through the decode pass; a sentence where the models for it are missing."""
    from vidforensics.features.face_models import FaceModels
    from vidforensics.features.face_tracks import FaceTrackAccumulator

    models = FaceModels.load()
    return NO_FACE_MODEL if models is None else FaceTrackAccumulator(models)
