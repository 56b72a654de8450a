"""How well joins in sound are found blindly, and how often untouched sound is flagged.

`python -m tests.benchmarks.audio_discontinuity --footage DIR [--seed N] [--fit]` prints Markdown tables. The
speakers and scenes fall into five folds; every track is judged by a fit and a threshold of the other four,
and what is put into it comes out of its own fold, so that neither voice was ever met. `--fit` also fits on
all of them and writes weights, threshold and calibration into the package; `--side fit` leaves out the side
of the split by speaker that `evaluate flag` measures.
"""

from __future__ import annotations

import argparse
import json
import math
import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from tests.benchmarks import audio_discontinuity_fit as fit
from tests.benchmarks import audio_discontinuity_material as material
from tests.benchmarks.audio_discontinuity_dialogue import KIND, dialogue
from vidforensics import flagging
from vidforensics.evaluation.footage import side_of
from vidforensics.features.sound_series import SoundSeriesAccumulator
from vidforensics.features.speech import SpeechAccumulator
from vidforensics.features.speech_net import RATE_HZ
from vidforensics.features.voices import VoiceAccumulator
from vidforensics.flagging import audio_discontinuity as detector
from vidforensics.flagging.audio_discontinuity_model import Model, model_of
from vidforensics.flagging.audio_discontinuity_steps import Steps, steps_of
from vidforensics.types import AudioBlock, Speech, Voices

COMMAND = "python -m tests.benchmarks.audio_discontinuity --footage DIR --seed {seed} --fit"
OF_SIDE = {"all": "", "fit": " --side fit"}
CODECS = ("aac96", "aac48")
FALSE_FLAGS_PER_HOUR = 2.0
FOLDS = 5
PACKAGE = Path(flagging.__file__).parent
LEAST_HOST_S = 6.0
SAME_CORPUS_SHARE = 0.35


@dataclass(frozen=True)
class Case:
    """One examined track of a fold: what was done to it, without its samples, and its steps."""

    fold: int
    item: material.Item
    steps: Steps
    speech: Speech
    voices: Voices

    @property
    def is_speech(self) -> bool:
        return self.item.source.folder in (*material.TALK, "generated")


@dataclass(frozen=True)
class Answer:
    """The detector's highest score, what share it assessed, and how the best stretch meets the truth.

    listed: whether the score reaches the threshold of the other folds.
    """

    case: Case
    peak: float
    assessed: float
    overlap: float
    listed: bool = False


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--footage", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--fit", action="store_true", help="fit on all folds and write what was fitted")
    parser.add_argument("--side", choices=tuple(OF_SIDE), default="all")
    parser.add_argument("--codecs", default=",".join(CODECS), help="of pcm, aac96, aac48, mp3")
    chosen = parser.parse_args()
    fold_of = folds_of(chosen.footage, chosen.side, chosen.seed)
    make = partial(cases, chosen.footage, fold_of, tuple(chosen.codecs.split(",")), chosen.seed)
    with ProcessPoolExecutor(min(FOLDS, os.cpu_count() or 1)) as pool:
        found = [case for part in pool.map(make, range(FOLDS)) for case in part]
    examples = _examples(found, chosen.seed)
    judged = crossed(found, examples)
    print(table(judged[True]))
    print("\nWithout the speech and the voice network:\n")
    print(table(judged[False]))
    if chosen.fit:
        _write(examples, judged, COMMAND.format(seed=chosen.seed) + OF_SIDE[chosen.side])


def folds_of(footage: Path, side: str, seed: int) -> dict[str, int]:
    """The fold of every speaker or scene of that side."""
    groups = sorted({row["speaker_or_scene_id"] for row in material.rows(footage)})
    groups = [g for g in groups if side in ("all", side_of(g))]
    return {str(g): i % FOLDS for i, g in enumerate(np.random.default_rng(seed).permutation(groups))}


def cases(
    footage: Path, fold_of: dict[str, int], codecs: tuple[str, ...], seed: int, fold: int
) -> list[Case]:
    """Untouched tracks and every kind of edit of one fold's sources, through every codec."""
    sources = list(material.sources(footage, lambda group: fold_of.get(group) == fold))
    donors = [s for s in sources if s.folder in material.TALK]
    found = []
    for index, host in enumerate(sources):
        for item in _items(host, donors, [seed, fold, index]):
            for codec in codecs:
                coded = material.through(item, codec)
                measured_now = measured(coded)
                bare = replace(host, samples=host.samples[:0])
                found.append(
                    Case(fold, replace(coded, samples=coded.samples[:0], source=bare), *measured_now)
                )
    return found


