"""Collects what a decode pass lost, so that damage is told once with its count instead of once per frame.

Takes a code, a sentence and a time per event; gives one sentence per code, in the order in which the
codes first came up. Keeping damage in the result follows the rule that an unread stretch is an answer too.
"""

from __future__ import annotations

from dataclasses import dataclass

MAX_CODES = 200


@dataclass(slots=True)
class _Entry:
    sentence: str
    first_s: float | None
    count: int


class ProblemLog:
    """Events of a decode pass, counted by code."""

    def __init__(self) -> None:
        self._entries: dict[str, _Entry] = {}

    def add(self, code: str, sentence: str, time_s: float | None = None) -> None:
        """Count one event.

        Args:
            code: which events count as the same; only the first sentence of a code is kept.
            sentence: what was lost, without a full stop.
            time_s: where it was lost, if that is known.
        """
        entry = self._entries.get(code)
        if entry is not None:
            entry.count += 1
        elif len(self._entries) < MAX_CODES:
            self._entries[code] = _Entry(sentence, time_s, 1)

    def sentences(self) -> tuple[str, ...]:
        """One sentence per code, with the time of the first event and their number; empty if none."""
        return tuple(_sentence(entry) for entry in self._entries.values())


def _sentence(entry: _Entry) -> str:
    where = "" if entry.first_s is None else f", first at {entry.first_s:.3f} s"
    times = "" if entry.count == 1 else f", {entry.count} times"
    return f"{entry.sentence}{where}{times}."
