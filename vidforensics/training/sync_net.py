"""The sync network as it is trained; `flagging.sync_net` is the same one as it is run, without torch.

Two small towers of convolutions over time, one for the picture and one for the sound, each giving a unit
vector per step.
Source: Chung & Zisserman, Out of time (2016).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from vidforensics.flagging.sync_net import SyncNetwork

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


def to_run(network: SyncNet) -> SyncNetwork:
    """The network in evaluation mode, ready to be run without torch."""
    return SyncNetwork.from_tensors({name: t.detach().numpy() for name, t in network.state_dict().items()})
