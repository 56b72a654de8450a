"""The trained sync model: its networks, the line from measures to log odds, the operating point.

A folder with `config.json` and `weights.safetensors` goes in, a `SyncModel` comes out; weights with other
bytes than the configuration names are refused. The shipped folder travels inside the package; one that
`vidforensics train` made is taken instead where it lies among the installed models.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vidforensics import models
from vidforensics.flagging.calibration import Calibration

if TYPE_CHECKING:
    from vidforensics.flagging.sync_net import SyncNetwork
    from vidforensics.records.arrays import FloatArray

NAME = "sync"


@dataclass(frozen=True, slots=True)
class SyncConfig:
    """All of the model that is no weight of a network.

    weights and intercept give the log odds (natural) that a stretch is dubbed from its measures; threshold is
    the operating point in log odds; version names the weights in reports.
    """

    version: str
    weights_sha256: str
    networks: int
    channels: int
    vector: int
    weights: tuple[float, ...]
    intercept: float
    threshold: float
    calibration: Calibration

    def log_odds(self, measures: FloatArray) -> FloatArray:
        """Log odds of each row of measures, float64 (m,)."""
        odds: FloatArray = measures @ np.array(self.weights) + self.intercept
        return odds

    def to_json(self) -> str:
        """The text of config.json."""
        return json.dumps(asdict(self), indent=1, sort_keys=True) + "\n"

    @classmethod
    def from_json(cls, text: str) -> SyncConfig:
        """Read the text of config.json.

        Raises:
            KeyError, TypeError, ValueError: it is not one.
        """
        entry: dict[str, Any] = json.loads(text)
        entry["calibration"] = Calibration(**entry["calibration"])
        return cls(**{**entry, "weights": tuple(entry["weights"])})


@dataclass(frozen=True, slots=True)
class SyncModel:
    """The configuration and the networks it describes, ready to run."""

    config: SyncConfig
    networks: tuple[SyncNetwork, ...]


@cache
def load_model() -> SyncModel:
    """Load the model in use.

    Raises:
        MissingModelError: it is absent, unreadable, or its weights are not those it was published with.
    """
    return load_from(models.trained_folder(NAME))


def load_from(folder: Path) -> SyncModel:
    """Load a model folder.

    Args:
        folder: holds config.json and weights.safetensors.

    Raises:
        MissingModelError: as for `load_model`.
    """
    text, data = models.read_trained(folder)
    try:
        config = SyncConfig.from_json(text)
    except (KeyError, TypeError, ValueError) as error:
        raise models.unreadable(folder, error) from error
    return SyncModel(config, _networks(config, data))


def _networks(config: SyncConfig, data: bytes) -> tuple[SyncNetwork, ...]:
    from safetensors.numpy import load

    from vidforensics.flagging.sync_net import SyncNetwork

    tensors = load(data)
    found = []
    for number in range(config.networks):
        prefix = f"{number}."
        own = {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
        found.append(SyncNetwork.from_tensors(own))
    return tuple(found)
