"""Join cues from what encoders write beside pictures: signatures, parameter sets, key frame schedules.

Facts go in, cues come out. An encoder signs once, when it starts; broadcasters, segmenters and remuxers
repeat headers at every entry point, which is told apart by that regularity and by identical text.
Source: ITU-T H.264 clauses 7.4.1.2.1 (when parameter sets may change) and annex D (user data).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from vidforensics.acquisition.bitstream_columns import HeaderEvent
from vidforensics.acquisition.bitstream_facts import StreamFacts
from vidforensics.acquisition.headers_text import encoder_name, encoder_options
from vidforensics.acquisition.join_cues_rules import RawCue, gop_lengths, gop_of_packet

if TYPE_CHECKING:
    from vidforensics.records.arrays import IntArray

CHUNKS_AT_LEAST = 4
CHANGES_NAMED = 3
_SET_WEIGHTS = {"SPS": 3.5, "sequence": 3.5, "VPS": 2.0, "PPS": 2.0, "extradata": 3.0}
_FREQUENT = 0.2
_REORDERED = 16


def encoder_cues(facts: StreamFacts) -> Iterator[RawCue]:
    """Cues from signatures, parameter sets and key frame distances."""
    yield from _signature_cues(facts)
    yield from _set_cues(facts)
    yield from _distance_cues(facts)


def _signature_cues(facts: StreamFacts) -> Iterator[RawCue]:
    events = [event for event in facts.events if event.kind == "encoder"]
    if not events:
        return
    repeated = _signed_gops(facts, events)
    at_every_entry = len(repeated) >= 0.9 * (len(facts.starts) - 1) and not _signs_once(events)
    chunked = _is_chunked(facts, events)
    before = events[0].text
    for event in events[1:]:
        gop = gop_of_packet(facts, event.packet)
        earlier, before = before, event.text
        if gop < 1 or event.packet != facts.starts[gop]:
            continue
        name = encoder_name(event.text)
        if event.text != earlier:
            yield RawCue(gop, "encoder_changed", 4.0, signature_change(earlier, event.text))
        elif at_every_entry:
            continue
        elif chunked:
            text = f"The encoder {name} starts anew here, as it does at equal distances through the file."
            yield RawCue(gop, "encoder_restart_regular", 0.5, text)
        else:
            text = f"The encoder {name} signs the stream a second time, which it does only when it starts."
            yield RawCue(gop, "encoder_restart", 4.0, text)


def signature_change(before: str, after: str) -> str:
    """What differs between two signatures: the encoder, or else the settings that it lists."""
    old, new = encoder_name(before), encoder_name(after)
    if old != new:
        return f"The encoder's signature changes here, from {old} to {new}."
    settings = encoder_options(before)
    differing = [
        f"{key} {settings.get(key, 'absent')} to {value}"
        for key, value in encoder_options(after).items()
        if settings.get(key) != value
    ]
    named = ", ".join(differing[:CHANGES_NAMED]) or "what it lists differs"
    more = f" and {len(differing) - CHANGES_NAMED} more" if len(differing) > CHANGES_NAMED else ""
    return f"The settings of the encoder {new} change here: {named}{more}."


def _signed_gops(facts: StreamFacts, events: list[HeaderEvent]) -> set[int]:
    return {gop_of_packet(facts, event.packet) for event in events if event.packet > 0}


def _signs_once(events: list[HeaderEvent]) -> bool:
    """Whether this encoder never repeats its signature: x264 does not, even when it repeats headers."""
    return events[0].text.startswith("x264")


def _is_chunked(facts: StreamFacts, events: list[HeaderEvent]) -> bool:
    """Whether equal signatures come at equal distances, as when parts were encoded side by side."""
    packets = sorted({max(0, event.packet) for event in events})
    if len({event.text for event in events}) > 1 or len(packets) < CHUNKS_AT_LEAST:
        return False
    steps = np.diff(packets)
    return bool(np.ptp(steps) <= 1 and facts.count - packets[-1] <= steps.max() + 1)


def _set_cues(facts: StreamFacts) -> Iterator[RawCue]:
    changes = [
        event for event in facts.events if event.changed and event.packet > 0 and event.kind in _SET_WEIGHTS
    ]
    by_gop: dict[int, HeaderEvent] = {}
    for event in changes:
        gop = gop_of_packet(facts, event.packet)
        if gop >= 1 and event.packet == facts.starts[gop]:
            kept = by_gop.get(gop)
            if kept is None or _SET_WEIGHTS[event.kind] > _SET_WEIGHTS[kept.kind]:
                by_gop[gop] = event
    only_pictures = {gop for gop, event in by_gop.items() if event.kind == "PPS"}
    frequent = len(only_pictures) > max(3.0, _FREQUENT * len(facts.starts))
    for gop, event in by_gop.items():
        weight = 0.2 if frequent and gop in only_pictures else _SET_WEIGHTS[event.kind]
        text = f"The {event.kind} header changes in the middle of the stream, to: {event.text}."
        yield RawCue(gop, "parameter_set_changed", weight, text)


def _distance_cues(facts: StreamFacts) -> Iterator[RawCue]:
    """Key frames that come before the encoder's own schedule allows or explains them."""
    lengths = _displayed_lengths(facts)
    usual = _fixed_distance(lengths)
    options = _options(facts)
    shortest = _whole(options.get("keyint_min", options.get("min-keyint", "")))
    longest = _whole(options.get("keyint", ""))
    on_schedule = int(np.count_nonzero(np.abs(lengths - longest) <= 1))
    for gop, length in enumerate(lengths.tolist(), start=1):
        if longest and options.get("scenecut") == "0" and length < longest - 1:
            weight = 2.2 if on_schedule and on_schedule >= len(lengths) / 2 else 1.2
            text = f"A key frame comes after {length} frames; the encoder was set to one every {longest}."
            yield RawCue(gop, "key_frame_early", weight, text)
        elif shortest > 1 and length < shortest - 1:
            text = f"A key frame comes after {length} frames; the encoder was set to at least {shortest}."
            yield RawCue(gop, "key_frame_early", 1.5, text)
        elif usual and length < usual - 1:
            text = f"A key frame comes after {length} frames, nearly all others after {usual}."
            yield RawCue(gop, "key_frame_early", 1.2, text)


