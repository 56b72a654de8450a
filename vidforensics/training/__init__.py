"""Training: footage goes in, the folder of a trained model comes out.

Forgeries are made on the fly; every figure is of speakers and scenes that the judging networks never met.
"""

from __future__ import annotations

from vidforensics.training.gap_fit import GapFitOptions
from vidforensics.training.gap_train import GapTrainOptions, train_gaps
from vidforensics.training.sync_fit import FitOptions
from vidforensics.training.sync_train import TrainOptions, train

__all__ = ["FitOptions", "GapFitOptions", "GapTrainOptions", "TrainOptions", "train", "train_gaps"]
