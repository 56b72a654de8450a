"""How well joins in sound are found blindly, and how often untouched sound is flagged.

`python -m tests.benchmarks.audio_discontinuity --footage DIR [--seed N] [--fit]` prints a Markdown table
measured on half of the speakers and scenes; `--fit` first fits weights, threshold and calibration on the
other half and writes them into the package.
"""

from __future__ import annotations

import argparse
import json
import math
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.benchmarks import audio_discontinuity_fit as fit
from tests.benchmarks import audio_discontinuity_material as material
from tests.benchmarks.audio_discontinuity_dialogue import KIND, dialogue
from vidforensics import flagging
from vidforensics.features.sound_series import SoundSeriesAccumulator
from vidforensics.features.speech import SpeechAccumulator
from vidforensics.features.speech_net import RATE_HZ
from vidforensics.features.voices import VoiceAccumulator
from vidforensics.flagging import audio_discontinuity as detector
from vidforensics.flagging.audio_discontinuity_model import Model, load_model, model_of
from vidforensics.flagging.audio_discontinuity_steps import Steps, steps_of
from vidforensics.types import AudioBlock, Speech, Voices

COMMAND = "python -m tests.benchmarks.audio_discontinuity --footage DIR --seed {seed} --fit"
CODECS = ("aac96", "aac48")
FALSE_FLAGS_PER_HOUR = 2.0
FOLDS = 5
PACKAGE = Path(flagging.__file__).parent
LEAST_HOST_S = 6.0
SAME_CORPUS_SHARE = 0.35


@dataclass(frozen=True)
class Case:
    """One examined track: what was done to it, and its steps."""

    item: material.Item
    steps: Steps
    speech: Speech
    voices: Voices

    @property
    def is_speech(self) -> bool:
        return self.item.source.folder in (*material.TALK, "generated")


@dataclass(frozen=True)
class Answer:
    """The detector's highest score, what share it assessed, and how the best stretch meets the truth."""

    case: Case
    peak: float
    assessed: float
    overlap: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--footage", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--fit", action="store_true")
    parser.add_argument("--codecs", default=",".join(CODECS), help="of pcm, aac96, aac48, mp3; for measuring")
    chosen = parser.parse_args()
    sources = list(material.sources(chosen.footage))
    if chosen.fit:
        _fit(list(cases(sources, "fit", CODECS, chosen.seed)), chosen.seed)
    found = list(cases(sources, "test", tuple(chosen.codecs.split(",")), chosen.seed))
    model = load_model()
    print(table([answer(c, model) for c in found], model.heard.threshold))
    print("\nWithout the speech and the voice network:\n")
    print(table([answer(c, model, heard=False) for c in found], model.unheard.threshold))


def cases(sources: list[material.Source], side: str, codecs: tuple[str, ...], seed: int) -> Iterator[Case]:
    """Untouched tracks and every kind of edit of one half of the sources, through every codec."""
    donors = [s for s in sources if s.folder in material.TALK and material.side(s.group) == side]
    for index, host in enumerate(sources):
        if material.side(host.group) != side:
            continue
        rng = np.random.default_rng([seed, index])
        made = [material.Item(host.name, "untouched", "none", host, 0.0, host.samples)]
        if host.seconds >= LEAST_HOST_S and host.folder in (*material.TALK, "generated"):
            for kind in material.KINDS:
                item = material.made(host, _donors(host, donors, rng), kind, rng)
                made += [item] if item is not None else []
            apart = np.random.default_rng([seed, index, 1])
            spoken = dialogue(host, [d for d in donors if d.group != host.group], apart)
            made += [spoken] if spoken is not None else []
        for item in made:
            for codec in codecs:
                coded = material.through(item, codec)
                yield Case(coded, *measured(coded))


def _donors(
    host: material.Source, donors: list[material.Source], rng: np.random.Generator
) -> list[material.Source]:
    """Other people's recordings of one corpus: a third of the time the host's own."""
    others = [d for d in donors if d.group != host.group]
    same = [d for d in others if d.corpus == host.corpus]
    if same and rng.random() < SAME_CORPUS_SHARE:
        return same
    corpora = sorted({d.corpus for d in others if d.corpus != host.corpus})
    corpus = corpora[int(rng.integers(len(corpora)))]
    return [d for d in others if d.corpus == corpus]


def measured(item: material.Item) -> tuple[Steps, Speech, Voices]:
    mono = material.resampled(item.samples.mean(axis=1), item.source.rate, RATE_HZ).astype(np.float32)
    block = AudioBlock(0, item.start_s, item.samples, item.source.rate, item.start_s, mono)
    series, speech, voices = SoundSeriesAccumulator(), SpeechAccumulator(), VoiceAccumulator()
    for accumulator in (series, speech, voices):
        accumulator.update(block)
    return steps_of(series.finish()[0]), speech.finish(), voices.finish()


