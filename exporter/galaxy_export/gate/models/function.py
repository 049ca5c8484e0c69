"""Run functions from arrays to arrays: PyTorch, JAX, a C library, whatever Python can call."""

from __future__ import annotations

import importlib
import inspect
import sys
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from galaxy_classify.errors import DataError
from galaxy_classify.text import did_you_mean, one_line
from galaxy_export.gate.batches import Arrays
from galaxy_export.gate.models.model import ModelRunError, TensorSpec


class Function:
    """A function that takes one array per input, by name or in order, and returns an array, a tuple or a dict."""

    inputs: tuple[TensorSpec, ...] | None = None

    def __init__(self, function: Callable[..., Any], label: str) -> None:
        self.label = label
        self._function = function
        self._parameters = _parameters(function)

    def run(self, batch: Arrays) -> Arrays | list[NDArray[Any]]:
        """Call the function. It gets copies, so that it cannot change what the other model sees."""
        arrays = {name: np.array(array) for name, array in batch.items()}
        positional, named = self._arguments(arrays)
        try:
            return as_outputs(self._function(*positional, **named))
        except ModelRunError as error:
            raise ModelRunError(f"it {error}") from None
        except (Exception, SystemExit) as error:
            raise ModelRunError(f"it raises {_describe(error)}") from None

    def _arguments(self, arrays: Arrays) -> tuple[list[NDArray[Any]], Arrays]:
        """Return the arguments by position and by name. By name, if the function knows all names."""
        if self._parameters is None:
            return list(arrays.values()), {}
        kinds = inspect.Parameter
        known = {each.name for each in self._parameters if each.kind in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY)}
        if set(arrays) <= known or any(each.kind == kinds.VAR_KEYWORD for each in self._parameters):
            by_name: tuple[list[NDArray[Any]], Arrays] = ([], arrays)
        else:
            by_name = (list(arrays.values()), {})
        try:
            inspect.Signature(self._parameters).bind(*by_name[0], **by_name[1])
        except TypeError as error:
            takes = ", ".join(each.name for each in self._parameters)
            raise DataError(
                f"{self.label}: takes ({takes}), but the inputs are {', '.join(arrays)}: {one_line(error)}; give the "
                "inputs the names of the parameters, or use --map"
            ) from None
        return by_name


def load_function(name: str) -> Function:
    """Import ``module:function``, from the working directory or from where Python finds modules.

    Raises
    ------
    DataError
        If there is no such module or function, or the import fails; the message says where.
    """
    module_name, _, path = name.partition(":")
    if (here := str(Path.cwd())) not in sys.path and "" not in sys.path:
        sys.path.insert(0, here)
    importlib.invalidate_caches()
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name and (module_name == error.name or module_name.startswith(f"{error.name}.")):
            raise DataError(
                f"{name}: no module {module_name!r}, neither in the working directory nor on PYTHONPATH"
            ) from None
        raise DataError(f"{name}: importing the module needs {error.name!r}, which is not installed") from None
    except (Exception, SystemExit) as error:
        raise DataError(f"{name}: importing the module raises {_describe(error)}") from None
    function: Any = module
    for attribute in path.split("."):
        if not hasattr(function, attribute):
            question = did_you_mean(attribute, dir(function)).strip()
            raise DataError(f"{name}: there is no {attribute!r}{question and f'; {question}'}")
        function = getattr(function, attribute)
    if not callable(function):
        raise DataError(f"{name}: is a {type(function).__name__}, not a function")
    return Function(function, name)


def as_outputs(result: Any) -> Arrays | list[NDArray[Any]]:
    """Return what a function has returned as arrays: by name, or in order."""
    if hasattr(result, "_asdict"):
        result = result._asdict()
    if isinstance(result, Mapping):
        return {str(name): _as_array(value, f"output {name!r}") for name, value in result.items()}
    if isinstance(result, tuple) or (isinstance(result, list) and all(hasattr(each, "shape") for each in result)):
        return [_as_array(value, f"output {number}") for number, value in enumerate(result)]
    return [_as_array(result, "the output")]


def _as_array(value: Any, name: str) -> NDArray[Any]:
    if hasattr(value, "detach"):  # PyTorch's tensors, which else refuse if they have a gradient or are on a GPU
        value = value.detach().cpu()
    array = np.array(value)  # a copy: a C library may write each batch into the same memory
    is_text = array.dtype.kind == "O" and all(isinstance(each, str) for each in array.flat)
    if array.dtype.kind in "fiubUS" or (is_text and array.size):
        return array
    raise ModelRunError(f"returns no array of numbers for {name}, but {type(value).__name__} ({array.dtype})")


def _parameters(function: Callable[..., Any]) -> list[inspect.Parameter] | None:
    """Return the parameters of a function; None if it is compiled and does not say them."""
    try:
        return list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return None


def _describe(error: BaseException) -> str:
    """Return an exception on one line, with the place in the user's code."""
    text = f"{type(error).__name__}: {' '.join(str(error).split())}" if str(error) else type(error).__name__
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not frame.filename.startswith("<")]
    others = [frame for frame in frames if "galaxy_export" not in Path(frame.filename).parts and frame.lineno]
    own = [frame for frame in others if "importlib" not in frame.filename]
    return f"{text} ({Path(own[-1].filename).name}, line {own[-1].lineno})" if own else text
