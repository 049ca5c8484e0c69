"""What the parity gate needs of Keras, computed once for all files that it is tried on."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any
from unittest import mock

import numpy as np
import onnx


def remembered(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that computes each result once. Arrays are told apart by their bytes."""
    known: dict[tuple[Any, ...], Any] = {}

    def remember(*arguments: Any) -> Any:
        key = tuple(
            hashlib.sha256(argument.tobytes()).digest() if isinstance(argument, np.ndarray) else argument
            for argument in arguments
        )
        if key not in known:
            known[key] = function(*arguments)
        result = known[key]
        if isinstance(result, onnx.ModelProto):  # which a test may change
            copy = onnx.ModelProto()
            copy.CopyFrom(result)
            return copy
        return result

    return remember


class KerasOnce:
    """Keras' part of the gate: networks are loaded, converted and asked about the same images only once."""

    def __init__(self) -> None:
        from galaxy_export.graph.convert import to_onnx
        from galaxy_export.graph.predictions import keras_predictions
        from galaxy_export.verify import load_trained

        functions = (load_trained, to_onnx, keras_predictions)
        self.functions = {function.__name__: remembered(function) for function in functions}

    @contextmanager
    def inside(self, module: ModuleType, **others: Callable[..., Any]) -> Iterator[None]:
        """Let a module of the exporter use them, or `others` in their place, until the block ends."""
        functions: dict[str, Any] = self.functions | others
        with mock.patch.multiple(module, **functions):
            yield
