"""Trains the network of the picture code without labels, and writes its weights for numpy.

`python -m tests.benchmarks.picture_code_train --footage DIR --minutes 50 --out FILE.npz` needs torch. Every
step takes pictures of many sources, makes virtual sources of them, edits each twice and asks which two
belong together among all others (InfoNCE, as in SSCD). What two pictures of one source in one orientation
share is neither asked for nor forbidden. Pictures that look most alike to the network of that moment are put
into one step, so that it learns to tell them apart.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from tests.benchmarks.picture_code_edits import heavily_edited, lightly_edited, virtual_source
from tests.benchmarks.picture_code_material import Frame, frames_of
from vidforensics.features.picture_code_net import BITS, STRIDES, _input

CHANNELS = (2, 24, 48, 64, 96, 128)
KERNELS = (5, 3, 3, 3, 3)
PLACE_CHANNELS = 32
PAIRS = 160
TEMPERATURE = 0.06
RATE = 2.5e-3
ALIKE_SHARE, MIXED_SHARE, LATER_SHARE = 0.6, 0.15, 0.5
MINE_EVERY = 400
NEVER = -1e4


class Net(nn.Module):
    """Five convolutions, pooled by power, by mean and by place, then one linear map."""

    def __init__(self) -> None:
        super().__init__()
        layers = [
            nn.Sequential(
                nn.Conv2d(CHANNELS[i], CHANNELS[i + 1], size, stride, size // 2, bias=False),
                nn.BatchNorm2d(CHANNELS[i + 1]),
                nn.ReLU(inplace=True),
            )
            for i, (size, stride) in enumerate(zip(KERNELS, STRIDES, strict=True))
        ]
        self.layers = nn.Sequential(*layers)
        self.grid = nn.Conv2d(CHANNELS[-1], PLACE_CHANNELS, 1, bias=False)
        self.last = nn.Linear(2 * CHANNELS[-1] + 9 * PLACE_CHANNELS, BITS, bias=False)
        self.norm = nn.BatchNorm1d(BITS, affine=False)

    def forward(self, planes: torch.Tensor) -> torch.Tensor:
        cells = self.layers(planes)
        power = cells.clamp(min=1e-4).pow(3).mean((2, 3)).pow(1 / 3)
        places = functional.adaptive_avg_pool2d(self.grid(cells), 3).flatten(1)
        return self.norm(self.last(torch.cat([power, cells.mean((2, 3)), places], 1)))


@dataclass(slots=True)
class Pairs:
    """Draws pairs of edited pictures."""

    frames: list[Frame]
    rng: np.random.Generator
    by_source: dict[str, list[int]] = field(default_factory=dict)
    alike: dict[int, list[int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for index, frame in enumerate(self.frames):
            self.by_source.setdefault(frame.source, []).append(index)

    def batch(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Planes (2 PAIRS, 2, 64, 64), the first half edited heavily, and a key per pair."""
        names = sorted(self.by_source)
        weights = np.sqrt([min(len(self.by_source[name]), 200) for name in names])
        made: list[tuple[np.ndarray, np.ndarray, int]] = []
        while len(made) < PAIRS:
            name = names[self.rng.choice(len(names), p=weights / weights.sum())]
            index = int(self.rng.choice(self.by_source[name]))
            state = int(self.rng.integers(2**62))
            made.append(self._pair(index, state, self.rng.random() < MIXED_SHARE))
            if index in self.alike and self.rng.random() < ALIKE_SHARE:
                others = self.rng.choice(self.alike[index], self.rng.integers(1, 3))
                made += [self._pair(int(other), state, False) for other in others]
        made = made[:PAIRS]
        planes = np.stack([pair[0] for pair in made] + [pair[1] for pair in made])
        return torch.from_numpy(planes.transpose(0, 3, 1, 2).copy()), torch.tensor([pair[2] for pair in made])

    def _pair(self, index: int, state: int, mixed: bool) -> tuple[np.ndarray, np.ndarray, int]:
        """Two edits of one virtual source; the same state turns and crops two pictures alike."""
        stored, turn = virtual_source(self.frames[index].luma, np.random.default_rng(state))
        later = self._moments_later(index)
        asked, _ = virtual_source(self.frames[later].luma, np.random.default_rng(state))
        if mixed:
            stored, asked = self._with_another(stored, asked)
        key = sorted(self.by_source).index(self.frames[index].source) * 16 + turn
        edited, kept = heavily_edited(asked, self.rng), lightly_edited(stored, self.rng)
        return _input(edited), _input(kept), key

    def _moments_later(self, index: int) -> int:
        other = min(index + 1, len(self.frames) - 1)
        if self.rng.random() >= LATER_SHARE or self.frames[other].file != self.frames[index].file:
            return index
        change = np.abs(self.frames[other].luma.astype(int) - self.frames[index].luma).mean()
        return other if change < 14 else index

    def _with_another(self, stored: np.ndarray, asked: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Both pictures with the same stranger faded in, which makes a source that nobody has seen."""
        import cv2

        other, _ = virtual_source(self.frames[int(self.rng.integers(len(self.frames)))].luma, self.rng)
        other = cv2.resize(other, stored.shape[::-1])
        share = self.rng.uniform(0.35, 0.65)
        return (
            cv2.addWeighted(stored, share, other, 1 - share, 0),
            cv2.addWeighted(asked, share, other, 1 - share, 0),
        )

    def mine(self, net: Net) -> None:
        """Remember for every second frame the strangers that look most alike now."""
        rows = list(range(0, len(self.frames), 2))
        codes = []
        net.eval()
        with torch.no_grad():
            for start in range(0, len(rows), 256):
                planes = np.stack([_input(self.frames[i].luma) for i in rows[start : start + 256]])
                codes.append(torch.sign(net(torch.from_numpy(planes.transpose(0, 3, 1, 2).copy()))).numpy())
        net.train()
        signs, sources = np.concatenate(codes), np.array([self.frames[i].source for i in rows])
        likeness = np.where(sources[:, np.newaxis] == sources, -np.inf, signs @ signs.T)
        nearest = np.argsort(-likeness, axis=1)[:, :8]
        self.alike = {rows[i]: [rows[j] for j in near] for i, near in enumerate(nearest)}


def loss_of(vectors: torch.Tensor, key: torch.Tensor) -> torch.Tensor:
    """InfoNCE over signs, with a toll on the nearest stranger and on bits that go together."""
    soft = torch.tanh(1.2 * vectors)
    signs = soft + (torch.sign(vectors) - soft).detach()
    likeness = signs @ signs.T / BITS
    count = len(vectors)
    twin = torch.arange(count).roll(count // 2)
    keys = key.repeat(2)
    unasked = keys[:, None] == keys[None]
    unasked[torch.arange(count), twin] = False
    unasked.fill_diagonal_(True)
    asked = functional.cross_entropy((likeness / TEMPERATURE).masked_fill(unasked, NEVER), twin)
    strangers = likeness.masked_fill(unasked, NEVER).clone()
    strangers[torch.arange(count), twin] = NEVER
    nearest = strangers.max(1).values.clamp(min=0.0).mean()
    together = vectors.T @ vectors / count
    bound = ((together - torch.diag(torch.diag(together))) ** 2).mean()
    return asked + 0.3 * nearest + 2.0 * bound


def train(frames: list[Frame], minutes: float, seed: int) -> Net:
    """Train for a time, the step falling along a cosine."""
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    pairs = Pairs(frames, np.random.default_rng(seed))
    net = Net()
    optimiser = torch.optim.AdamW(net.parameters(), lr=RATE, weight_decay=1e-3)
    started, step = time.monotonic(), 0
    while (done := (time.monotonic() - started) / (60 * minutes)) < 1:
        if step % MINE_EVERY == MINE_EVERY - 1:
            pairs.mine(net)
        for group in optimiser.param_groups:
            group["lr"] = RATE * min(1.0, (step + 1) / 50) * 0.5 * (1 + np.cos(np.pi * done)) + 1e-5
        planes, key = pairs.batch()
        with torch.autocast("cpu", torch.bfloat16):
            vectors = net(planes.contiguous(memory_format=torch.channels_last))
        loss = loss_of(vectors.float(), key)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        step += 1
        if step % 50 == 0:
            print(f"{step} steps, loss {loss.item():.3f}")
    return net.eval()


def folded(net: Net) -> dict[str, np.ndarray]:
    """Weights as `vidforensics.features.picture_code_net` reads them, float16."""
    state, made = net.state_dict(), {}
    for layer in range(len(STRIDES)):
        name = f"layers.{layer}"
        scale = state[f"{name}.1.weight"] / torch.sqrt(state[f"{name}.1.running_var"] + 1e-5)
        made[f"kernel{layer}"] = (state[f"{name}.0.weight"] * scale[:, None, None, None]).permute(2, 3, 1, 0)
        made[f"bias{layer}"] = state[f"{name}.1.bias"] - state[f"{name}.1.running_mean"] * scale
    spread = torch.sqrt(state["norm.running_var"] + 1e-5)
    made["grid"] = state["grid.weight"][:, :, 0, 0].T
    made["last"] = (state["last.weight"] / spread[:, None]).T
    made["middle"] = state["norm.running_mean"] / spread
    return {name: np.ascontiguousarray(value.numpy().astype(np.float16)) for name, value in made.items()}


def main() -> None:
    """Train and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--footage", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=50.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    frames = frames_of(options.footage, ("fit",))
    np.savez_compressed(options.out, **folded(train(frames, options.minutes, options.seed)))


if __name__ == "__main__":
    main()
