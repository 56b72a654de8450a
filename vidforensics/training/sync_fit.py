"""Train one sync network: a mouth and its own sound together, everything else apart.

Stretches of people who were filmed as they spoke go in; a network comes out. Each window of picture must
find its own sound among that of the other windows, voices without a picture (some synthesised), and, the
hardest, the same voice a second and more away. Half the faces are mirrored; speed, tone and bands of the
sound are varied.
Source: InfoNCE, van den Oord et al., Representation learning with contrastive predictive coding (2018).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from vidforensics.flagging.sync_input import FaceStretch, heard_features, seen_features
from vidforensics.flagging.sync_spans import NEAR
from vidforensics.training.sync_net import SyncNet, SyncNetOptions

if TYPE_CHECKING:
    from vidforensics.records.arrays import ByteArray, Float32Array, FloatArray

BANDS, HOPS = 34, 4
APART = 20
"""Windows of one stretch so many steps apart or more count as other sound."""

# the same point on the other side of the face, for each of the 24
MIRRORED = (6, 5, 4, 3, 2, 1, 0, 11, 10, 9, 8, 7, 16, 15, 14, 13, 12, 19, 18, 17, 20, 21, 23, 22)


@dataclass(frozen=True, slots=True)
class FitOptions:
    """How long and how hard one network trains."""

    steps: int = 400
    batch: int = 48
    window: int = 40
    shifts: int = 2
    voices: int = 12
    rate: float = 2e-3
    decay: float = 1e-3
    speed: float = 0.15
    network: SyncNetOptions = field(default_factory=SyncNetOptions)


@dataclass(frozen=True, slots=True)
class _Pool:
    """Arrays of every stretch: seen, mirrored, heard and speech; chances of each to be drawn."""

    seen: list[Float32Array]
    mirrored: list[Float32Array]
    heard: list[Float32Array]
    speech: list[Float32Array]
    voices: list[Float32Array]
    usable: list[int]
    chances: FloatArray


def fit_network(
    stretches: Sequence[FaceStretch],
    voices: Sequence[Float32Array],
    options: FitOptions,
    seed: int,
    told: Callable[[int, int], None] = lambda done, total: None,
) -> SyncNet:
    """Train one network.

    Args:
        stretches: in sync, at least one as long as a window and its margins.
        voices: levels float32 (n, 4, 34) of voices that belong to none of the faces.
        options: see there.
        seed: of the first weights and of every choice.
        told: called with steps done and steps in all.

    Returns:
        The network in evaluation mode.
    """
    device = "cuda" if torch.cuda.is_available() else "cpu"
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    pool = _pool(stretches, voices, options.window)
    network = SyncNet(options.network).to(device).train()
    optimiser = torch.optim.AdamW(network.parameters(), options.rate, weight_decay=options.decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, options.rate, total_steps=options.steps)
    for step in range(options.steps):
        seen, heard, shifted = _batch(pool, options, rng)
        seen, heard = _varied(seen, heard, options, rng)
        loss = _loss(network, seen.to(device), heard.to(device), shifted.to(device))
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
        told(step + 1, options.steps)
    return network.cpu().eval()


def mirrored(stretch: FaceStretch) -> tuple[Float32Array, ByteArray]:
    """Shapes and mouths of the face as in a mirror, in the types of `FaceStretch`."""
    points = stretch.shapes.reshape(len(stretch), -1, 2)[:, MIRRORED]
    return (points * np.array([-1, 1], np.float32)).reshape(len(stretch), -1), stretch.mouths[:, :, ::-1]


def _pool(stretches: Sequence[FaceStretch], voices: Sequence[Float32Array], window: int) -> _Pool:
    longest = window + 2 * NEAR
    usable = [i for i, s in enumerate(stretches) if len(s) > longest and s.speech.mean() > 0.3]
    chances = np.array([len(stretches[i]) - longest for i in usable], np.float64) ** 0.7
    return _Pool(
        seen=[seen_features(s.shapes, s.mouths) for s in stretches],
        mirrored=[seen_features(*mirrored(s)) for s in stretches],
        heard=[heard_features(s.levels) for s in stretches],
        speech=[s.speech for s in stretches],
        voices=[heard_features(v) for v in voices if len(v) > longest],
        usable=usable,
        chances=chances / chances.sum(),
    )


def _batch(
    pool: _Pool, options: FitOptions, rng: np.random.Generator
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Windows of picture (b, t, 146), of sound (c, t + 2 NEAR, 136), and whose shifts the rest are.

    The first b of the sound belong to the pictures in order; the next are shifts of the picture that the
    third tensor names; voices come last.
    """
    window, margin = options.window, NEAR
    seen: list[Float32Array] = []
    heard: list[Float32Array] = []
    shifts: list[Float32Array] = []
    owners: list[int] = []
    while len(seen) < options.batch:
        i = pool.usable[int(rng.choice(len(pool.usable), p=pool.chances))]
        last = len(pool.seen[i]) - window - margin
        at = int(rng.integers(margin, last + 1))
        if pool.speech[i][at : at + window].mean() < 0.5 and rng.random() < 0.9:
            continue
        source = pool.mirrored if rng.random() < 0.5 else pool.seen
        seen.append(source[i][at : at + window])
        heard.append(pool.heard[i][at - margin : at + window + margin])
        others = [x for x in range(margin, last + 1) if abs(x - at) >= APART]
        for _ in range(options.shifts if others else 0):
            x = int(rng.choice(others))
            shifts.append(pool.heard[i][x - margin : x + window + margin])
            owners.append(len(seen) - 1)
    for _ in range(options.voices if pool.voices else 0):
        voice = pool.voices[int(rng.integers(len(pool.voices)))]
        at = int(rng.integers(0, len(voice) - window - 2 * margin))
        shifts.append(voice[at : at + window + 2 * margin])
    sound = np.stack(heard + shifts)
    return torch.from_numpy(np.stack(seen)), torch.from_numpy(sound), torch.tensor(owners, dtype=torch.long)


