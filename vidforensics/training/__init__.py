"""Training: footage of people who were filmed as they spoke goes in, the folder of a trained model comes out.

Forgeries are made on the fly; every figure is of speakers that the judging networks never met.
"""

from __future__ import annotations

from vidforensics.training.sync_fit import FitOptions
from vidforensics.training.train import TrainOptions, train

__all__ = ["FitOptions", "TrainOptions", "train"]
