"""Write a model file under another name, until it has passed its checks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import onnx

from galaxy_classify.errors import ContractError, DataError, ModelError
from galaxy_classify.results.safe_writing import name_of_ones_own, written_aside


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
    with _partial_file(output) as partial:
        partial.write_bytes(proto.SerializeToString(deterministic=True))
        try:
            yield partial
        except ModelError as error:
            raise ContractError(str(error)) from None


def write_whole(output: Path, content: bytes) -> None:
    """Write a file, or leave no part of it; raise `DataError` if it cannot be written."""
    with _partial_file(output) as partial:
        partial.write_bytes(content)


@contextmanager
def _partial_file(output: Path) -> Iterator[Path]:
    """Return the name of a partial file, which gets its final name if the block raises nothing, and goes if it does."""
    try:
        # Not NAME.partial: that may be a file of the user's.
        with written_aside(str(output), name_of_ones_own(str(output))) as partial:
            yield Path(partial)
    except OSError as error:
        raise DataError(f"{output}: cannot be written: {error.strerror}") from None
