"""Where coded streams meet: every reason to think so, at the packet where the second stream begins.

The facts of the demux pass go in, weighted cues come out, at most a few per entry point of the stream. A
weight is a log10 likelihood ratio; how each was set is told in docs/bitstream.md.
Source: the rules for one coded video sequence in ITU-T H.264 clause 7.4 and H.265 clauses 7.4 and 8.1.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from vidforensics.acquisition.bitstream_facts import StreamFacts
from vidforensics.acquisition.join_cues_coding import coding_cues
from vidforensics.acquisition.join_cues_encoder import encoder_cues
from vidforensics.acquisition.join_cues_rules import RawCue
from vidforensics.acquisition.join_cues_sound import sound_cues
from vidforensics.acquisition.join_cues_time import time_cues
from vidforensics.types import JoinCue

MAX_CUES = 2000


def find_join_cues(facts: StreamFacts) -> tuple[JoinCue, ...]:
    """Every cue, in packet order.

    Args:
        facts: of one demux pass.

    Returns:
        Cues of packets after the first, each with the presentation time of the first frame after the
        join; () for a stream with one entry point only.
    """
    if len(facts.starts) < 2:
        return ()
    pictures = [*encoder_cues(facts), *coding_cues(facts), *time_cues(facts)]
    return tuple(_records(facts, [*pictures, *sound_cues(facts, pictures)]))[:MAX_CUES]


def _records(facts: StreamFacts, raw: Iterable[RawCue]) -> Iterable[JoinCue]:
    for cue in sorted(raw, key=lambda found: (found.gop, -found.weight, found.cue)):
        time_s = float(facts.first_pts_s[cue.gop])
        if np.isfinite(time_s):
            yield JoinCue(int(facts.starts[cue.gop]), time_s, cue.cue, cue.weight, cue.sentence)
