"""Write the four files of a trained model: weights, configuration, metrics, card."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vidforensics.models import CONFIG, WEIGHTS


def write_model(out: Path, weights: bytes, config: str, metrics: Mapping[str, Any], card: str) -> None:
    """Put them into an existing folder.

    Args:
        out: the folder.
        weights: safetensors.
        config: the text of config.json, which names the hash of the weights.
        metrics: what metrics.json holds.
        card: the text of MODEL_CARD.md.
    """
    (out / WEIGHTS).write_bytes(weights)
    (out / CONFIG).write_text(config, encoding="utf-8")
    (out / "metrics.json").write_text(json.dumps(metrics, indent=1) + "\n", encoding="utf-8")
    (out / "MODEL_CARD.md").write_text(card, encoding="utf-8")
