"""Run ONNX files with whatever operators the installed ONNX Runtime has."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from galaxy_classify.errors import DataError
from galaxy_classify.inference.onnx_runtime import FATAL, load_onnxruntime
from galaxy_classify.text import one_line
from galaxy_export.gate.batches import Arrays
from galaxy_export.gate.models.model import ModelRunError, TensorSpec

DTYPES: Final = {
    "float": "float32", "double": "float64", "float16": "float16", "bool": "bool", "string": "object",
    **{name: name for size in (8, 16, 32, 64) for name in (f"int{size}", f"uint{size}")},
}  # fmt: skip


class OnnxGraph:
    """A graph in ONNX Runtime, on the CPU.

    Parameters
    ----------
    source : pathlib.Path or bytes
        File, whose tensors may be in other files beside it, or its content.
    label : str
        What it is called in messages.
    optimized : bool, optional
        Whether ONNX Runtime may change the graph to run faster.

    Raises
    ------
    DataError
        If the file cannot be read, is damaged, or has operators that the installed ONNX Runtime lacks.
    """

    def __init__(self, source: Path | bytes, label: str, *, optimized: bool = True) -> None:
        self.label = label
        onnxruntime = load_onnxruntime()
        options = onnxruntime.SessionOptions()
        options.log_severity_level = FATAL
        if not optimized:
            options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        try:
            if isinstance(source, Path):
                with source.open("rb"):  # ONNX Runtime's message would have the path twice and no reason
                    pass
            content = str(source) if isinstance(source, Path) else source
            self._session = onnxruntime.InferenceSession(
                content, sess_options=options, providers=["CPUExecutionProvider"]
            )
            # In a damaged file, names may be no text.
            declared = [(node.name, node.type, list(node.shape)) for node in self._session.get_inputs()]
            self.outputs = tuple(node.name for node in self._session.get_outputs())
        except OSError as error:
            raise DataError(f"{label}: cannot be read: {error.strerror}") from None
        except Exception as error:  # ONNX Runtime's errors have no common base
            raise DataError(f"{label}: ONNX Runtime cannot load it: {one_line(error)}") from None
        self.inputs: tuple[TensorSpec, ...] | None = tuple(self._spec(*each) for each in declared)

    def _spec(self, name: str, kind: str, shape: list[Any]) -> TensorSpec:
        dtype = DTYPES.get(kind.removeprefix("tensor(").removesuffix(")"))
        if dtype is None:
            raise DataError(f"{self.label}: input {name!r} is {kind}, which the gate cannot give it")
        lengths = tuple(length if isinstance(length, int) and length > 0 else None for length in shape)
        return TensorSpec(name, np.dtype(dtype), lengths)

    def run(self, batch: Arrays) -> Arrays:
        """Return the outputs for a batch."""
        try:
            found = self._session.run(self.outputs, batch)
        except Exception as error:
            raise ModelRunError(f"ONNX Runtime says: {one_line(error)}") from None
        return {name: self._tensor(name, value) for name, value in zip(self.outputs, found, strict=True)}

    def _tensor(self, name: str, value: Any) -> NDArray[Any]:
        if isinstance(value, np.ndarray):
            return value
        raise DataError(
            f"{self.label}: output {name!r} is no tensor but a {type(value).__name__}; a classifier of scikit-learn "
            "gives one if it is converted with options={'zipmap': False}"
        )
