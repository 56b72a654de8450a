"""The story of a clip: acquire, extract and measure in one decode pass, flag, report.

Stages meet here and in `pipeline_trace`, the story of two clips, and nowhere else. `examine` is the whole
story; `jobs` has what a worker process runs for a verb.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from vidforensics import __version__, acquisition, extraction, features, flagging, models
from vidforensics.errors import InputError, MissingModelError
from vidforensics.runtime import Progress, give_back_memory, provenance, utc_now
from vidforensics.types import (
    AudioAccumulator,
    AudioBlock,
    Bitstream,
    Case,
    Clip,
    Container,
    ContentCredentials,
    Digest,
    DoubleCompression,
    Evidence,
    Extraction,
    Faces,
    Features,
    FrameAccumulator,
    FrameBlock,
    Probe,
    SmallPictures,
    SoundSeries,
    Speech,
)


@dataclass(frozen=True, slots=True)
class Options:
    """What a user may choose about one examination.

    keyframe_format: "jpeg" or "png". blocks: also write per-block QP and motion vectors (H.264),
    between blocks_start_s and blocks_end_s where given. index: folder of an index to look the clip up in.
    """

    keyframe_format: str = "jpeg"
    blocks: bool = False
    blocks_start_s: float | None = None
    blocks_end_s: float | None = None
    index: str | None = None

    @classmethod
    def from_plain(cls, values: Mapping[str, Any]) -> Options:
        """Rebuild options that travelled as JSON; unknown keys are ignored."""
        known = {f.name for f in fields(cls)}
        return cls(**{k: v for k, v in values.items() if k in known})


@dataclass(frozen=True, slots=True)
class Acquired:
    """Everything known of the file before a picture is decoded."""

    digest: Digest
    probe: Probe
    container: Container
    credentials: ContentCredentials
    bitstream: Bitstream
    double_compression: DoubleCompression


class Stopwatch:
    """Wall-clock seconds per stage, for the provenance of the run."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time what happens inside."""
        started = time.perf_counter()
        yield
        self.seconds[name] = round(time.perf_counter() - started, 3)


def acquire(path: Path, progress: Progress) -> Acquired:
    """Read the file's own bytes: digest, streams, container, credentials, coded pictures."""
    digest = acquisition.digest_file(path, progress)
    probe = acquisition.probe(path)
    progress("read the coded streams", 0.0, None)
    bitstream = acquisition.read_bitstream(path, probe)
    return Acquired(
        digest=digest,
        probe=probe,
        container=acquisition.read_container(path, probe),
        credentials=acquisition.read_credentials(path),
        bitstream=bitstream,
        double_compression=acquisition.double_compression(bitstream),
    )


@dataclass(frozen=True, slots=True)
class TalkingFaces:
    """What training measures of a clip."""

    faces: Faces
    sounds: tuple[SoundSeries, ...]
    speech: Speech


@dataclass(frozen=True, slots=True)
class Riders:
    """Who else takes part in the decode pass; whoever sends them along finishes them."""

    pictures: tuple[FrameAccumulator[Any], ...] = ()
    sounds: tuple[AudioAccumulator[Any], ...] = ()


def extract_and_measure(
    path: Path,
    probe: Probe,
    folder: Path | None,
    options: Options,
    progress: Progress,
    riders: Riders | None = None,
) -> tuple[Extraction, Features]:
    """Decode once; hand every block of pictures and sound to everyone who asked for it.

    Args:
        path: the clip.
        probe: what the demuxer said of it.
        folder: where keyframes and WAV files go; None writes none.
        options: what the user chose.
        progress: told the time reached and the clip's duration.
        riders: who else takes part in the pass.
    """
    pictures = {**_picture_extractors(), "frame_hashes": features.FrameHashAccumulator()}
    pictures["frames"] = features.FrameSeriesAccumulator()
    pictures["sources"] = features.PictureSourceAccumulator()
    sounds = {
        "silences": extraction.SilenceAccumulator(),
        "sound_series": features.SoundSeriesAccumulator(),
        "sound_pictures": features.SoundPictureAccumulator(),
        "audio_prints": features.AudioPrintAccumulator(),
        "coding_grids": features.CodingGridAccumulator(_sound_codec(probe)),
    }
    faces, speech = features.face_accumulator(), features.speech_accumulator()
    voices, gaps = features.voice_accumulator(), features.gap_accumulator()
    if not isinstance(faces, str):
        pictures["faces"] = faces
    if not isinstance(gaps, str):
        pictures["gaps"] = gaps
    if not isinstance(speech, str):
        sounds["speech"] = speech
    if not isinstance(voices, str):
        sounds["voices"] = voices
    wanted = _Wanted(pictures, sounds, folder, options, riders or Riders())
    extracted, measured = _decode_pass(path, probe, wanted, progress)
    return extracted, Features(
        frame_hashes=measured["frame_hashes"],
        audio_prints=measured["audio_prints"],
        frames=measured["frames"],
        sounds=measured["sound_series"],
        sound_pictures=measured["sound_pictures"],
        faces=Faces(not_sought=faces) if isinstance(faces, str) else measured["faces"],
        sources=measured["sources"],
        speech=measured.get("speech"),
        speech_not_sought=speech if isinstance(speech, str) else None,
        voices=measured.get("voices"),
        coding_grids=measured["coding_grids"],
        gaps=measured.get("gaps"),
        gaps_not_sought=gaps if isinstance(gaps, str) else None,
    )


