"""Train the network behind `deletion`: on all scenes, and on either side of the split for its figures.

`python -m tests.benchmarks.deletion_net --footage DIR --work DIR --out models/gaps [--seed 1] [--passes 6]
[--steps 4500] [--jobs 2]` writes the network of all scenes into --out, and into --work/fit and --work/test
one that was taught by that side only, so that the other side's scenes can be judged by one that never met
them (see `duplication_deletion`).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import save
from torch import nn

from tests.benchmarks import duplication_deletion_material as material
from tests.benchmarks.deletion_net_material import KINDS, PLANE_UNITS, Shown, shown
from tests.benchmarks.deletion_net_windows import Windows
from vidforensics.evaluation.footage import Side, side_of
from vidforensics.features.gap_net import BEFORE, CHANNELS, FRAMES, STRIDES, network_input
from vidforensics.models import CONFIG, WEIGHTS

SIZES, HIDDEN = (16, 32, 64, 96), 48
DROPOUT, DECAY, RATE = 0.2, 1e-3, 2e-3
BATCH = 64
MINED_AT = (0.35, 0.6, 0.8)
HARDEST = 60
"""One of so many frames of a file is kept as hard."""
PASSED_OVER = 0.9
"""Share of the encoded files that one search for hard windows leaves out."""


@dataclass(frozen=True)
class Job:
    """One network: which side of the split by scene teaches it, and where it goes."""

    side: Side
    out: Path
    seed: int
    steps: int
    source: str


class Net(nn.Module):
    """The network as it is trained; `features.gap_net` is the same one as it runs."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for before, after, stride in zip((CHANNELS, *SIZES[:-1]), SIZES, STRIDES, strict=True):
            layers += [nn.Conv2d(before, after, 3, stride, 1), nn.BatchNorm2d(after), nn.ReLU()]
        self.layers = nn.Sequential(*layers)
        self.head = nn.Sequential(
            nn.Linear(3 * SIZES[-1] + 2, HIDDEN), nn.ReLU(), nn.Dropout(DROPOUT), nn.Linear(HIDDEN, 1)
        )

    def forward(self, windows: np.ndarray) -> torch.Tensor:
        cells, about = network_input(windows)
        seen = torch.from_numpy(cells).permute(0, 3, 1, 2).contiguous()
        flat = self.layers(seen).flatten(2)
        power = flat.pow(3).mean(2).clamp_min(1e-6).pow(1 / 3)
        pooled = torch.cat([flat.mean(2), flat.amax(2), power, torch.from_numpy(about)], 1)
        odds: torch.Tensor = self.head(pooled)[:, 0]
        return odds

    def tensors(self) -> dict[str, np.ndarray]:
        """What `GapNet.from_tensors` reads, with the normalisation folded in."""
        found = {}
        for i in range(len(SIZES)):
            conv, norm = self.layers[3 * i], self.layers[3 * i + 1]
            gain = norm.weight / torch.sqrt(norm.running_var + norm.eps)
            found[f"kernel{i}"] = (conv.weight * gain[:, None, None, None]).permute(2, 3, 1, 0)
            found[f"bias{i}"] = (conv.bias - norm.running_mean) * gain + norm.bias
        first, last = self.head[0], self.head[3]
        found |= {"hidden": first.weight.T, "hidden_bias": first.bias}
        found |= {"last": last.weight[0], "level": last.bias}
        return {name: np.ascontiguousarray(t.detach().numpy()) for name, t in found.items()}


