"""Write the model card of `sync`: what it is for, what taught it, what it is worth, where it fails.

The figures of metrics.json go in, Markdown comes out.
Source: Mitchell et al., Model cards for model reporting (2019).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from vidforensics.evaluation.synthesis import NO_SYNTHESISER

_KINDS = ("slid", "other speaker", "voice", "synthesised")
_HEAD = """# sync: does the voice belong to the mouth on camera?

Weights of the networks behind the `sync` detector (label `dub`). Two small towers of convolutions over time
turn lips and mouth pictures, and the sound's levels, into vectors that agree where both are of one moment.
Inputs, gates and pooling are described in docs/dub.md.

**Use.** Speech of a person who is on camera, at least 4 s, eyes 22 px apart or more, the mouth moving. It
says whether the mouth follows the voice within 0.2 s about the shot's own lag.

**Not for.** Off-camera speech (reported as not assessed), and pictures made to fit a sound: a lip-synced fake
is in sync. A flag is a reason to look, never a verdict on a person.
"""

_FAILURES = """## Known failures

- An off-camera voice while a listener on camera moves the mouth looks like a dub.
- Mumbling, beards, microphones before the mouth and faces near profile weaken the evidence.
- Most of the footage is English and of a few kinds (court rooms, broadcast); others were not measured.
- A voice slid by less than 0.2 s is not told from ordinary lag.
- Voices that networks synthesise or clone were not measured.
"""


def card(metrics: Mapping[str, Any]) -> str:
    """The text of MODEL_CARD.md."""
    return "\n".join([_HEAD, *_data(metrics), *_figures(metrics), _FAILURES])


def _data(metrics: Mapping[str, Any]) -> Iterator[str]:
    footage = metrics["footage"]
    yield "## Data\n"
    yield (
        f"{footage['minutes']} minutes of {footage['clips']} clips, {footage['speakers']} speakers "
        f"from {footage['corpora']} public sources, filmed as they spoke, and {footage['voices']} voices "
        f"without a picture. {_synthesised(footage)} Neither clips nor frames are distributed. "
        "Licences as in the sources: CC BY 4.0 (LibriSpeech, AMI), free for research (GRID, Real-life Trial "
        "Deception 2016), research use or the repository's own licence elsewhere.\n"
    )


def _synthesised(footage: Mapping[str, Any]) -> str:
    if footage["synthesiser"] is None:
        return f"{NO_SYNTHESISER}."
    return f"{footage['synthesised']} synthesised voices were made by {footage['synthesiser']}."


def _figures(metrics: Mapping[str, Any]) -> Iterator[str]:
    yield "## Figures\n"
    yield (
        "Every speaker was judged by networks, a line and a threshold that never met the speaker "
        f"({metrics['options']['folds']} folds by speaker); the shipped weights are trained on all of them. "
        f"Command: `{metrics['command']}`.\n"
    )
    head = ("window", "corpus", "windows", "clips", "speakers", *(f"AUC {kind}" for kind in _KINDS))
    yield f"| {' | '.join(head)} |"
    yield "|" + "---|" * len(head)
    for length, corpora in metrics["windows"].items():
        for name, row in corpora.items():
            auc = row["auc"]
            cells = (
                length, name, row["windows"], row["clips"], row["speakers"],
                *(auc.get(kind) for kind in _KINDS),
            )  # fmt: skip
            yield "| " + " | ".join("–" if c is None else str(c) for c in cells) + " |"
    yield _located(metrics["located"], metrics["located_threshold_from_other_folds"])
    yield f"Cllr of a segment's likelihood ratio: {metrics['segments']['cllr']}.\n"


def _located(all_folds: Mapping[str, Any], crossed: Mapping[str, Any]) -> str:
    return (
        f"\nForged parts of 4–10 s in {all_folds['forged_parts']} trials: AP {all_folds['ap_tiou_0.5']} at "
        f"overlap 0.5, {all_folds['ap_tiou_0.3']} at 0.3. At the operating point "
        f"{all_folds['recall_at_threshold']} are met, with {all_folds['false_flags']} false flags in "
        f"{all_folds['untouched_hours']} h of untouched speech. With the threshold from the other folds: "
        f"{crossed['hits']:.0f} of {crossed['forged_parts']} met, {crossed['false_flags']} false flags in "
        f"{crossed['untouched_hours']} h.\n"
    )
