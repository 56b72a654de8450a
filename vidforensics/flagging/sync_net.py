"""The sync network: what is seen of a mouth and what is heard become vectors that agree where they belong.

Two small towers of convolutions over time, one for the picture and one for the sound, each giving a unit
vector per step; their inner product is the agreement of a moment of picture with a moment of sound.
Several networks, trained from other starts, give the mean agreement.
Source: Chung & Zisserman, Out of time (2016), with the loss of van den Oord et al. (2018).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn

SEEN, HEARD = 146, 136


@dataclass(frozen=True, slots=True)
class SyncNetOptions:
    """Sizes of the two towers."""

    channels: int = 64
    vector: int = 32
    dropout: float = 0.3


class SyncNet(nn.Module):
    """Both towers, and the sharpness that training finds for their agreement."""

    def __init__(self, options: SyncNetOptions) -> None:
        super().__init__()
        self.seen = _tower(SEEN, options)
        self.heard = _tower(HEARD, options)
        self.log_sharpness = nn.Parameter(torch.tensor(2.5))

    def see(self, values: torch.Tensor) -> torch.Tensor:
        """Unit vectors of the picture, (b, n, 146) → (b, n, vector)."""
        return _unit(self.seen, values)

    def hear(self, values: torch.Tensor) -> torch.Tensor:
        """Unit vectors of the sound, (b, n, 136) → (b, n, vector)."""
        return _unit(self.heard, values)


def _tower(inputs: int, options: SyncNetOptions) -> nn.Sequential:
    width = options.channels
    return nn.Sequential(
        nn.Dropout(options.dropout / 2),
        nn.Conv1d(inputs, width, 5, padding=2),
        nn.BatchNorm1d(width),
        nn.ReLU(),
        nn.Dropout(options.dropout),
        nn.Conv1d(width, width, 5, padding=2),
        nn.BatchNorm1d(width),
        nn.ReLU(),
        nn.Dropout(options.dropout),
        nn.Conv1d(width, options.vector, 1),
    )


def _unit(tower: nn.Sequential, values: torch.Tensor) -> torch.Tensor:
    return nn.functional.normalize(tower(values.transpose(1, 2)), dim=1).transpose(1, 2)


def agreement_by_lag(
    networks: Sequence[SyncNet], seen: torch.Tensor, heard: torch.Tensor, lags: Sequence[int]
) -> torch.Tensor:
    """Agreement of every step of the picture with the sound so many steps later.

    Args:
        networks: at least one, in evaluation mode; their agreements are averaged.
        seen: (n, 146).
        heard: (m, 136), m need not be n.
        lags: in steps; positive where the sound comes later than the picture.

    Returns:
        (len(lags), n); NaN where a lag leads outside the sound.
    """
    total = torch.zeros(len(lags), len(seen))
    for network in networks:
        with torch.inference_mode():
            sight, sound = network.see(seen[None])[0], network.hear(heard[None])[0]
        total += torch.stack([_shifted_product(sight, sound, lag) for lag in lags])
    return total / len(networks)


def _shifted_product(sight: torch.Tensor, sound: torch.Tensor, lag: int) -> torch.Tensor:
    row = torch.full((len(sight),), torch.nan)
    first, last = max(0, -lag), min(len(sight), len(sound) - lag)
    if first < last:
        row[first:last] = (sight[first:last] * sound[first + lag : last + lag]).sum(dim=1)
    return row