def _sound_codec(probe: Probe) -> str | None:
    stream = probe.first("audio")
    return stream.codec if stream else None


def follow_faces(path: Path, probe: Probe, progress: Progress) -> TalkingFaces:
    """The decode pass with nothing but what training needs.

    Raises:
        MissingModelError: faces or speech cannot be followed here.
    """
    faces, speech = features.face_accumulator(), features.speech_accumulator()
    if isinstance(faces, str) or isinstance(speech, str):
        raise MissingModelError(f"{path}: {faces if isinstance(faces, str) else speech}")
    sound = features.SoundSeriesAccumulator()
    with extraction.Decoder(path, probe, extraction.DecodeOptions()) as decoder:
        for block in decoder:
            if isinstance(block, FrameBlock):
                faces.update(block)
            else:
                sound.update(block)
                speech.update(block)
            progress("decode", _reached_s(block), probe.duration_s)
            del block
    return TalkingFaces(faces.finish(), sound.finish(), speech.finish())


def small_pictures(path: Path, probe: Probe, progress: Progress) -> SmallPictures:
    """The decode pass with nothing but what the training of `gaps` needs."""
    shots, pictures = extraction.ShotAccumulator(), features.SmallPictureAccumulator()
    with extraction.Decoder(path, probe, extraction.DecodeOptions()) as decoder:
        for block in decoder:
            if isinstance(block, FrameBlock):
                shots.update(block)
                pictures.update(block)
            progress("decode", _reached_s(block), probe.duration_s)
            del block
    return pictures.finish(shots.finish())


def extract_only(path: Path, probe: Probe, folder: Path, options: Options, progress: Progress) -> Extraction:
    """The decode pass without anything that only detectors, tracing or the report need."""
    sounds = {"silences": extraction.SilenceAccumulator()}
    return _decode_pass(path, probe, _Wanted(_picture_extractors(), sounds, folder, options), progress)[0]


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Who takes part in a decode pass; `folder` None writes no files."""

    pictures: Mapping[str, Any]
    sounds: Mapping[str, Any]
    folder: Path | None
    options: Options
    riders: Riders = Riders()


def _picture_extractors() -> dict[str, Any]:
    return {
        "shots": extraction.ShotAccumulator(),
        "thumbnails": extraction.ThumbnailAccumulator(),
        "spans": extraction.PictureSpanAccumulator(),
        "borders": extraction.BorderAccumulator(),
    }


def _decode_pass(
    path: Path, probe: Probe, wanted: _Wanted, progress: Progress
) -> tuple[Extraction, dict[str, Any]]:
    """The one decode pass: returns what was extracted, and every accumulator's result by name."""
    pictures = [*wanted.pictures.values(), *wanted.riders.pictures]
    sounds = [*wanted.sounds.values(), *wanted.riders.sounds]
    keyframes = wav = None
    if wanted.folder is not None:
        chosen = extraction.KeyframeOptions(image_format=wanted.options.keyframe_format)
        keyframes = extraction.KeyframeWriter(wanted.folder, chosen)
        wav = extraction.WavWriter(wanted.folder, probe)
        pictures, sounds = [*pictures, keyframes], [*sounds, wav]
    with extraction.Decoder(path, probe, extraction.DecodeOptions()) as decoder:
        for block in decoder:
            for accumulator in pictures if isinstance(block, FrameBlock) else sounds:
                accumulator.update(block)
            progress("decode", _reached_s(block), probe.duration_s)
            del block  # or its pictures would outlive the decoding of the next ones
        decode = decoder.summary()
    sound_files = wav.finish() if wav else ()
    if wav:
        decode = replace(decode, problems=decode.problems + wav.problems)
    done = dict(_finished({**wanted.pictures, **wanted.sounds}))
    extracted = Extraction(
        decode=decode,
        shots=done["shots"],
        keyframes=keyframes.finish(done["shots"]) if keyframes else (),
        thumbnails=done["thumbnails"],
        spans=tuple(sorted(done["spans"] + done["silences"], key=lambda s: (s.start_s, s.kind))),
        borders=done["borders"],
        sounds=sound_files,
    )
    return extracted, done


