"""Alignments taken apart and moved: parts, pieces between holes, other moments, another speed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from vidforensics.types import Alignment

LEAST_PIECE_S = 0.4


def cut(alignment: Alignment, holes: Sequence[tuple[float, float]]) -> tuple[Alignment, ...]:
    """What is left of an alignment between holes; pieces shorter than LEAST_PIECE_S are dropped."""
    edges = [alignment.query_start_s, *(t for hole in holes for t in hole), alignment.query_end_s]
    pieces = []
    for start_s, end_s in zip(edges[::2], edges[1::2], strict=True):
        if end_s - start_s >= LEAST_PIECE_S:
            pieces.append(part(alignment, start_s, end_s))
    return tuple(pieces)


def at_speed(alignment: Alignment, speed: float) -> Alignment:
    """The alignment through the same middle at another speed, reference seconds per query second."""
    half_s = (alignment.query_end_s - alignment.query_start_s) / 2 * speed
    middle_s = (alignment.reference_start_s + alignment.reference_end_s) / 2
    return replace(
        alignment, speed=speed, reference_start_s=middle_s - half_s, reference_end_s=middle_s + half_s
    )


def part(alignment: Alignment, start_s: float, end_s: float) -> Alignment:
    """The part of an alignment between two times of the query."""
    first_s, last_s = (
        alignment.reference_start_s + alignment.speed * (t - alignment.query_start_s)
        for t in (start_s, end_s)
    )
    return replace(
        alignment,
        query_start_s=start_s,
        query_end_s=end_s,
        reference_start_s=first_s,
        reference_end_s=last_s,
    )


def shifted(alignment: Alignment, by_s: float) -> Alignment:
    """The alignment with the same stretch of the query, `by_s` later in the reference."""
    return replace(
        alignment,
        reference_start_s=alignment.reference_start_s + by_s,
        reference_end_s=alignment.reference_end_s + by_s,
    )
