"""An edit under way: a filter graph for ffmpeg that grows step by step, and the truth that grows with it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from vidforensics.types import EditKind, FractionBox, SoundRelation

Matrix = tuple[float, float, float, float, float, float]
"""Rows of a 2×3 affine map from reference to query, both in fractions of width and height."""

IDENTITY: Matrix = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
WHOLE: FractionBox = (0.0, 0.0, 1.0, 1.0)


@dataclass(frozen=True, slots=True)
class TrueEdit:
    """One edit that was made. `also`: words that name it as well; box: fraction of the reference picture."""

    kind: EditKind
    box: FractionBox | None = None
    also: tuple[EditKind, ...] = ()


@dataclass(frozen=True, slots=True)
class TrueSegment:
    """A stretch of the query and the stretch of the reference it shows, seconds."""

    query_start_s: float
    query_end_s: float
    reference_start_s: float
    reference_end_s: float


@dataclass(frozen=True, slots=True)
class TrueSound:
    """What became of the reference's sound on a stretch of the query."""

    start_s: float
    end_s: float
    relation: SoundRelation


@dataclass(frozen=True, slots=True)
class Query:
    """One made clip and everything that is true of it; `reference` is None where nothing may be found.

    allowed: edit kinds that may be named without being asked for. sound: empty where it is not judged.
    matrix: None where no affine map describes it.
    """

    path: Path
    kind: str
    reference: Path | None
    segments: tuple[TrueSegment, ...] = ()
    speed: float = 1.0
    mirrored: bool = False
    edits: tuple[TrueEdit, ...] = ()
    allowed: tuple[EditKind, ...] = ("reencode",)
    sound: tuple[TrueSound, ...] = ()
    steps: tuple[str, ...] = ()
    matrix: Matrix | None = IDENTITY


@dataclass(frozen=True, slots=True)
class BenchmarkSet:
    """What was made; `failures` names what could not be made and why.

    shared: those references that carry the furniture of the hard negatives.
    """

    folder: Path
    references: tuple[Path, ...]
    shared: tuple[Path, ...]
    queries: tuple[Query, ...]
    failures: tuple[str, ...]