def _finished(accumulators: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Every accumulator's result by name; what one leaves behind is given back before the next one ends."""
    for name, accumulator in accumulators.items():
        yield name, accumulator.finish()
        give_back_memory()


def _reached_s(block: FrameBlock | AudioBlock) -> float:
    return float(block.pts_s[-1]) if isinstance(block, FrameBlock) else block.start_s


def examine(
    path: Path, folder: Path, options: Options, progress: Progress, riders: Riders | None = None
) -> Case:
    """The whole story of one clip; pictures, sound and the custody log are written into `folder`.

    Raises:
        InputError: the file cannot be read as media at all.
    """
    started_at, watch = utc_now(), Stopwatch()
    log = acquisition.CustodyLog(folder / "custody.jsonl", version=__version__)
    with watch.stage("acquisition"):
        acquired = acquire(path, progress)
    log.record("read evidence", str(path), {**asdict(acquired.digest), "parameters": asdict(options)})
    with watch.stage("extraction"):
        extracted, measured = extract_and_measure(path, acquired.probe, folder, options, progress, riders)
    log.record("decoded", str(path), _decode_details(extracted))
    evidence = Evidence(acquired.probe, acquired.bitstream, extracted, measured)
    with watch.stage("flagging"):
        detections = flagging.run_detectors(evidence, progress)
    if options.blocks:
        write_blocks(path, acquired.probe, folder, options)
    check_untouched(path, acquired.digest)
    log.record("evidence unchanged", str(path), {"size_bytes": acquired.digest.size_bytes})
    return Case(
        clip=clip_of(path, acquired.digest, evidence.duration_s),
        probe=acquired.probe,
        container=acquired.container,
        credentials=acquired.credentials,
        bitstream=acquired.bitstream,
        double_compression=acquired.double_compression,
        extraction=extracted,
        features=measured,
        detections=detections,
        custody=log.entries,
        provenance=provenance(
            version=__version__,
            started_at=started_at,
            parameters=asdict(options),
            models=_models_used(measured),
            seconds_by_stage=watch.seconds,
        ),
    )


def _models_used(measured: Features) -> dict[str, str | None]:
    """Hash of every model that took part."""
    used: dict[str, str | None] = {}
    if measured.speech is not None:
        used[models.SPEECH_FILE.name] = models.SPEECH_FILE.sha256
    if measured.voices is not None:
        used[models.VOICE_FILE.name] = models.VOICE_FILE.sha256
    if measured.faces.not_sought is None:
        used |= {m.name: m.sha256 for m in models.FACE_FILES} | flagging.models_used()
    if measured.gaps is not None:
        used |= features.models_used()
    return used


def clip_of(path: Path, digest: Digest, duration_s: float | None) -> Clip:
    """The clip's identity, as documents and reports name it."""
    return Clip(
        path=str(path),
        sha256=digest.sha256,
        duration_s=duration_s,
        md5=digest.md5,
        size_bytes=digest.size_bytes,
        modified_at=digest.modified_at,
    )


def _decode_details(extracted: Extraction) -> dict[str, Any]:
    return {
        "frames": extracted.decode.frame_count,
        "keyframes": [k.path for k in extracted.keyframes],
        "sounds": [s.path for s in extracted.sounds],
        "problems": list(extracted.decode.problems),
    }


def write_blocks(path: Path, probe: Probe, folder: Path, options: Options) -> None:
    """Write per-block QP and motion vectors into `folder`/blocks."""
    (folder / "blocks").mkdir(exist_ok=True)
    acquisition.write_blocks(
        path, probe, folder / "blocks", start_s=options.blocks_start_s, end_s=options.blocks_end_s
    )


def check_untouched(path: Path, digest: Digest) -> None:
    """Refuse to report on a file that changed under our eyes."""
    if path.stat().st_size != digest.size_bytes:
        raise InputError(f"{path}: changed while it was being read; copy it somewhere stable and try again.")
