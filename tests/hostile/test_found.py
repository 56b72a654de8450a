"""What the fuzzer found once, as the smallest input that shows it."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from av import AudioFrame

from vidforensics.extraction.decode_problems import ProblemLog
from vidforensics.extraction.decode_sound import JUMP_S, WAVER_S, SoundTrack

RATE_HZ = 48_000


def piece(start_s: float, layout: str) -> AudioFrame:
    """20 ms of sound at a time."""
    channels = 1 if layout == "mono" else 2
    frame = AudioFrame.from_ndarray(np.full((channels, 960), 0.1, np.float32), format="fltp", layout=layout)
    frame.sample_rate, frame.time_base = RATE_HZ, Fraction(1, RATE_HZ)
    frame.pts = round(start_s * RATE_HZ)
    return frame


def test_channels_change_while_a_jump_is_unconfirmed():
    track = SoundTrack(0, 0.0, 1.0, ProblemLog())
    off_s = (JUMP_S + WAVER_S) / 2
    frames = [piece(0.00, "mono"), piece(0.02 + off_s, "mono"), piece(0.04 + off_s, "stereo")]
    blocks = [block for frame in frames for block in track.take(frame)]
    blocks += track.flush()
    assert [block.samples.shape[1] for block in blocks] == [1, 1, 2]
    assert sum(len(block.samples) for block in blocks) == 3 * 960
