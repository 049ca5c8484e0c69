"""Types of the compiled module."""

from collections.abc import Sequence
from typing import Final, type_check_only

from _typeshed import WriteableBuffer

VERSION: Final[str]
LIBJPEG_TURBO_VERSION: Final[str]

@type_check_only
class Workspace:
    """Buffers and tables for one thread at a time; its name at run time is ``PyCapsule``."""

def new_workspace() -> Workspace: ...
def decode(
    workspace: Workspace,
    images: Sequence[str | bytes | None],
    pixels: WriteableBuffer,
    *,
    size: int,
    margin: int,
    crop: float,
    max_pixels: int,
    kernel: str | None = None,
) -> bytes: ...
def kernels() -> tuple[str, ...]: ...
