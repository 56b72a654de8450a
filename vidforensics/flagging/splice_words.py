"""One sentence for a flagged shot: which of its numbers lie apart from the other shots', with both beside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vidforensics.flagging.splice_model import Model

if TYPE_CHECKING:
    from vidforensics.records.arrays import BoolArray, FloatArray

MOST_CUES = 3


@dataclass(frozen=True, slots=True)
class Cue:
    """A kind of trace: the columns it is made of, the one that is quoted, and how."""

    prefixes: tuple[str, ...]
    quoted: str
    words: str
    unit: str = ""
    as_power: bool = False


CUES = (
    Cue(
        ("noise_1", "noise_2", "noise_4", "noise_flat", "noise_step"),
        "noise_1_25",
        "fine noise",
        " levels",
        True,
    ),
    Cue(
        ("noise_dark", "noise_middle", "noise_bright"),
        "noise_middle",
        "noise at middle brightness",
        " levels",
        True,
    ),
    Cue(("noise_cb", "noise_cr"), "noise_cr_50", "colour noise", " levels", True),
    Cue(("still",), "still_25", "change from frame to frame where it is quietest", " levels", True),
    Cue(("spectrum",), "spectrum_6", "share of fine detail in its spectrum", " (log2)"),
    Cue(("edge", "combing"), "edge_1_2", "sharpness of edges", " (log2)"),
    Cue(("grid",), "grid_across", "8-sample block grid", " (log2)"),
    Cue(("resampling",), "resampling_across", "period left by scaling", " (log2)"),
    Cue(("black", "dark", "clipped_black"), "black", "black level", ""),
    Cue(("white", "bright", "clipped_white"), "white", "white level", ""),
    Cue(("median", "contrast"), "contrast", "contrast", " levels"),
    Cue(("saturation",), "saturation", "saturation", " levels"),
    Cue(("cb", "cr", "grey"), "cr", "mean red chroma", " levels"),
    Cue(("histogram",), "histogram_gaps", "gaps in the histogram", " (log2)"),
    Cue(("inter_bits",), "inter_bits", "coded size per sample", " bits", True),
    Cue(("inter_qp",), "inter_qp", "mean quantiser", ""),
    Cue(("repeats",), "repeats", "share of repeated frames", ""),
    Cue(("change",), "change", "usual change between frames", " levels", True),
    Cue(("bar",), "bar_height", "height of the picture between bars", ""),
)


def basis_of(values: FloatArray, at: int, odd: BoolArray, model: Model) -> str:
    """The sentence for shot `at` among the shots that are not `odd`.

    Args:
        values: signatures (S, K) in the order of `model.names`.
        at: the shot.
        odd: which shots are flagged with it, bool (S,).
        model: weights, which say how much each number counts.
    """
    rest = values[~odd] if not odd.all() else np.delete(values, at, axis=0)
    named = [_quote(cue, values[at], rest, model) for cue in strongest(values[at], rest, model)]
    others = "the other shot" if len(rest) == 1 else f"the {len(rest)} other shots"
    told = "; ".join(named) if named else "many small differences"
    return f"This shot differs from {others} more than one recording usually does from itself: {told}."


def strongest(shot: FloatArray, rest: FloatArray, model: Model) -> list[Cue]:
    """The cues that add most to the difference, at most `MOST_CUES`, strongest first."""
    added = [(_added(cue, shot, rest, model), i) for i, cue in enumerate(CUES)]
    best = sorted((pair for pair in added if pair[0] > 0.0), reverse=True)[:MOST_CUES]
    return [CUES[i] for _, i in best]


def _added(cue: Cue, shot: FloatArray, rest: FloatArray, model: Model) -> float:
    """What a cue's columns add to the log odds against the nearest of the others, above the usual."""
    columns = [i for i, name in enumerate(model.names) if _is_of(name, cue)]
    if not columns or np.isnan(_column(shot, cue, model)) or np.isnan(_of_rest(rest, cue, model)).all():
        return 0.0
    away = np.nan_to_num(np.abs(shot[columns] - rest[:, columns]) / model.scale[columns])
    seen = np.log1p(np.minimum(away, 8.0)).min(axis=0)
    standard = (seen - model.pair.mean[columns]) / model.pair.scale[columns]
    return float((np.maximum(model.pair.weights[columns], 0.0) * np.maximum(standard, 0.0)).sum())


def _is_of(name: str, cue: Cue) -> bool:
    return any(name == prefix or name.startswith(prefix + "_") for prefix in cue.prefixes)


def _column(shot: FloatArray, cue: Cue, model: Model) -> float:
    return float(shot[model.names.index(cue.quoted)])


def _of_rest(rest: FloatArray, cue: Cue, model: Model) -> FloatArray:
    return rest[:, model.names.index(cue.quoted)]


def _quote(cue: Cue, shot: FloatArray, rest: FloatArray, model: Model) -> str:
    here, there = _column(shot, cue, model), _of_rest(rest, cue, model)
    there = there[np.isfinite(there)]
    low, high = _text(cue, float(there.min())), _text(cue, float(there.max()))
    beside = low if low == high else f"{low} to {high}"
    return f"{cue.words} {_text(cue, here)}, the others {beside}{cue.unit}"


def _text(cue: Cue, value: float) -> str:
    shown = 2.0**value if cue.as_power else value
    return f"{shown:.2f}" if abs(shown) < 10 else f"{shown:.0f}"
