"""The classifier: images or paths in, probabilities or predictions out."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from galaxy_classify.embedded import find_model
from galaxy_classify.errors import ImageError, UsageError
from galaxy_classify.imagefile import image_errors, read_model_pixels
from galaxy_classify.model import OnnxModel
from galaxy_classify.parallel import available_threads, batched, ordered_map
from galaxy_classify.prediction import Prediction
from galaxy_classify.preprocessing import model_pixels

DEFAULT_BATCH_SIZE = 64
DEFAULT_THRESHOLD = 0.5

ImageLike = Image.Image | NDArray[np.uint8]


class GalaxyClassifier:
    """Classify galaxy images with an ONNX model.

    Parameters
    ----------
    model : str or path-like, optional
        Name of an embedded model, or an ONNX file that keeps the model contract; by default the embedded default.
    threads : int, optional
        Worker threads; by default as many as the process may use (CPU affinity, ``SLURM_CPUS_PER_TASK``).

    Attributes
    ----------
    classes_ : ndarray of str, shape (classes,)
        Class names in the order of the columns of `predict_proba`.
    model : OnnxModel
        The model in use, with its description and checksum.

    Raises
    ------
    ModelError
        If the model is missing, damaged, or breaks the contract.
    UsageError
        If `threads` is below 1.

    Examples
    --------
    >>> from galaxy_classify import GalaxyClassifier
    >>> classifier = GalaxyClassifier()
    >>> rows = list(classifier.classify(["no_such_galaxy.jpg"]))
    >>> rows[0].status, rows[0].message
    ('error', 'no such file')
    """

    def __init__(self, model: str | os.PathLike[str] | None = None, threads: int | None = None) -> None:
        if threads is not None and threads < 1:
            raise UsageError(f"threads is {threads}, it must be at least 1")
        self.threads = threads or available_threads()
        self.model = OnnxModel(find_model(model))
        self.classes_: NDArray[np.str_] = np.array(self.model.description.classes)

    def predict_proba(self, images: ImageLike | Sequence[ImageLike]) -> NDArray[np.float32]:
        """Return the probability of each class for each image.

        Parameters
        ----------
        images : PIL image, ndarray of uint8, or a sequence of them
            One image, or many. An array is one image with shape (H, W, 3) or (H, W), or a stack with
            shape (N, H, W, 3). Images may have any size from 16 pixels: they are cropped and resized as the model's
            training images were, unless they already have the model's size.

        Returns
        -------
        ndarray of float32, shape (N, classes)
            Rows sum to 1; one image gives one row.

        Raises
        ------
        ImageError
            If an image cannot be classified; the message says which (counted from 0) and why.
        """
        batches = batched(enumerate(_as_sequence(images)), DEFAULT_BATCH_SIZE)
        results = list(ordered_map(self._probabilities, batches, self.threads))
        return np.concatenate(results) if results else np.empty((0, len(self.classes_)), np.float32)

    def predict(self, images: ImageLike | Sequence[ImageLike]) -> NDArray[np.str_]:
        """Return the most probable class of each image.

        Parameters
        ----------
        images : PIL image, ndarray of uint8, or a sequence of them
            As in `predict_proba`.

        Returns
        -------
        ndarray of str, shape (N,)
            Class names.

        Raises
        ------
        ImageError
            If an image cannot be classified; the message says which (counted from 0) and why.
        """
        labels: NDArray[np.str_] = self.classes_[self.predict_proba(images).argmax(axis=1)]
        return labels

    def classify(
        self,
        paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
        *,
        threshold: float = DEFAULT_THRESHOLD,
        batch_size: int = DEFAULT_BATCH_SIZE,
    ) -> Iterator[Prediction]:
        """Classify image files: lazily, in order, and with exactly one prediction for each path.

        Parameters
        ----------
        paths : path, or iterable of paths
            Image files. The iterable is read a few batches ahead, never to its end at once.
        threshold : float, optional
            Confidence below which a prediction's status is ``uncertain``.
        batch_size : int, optional
            Images that a worker decodes and classifies together.

        Returns
        -------
        iterator of Prediction
            A file that cannot be classified gives a prediction with the status ``error``, not an exception.

        Raises
        ------
        UsageError
            If `threshold` is outside 0 to 1 or `batch_size` below 1.
        ModelError
            While iterating, if the model cannot be run on this machine.
        """
        if not 0.0 <= threshold <= 1.0:
            raise UsageError(f"threshold is {threshold}, it must be between 0 and 1")
        if batch_size < 1:
            raise UsageError(f"batch size is {batch_size}, it must be at least 1")
        given = [paths] if isinstance(paths, str | os.PathLike) else paths
        batches = batched((os.fspath(path) for path in given), batch_size)
        results = ordered_map(lambda batch: self._classify_batch(batch, threshold), batches, self.threads)
        return (prediction for batch in results for prediction in batch)

    def _classify_batch(self, paths: list[str], threshold: float) -> list[Prediction]:
        pixels: dict[int, NDArray[np.uint8]] = {}
        failures: dict[int, str] = {}
        for index, path in enumerate(paths):
            try:
                pixels[index] = read_model_pixels(path, self.model.input_size, self.model.description.preprocessing)
            except ImageError as error:
                failures[index] = str(error)
        probabilities = (
            dict(zip(pixels, self.model.run(np.stack(list(pixels.values()))), strict=True)) if pixels else {}
        )
        return [
            self._failure(path, failures[index])
            if index in failures
            else self._prediction(path, probabilities[index], threshold)
            for index, path in enumerate(paths)
        ]

    def _prediction(self, path: str, probabilities: NDArray[np.float32], threshold: float) -> Prediction:
        if not np.isfinite(probabilities).all():
            return self._failure(path, "the model gave no finite probabilities")
        best = int(probabilities.argmax())
        confidence = float(probabilities[best])
        return Prediction(
            path=path,
            status="ok" if confidence >= threshold else "uncertain",
            model=self.model.identity,
            label=self.model.description.classes[best],
            confidence=confidence,
            probabilities=dict(zip(self.model.description.classes, probabilities.tolist(), strict=True)),
        )

    def _failure(self, path: str, message: str) -> Prediction:
        return Prediction(path=path, status="error", model=self.model.identity, message=message)

    def _probabilities(self, numbered: list[tuple[int, ImageLike]]) -> NDArray[np.float32]:
        pixels = []
        for number, image in numbered:
            try:
                pixels.append(model_pixels(_as_pil(image), self.model.input_size, self.model.description.preprocessing))
            except ImageError as error:
                raise ImageError(f"image {number}: {error}") from None
        return self.model.run(np.stack(pixels))


def _as_sequence(images: Any) -> Sequence[Any]:
    """Wrap one image into a list; a stack of images is a sequence already."""
    if isinstance(images, Image.Image) or (isinstance(images, np.ndarray) and images.ndim in (2, 3)):
        return [images]
    if isinstance(images, np.ndarray) and images.ndim != 4:
        raise ImageError(f"array has shape {images.shape}, not (H, W, 3), (H, W) or (N, H, W, 3)")
    return images  # type: ignore[no-any-return]


def _as_pil(image: Any) -> Image.Image:
    if isinstance(image, Image.Image):
        with image_errors():
            image.load()
        return image
    if not isinstance(image, np.ndarray):
        raise ImageError(f"is a {type(image).__name__}, not a PIL image or a NumPy array; for files use classify()")
    if image.dtype != np.uint8:
        raise ImageError(f"array has dtype {image.dtype}, not uint8 (0 to 255)")
    if image.ndim != 2 and (image.ndim != 3 or image.shape[2] != 3):
        raise ImageError(f"array has shape {image.shape}, not (H, W, 3) or (H, W)")
    return Image.fromarray(image)