def answer(case: Case, model: Model, heard: bool = True) -> Answer:
    """Examine one track; `heard` False goes without the speech and the voice network."""
    steps = case.steps
    if steps.times_s[-1] - steps.times_s[0] < detector.LEAST_S:
        return Answer(case, -math.inf, 0.0, 0.0)
    listened = (case.speech, case.voices) if heard else (None, None)
    scores = detector.scored(steps, detector.judge_of(steps, model, *listened), np.zeros(0))
    known = np.isfinite(scores)
    peak = float(scores[known].max()) if known.any() else -math.inf
    overlap = 0.0
    if len(case.item.joins) == 2 and known.any():
        truth = (steps.times_s[:-1] >= case.item.joins[0]) & (steps.times_s[:-1] < case.item.joins[1])
        best = np.where(known, scores, -np.inf) >= peak
        overlap = float((truth & best).sum() / max(1, (truth | best).sum()))
    return Answer(case, peak, float(known.mean()), overlap)


def _fit(found: list[Case], seed: int) -> None:
    """Weights; thresholds for FALSE_FLAGS_PER_HOUR and calibration from fits without the speaker."""
    rng = np.random.default_rng(seed)
    chosen = [c for c in found if len(c.item.joins) != 1]
    examples = [
        fit.example(c.steps, (c.speech, c.voices), c.item.joins, (c.is_speech, c.item.kind == KIND), rng)
        for c in chosen
    ]
    groups = sorted({c.item.source.group for c in chosen})
    fold_of = {g: i % FOLDS for i, g in enumerate(rng.permutation(groups))}
    answers = []
    for fold in range(FOLDS):
        inside = [fold_of[c.item.source.group] == fold for c in chosen]
        held = [c for c, here in zip(chosen, inside, strict=True) if here]
        learnt = fit.fitted([e for e, here in zip(examples, inside, strict=True) if not here])
        model = model_of(learnt | {"source": ""})
        answers += [answer(c, model) for c in held]
    plain = fit.fitted(examples) | {"source": COMMAND.format(seed=seed)}
    # without the networks as ever: at the answers of the fit itself
    alone = [answer(c, model_of(plain), heard=False) for c in chosen if c.item.kind != KIND]
    plain["heard"]["threshold"] = round(_threshold(answers), 3)
    plain["unheard"]["threshold"] = round(_threshold(alone), 3)
    (PACKAGE / "audio_discontinuity.json").write_text(json.dumps(plain) + "\n", encoding="utf-8")
    path = PACKAGE / "calibration.json"
    entries = json.loads(path.read_text("utf-8"))
    entries["audio_discontinuity"] = _calibration(answers) | {"source": COMMAND.format(seed=seed)}
    path.write_text(json.dumps(dict(sorted(entries.items())), indent=2) + "\n", encoding="utf-8")
    found_now = np.mean([a.peak >= plain["heard"]["threshold"] for a in answers if a.case.item.joins])
    print(f"Fit side, crosswise: {found_now:.2f} found at the threshold {plain['heard']['threshold']:.2f}.\n")


def _threshold(answers: list[Answer]) -> float:
    """Over untouched tracks and conversations alike."""
    clean = [a for a in answers if not a.case.item.joins]
    hours = sum(_seconds(a) for a in clean) / 3600
    peaks = sorted((a.peak for a in clean), reverse=True)
    return peaks[int(FALSE_FLAGS_PER_HOUR * hours)] + 0.01


def _calibration(answers: list[Answer]) -> dict:
    """A line from the highest score of a track to log10 LR: put in and met, against untouched.

    Codecs of one track are not independent; the counts that bound the ratio are tracks.
    """
    yes = [a for a in answers if a.case.item.joins and a.overlap > 0.5]
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


def table(answers: list[Answer], threshold: float) -> str:
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
        hits = [a for a in members if a.peak >= threshold]
        good = [a for a in hits if a.overlap > 0.5]
        lines.append(
            f"| {what} | {codec} | {len(members)} | {_share(hits, members)} | {_share(good, members)} |"
        )
    return "\n".join([*lines, "", *_untouched(answers, threshold)])


def _share(part: list[Answer], whole: list[Answer]) -> str:
    return f"{len(part) / len(whole):.2f} ({len(part)})"


def _untouched(answers: list[Answer], threshold: float) -> list[str]:
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
        flagged = [a for a in members if a.peak >= threshold]
        rate = 60 * len(flagged) / max(minutes, 1e-9)
        lines.append(
            f"| {folder} | {len(members)} | {minutes:.1f} | {share:.0%} | {len(flagged)} | {rate:.1f} |"
        )
    names = sorted(
        {
            f"{a.case.item.name} ({a.case.item.kind}, {a.case.item.codec})"
            for a in clean
            if a.peak >= threshold
        }
    )
    return [*lines, "", f"Flagged with nothing to find: {', '.join(names) or 'none'}."]


if __name__ == "__main__":
    main()
