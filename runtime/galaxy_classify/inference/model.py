"""Load an ONNX model, check it against the model contract, and run it."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from galaxy_classify.errors import ModelError, UsageError
from galaxy_classify.inference.contract import (
    EMBEDDING_NAME,
    FAMILIARITY_NAME,
    OUTPUT_NAME,
    ModelDescription,
)
from galaxy_classify.inference.embedded import ModelSource
from galaxy_classify.inference.onnx_check import MAX_MODEL_BYTES, check_onnx_file
from galaxy_classify.inference.outputs import ModelOutputs, check_shape
from galaxy_classify.inference.session import CPU, open_session
from galaxy_classify.inference.tensors import check_tensors
from galaxy_classify.process import was_interrupted


class OnnxModel:
    """A loaded ONNX model that keeps the contract.

    ``provider`` is a name in `galaxy_classify.inference.session.available_providers`, or ``auto``.

    Attributes
    ----------
    source : ModelSource
        The file it was loaded from.
    description : ModelDescription
        The file's metadata.
    input_size : tuple of (int, int)
        Height and width of what the network sees, in pixels. Standalone files leave images of this size as they are.
    has_familiarity : bool
        Whether the model says how much an image is like those that it can judge.
    embedding_size : int or None
        Number of features of the model's embedding; None if it has no such output.
    provider : str
        Execution provider in use.
    sha256 : str
        Checksum of the file.

    Raises
    ------
    ModelError
        If the file cannot be read, differs from the manifest, is no ONNX model, or breaks the contract.
    UsageError
        If the requested provider is not available.
    """

    def __init__(self, source: ModelSource, provider: str = CPU) -> None:
        # The file is needed again, by whoever unpickles a classifier, and the working folder may change before.
        self.source = replace(source, path=source.path.absolute())
        try:
            # Read one byte more than allowed: that is enough to refuse a huge file without filling the memory with it.
            with source.path.open("rb") as file:
                content = file.read(MAX_MODEL_BYTES + 1)
        except OSError as error:
            raise ModelError(f"{source.path}: cannot be read: {error.strerror}") from None
        self.sha256 = hashlib.sha256(content).hexdigest()
        if source.sha256 is not None and self.sha256 != source.sha256:
            remedy = "install galaxy-classify again" if source.name else "restore the original"
            raise ModelError(
                f"{source.path}: the file was changed or damaged: its SHA-256 is {self.sha256}, "
                f"{source.sha256} is expected; {remedy}"
            )
        try:
            content = check_onnx_file(content)
        except ModelError as error:
            raise ModelError(f"{source.path}: {error}") from None
        try:
            # Give ONNX Runtime what was hashed and checked, not the path: the file could be replaced in between.
            self._session, self.provider = open_session(content, provider)
        except UsageError:
            raise
        except Exception as error:  # ONNX Runtime's errors have no common base
            raise _error(source, "not a usable ONNX model", error) from None
        try:
            self.description = ModelDescription.from_metadata(self._session.get_modelmeta().custom_metadata_map)
            tensors = check_tensors(
                {tensor.name: (tensor.type, tensor.shape) for tensor in self._session.get_inputs()},
                {tensor.name: (tensor.type, tensor.shape) for tensor in self._session.get_outputs()},
                self.description,
            )
            self._input_name, self._one_image = tensors.input_name, tensors.one_image
            self.input_size = tensors.input_size
            self.has_familiarity = tensors.has_familiarity
            self.embedding_size = tensors.embedding_size
            self.description.preprocessing.check_size(self.input_size)
        except UnicodeDecodeError:
            raise ModelError(f"{source.path}: contract: a name or the metadata is not UTF-8") from None
        except ModelError as error:
            raise ModelError(f"{source.path}: {error}") from None

    @property
    def identity(self) -> str:
        """Short, unique name of the model for result rows: its name, ``@``, and 12 characters of its SHA-256."""
        return f"{self.description.name}@{self.sha256[:12]}"

    def run(self, images: NDArray[np.uint8], *, embedding: bool = False) -> ModelOutputs:
        """Return the outputs for a batch.

        Parameters
        ----------
        images : ndarray of uint8, shape (batch, height, width, 3)
            RGB pixels, in the model's input size.
        embedding : bool, optional
            Whether to return the embedding too, if the model has one.

        Returns
        -------
        ModelOutputs
            One row for each image. Whether its values can be true, `outputs.value_faults` tells.

        Raises
        ------
        ModelError
            If ONNX Runtime fails on this machine, or the model does not return one row for each image.
        """
        rows = len(images)
        # An output that is not asked for takes no memory; ONNX Runtime computes it all the same.
        shapes: dict[str, tuple[int, ...]] = {OUTPUT_NAME: (rows, len(self.description.classes))}
        if self.has_familiarity:
            shapes[FAMILIARITY_NAME] = (rows,)
        if embedding and self.embedding_size is not None:
            shapes[EMBEDDING_NAME] = (rows, self.embedding_size)
        try:
            values = self._run(list(shapes), images)
        except Exception as error:  # ONNX Runtime's errors have no common base
            raise _error(self.source, "inference failed", error) from None
        try:
            found = {
                name: check_shape(value, name, shape)
                for (name, shape), value in zip(shapes.items(), values, strict=True)
            }
        except ModelError as error:
            raise ModelError(f"{self.source.path}: {error}") from None
        return ModelOutputs(found[OUTPUT_NAME], found.get(FAMILIARITY_NAME), found.get(EMBEDDING_NAME))

    def _run(self, outputs: list[str], images: NDArray[np.uint8]) -> list[Any]:
        """Return outputs for a batch; a model that takes one image at a time gets one after the other."""
        if not self._one_image:
            values: list[Any] = self._session.run(outputs, {self._input_name: images})
            return values
        each = [self._session.run(outputs, {self._input_name: image}) for image in images]
        return [np.concatenate(rows) for rows in zip(*each, strict=True)]


def _error(source: ModelSource, what: str, error: Exception) -> BaseException:
    """Return what an exception of ONNX Runtime means: an unusable model, or a Ctrl-C that it took for a failure."""
    if was_interrupted(error):
        return KeyboardInterrupt()
    return ModelError(f"{source.path}: {what}: {_first_line(error)}")


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__