def _items(host: material.Source, donors: list[material.Source], seed: list[int]) -> Iterator[material.Item]:
    rng = np.random.default_rng(seed)
    yield material.Item(host.name, "untouched", "none", host, 0.0, host.samples, cuts_s=host.cuts_s)
    if host.seconds < LEAST_HOST_S or host.folder not in (*material.TALK, "generated"):
        return
    for kind in material.KINDS:
        item = material.made(host, _donors(host, donors, rng), kind, rng)
        if item is not None:
            yield item
    others = [d for d in donors if d.group != host.group]
    spoken = dialogue(host, others, np.random.default_rng([*seed, 1]))
    if spoken is not None:
        yield spoken


def _donors(
    host: material.Source, donors: list[material.Source], rng: np.random.Generator
) -> list[material.Source]:
    """Other people's recordings of one corpus: a third of the time the host's own."""
    others = [d for d in donors if d.group != host.group]
    same = [d for d in others if d.corpus == host.corpus]
    corpora = sorted({d.corpus for d in others if d.corpus != host.corpus})
    if same and (not corpora or rng.random() < SAME_CORPUS_SHARE):
        return same
    corpus = corpora[int(rng.integers(len(corpora)))]
    return [d for d in others if d.corpus == corpus]


def measured(item: material.Item) -> tuple[Steps, Speech, Voices]:
    mono = material.resampled(item.samples.mean(axis=1), item.source.rate, RATE_HZ).astype(np.float32)
    block = AudioBlock(0, item.start_s, item.samples, item.source.rate, item.start_s, mono)
    series, speech, voices = SoundSeriesAccumulator(), SpeechAccumulator(), VoiceAccumulator()
    for accumulator in (series, speech, voices):
        accumulator.update(block)
    return steps_of(series.finish()[0]), speech.finish(), voices.finish()


def crossed(found: list[Case], examples: list[fit.Example | None]) -> dict[bool, list[Answer]]:
    """Every track judged by a fit and a threshold of the other folds, with both networks and without."""
    answers: dict[bool, list[Answer]] = {True: [], False: []}
    for fold in range(FOLDS):
        known = [e for c, e in zip(found, examples, strict=True) if c.fold != fold and e is not None]
        model = model_of(fit.fitted(known) | {"source": ""})
        for heard, kept in answers.items():
            kept += [answer(c, model, heard=heard) for c in found if c.fold == fold]
    return {heard: _listed(kept) for heard, kept in answers.items()}


def _listed(answers: list[Answer]) -> list[Answer]:
    points = [threshold_of([a for a in answers if a.case.fold != fold]) for fold in range(FOLDS)]
    return [replace(a, listed=a.peak >= points[a.case.fold]) for a in answers]


def answer(case: Case, model: Model, *, heard: bool) -> Answer:
    """Examine one track; `heard` False goes without the speech and the voice network."""
    steps = case.steps
    if steps.times_s[-1] - steps.times_s[0] < detector.LEAST_S:
        return Answer(case, -math.inf, 0.0, 0.0)
    listened = (case.speech, case.voices) if heard else (None, None)
    judge = detector.judge_of(steps, model, *listened)
    scores = detector.scored(steps, judge, np.array(case.item.cuts_s))
    known = np.isfinite(scores)
    peak = float(scores[known].max()) if known.any() else -math.inf
    overlap = 0.0
    if len(case.item.joins) == 2 and known.any():
        truth = (steps.times_s[:-1] >= case.item.joins[0]) & (steps.times_s[:-1] < case.item.joins[1])
        best = np.where(known, scores, -np.inf) >= peak
        overlap = float((truth & best).sum() / max(1, (truth | best).sum()))
    return Answer(case, peak, float(known.mean()), overlap)


def _examples(found: list[Case], seed: int) -> list[fit.Example | None]:
    """What every track teaches; None of cuts within one recording, which are only measured."""
    rng = np.random.default_rng(seed)
    return [
        fit.example(c.steps, (c.speech, c.voices), c.item.joins, (c.is_speech, c.item.kind == KIND), rng)
        if len(c.item.joins) != 1
        else None
        for c in found
    ]


def _write(examples: list[fit.Example | None], judged: dict[bool, list[Answer]], command: str) -> None:
    """Weights from all folds; thresholds and calibration from the answers of fits without the speaker."""
    plain = fit.fitted([e for e in examples if e is not None]) | {"source": command}
    for name, heard in (("heard", True), ("unheard", False)):
        plain[name]["threshold"] = round(threshold_of(judged[heard]), 3)
    (PACKAGE / "audio_discontinuity.json").write_text(json.dumps(plain) + "\n", encoding="utf-8")
    path = PACKAGE / "calibration.json"
    entries = json.loads(path.read_text("utf-8"))
    entries["audio_discontinuity"] = _calibration(judged[True]) | {"source": command}
    path.write_text(json.dumps(dict(sorted(entries.items())), indent=2) + "\n", encoding="utf-8")
    for heard, answers in judged.items():
        point = threshold_of(answers)
        put_in = [a.peak >= point for a in answers if len(a.case.item.joins) == 2]
        which = "With" if heard else "Without"
        share = float(np.mean(put_in))
        print(f"\n{which} the networks: {share:.3f} found at the threshold of all folds, {point:.2f}.")


