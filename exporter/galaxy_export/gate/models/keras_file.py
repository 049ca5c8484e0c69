"""Run Keras models and SavedModels. Only a comparison with one imports Keras or TensorFlow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from galaxy_classify.errors import DataError
from galaxy_classify.extras import require_extra
from galaxy_classify.text import one_line
from galaxy_export.gate.batches import Arrays
from galaxy_export.gate.models.function import as_outputs
from galaxy_export.gate.models.model import ModelRunError, TensorSpec
from galaxy_train.quiet_tensorflow import import_keras_quietly, import_tensorflow_quietly, keras_backend


class KerasModel:
    """A Keras model, in inference mode."""

    def __init__(self, model: Any, label: str) -> None:
        self.label = label
        self._model = model
        tensors = getattr(model, "inputs", None)
        self.inputs: tuple[TensorSpec, ...] | None = None
        if tensors:
            self.inputs = tuple(TensorSpec(each.name, np.dtype(each.dtype), tuple(each.shape)) for each in tensors)

    def run(self, batch: Arrays) -> Arrays | list[NDArray[Any]]:
        """Call the model on a batch."""
        import keras

        values = list(batch.values())
        given: Any = values[0] if len(values) == 1 else values
        if isinstance(getattr(self._model, "input", None), dict):
            given = dict(zip(self._model.input, values, strict=True))
        try:
            found = keras.tree.map_structure(keras.ops.convert_to_numpy, self._model(given, training=False))
        except Exception as error:
            raise ModelRunError(f"Keras says: {one_line(error)}") from None
        outputs = as_outputs(tuple(found) if isinstance(found, list) else found)
        names = getattr(self._model, "output_names", None)
        if isinstance(outputs, list) and names and len(names) == len(outputs):
            return dict(zip(names, outputs, strict=True))
        return outputs


class SavedModel:
    """The signature ``serving_default`` of a SavedModel, or its only one."""

    def __init__(self, folder: Path) -> None:
        self.label = str(folder)
        import_tensorflow_quietly()
        import tensorflow as tf

        self._constant = tf.constant
        try:
            self._loaded = tf.saved_model.load(str(folder))  # kept, as its signatures do not keep its variables
            signatures = dict(self._loaded.signatures)
        except Exception as error:  # a damaged folder can raise almost any exception
            raise DataError(f"{folder}: cannot be loaded as a SavedModel: {one_line(error)}") from None
        if len(signatures) > 1:
            signatures = {name: each for name, each in signatures.items() if name == "serving_default"}
        if not signatures:
            raise DataError(
                f"{folder}: has no signature serving_default; save it with one, or name a function that calls it"
            )
        (self._signature,) = signatures.values()
        specs = self._signature.structured_input_signature[1]
        self.inputs: tuple[TensorSpec, ...] | None = tuple(
            TensorSpec(name, np.dtype(spec.dtype.as_numpy_dtype), _lengths(spec.shape)) for name, spec in specs.items()
        )

    def run(self, batch: Arrays) -> Arrays | list[NDArray[Any]]:
        """Call the signature on a batch."""
        try:
            found = self._signature(**{name: self._constant(array) for name, array in batch.items()})
        except Exception as error:
            raise ModelRunError(f"TensorFlow says: {one_line(error)}") from None
        return {name: value.numpy() for name, value in found.items()}


def _lengths(shape: Any) -> tuple[int | None, ...] | None:
    return None if shape.rank is None else tuple(shape.as_list())


def load_keras(path: Path) -> KerasModel:
    """Load a ``.keras`` file.

    Raises
    ------
    DataError
        If it cannot be loaded, as where its layers are code of the user's that was not imported.
    """
    require_extra("export", ("tensorflow",) if keras_backend() == "tensorflow" else ("keras",))
    import_keras_quietly()
    from galaxy_train.networks.keras_model import load_model

    try:
        return KerasModel(load_model(path), str(path))
    except DataError as error:
        remedy = "if it has layers of its own, name a function that imports them and calls it: module:function"
        raise DataError(f"{str(error).rstrip('.')}; {remedy}") from None


def load_saved_model(folder: Path) -> SavedModel:
    """Load the folder of a SavedModel."""
    if not (folder / "saved_model.pb").is_file():
        raise DataError(f"{folder}: is no SavedModel: it has no saved_model.pb")
    require_extra("export", ("tensorflow",))
    return SavedModel(folder)
