"""Load a model by what names it."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Any, Final

from galaxy_classify.errors import DataError
from galaxy_export.gate.models.function import Function, load_function
from galaxy_export.gate.models.model import Model
from galaxy_export.gate.models.onnx_file import OnnxGraph

#: A module and a function in it, as in ``package.module:function`` or ``module:object.method``.
FUNCTION_NAME: Final = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(\.[^\W\d]\w*)*")


def load_model(name: str) -> Model:
    """Load an ONNX file, a ``.keras`` file, the folder of a SavedModel, or ``module:function``.

    Raises
    ------
    DataError
        If there is no such model, or it cannot be loaded.
    MissingExtraError
        If it needs TensorFlow, which is not installed.
    """
    path = Path(name)
    if name and path.is_dir():
        from galaxy_export.gate.models.keras_file import load_saved_model

        return load_saved_model(path)
    if path.is_file():
        return _load_file(path)
    if FUNCTION_NAME.fullmatch(name):
        return load_function(name)
    if path.suffix.lower() in (".onnx", ".keras"):
        raise DataError(f"{name}: no such file")
    raise DataError(
        f"{name}: is neither a file, nor the folder of a SavedModel, nor module:function (such as my_models:predict)"
    )


def _load_file(path: Path) -> Model:
    if path.suffix.lower() in (".onnx", ".ort"):
        return OnnxGraph(path, str(path))
    if path.suffix.lower() == ".keras":
        from galaxy_export.gate.models.keras_file import load_keras

        return load_keras(path)
    raise DataError(
        f"{path}: a model is an .onnx or .keras file or the folder of a SavedModel; anything else is compared as "
        "module:function, a function that loads and calls it"
    )


def as_model(model: Any, role: str) -> Model:
    """Return a model that is given as a name, the bytes of an ONNX file, an ONNX or Keras model, or a function."""
    if isinstance(model, str | os.PathLike):
        return load_model(os.fspath(model))
    if hasattr(model, "SerializeToString"):  # an onnx.ModelProto
        model = model.SerializeToString()
    if isinstance(model, bytes):
        return OnnxGraph(model, f"the {role}")
    keras = sys.modules.get("keras")
    if keras is not None and isinstance(model, keras.Model):
        from galaxy_export.gate.models.keras_file import KerasModel

        return KerasModel(model, f"the {role} {model.name!r}")
    if callable(model):
        return Function(model, f"the {role} {getattr(model, '__name__', type(model).__name__)}")
    raise TypeError(
        f"the {role} is a {type(model).__name__}; give a file, module:function, an ONNX model or a function"
    )
