"""Build a graph node by node."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from numpy.typing import ArrayLike, DTypeLike
from onnx import helper, numpy_helper


class GraphBuilder:
    """A graph under construction: its nodes and constants."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def add(self, operator: str, *inputs: str, output: str | None = None, **attributes: Any) -> str:
        """Add a node with one output, and return the output's name."""
        name = output or f"built tensor {len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [name], **attributes))
        return name

    def split(self, tensor: str, parts: int, axis: int) -> list[str]:
        """Add a node that splits a tensor into equal parts."""
        names = [f"built tensor {len(self.nodes)}, part {part}" for part in range(parts)]
        self.nodes.append(helper.make_node("Split", [tensor], names, axis=axis))
        return names

    def constant(self, value: ArrayLike, dtype: DTypeLike) -> str:
        """Add a constant, and return its name."""
        name = f"built constant {len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.array(value, dtype), name))
        return name

    def floats(self, value: ArrayLike) -> str:
        """Add a float32 constant."""
        return self.constant(value, np.float32)

    def doubles(self, value: ArrayLike) -> str:
        """Add a float64 constant."""
        return self.constant(value, np.float64)

    def integers(self, value: ArrayLike) -> str:
        """Add an int64 constant."""
        return self.constant(value, np.int64)
