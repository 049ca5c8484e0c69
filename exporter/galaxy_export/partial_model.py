"""Write a model file under another name, until it has passed its checks."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import onnx

from galaxy_classify.errors import ContractError, DataError, ModelError


@contextmanager
def partial_model(proto: onnx.ModelProto, output: Path) -> Iterator[Path]:
    """Write a model to a partial file, which gets its final name if the block raises nothing, and goes if it does.

    Raises
    ------
    DataError
        If the file cannot be written.
    ContractError
        If the runtime refuses the file in the block.
    """
    # Not NAME.partial: that may be a file of the user's.
    partial = output.with_name(f"{output.name}.{os.getpid()}.partial")
    try:
        with partial.open("xb") as file:
            file.write(proto.SerializeToString(deterministic=True))
    except OSError as error:
        if not isinstance(error, FileExistsError):
            with suppress(OSError):
                partial.unlink()
        raise DataError(f"{partial}: cannot be written: {error.strerror}") from None
    try:
        yield partial
        os.replace(partial, output)
    except ModelError as error:
        raise ContractError(str(error)) from None
    except OSError as error:
        raise DataError(f"{output}: cannot be written: {error.strerror}") from None
    finally:
        partial.unlink(missing_ok=True)
