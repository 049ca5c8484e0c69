"""Feed augmented images to a training, step by step."""

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
    """Return a data set that shuffles and augments the images anew in each epoch.

    Parameters
    ----------
    images : ndarray of uint8, shape (N, size, size, 3)
        RGB pixels.
    targets : ndarray, shape (N, ...)
        What the loss compares with.
    weights : ndarray of float32, shape (N,), or None
        How much each image counts.
    batch_size : int
        Images a step.
    seed : int
        Seed of the shuffling; the augmentation draws from TensorFlow's global one.

    Returns
    -------
    tf.data.Dataset
        Batches of images, targets and, if given, weights; an epoch is one pass.
    """
    columns = (images, targets) if weights is None else (images, targets, weights)
    shuffled = tf.data.Dataset.from_tensor_slices(columns).shuffle(len(images), seed=seed).batch(batch_size)
    return shuffled.map(lambda pixels, *rest: (augment(pixels), *rest)).prefetch(2)