def _varied(
    seen: torch.Tensor, heard: torch.Tensor, options: FitOptions, rng: np.random.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Noise, lost bands and lost inputs; the whole batch now and then faster or slower."""
    seen = seen + 0.1 * torch.randn_like(seen) * torch.rand(len(seen), 1, 1)
    heard = heard + 0.2 * torch.randn_like(heard) * torch.rand(len(heard), 1, 1)
    if rng.random() < 0.7:
        seen, heard = _faster(seen, heard, float(rng.uniform(1 - options.speed, 1 + options.speed)))
    kept = torch.ones(len(heard), 1, HOPS, BANDS)
    for row in range(len(heard)):
        if rng.random() < 0.5:
            low = int(rng.integers(0, BANDS - 4))
            kept[row, :, :, low : low + int(rng.integers(2, 10))] = 0
    heard = heard * kept.reshape(len(heard), 1, -1) + 0.3 * torch.randn(len(heard), 1, 1)
    lost = torch.rand(len(seen), 1, seen.shape[2]) < 0.15 * torch.rand(len(seen), 1, 1)
    return seen.masked_fill(lost, 0.0), heard


def _faster(seen: torch.Tensor, heard: torch.Tensor, speed: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Both streams on a grid of another rate; their margins stay NEAR steps."""
    steps = int(seen.shape[1] * speed)
    seen = nn.functional.interpolate(seen.transpose(1, 2), size=steps, mode="linear").transpose(1, 2)
    whole = max(round(heard.shape[1] * speed), steps + 2 * NEAR)
    heard = nn.functional.interpolate(heard.transpose(1, 2), size=whole, mode="linear").transpose(1, 2)
    cut = (whole - steps - 2 * NEAR) // 2
    return seen, heard[:, cut : cut + steps + 2 * NEAR]


def _loss(network: SyncNet, seen: torch.Tensor, heard: torch.Tensor, owners: torch.Tensor) -> torch.Tensor:
    """Own sound against other sound, own picture against other pictures, own sound against its shifts."""
    sight, sound = network.see(seen), network.hear(heard)
    count, steps = sight.shape[:2]
    flat = sight.reshape(count, -1) / steps
    near = [flat @ sound[:, k : k + steps].reshape(len(sound), -1).T for k in range(2 * NEAR + 1)]
    fit = torch.logsumexp(torch.stack(near, -1) * network.log_sharpness.exp(), -1)
    own = torch.arange(count, device=fit.device)
    loss = nn.functional.cross_entropy(fit, own)
    loss = loss + 0.5 * nn.functional.cross_entropy(fit[:, :count].T, own)
    if len(owners):
        shifts = fit[owners, count + torch.arange(len(owners), device=fit.device)]
        loss = loss + nn.functional.softplus(shifts - fit[owners, owners]).mean()
    return loss
