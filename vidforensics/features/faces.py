"""Whether faces can be followed here, and by whom; and the speech that is heard while they are on camera."""

from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec
from typing import TYPE_CHECKING

from vidforensics.types import Faces

if TYPE_CHECKING:
    from vidforensics.features.face_tracks import FaceTrackAccumulator
    from vidforensics.features.speech import MonoSound

NO_EXTRA = "needs the learned extra; run: pip install 'vidforensics[learned]'"
NO_MODEL = "the face model is not installed; run: vidforensics models install"
LEARNED = ("torch", "safetensors", "silero_vad")


def face_accumulator() -> FaceTrackAccumulator | str:
    """Who follows faces through the decode pass; a sentence where something for it is missing."""
    if not all(find_spec(name) for name in LEARNED):
        return NO_EXTRA
    from vidforensics.features.face_models import FaceModels
    from vidforensics.features.face_tracks import FaceTrackAccumulator

    models = FaceModels.load()
    return NO_MODEL if models is None else FaceTrackAccumulator(models)


def with_speech(faces: Faces, sound: MonoSound) -> Faces:
    """The faces with the speech that is heard during each; `sound`, the clip's first track, is closed."""
    with sound:
        if not faces.tracks:
            return faces
        from vidforensics.features.speech import speech_while

        return replace(faces, speech=speech_while(faces.tracks, sound))
