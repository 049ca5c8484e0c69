"""An ONNX model that keeps the contract, ready to run."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from galaxy_classify.errors import ModelError, UsageError
from galaxy_classify.inference.contract import INPUT_NAME, OUTPUT_NAME, ModelDescription, check_tensors
from galaxy_classify.inference.embedded import ModelSource
from galaxy_classify.inference.onnx_check import MAX_MODEL_BYTES, check_onnx_file
from galaxy_classify.inference.session import CPU, open_session


class OnnxModel:
    """An ONNX model that keeps the contract.

    Parameters
    ----------
    source : ModelSource
        Which file, and the SHA-256 that it must have if it is an embedded one.
    provider : str, optional
        Where to run it: a name in `galaxy_classify.inference.session.available_providers`, or ``auto``.

    Attributes
    ----------
    source : ModelSource
        Where it came from.
    description : ModelDescription
        What the file says about itself.
    input_size : tuple of (int, int)
        Height and width of the input, in pixels.
    provider : str
        Where it runs.
    sha256 : str
        Checksum of the file.

    Raises
    ------
    ModelError
        If the file cannot be read, is not the one in the manifest, is no ONNX model, or breaks the contract.
    UsageError
        If the provider that was asked for is not there.
    """

    def __init__(self, source: ModelSource, provider: str = CPU) -> None:
        self.source = source
        try:
            # A file that is far too large is not even read; one byte more than allowed tells.
            with source.path.open("rb") as file:
                content = file.read(MAX_MODEL_BYTES + 1)
        except OSError as error:
            raise ModelError(f"{source.path}: cannot be read: {error.strerror}") from None
        self.sha256 = hashlib.sha256(content).hexdigest()
        if source.sha256 is not None and self.sha256 != source.sha256:
            remedy = "install galaxy-classify again" if source.name else "bring the original back"
            raise ModelError(
                f"{source.path}: the file was changed or damaged: its SHA-256 is {self.sha256}, "
                f"{source.sha256} is expected; {remedy}"
            )
        try:
            check_onnx_file(content)
        except ModelError as error:
            raise ModelError(f"{source.path}: {error}") from None
        try:
            # The session is made from the very bytes that were hashed.
            self._session, self.provider = open_session(content, provider)
        except UsageError:
            raise
        except Exception as error:  # ONNX Runtime's errors have no common base
            raise ModelError(f"{source.path}: not a usable ONNX model: {_first_line(error)}") from None
        try:
            self.description = ModelDescription.from_metadata(self._session.get_modelmeta().custom_metadata_map)
            self.input_size = check_tensors(
                {tensor.name: (tensor.type, tensor.shape) for tensor in self._session.get_inputs()},
                {tensor.name: (tensor.type, tensor.shape) for tensor in self._session.get_outputs()},
                len(self.description.classes),
            )
            self.description.preprocessing.check_size(self.input_size)
        except UnicodeDecodeError:
            raise ModelError(f"{source.path}: contract: a name or the metadata is not UTF-8") from None
        except ModelError as error:
            raise ModelError(f"{source.path}: {error}") from None

    @property
    def identity(self) -> str:
        """The exact model in short: its name, ``@``, and the first 12 characters of the SHA-256."""
        return f"{self.description.name}@{self.sha256[:12]}"

    def run(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the class probabilities of a batch.

        Parameters
        ----------
        images : ndarray of uint8, shape (batch, height, width, 3)
            RGB pixels in the model's size.

        Returns
        -------
        ndarray of float32, shape (batch, classes)
            Rows that sum to 1.

        Raises
        ------
        ModelError
            If the model cannot be run on this machine.
        """
        try:
            (probabilities,) = self._session.run([OUTPUT_NAME], {INPUT_NAME: images})
        except Exception as error:  # ONNX Runtime's errors have no common base
            raise ModelError(f"{self.source.path}: inference failed: {_first_line(error)}") from None
        return np.asarray(probabilities, dtype=np.float32)


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__
