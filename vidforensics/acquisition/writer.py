"""Who wrote the file last, as far as its structure says.

The fields of a container go in and a `WriterReading` comes out: the first rule of `writer_rules` whose marks
are all there, with the marks as facts. Reading the last writer from container structure follows Gloe et al.
2014 and Yang et al. 2020 (arXiv 2101.10795); a re-mux rewrites these marks, and the reading says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from vidforensics.acquisition.writer_rules import KEPT_MARKS, LIMITS, RULES, Mark, WriterRule
from vidforensics.types import WriterReading

MAX_FACTS = 12
MAX_VALUE = 160


def read_writer(container_format: str, fields: Mapping[str, str]) -> WriterReading:
    """Read the last writer.

    Args:
        container_format: "iso-bmff", "matroska", "avi" or "other".
        fields: what the container says about itself.

    Returns:
        The reading with every mark that supports it; "unknown" where no rule's marks are all there.
    """
    for rule in RULES:
        reading = _apply(rule, fields)
        if reading is not None:
            return reading
    known = [fact for key in ("ftyp.major_brand", "ftyp.compatible_brands") for fact in _facts(key, fields)]
    facts = (f"container: {container_format}", *known)
    return WriterReading("unknown", "unknown", facts, LIMITS["unknown"])


def _apply(rule: WriterRule, fields: Mapping[str, str]) -> WriterReading | None:
    groups: list[str] = []
    facts: list[str] = []
    for mark in rule.required:
        found = list(_matches(mark, fields))
        if not found:
            return None
        groups.extend(g for g in found[0][2].groups() if g)
        facts.extend(f"{key}: {value[:MAX_VALUE]}" for key, value, _ in found)
    for mark in rule.supporting:
        facts.extend(f"{key}: {value[:MAX_VALUE]}" for key, value, _ in _matches(mark, fields))
    facts.extend(_kept(facts, fields))
    name = rule.name.format(*(g.strip()[:80] for g in groups))
    return WriterReading(name, rule.family, tuple(dict.fromkeys(facts))[:MAX_FACTS], LIMITS[rule.family])


def _kept(facts: list[str], fields: Mapping[str, str]) -> Iterator[str]:
    """Marks of another writer that a re-mux left in place."""
    for key_pattern, value_pattern, source in KEPT_MARKS:
        for key, value, _ in _matches((key_pattern, value_pattern), fields):
            if f"{key}: {value[:MAX_VALUE]}" not in facts:
                yield f"{key}: {value[:MAX_VALUE]} (a mark of {source}, perhaps kept from an earlier file)"


def _matches(mark: Mark, fields: Mapping[str, str]) -> Iterator[tuple[str, str, re.Match[str]]]:
    for key, value in fields.items():
        if re.fullmatch(mark[0], key) and (match := re.search(mark[1], value)):
            yield key, value, match


def _facts(key: str, fields: Mapping[str, str]) -> list[str]:
    return [f"{key}: {fields[key]}"] if fields.get(key) else []
