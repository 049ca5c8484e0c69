"""Types of the compiled module."""

from collections.abc import Buffer, Sequence
from typing import Final

VERSION: Final[str]
LIBJPEG_TURBO_VERSION: Final[str]

class Workspace:
    """Buffers and tables for one thread at a time; its name at run time is ``PyCapsule``."""

def new_workspace() -> Workspace: ...
def decode(
    workspace: Workspace,
    images: Sequence[str | bytes | None],
    pixels: Buffer,
    *,
    size: int,
    margin: int,
    crop: float,
    max_pixels: int,
    kernel: str | None = None,
) -> bytes: ...
def kernels() -> tuple[str, ...]: ...