def _displayed_lengths(facts: StreamFacts) -> IntArray:
    """Displayed frames from each key frame to the next, shape (K − 1,); coded ones if times are unknown."""
    coded = gop_lengths(facts)[:-1]
    if not np.isfinite(facts.frame_s) or facts.frame_s <= 0:
        return coded
    spans = np.diff(facts.pts_s[facts.starts]) / facts.frame_s
    near = np.abs(spans - coded) <= _REORDERED
    lengths: IntArray = np.where(near, np.rint(np.where(near, spans, 0.0)), coded).astype(np.int64)
    return lengths


def _fixed_distance(lengths: IntArray) -> int:
    """The distance that all but a few key frames keep, within one frame; 0 if they keep none."""
    if len(lengths) < 5:
        return 0
    usual = int(np.median(lengths))
    odd = np.abs(lengths - usual) > 1
    return usual if np.count_nonzero(odd) <= max(1, 0.1 * len(lengths)) and usual > 1 else 0


def _whole(text: str) -> int:
    """A whole number among an encoder's options; 0 if it is none, such as "infinite"."""
    return int(text) if text.isdigit() and len(text) < 10 else 0


def _options(facts: StreamFacts) -> dict[str, str]:
    """Options of the only encoder that signed the stream; empty if none or several did."""
    texts = {event.text for event in facts.events if event.kind == "encoder"}
    if len(texts) != 1:
        return {}
    return encoder_options(texts.pop())
