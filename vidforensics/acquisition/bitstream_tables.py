"""From the facts of a demux pass to the `Bitstream` record: packet table, GOPs, settings, parameter sets.

Columns and facts go in, the record that travels comes out. A GOP runs from one packet at which the stream
can be entered to the next, as the container and the codec's parser mark them.
"""

from __future__ import annotations

import itertools

import numpy as np

from vidforensics.acquisition.bitstream_columns import HeaderEvent, PacketColumns, as_numbers
from vidforensics.acquisition.bitstream_facts import StreamFacts
from vidforensics.acquisition.headers_text import encoder_name
from vidforensics.acquisition.join_cues import find_join_cues
from vidforensics.types import Bitstream, EncoderSettings, Finding, Gop, PacketTable, ParameterSet

MAX_GOPS = 100_000
MAX_LISTED = 256
_SET_KINDS = ("SPS", "PPS", "VPS", "sequence")


def empty_bitstream(not_read: str) -> Bitstream:
    """The record of a clip without a picture stream."""
    return Bitstream(None, None, _packet_table(PacketColumns(), None), (), (), (), None, (), (), not_read)


def bitstream_record(
    index: int,
    columns: PacketColumns,
    facts: StreamFacts,
    findings: tuple[Finding, ...],
    not_read: str | None,
) -> Bitstream:
    """Assemble the record.

    Args:
        index: the stream's index in the container.
        columns: filled by the demux pass.
        facts: the same as arrays.
        findings: what went wrong while reading.
        not_read: why headers were not read; None if they were.
    """
    return Bitstream(
        stream_index=index,
        codec=facts.codec,
        packets=_packet_table(columns, facts),
        gops=_gops(columns, facts),
        encoder_settings=_settings(facts),
        parameter_sets=_parameter_sets(facts),
        has_b_frames=_has_b_frames(facts),
        join_cues=find_join_cues(facts),
        findings=(*findings, *_header_findings(facts)),
        not_read=not_read,
    )


def _packet_table(columns: PacketColumns, facts: StreamFacts | None) -> PacketTable:
    return PacketTable(
        pts_s=facts.pts_s if facts else np.empty(0),
        dts_s=facts.dts_s if facts else np.empty(0),
        size_bytes=as_numbers(columns.sizes),
        is_key=np.frombuffer(bytes(columns.keys), dtype=np.uint8).astype(np.bool_),
        frame_type=np.frombuffer(bytes(columns.kinds), dtype="S1").astype("<U1"),
        qp=np.array(columns.qp, dtype=np.float64),
        offset_bytes=as_numbers(columns.positions),
    )


def _gops(columns: PacketColumns, facts: StreamFacts) -> tuple[Gop, ...]:
    sizes = as_numbers(columns.sizes)
    bounds = [*facts.starts.tolist(), facts.count]
    if bounds[0] != 0:
        bounds.insert(0, 0)
    gops = []
    for first, end in list(itertools.pairwise(bounds))[:MAX_GOPS]:
        times = facts.pts_s[first:end]
        known = times[np.isfinite(times)]
        start_s = float(known.min()) if len(known) else float("nan")
        end_s = float(known.max()) if len(known) else float("nan")
        step = facts.frame_s if np.isfinite(facts.frame_s) else 0.0
        pattern = facts.kinds[first:end].decode("ascii")
        gops.append(Gop(start_s, end_s + step, end - first, int(sizes[first:end].sum()), pattern))
    return tuple(gops)


def _settings(facts: StreamFacts) -> tuple[EncoderSettings, ...]:
    found = [event for event in facts.events if event.kind == "encoder"][:MAX_LISTED]
    return tuple(
        EncoderSettings(
            max(0, event.packet), event_time_s(facts, event), encoder_name(event.text), event.text
        )
        for event in found
    )


def _parameter_sets(facts: StreamFacts) -> tuple[ParameterSet, ...]:
    found = [event for event in facts.events if event.kind in _SET_KINDS][:MAX_LISTED]
    return tuple(
        ParameterSet(max(0, event.packet), event_time_s(facts, event), event.kind, event.changed, event.text)
        for event in found
    )


def event_time_s(facts: StreamFacts, event: HeaderEvent) -> float:
    """Presentation time of the packet an event belongs to; the stream's start for its container header."""
    packet = max(0, event.packet)
    return float(facts.pts_s[packet]) if packet < facts.count else float("nan")


def _has_b_frames(facts: StreamFacts) -> bool | None:
    if not facts.kinds.strip(b"?"):
        return None
    return b"B" in facts.kinds


def _header_findings(facts: StreamFacts) -> tuple[Finding, ...]:
    unread = facts.kinds.count(b"?")
    if 0 < unread < facts.count:
        sentence = f"The headers of {unread} of {facts.count} coded pictures could not be read."
        return (Finding("headers_unreadable", "notice", sentence),)
    return ()