@dataclass(slots=True)
class Work:
    """A clip under work.

    `length_s` is the query's length so far, `start_s` where the source's stretch starts in it,
    `shown_s` how long that stretch is, `from_s` its start in the reference.
    """

    inputs: list[list[str]]
    width_px: int
    height_px: int
    rate_hz: float
    length_s: float
    from_s: float
    has_sound: bool
    sound_known: bool
    statements: list[str] = field(default_factory=list)
    picture: str = "0:v:0"
    sound: str | None = None
    start_s: float = 0.0
    shown_s: float = 0.0
    speed: float = 1.0
    mirrored: bool = False
    matrix: Matrix | None = IDENTITY
    edits: list[TrueEdit] = field(default_factory=list)
    allowed: set[EditKind] = field(default_factory=lambda: {"reencode"})
    stretches: list[TrueSound] = field(default_factory=list)
    steps: list[str] = field(default_factory=list)
    crf: int = 26
    _labels: int = 0

    def __post_init__(self) -> None:
        self.shown_s = self.length_s
        if self.has_sound:
            self.sound = "0:a:0"
        if self.sound_known:
            self.stretches = [TrueSound(0.0, self.length_s, "same" if self.has_sound else "absent")]

    def add_input(self, *arguments: str) -> int:
        """Number of a further input; the arguments end with the file."""
        self.inputs.append([*arguments])
        return len(self.inputs) - 1

    def label(self) -> str:
        """A new name inside the graph."""
        self._labels += 1
        return f"l{self._labels}"

    def filter_picture(self, text: str, *others: str) -> None:
        """Put the picture, with other labels after it, through a filter."""
        out = self.label()
        self.statements.append("".join(f"[{n}]" for n in (self.picture, *others)) + f"{text}[{out}]")
        self.picture = out

    def filter_sound(self, text: str, *others: str) -> None:
        """Put the sound, if there is any, through a filter."""
        if self.sound is None:
            return
        out = self.label()
        self.statements.append("".join(f"[{n}]" for n in (self.sound, *others)) + f"{text}[{out}]")
        self.sound = out

    def replace_sound(self, label: str | None) -> None:
        """Other sound, or none, from here on; what was there goes nowhere."""
        if self.sound is not None and ":" not in self.sound:
            self.statements.append(f"[{self.sound}]anullsink")
        self.sound = label

    def made(self, label: str, text: str) -> str:
        """Put any label through a filter; returns the new label."""
        out = self.label()
        self.statements.append(f"[{label}]{text}[{out}]")
        return out

    def move(self, step: Matrix) -> None:
        """Follow the picture: `step` maps the query before to the query now, in fractions."""
        if self.matrix is not None:
            self.matrix = _after(self.matrix, step)

    def retime(self, speed: float) -> None:
        """All times so far shrink by `speed`."""
        self.start_s, self.shown_s, self.length_s = (
            self.start_s / speed,
            self.shown_s / speed,
            self.length_s / speed,
        )
        self.stretches = [TrueSound(s.start_s / speed, s.end_s / speed, s.relation) for s in self.stretches]
        self.speed *= speed

    def delay(self, seconds: float) -> None:
        """Everything so far starts later."""
        self.start_s += seconds
        self.stretches = [
            TrueSound(s.start_s + seconds, s.end_s + seconds, s.relation) for s in self.stretches
        ]

    def set_sound(self, relation: SoundRelation, start_s: float = 0.0, end_s: float | None = None) -> None:
        """What the sound is from now on, on a stretch; the rest stays what it was."""
        if not self.sound_known:
            return
        end = self.length_s if end_s is None else end_s
        kept = [
            TrueSound(a, b, s.relation)
            for s in self.stretches
            for a, b in ((s.start_s, min(s.end_s, start_s)), (max(s.start_s, end), s.end_s))
            if b > a
        ]
        self.stretches = sorted([*kept, TrueSound(start_s, end, relation)], key=lambda s: s.start_s)

    def box_in_reference(self, box: FractionBox) -> FractionBox | None:
        """A box of the query as a fraction of the reference picture, cut off at its edges."""
        if self.matrix is None:
            return None
        a, b, tx, c, d, ty = self.matrix
        det = a * d - b * c
        x, y, width, height = box
        corners = [(x + i * width, y + j * height) for i in (0, 1) for j in (0, 1)]
        at = [((d * (u - tx) - b * (v - ty)) / det, (a * (v - ty) - c * (u - tx)) / det) for u, v in corners]
        left, right = (min(1.0, max(0.0, f(p[0] for p in at))) for f in (min, max))
        top, bottom = (min(1.0, max(0.0, f(p[1] for p in at))) for f in (min, max))
        return (left, top, right - left, bottom - top)

    def finish(self, path: Path, kind: str, reference: Path | None, length_s: float) -> Query:
        """The truth of the clip as written; `length_s` is the length it really has."""
        end_s = min(self.start_s + self.shown_s, max(length_s, self.start_s))
        to_s = self.from_s + (end_s - self.start_s) * self.speed
        segment = TrueSegment(self.start_s, end_s, self.from_s, to_s)
        sound = tuple(
            TrueSound(max(s.start_s, self.start_s), min(s.end_s, end_s), s.relation)
            for s in self.stretches
            if min(s.end_s, end_s) > max(s.start_s, self.start_s)
        )
        allowed = tuple(sorted(self.allowed))
        return Query(
            path,
            kind,
            reference,
            (segment,),
            self.speed,
            self.mirrored,
            tuple(self.edits),
            allowed,
            sound,
            tuple(self.steps),
            self.matrix,
        )


def _after(first: Matrix, then: Matrix) -> Matrix:
    """The map that does `first`, then `then`."""
    a, b, tx, c, d, ty = first
    e, f, ux, g, h, uy = then
    return (
        e * a + f * c,
        e * b + f * d,
        e * tx + f * ty + ux,
        g * a + h * c,
        g * b + h * d,
        g * tx + h * ty + uy,
    )
