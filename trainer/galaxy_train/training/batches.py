"""Batch the training images: shuffled, augmented, prefetched."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from galaxy_train.training.augment import augment


def training_batches(
    images: NDArray[np.uint8],
    targets: NDArray[Any],
    weights: NDArray[np.float32] | None,
    batch_size: int,
    seed: int,
) -> Any:
    """Return a ``tf.data.Dataset`` of augmented images, targets and, if given, weights; one pass is an epoch.

    `seed` determines the shuffling, which differs from epoch to epoch; the augmentation uses TensorFlow's global seed.
    """
    columns = (images, targets) if weights is None else (images, targets, weights)
    shuffled = tf.data.Dataset.from_tensor_slices(columns).shuffle(len(images), seed=seed).batch(batch_size)
    return shuffled.map(lambda pixels, *rest: (augment(pixels), *rest)).prefetch(2)
