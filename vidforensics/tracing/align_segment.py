"""A straight stretch of two videos while it is being looked for: its line and what bears it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vidforensics.tracing.align_extent import Reach
from vidforensics.tracing.align_lines import Line

if TYPE_CHECKING:
    from vidforensics.records.arrays import FloatArray


@dataclass(frozen=True, slots=True)
class Segment:
    """A line with the stretches on which picture and sound speak for it.

    speed_cost: evidence taken off for a rare speed. views: of the query, most used first. seen_s, rows: query
    times and numbers of the rows of the reference that were hit, each (K,).
    """

    line: Line
    picture: Reach | None
    sound: Reach | None
    speed_cost: float
    mirrored: bool
    views: tuple[int, ...]
    seen_s: FloatArray
    rows: FloatArray

    @property
    def evidence(self) -> float:
        """What speaks for the line, picture and sound together, log10."""
        parts = [r.evidence for r in (self.picture, self.sound) if r is not None]
        return sum(parts) - self.speed_cost

    @property
    def rank(self) -> float:
        """How well the line explains what was hit when, log10: by this lines are chosen among each other."""
        picture = 0.0 if self.picture is None else self.picture.gain
        return picture + (0.0 if self.sound is None else self.sound.evidence) - self.speed_cost

    @property
    def first_s(self) -> float:
        """First query second borne out by either."""
        return min(r.first_s for r in (self.picture, self.sound) if r is not None)

    @property
    def last_s(self) -> float:
        """Last query second borne out by either."""
        return max(r.last_s for r in (self.picture, self.sound) if r is not None)
