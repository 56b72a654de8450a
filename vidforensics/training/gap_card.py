"""Write the model card of `gaps`: what the weights are for, what taught them, their worth, where they fail.

The figures of metrics.json go in, Markdown comes out.
Source: Mitchell et al., Model cards for model reporting (2019).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_HEAD = """# gaps: are frames missing between two neighbours?

Weights of the network behind the `deletion` detector. Ten small pictures (80×45, luma), five before a
frame and five from it on, go through four convolutions; the log odds that frames are missing in the
middle come out. What is done with them, and the cues that must agree, are described in
docs/flagging.md.

**Use.** Clips of moving pictures, 10 frames per second or more, evenly timed. A flag is a reason to
look, never a verdict: frames may be missing for many reasons.

**Not for.** Still pictures, slide shows, frame rates below 10 per second, irregular clocks (all
reported as not assessed); single frames dropped by a camera or a conversion of the frame rate, which it
was taught to pass over.
"""

_FAILURES = """## Known failures

- Speakers who return to the same pose, and anything that hardly moves: nothing is left to see.
- Strong compression: small steps drown.
- A gap shorter than five frames is mostly passed over.
- Jumps that a camera, a screen recorder or a conversion of the frame rate made are gaps too.
- Footage of a few kinds (court rooms, broadcast, street and home scenes); animation only as what must
  stay quiet.
"""


def card(metrics: Mapping[str, Any]) -> str:
    """The text of MODEL_CARD.md."""
    return "\n".join([_HEAD, *_data(metrics["footage"]), *_figures(metrics), _FAILURES])


def _data(footage: Mapping[str, Any]) -> Iterator[str]:
    yield "## Data\n"
    yield (
        f"{footage['clips']} clips of {footage['scenes']} speakers and scenes, {footage['minutes']} "
        f"minutes at 25 frames per second; {footage['filmed']} of them filmed, the others (generated "
        f"faces, animation) only as what must stay quiet. Of the filmed ones {footage['made']} clips were "
        f"encoded anew, with {footage['gaps']} gaps of 5 to 60 frames in all, each through H.264 (crf 20, "
        "26, 32, or 28 at 360 px), HEVC or VP9 drawn by the seed. Half of the windows have frames missing"
        " in the middle, in those clips or left out when the window is cut; the other half do not: "
        "ordinary motion, gaps off the middle, cuts to other files, captions, flashes, bumps, single "
        "dropped frames, and those windows that the network took for gaps while it learned. Neither clips"
        " nor frames are distributed. Footage behind the published weights: CC BY 4.0 (intel-iot-devkit), "
        "free for research (GRID, Real-life Trial Deception 2016), research use (VGGSound, HDTF), or under "
        "its repository's own licence.\n"
    )
    if footage["failed"]:
        yield f"{len(footage['failed'])} files could not be used; metrics.json says why.\n"


def _figures(metrics: Mapping[str, Any]) -> Iterator[str]:
    yield "## Figures\n"
    yield (
        "Windows of scenes that the judging network never met, half of them with frames missing in the "
        "middle. *Found*: share of the gaps above all but one in a hundred of the other windows, which "
        f"are harder than ordinary footage. Command: `{metrics['command']}`.\n"
    )
    yield "| judged | taught by | windows | scenes | AUC | found |"
    yield "|---|---|---|---|---|---|"
    for side, row in metrics["windows"].items():
        if row is not None:
            other = "test side" if side == "fit" else "fit side"
            cells = (row["windows"], row["scenes"], row["auc"], row["found"])
            yield f"| {side} side | {other} | {' | '.join(str(c) for c in cells)} |"
    if metrics["options"]["side"] == "all":
        yield "\nThe weights here are taught by both sides and have no figures of their own.\n"
    yield "What the detector finds with them stands in docs/flagging.md.\n"
