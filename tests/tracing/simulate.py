"""Hits and signatures of made-up pairs of videos whose alignment is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vidforensics.types import Hits

QUERY_STEP_S = 0.25


@dataclass(frozen=True)
class Piece:
    """Query seconds [start, end) that show the reference from `reference` on."""

    start: float
    end: float
    reference: float
    speed: float = 1.0
    mirrored: bool = False

    @property
    def reference_end(self):
        return self.reference + self.speed * (self.end - self.start)


def make_rows(duration, rng, gaps=(0.8, 2, 5, 8)):
    rows = np.append(0.0, np.cumsum(rng.choice(gaps, size=int(duration / min(gaps)) + 1)))
    return rows[rows < duration]


def picture_hits(pieces, query, rows, rng, *, chance=0, width=0.6, missed=0.1):
    """Rows of true pieces hit by the query frames around them, and `chance` times as many anywhere."""
    times = np.arange(0, query, QUERY_STEP_S)
    found = []
    for piece in pieces:
        for number, row in enumerate(rows):
            at = piece.start + (row - piece.reference) / piece.speed
            if not piece.start <= at < piece.end or rng.random() < missed:
                continue
            near = times[(abs(times - at) < width) & (times >= piece.start) & (times < piece.end)]
            weights = 6 * (1 - abs(near - at) / width / 1.3) + rng.normal(0, 0.3, len(near))
            found += [
                (t, row, max(0.5, w), piece.mirrored, number) for t, w in zip(near, weights, strict=True)
            ]
    for _ in range(int(chance * max(len(found), 20))):
        number = int(rng.integers(len(rows)))
        # calibrated weights: chance reaches log10 odds w once in 10^w times
        weight = 0.5 + rng.exponential(1 / np.log(10))
        found.append((rng.choice(times), rows[number], weight, rng.random() < 0.5, number))
    return make_hits("picture", np.array(found, dtype=np.float64).reshape(-1, 5))


def sound_hits(pieces, query, reference, rng, *, chance=0):
    found = []
    for piece in pieces:
        for t in np.arange(piece.start, piece.end, 0.1):
            if rng.random() < 0.6:
                at = piece.reference + piece.speed * (t - piece.start)
                speed = piece.speed * np.exp(rng.normal(0, 0.015))
                found.append((t + rng.normal(0, 0.02), at, 1 + rng.random(), speed, 0))
    for _ in range(int(chance * len(found))):
        found.append((rng.uniform(0, query), rng.uniform(0, reference), 1.0, rng.uniform(0.7, 1.3), 0))
    return make_hits("sound", np.array(found, dtype=np.float64).reshape(-1, 5))


def make_hits(modality, table):
    count, sound = len(table), modality == "sound"
    return Hits(
        modality=modality,
        video=np.zeros(count, np.int64),
        query_s=table[:, 0],
        reference_s=table[:, 1],
        weight=table[:, 2].astype(np.float32),
        speed=(table[:, 3] if sound else np.full(count, np.nan)).astype(np.float32),
        mirrored=np.zeros(count, bool) if sound else table[:, 3] > 0,
        view=np.full(count, -1 if sound else 0, np.int64),
        reference_row=np.full(count, -1, np.int64) if sound else table[:, 4].astype(np.int64),
    )


def segment_f1(pieces, found):
    """VCSL's segment F1 of one pair: precision and recall are products over both time axes."""
    truth = [(p.start, p.reference, p.end, p.reference_end) for p in pieces]
    boxes = [(a.query_start_s, a.reference_start_s, a.query_end_s, a.reference_end_s) for a in found]
    precision, recall = _covered(boxes, truth), _covered(truth, boxes)
    return 0.0 if precision + recall == 0 else 2 * precision * recall / (precision + recall)


def _covered(boxes, by):
    product = 1.0
    for axis in (0, 1):
        shared = total = 0.0
        for box in boxes:
            parts = [
                (max(box[axis], other[axis]), min(box[axis + 2], other[axis + 2]))
                for other in by
                if all(min(box[k + 2], other[k + 2]) > max(box[k], other[k]) for k in (0, 1))
            ]
            shared += _union(parts)
            total += box[axis + 2] - box[axis]
        product *= shared / total if total else 0.0
    return product


def _union(parts):
    length, reached = 0.0, -np.inf
    for a, b in sorted(parts):
        length += max(0.0, b - max(a, reached))
        reached = max(reached, b)
    return length


def walk(duration, rng, fps=25.0, shot=4.0):
    """Times and signature levels of a made-up clip: shots of slowly moving pictures."""
    times = np.arange(0, duration, 1 / fps)
    levels = np.empty((len(times), 128))
    level, drift, until = None, None, -1.0
    for i, t in enumerate(times):
        if t >= until:
            level, drift = rng.normal(0, 8, 128), rng.normal(0, 1.5, 128)
            until = t + rng.uniform(0.5, 1.5) * shot
        drift = 0.95 * drift + rng.normal(0, 0.5, 128)
        level = level + drift / fps
        levels[i] = level
    return times, levels


def as_signatures(levels, rng, noise=0.05):
    return np.rint((levels + rng.normal(0, noise, levels.shape)) * 64).clip(-32768, 32767).astype(np.int16)