def threshold_of(answers: Sequence[Answer]) -> float:
    """The least with no more than FALSE_FLAGS_PER_HOUR on untouched tracks, made conversations left out."""
    clean = [a for a in answers if a.case.item.kind == "untouched"]
    hours = sum(_seconds(a) for a in clean) / 3600
    peaks = sorted((a.peak for a in clean), reverse=True)
    return peaks[int(FALSE_FLAGS_PER_HOUR * hours)] + 0.01


def _calibration(answers: list[Answer]) -> dict:
    """A line from the highest score of a track to log10 LR: put in and met, against untouched.

    Codecs of one track are not independent; the counts that bound the ratio are tracks.
    """
    yes = [a for a in answers if len(a.case.item.joins) == 2 and a.overlap > 0.5]
    no = [a for a in answers if not a.case.item.joins and math.isfinite(a.peak)]
    line = fit._logistic(*(np.array([[a.peak] for a in side]) for side in (yes, no)), 1e-4, hard=False)
    slope = line["weights"][0] / line["scale"][0]
    intercept = line["bias"] - slope * line["mean"][0]
    return {
        "slope": round(slope / math.log(10), 4),
        "intercept": round(intercept / math.log(10), 4),
        "prior": 0.5,
        "positives": len({a.case.item.name for a in yes}),
        "negatives": len({a.case.item.name for a in no}),
    }


def _seconds(answer: Answer) -> float:
    return float(answer.case.steps.times_s[-1] - answer.case.steps.times_s[0])


def table(answers: list[Answer]) -> str:
    lines = ["| what | codec | tracks | flagged | overlap > 0.5 |", "|---|---|---|---|---|"]
    groups: dict[tuple[str, str], list[Answer]] = defaultdict(list)
    for each in answers:
        item = each.case.item
        if len(item.joins) == 2:
            groups[
                f"{item.kind}, {'same' if item.donor == item.source.corpus else 'other'} corpus", item.codec
            ].append(each)
        elif item.joins:
            groups[f"{item.kind}", item.codec].append(each)
    for (what, codec), members in sorted(groups.items()):
        hits = [a for a in members if a.listed]
        good = [a for a in hits if a.overlap > 0.5]
        lines.append(
            f"| {what} | {codec} | {len(members)} | {_share(hits, members)} | {_share(good, members)} |"
        )
    put_in = [a for a in answers if len(a.case.item.joins) == 2]
    good = [a for a in put_in if a.listed and a.overlap > 0.5]
    hits = [a for a in put_in if a.listed]
    lines.append(f"| all put in | all | {len(put_in)} | {_share(hits, put_in)} | {_share(good, put_in)} |")
    return "\n".join([*lines, "", *_untouched(answers)])


def _share(part: list[Answer], whole: list[Answer]) -> str:
    return f"{len(part) / len(whole):.2f} ({len(part)})"


def _untouched(answers: list[Answer]) -> list[str]:
    lines = [
        "| untouched | tracks | minutes | assessed | false flags | per hour |",
        "|---|---|---|---|---|---|",
    ]
    clean = [a for a in answers if not a.case.item.joins]
    untouched = [a for a in clean if a.case.item.kind != KIND]
    groups = {f: [a for a in untouched if a.case.item.source.folder == f] for f in material.FOLDERS}
    groups |= {"all": untouched, "conversations made": [a for a in clean if a.case.item.kind == KIND]}
    for folder, members in groups.items():
        minutes = sum(map(_seconds, members)) / 60
        share = sum(a.assessed * _seconds(a) for a in members) / 60 / max(minutes, 1e-9)
        flagged = [a for a in members if a.listed]
        rate = 60 * len(flagged) / max(minutes, 1e-9)
        lines.append(
            f"| {folder} | {len(members)} | {minutes:.1f} | {share:.0%} | {len(flagged)} | {rate:.1f} |"
        )
    names = sorted(
        {f"{a.case.item.name} ({a.case.item.kind}, {a.case.item.codec})" for a in clean if a.listed}
    )
    return [*lines, "", f"Flagged with nothing to find: {', '.join(names) or 'none'}."]


if __name__ == "__main__":
    main()
