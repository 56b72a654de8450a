"""Whether the relation was told right: speed, mirror, what became of the sound, which edits were made."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from vidforensics.evaluation.edits import Query, TrueSound
from vidforensics.types import FractionBox

_LEAST_STRETCH_S = 1.0
# A reference without sound has nothing to say about the query's.
_SAME_WORDS = {"absent": frozenset({"absent", "not_assessed"})}


@dataclass(frozen=True, slots=True)
class FoundSegment:
    """One segment as reported for one reference; edits are (kind, box)."""

    query_start_s: float
    query_end_s: float
    reference_start_s: float
    reference_end_s: float
    score: float
    modality: str
    speed: float
    mirrored: bool
    edits: tuple[tuple[str, FractionBox | None], ...]
    sound: str

    @property
    def length_s(self) -> float:
        """Seconds of the query."""
        return self.query_end_s - self.query_start_s


def speed_error(segments: Sequence[FoundSegment], query: Query) -> float | None:
    """Relative error of the speed of the longest segment; None for no segment."""
    longest = max(segments, key=lambda s: s.length_s, default=None)
    return None if longest is None else abs(longest.speed / query.speed - 1)


def mirror_right(segments: Sequence[FoundSegment], query: Query) -> bool | None:
    """Whether most of the time matched by picture is told to be mirrored as it is; None for no such time."""
    seen = [s for s in segments if s.modality != "sound" and s.length_s > 0]
    if not seen:
        return None
    right = sum(s.length_s for s in seen if s.mirrored == query.mirrored)
    return right > sum(s.length_s for s in seen) / 2


def sound_told(segments: Sequence[FoundSegment], stretch: TrueSound) -> str | None:
    """The word that covers most of a stretch; None where the stretch was not matched or is under 1 s."""
    if stretch.end_s - stretch.start_s < _LEAST_STRETCH_S:
        return None
    told: dict[str, float] = {}
    for one in segments:
        shared_s = min(one.query_end_s, stretch.end_s) - max(one.query_start_s, stretch.start_s)
        if shared_s > 0:
            told[one.sound] = told.get(one.sound, 0.0) + shared_s
    return max(told, key=lambda word: told[word]) if told else None


def sound_right(told: str, relation: str) -> bool:
    """Whether a word is right for what was done."""
    return told in _SAME_WORDS.get(relation, frozenset({relation}))


@dataclass(frozen=True, slots=True)
class NamingCounts:
    """True edits that were named, true edits, and named edits that were not made, of one kind."""

    named: int = 0
    made: int = 0
    wrong: int = 0

    @property
    def recall(self) -> float | None:
        """Share of the edits made that were named."""
        return self.named / self.made if self.made else None

    @property
    def precision(self) -> float | None:
        """Share of the namings that were right."""
        return self.named / (self.named + self.wrong) if self.named + self.wrong else None

    def plus(self, other: NamingCounts) -> NamingCounts:
        """Both together."""
        return NamingCounts(self.named + other.named, self.made + other.made, self.wrong + other.wrong)


def naming(segments: Sequence[FoundSegment], query: Query) -> dict[str, NamingCounts]:
    """Edit kinds of one query that were named, missed or made up.

    An edit counts as named where its kind, or a word that names it as well, is said of any segment. A kind
    that was not made is wrong unless the query allows it; what is only allowed counts neither way.
    """
    said = {kind for segment in segments for kind, _ in segment.edits}
    counts: dict[str, NamingCounts] = {}
    for kind in {edit.kind for edit in query.edits}:
        words: set[str] = {kind, *(word for edit in query.edits if edit.kind == kind for word in edit.also)}
        counts[kind] = NamingCounts(int(bool(words & said)), 1, 0)
    known = {word for edit in query.edits for word in (edit.kind, *edit.also)} | set(query.allowed)
    for wrong in said - known:
        counts[wrong] = counts.get(wrong, NamingCounts()).plus(NamingCounts(0, 0, 1))
    return counts


def total(counts: Iterable[dict[str, NamingCounts]]) -> dict[str, NamingCounts]:
    """Counts per kind over many queries, in the order of kinds."""
    summed: dict[str, NamingCounts] = {}
    for one in counts:
        for kind, count in one.items():
            summed[kind] = summed.get(kind, NamingCounts()).plus(count)
    return dict(sorted(summed.items()))


def crop_overlap(segments: Sequence[FoundSegment], query: Query) -> float | None:
    """Overlap (intersection over union) of the crop box told for longest with the true one, else None."""
    true = [edit.box for edit in query.edits if edit.kind == "crop" and edit.box]
    told = [(s.length_s, box) for s in segments for kind, box in s.edits if kind == "crop" and box]
    if len(true) != 1 or not told:
        return None
    return overlap(max(told)[1], true[0])


def overlap(first: FractionBox, second: FractionBox) -> float:
    """Intersection over union of two boxes; 0 where they do not meet."""
    wide = min(first[0] + first[2], second[0] + second[2]) - max(first[0], second[0])
    tall = min(first[1] + first[3], second[1] + second[3]) - max(first[1], second[1])
    shared = max(0.0, wide) * max(0.0, tall)
    union = first[2] * first[3] + second[2] * second[3] - shared
    return shared / union if union > 0 else 0.0
