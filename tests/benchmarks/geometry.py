"""Measure stored points and edit naming on edited pictures of the footage.

    python -m tests.benchmarks.geometry --footage DIR --side test --seed 0 --sources 60

Prints, per edit: share of query frames whose points accept their own reference, confidence, error of the
placement; what unrelated frames and frames that share only a logo, caption or bars reach; precision and
recall of edit kinds and overlap of boxes, with both pictures at hand.
"""

from __future__ import annotations

import argparse
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from tests.benchmarks.geometry_material import (
    FLIP,
    RECIPES,
    Edited,
    Moment,
    analysis_chroma,
    analysis_plane,
    moments,
    with_logo,
)
from vidforensics.features.picture_points import points_of, query_points_of
from vidforensics.tracing.edits import relate_pictures
from vidforensics.tracing.geometry import ACCEPTED, PointFit, relate_points
from vidforensics.tracing.geometry_pictures import mapped
from vidforensics.types import Edit

GRID = np.array([[x, y] for x in (0.1, 0.5, 0.9) for y in (0.1, 0.5, 0.9)])
Described = tuple[np.ndarray, np.ndarray, float]
NOTHING = -9.0
LEAST_POINTS = 12


@dataclass(frozen=True, slots=True)
class Made:
    recipe: str
    moment: Moment
    host: str
    edited: Edited


def made(material: Sequence[Moment], recipes_each: int, rng: np.random.Generator) -> list[Made]:
    """Every recipe on `recipes_each` moments drawn anew."""
    out = []
    for name, recipe in RECIPES.items():
        for index in rng.permutation(len(material))[:recipes_each]:
            moment = material[index]
            others = [m for m in material if m.group != moment.group]
            host = others[rng.integers(len(others))]
            out.append(Made(name, moment, host.group, recipe(moment, host, rng)))
    return out


def described(picture: np.ndarray, of_query: bool, mirrored: bool = False) -> Described:
    plane = analysis_plane(picture)
    plane = np.ascontiguousarray(plane[:, ::-1]) if mirrored else plane
    points, codes = (query_points_of if of_query else points_of)(plane)
    return points, codes, picture.shape[1] / picture.shape[0]


def related(query: Described, reference: Described, mirrored: bool = False) -> PointFit | None:
    return relate_points(*query[:2], *reference[:2], query[2], reference[2], mirrored)


def carries_something(moment: Moment) -> bool:
    """Whether there is enough to see for any method: nearly blank and broken frames are left out."""
    return all(int((described(frame, False)[0][:, 2] > 0).sum()) >= LEAST_POINTS for frame in moment.frames)


def same_picture(first: Moment, second: Moment) -> bool:
    """Whether two sources are one recording under two names, as happens in the footage."""
    sides = [
        np.asarray(cv2.resize(m.frames[0], (32, 32), interpolation=cv2.INTER_AREA), float)
        for m in (first, second)
    ]
    return bool(np.abs(sides[0] - sides[1]).mean() < 4)


def points_table(
    material: Sequence[Moment], queries: Sequence[Made], strangers: int, rng: np.random.Generator
) -> None:
    stored = {id(m): described(m.frames[0], False) for m in material}
    rows: dict[str, list[tuple[float, int, float]]] = defaultdict(list)
    apart: list[float] = []
    for one in queries:
        query = described(one.edited.frames[0], True, one.edited.mirrored)
        fit = related(query, stored[id(one.moment)], one.edited.mirrored)
        if fit is None:
            rows[one.recipe].append((NOTHING, 0, np.nan))
        else:
            matrix = np.vstack((np.reshape(fit.matrix, (2, 3)), (0, 0, 1)))
            off = np.abs(mapped(matrix, GRID) - mapped(one.edited.homography, GRID)).max()
            rows[one.recipe].append((fit.confidence, fit.inliers, float(off)))
        for index in rng.integers(len(material), size=strangers):
            if material[index].group in (one.moment.group, one.host):
                continue
            if not same_picture(material[index], one.moment):
                other = related(query, stored[id(material[index])])
                apart.append(other.confidence if other else NOTHING)
    print(
        "\n| edit | frames | accepted | confidence p10 | median | inliers of 24 | placement error, median |"
    )
    print("|---|---|---|---|---|---|---|")
    for name, values in rows.items():
        array = np.array(values)
        passed = (array[:, 0] >= ACCEPTED).mean()
        low, middle = np.percentile(array[:, 0], (10, 50))
        print(
            f"| {name} | {len(array)} | {passed:.2f} | {low:.1f} | {middle:.1f} "
            f"| {np.median(array[:, 1]):.0f} | {np.nanmedian(array[:, 2]):.3f} |"
        )
    print(f"\nunrelated frame pairs: {len(apart)}")
    for level in (1, 2, 3, 4, 5, ACCEPTED, 6):
        print(f"  reach {level}: {int((np.array(apart) >= level).sum())}")