def trained(files: Sequence[Shown], job: Job) -> Net:
    """One network, trained on these files."""
    torch.manual_seed(job.seed)
    torch.set_num_threads(1)
    windows, net = Windows(files, np.random.default_rng(job.seed)), Net()
    optimiser = torch.optim.AdamW(net.parameters(), RATE, weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=job.steps, pct_start=0.15)
    mined_at = {int(job.steps * share) for share in MINED_AT}
    started, losses = time.monotonic(), []
    for step in range(1, job.steps + 1):
        if step in mined_at:
            windows.hard = hardest(net, windows)
        seen, truth = windows.batch(BATCH)
        loss = nn.functional.binary_cross_entropy_with_logits(net(seen), torch.from_numpy(truth))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        losses.append(loss.item())
        if step % 200 == 0:
            took_s = time.monotonic() - started
            print(f"{job.side}: step {step}, loss {np.mean(losses[-200:]):.4f}, {took_s:.0f} s", flush=True)
    return net.eval()


def hardest(net: Net, windows: Windows) -> list[tuple[int, int]]:
    """The frames of each file, gaps aside, that look most like one."""
    found = []
    net.eval()
    for i, file in enumerate(windows.files):
        if file.operation != "original" and windows.rng.random() < PASSED_OVER:
            continue
        odds = odds_of(net, file.pictures)[windows.plain[i]]
        order = np.argsort(-odds)[: max(6, len(odds) // HARDEST)]
        found += [(i, int(windows.plain[i][k])) for k in order if odds[k] > -3.0]
    net.train()
    return found


def odds_of(net: Net, pictures: np.ndarray, at_once: int = 64) -> np.ndarray:
    """Log odds of every frame, NaN near the ends."""
    odds = np.full(len(pictures), np.nan, np.float32)
    last = len(pictures) - (FRAMES - BEFORE)
    with torch.inference_mode():
        for first in range(BEFORE, last + 1, at_once):
            rows = np.arange(first, min(first + at_once, last + 1))
            seen = pictures[rows[:, None] + np.arange(-BEFORE, FRAMES - BEFORE)].astype(np.float32)
            odds[rows] = net(seen / PLANE_UNITS).numpy()
    return odds


def write(folder: Path, net: Net, version: str, source: str) -> None:
    """Weights and the configuration that names them."""
    folder.mkdir(parents=True, exist_ok=True)
    data = save(net.tensors())
    config = {"version": version, "source": source, "weights_sha256": hashlib.sha256(data).hexdigest()}
    (folder / WEIGHTS).write_bytes(data)
    (folder / CONFIG).write_text(json.dumps(config, indent=1, sort_keys=True) + "\n", "utf-8")


_FILES: list[Shown] = []


def _make(task: tuple[material.Source, int, int]) -> list[Shown]:
    return list(shown(*task))


def _train(job: Job) -> str:
    # the files come with the fork, as sending them to each process would take as much memory again
    known = [f for f in _FILES if job.side in ("all", side_of(f.scene))]
    net = trained(known, job)
    write(job.out, net, f"gaps 0.1.0 seed {job.seed}", job.source)
    return f"{job.out}: {len(known)} files"


def main() -> None:
    """Make the files, train the networks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--footage", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--passes", type=int, default=6)
    parser.add_argument("--steps", type=int, default=4500)
    parser.add_argument("--jobs", type=int, default=2)
    given = parser.parse_args()
    taught_by = [s for s in material.sources(given.footage) if s.kind in KINDS]
    tasks = [(s, given.passes, given.seed) for s in taught_by]
    fork = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(given.jobs, mp_context=fork) as pool:
        for made in pool.map(_make, tasks):
            _FILES.extend(made)
    frames = sum(len(f.pictures) for f in _FILES)
    print(f"{len(_FILES)} files, {frames} frames, {sum(len(f.gaps) for f in _FILES)} gaps", flush=True)
    outs = {"fit": given.work / "fit", "test": given.work / "test", "all": given.out}
    options = f"--seed {given.seed} --passes {given.passes} --steps {given.steps}"
    source = f"python -m tests.benchmarks.deletion_net --footage DIR --work DIR --out DIR {options}"
    jobs = [Job(side, out, given.seed, given.steps, source) for side, out in outs.items()]
    with ProcessPoolExecutor(given.jobs, mp_context=fork) as pool:
        for said in pool.map(_train, jobs):
            print(said, flush=True)


if __name__ == "__main__":
    main()
