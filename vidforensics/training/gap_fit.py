"""Train one network of missing frames: windows with a gap in the middle against all others.

Clips go in, a network comes out. Three times on the way it is run over the clips, and the frames that it
takes for gaps without cause are drawn more often from then on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from vidforensics.features.gap_files import UNITS_PER_LEVEL
from vidforensics.features.gap_net import BEFORE, CHANNELS, FRAMES, STRIDES, network_input
from vidforensics.training.gap_clips import Shown
from vidforensics.training.gap_windows import Windows

if TYPE_CHECKING:
    from vidforensics.records.arrays import CodeArray16, Float32Array

MINED_AT = (0.35, 0.6, 0.8)
"""Shares of the steps after which hard windows are looked for."""
HARDEST, LEAST_HARD, LEAST_HARD_ODDS = 60, 6, -3.0
"""One of so many frames of a clip is kept as hard, so many at least, if its log odds are above this."""
NORM_FLOOR = 1e-5
PASSED_OVER = 0.9
"""Share of the made clips that one search for hard windows leaves out."""


@dataclass(frozen=True, slots=True)
class GapFitOptions:
    """How long and how hard one network trains, and its sizes: channels of each layer, and the hidden one."""

    steps: int = 4500
    batch: int = 64
    rate: float = 2e-3
    decay: float = 2e-2
    dropout: float = 0.2
    channels: tuple[int, ...] = (16, 32, 64, 96)
    hidden: int = 48


class TrainedGapNet(nn.Module):
    """The network as it is trained; `features.gap_net` is the same one as it runs, without torch."""

    def __init__(self, options: GapFitOptions) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        sizes = options.channels
        for before, after, stride in zip((CHANNELS, *sizes[:-1]), sizes, STRIDES, strict=True):
            layers += [nn.Conv2d(before, after, 3, stride, 1), nn.BatchNorm2d(after, NORM_FLOOR), nn.ReLU()]
        self.layers = nn.Sequential(*layers)
        self.head = nn.Sequential(
            nn.Linear(3 * sizes[-1] + 2, options.hidden),
            nn.ReLU(),
            nn.Dropout(options.dropout),
            nn.Linear(options.hidden, 1),
        )

    def forward(self, cells: torch.Tensor, about: torch.Tensor) -> torch.Tensor:
        """Log odds, (N,), of what `network_input` makes of N windows."""
        flat = self.layers(cells.permute(0, 3, 1, 2)).flatten(2)
        power = flat.pow(3).mean(2).clamp_min(1e-6).pow(1 / 3)
        odds: torch.Tensor = self.head(torch.cat([flat.mean(2), flat.amax(2), power, about], 1))[:, 0]
        return odds

    def odds(self, windows: Float32Array) -> torch.Tensor:
        """The same of windows float32 (N, FRAMES, ROWS, COLUMNS) of luma levels."""
        device = next(self.parameters()).device
        cells, about = (torch.from_numpy(part).to(device) for part in network_input(windows))
        return self.forward(cells, about)

    def tensors(self) -> dict[str, Float32Array]:
        """What `GapNet.from_tensors` reads, with the normalisation folded in."""
        state = {name: tensor.cpu().numpy() for name, tensor in self.state_dict().items()}
        found = {}
        for i in range(len(STRIDES)):
            conv, norm = f"layers.{3 * i}", f"layers.{3 * i + 1}"
            gain = state[f"{norm}.weight"] / np.sqrt(state[f"{norm}.running_var"] + NORM_FLOOR)
            found[f"kernel{i}"] = (state[f"{conv}.weight"] * gain[:, None, None, None]).transpose(2, 3, 1, 0)
            found[f"bias{i}"] = (state[f"{conv}.bias"] - state[f"{norm}.running_mean"]) * gain
            found[f"bias{i}"] += state[f"{norm}.bias"]
        found |= {"hidden": state["head.0.weight"].T, "hidden_bias": state["head.0.bias"]}
        found |= {"last": state["head.3.weight"][0], "level": state["head.3.bias"]}
        return {name: np.ascontiguousarray(part, np.float32) for name, part in found.items()}


def fit_gap_network(
    clips: Sequence[Shown],
    options: GapFitOptions,
    seed: int,
    told: Callable[[int, int], None] = lambda done, total: None,
) -> TrainedGapNet:
    """Train one network.

    Args:
        clips: some of them with gaps, see `gap_clips`.
        options: see there.
        seed: of the first weights and of every choice.
        told: called with steps done and steps in all.

    Returns:
        The network in evaluation mode.
    """
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.manual_seed(seed)
    windows = Windows(clips, np.random.default_rng(seed))
    network = TrainedGapNet(options).train().to(device)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # as windows lie in memory
    optimiser = torch.optim.AdamW(network.parameters(), options.rate, weight_decay=options.decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, options.rate, total_steps=options.steps, pct_start=0.15
    )
    mined_at = {int(options.steps * share) for share in MINED_AT}
    for step in range(1, options.steps + 1):
        if step in mined_at:
            windows.hard = hardest(network, windows)
        seen, truth = windows.batch(options.batch)
        loss = nn.functional.binary_cross_entropy_with_logits(
            network.odds(seen), torch.from_numpy(truth).to(device)
        )
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
        told(step, options.steps)
    return network.cpu().eval()


def hardest(network: TrainedGapNet, windows: Windows) -> list[tuple[int, int]]:
    """The frames of each clip, gaps aside, that look most like one: (number of the clip, frame)."""
    found = []
    network.eval()
    for i, clip in enumerate(windows.clips):
        if clip.is_made and windows.rng.random() < PASSED_OVER:
            continue
        odds = odds_of(network, clip.levels)[windows.plain[i]]
        order = np.argsort(-odds)[: max(LEAST_HARD, len(odds) // HARDEST)]
        found += [(i, int(windows.plain[i][k])) for k in order if odds[k] > LEAST_HARD_ODDS]
    network.train()
    return found


def odds_of(network: TrainedGapNet, levels: CodeArray16, at_once: int = 64) -> Float32Array:
    """Log odds of every frame of a clip, float32 (N,), NaN near the ends; levels as in `SmallPictures`."""
    odds = np.full(len(levels), np.nan, np.float32)
    last = len(levels) - (FRAMES - BEFORE)
    with torch.inference_mode():
        for first in range(BEFORE, last + 1, at_once):
            rows = np.arange(first, min(first + at_once, last + 1))
            seen = np.asarray(levels[rows[:, None] + np.arange(-BEFORE, FRAMES - BEFORE)], np.float32)
            odds[rows] = network.odds(seen / np.float32(UNITS_PER_LEVEL)).cpu().numpy()
    return odds