def shared_table(material: Sequence[Moment], pairs: int, rng: np.random.Generator) -> None:
    """Strangers that carry the same logo, caption or bars."""
    for name in ("logo", "caption", "letterbox", "pillarbox"):
        reached = []
        for _ in range(pairs):
            first, second = (material[i] for i in rng.choice(len(material), 2, replace=False))
            if first.group == second.group or same_picture(first, second):
                continue
            seed = int(rng.integers(1 << 31))
            shown = []
            for moment in (first, second):
                same = np.random.default_rng(seed)
                if name == "logo":
                    shown.append(with_logo(moment.frames[:1], same, 0.4, 0.35)[0])
                else:
                    shown.append(RECIPES[name](Moment("", moment.frames[:1]), moment, same).frames[0])
            fit = related(described(shown[0], True), described(shown[1], False))
            reached.append(fit.confidence if fit else NOTHING)
        array = np.array(reached)
        passed = int((array >= ACCEPTED).sum())
        print(f"shared {name}: {len(array)} pairs, accepted {passed}, highest {array.max():.1f}")


def overlap(first: Sequence[float], second: Sequence[float]) -> float:
    wide = min(first[0] + first[2], second[0] + second[2]) - max(first[0], second[0])
    tall = min(first[1] + first[3], second[1] + second[3]) - max(first[1], second[1])
    shared = max(0.0, wide) * max(0.0, tall)
    return shared / (first[2] * first[3] + second[2] * second[3] - shared)


def naming_table(queries: Sequence[Made]) -> None:
    """Precision and recall of kinds; screen recordings may also be told as crop, bars, colour or rotation."""
    named, missed, invented = Counter[str](), Counter[str](), Counter[str]()
    crops: list[float] = []
    mirrors = [0, 0]
    for one in queries:
        relation = relate_pictures(
            np.stack([analysis_plane(f) for f in one.edited.frames]),
            np.stack([analysis_plane(f) for f in one.moment.frames]),
            np.stack([analysis_chroma(f) for f in one.edited.frames]),
            np.stack([analysis_chroma(f) for f in one.moment.frames]),
        )
        mirrors[0] += relation.mirrored == one.edited.mirrored
        mirrors[1] += 1
        said = {edit.kind for edit in relation.edits}
        allowed = {"colour", "crop", "letterbox", "rotate", "overlay"} if one.recipe == "screen" else set()
        for kind in one.edited.kinds:
            (named if kind in said else missed)[kind] += 1
        for kind in said - one.edited.kinds - allowed:
            invented[kind] += 1
        crops += [
            crop_overlap(edit, one.edited) for edit in relation.edits if edit.kind == "crop" and edit.box
        ]
    print("\n| kind | made | recall | precision |\n|---|---|---|---|")
    for kind in sorted({*named, *missed, *invented}):
        truth, told = named[kind] + missed[kind], named[kind] + invented[kind]
        recall = f"{named[kind] / truth:.3f}" if truth else "–"
        print(f"| {kind} | {truth} | {recall} | {named[kind] / max(1, told):.3f} |")
    print(f"\nmirror right {mirrors[0]} of {mirrors[1]}; crop boxes: overlap median {np.median(crops):.3f}")


def crop_overlap(edit: Edit, edited: Edited) -> float:
    straight = FLIP @ edited.homography if edited.mirrored else edited.homography
    corners = mapped(np.linalg.inv(straight), np.array([[0, 0], [1, 1.0]]))
    low, high = np.clip(corners[0], 0, 1), np.clip(corners[1], 0, 1)
    assert edit.box is not None
    return overlap(edit.box, (*low, *(high - low)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--footage", type=Path, required=True)
    parser.add_argument("--side", choices=("fit", "test"), default="test")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--sources", type=int, default=60)
    parser.add_argument("--each", type=int, default=30, help="query frames per edit")
    parser.add_argument("--strangers", type=int, default=40, help="unrelated references per query frame")
    parser.add_argument("--named", type=int, default=12, help="of each edit, queries whose edits are named")
    args = parser.parse_args()
    rng = np.random.default_rng(args.seed)
    found = list(moments(args.footage, args.side, per_source=1))
    material = [moment for moment in found if carries_something(moment)]
    print(f"{len(found) - len(material)} of {len(found)} sources show too little")
    material = [material[i] for i in rng.permutation(len(material))[: args.sources]]
    queries = made(material, args.each, rng)
    print(f"{args.side} side, seed {args.seed}: {len(material)} sources, {len(queries)} queries")
    points_table(material, queries, args.strangers, rng)
    shared_table(material, 150, rng)
    seen: Counter[str] = Counter()
    chosen = [one for one in queries if not seen.update([one.recipe]) and seen[one.recipe] <= args.named]
    if chosen:
        naming_table(chosen)


if __name__ == "__main__":
    main()
