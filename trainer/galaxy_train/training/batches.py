"""Batch the training images, shuffled anew for each epoch."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from galaxy_train.training.targets import TrainingExamples


class TrainingBatches(keras.utils.PyDataset):  # type: ignore[misc]
    """Batches of images, targets and, if given, weights; one pass is an epoch.

    All batches are of one size, so that the training step is compiled once. The rest of a division, below one batch, is
    left out: other images in each epoch.

    Parameters
    ----------
    examples : TrainingExamples
        What to train on.
    batch_size : int
        Images in a batch; all, if there are fewer.
    seed : int
        Determines the shuffling.
    """

    def __init__(self, examples: TrainingExamples, batch_size: int, seed: int) -> None:
        super().__init__()
        self._examples = examples
        self._batch_size = min(batch_size, len(examples.images))
        self._random = np.random.default_rng(seed)
        self.on_epoch_end()

    def __len__(self) -> int:
        """Return the number of batches."""
        return len(self._examples.images) // self._batch_size

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        """Return one batch."""
        chosen = self._order[index * self._batch_size : (index + 1) * self._batch_size]
        return self._examples.batch(chosen)

    def on_epoch_end(self) -> None:
        """Shuffle."""
        self._order = self._random.permutation(len(self._examples.images))
