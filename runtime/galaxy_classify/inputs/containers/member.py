"""Archive members: name and content, size limit, error messages."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from galaxy_classify.errors import ImageError
from galaxy_classify.inputs.source import LARGEST, Content, Unreadable
from galaxy_classify.text import one_line

LINK: Final = Unreadable("archive member is a link: not followed")
SPECIAL: Final = Unreadable("archive member is no regular file")
SPARSE: Final = Unreadable("archive member is sparse: not supported")
ENCRYPTED: Final = Unreadable("archive member is encrypted")
UNSAFE: Final = Unreadable("archive member has an unsafe name: it leads out of the archive")


@dataclass(frozen=True, slots=True)
class Member:
    """File in an archive; its name is unchecked and may be hostile, with surrogate escapes for bytes not in UTF-8."""

    name: str
    content: Content


def too_large(size: int) -> Unreadable:
    """Return the content of a member that is larger than `LARGEST`: an error.

    Examples
    --------
    >>> too_large(1 << 40).reason
    'archive member too large: 1,099,511,627,776 bytes, the limit is 1,073,741,824'
    """
    return Unreadable(f"archive member too large: {size:,} bytes, the limit is {LARGEST:,}")


def read_whole(read: Callable[[], bytes], size: int) -> bytes:
    """Read a member's content, and raise `ImageError` if that fails or does not give ``size`` bytes."""
    with damage_errors("archive member"):
        data = read()
    if len(data) != size:
        raise ImageError(f"damaged or incomplete archive member: {len(data):,} bytes of {size:,}")
    return data


@contextmanager
def damage_errors(what: str) -> Iterator[None]:
    """Turn any exception raised while reading ``what`` (``archive``, ``Parquet file`` …) into an `ImageError`."""
    try:
        yield
    except ImageError:
        raise
    except Exception as error:
        # Catch everything: on hostile archives tarfile, zipfile and the decompressors raise OSError, EOFError,
        # ValueError, struct.error, NotImplementedError, RecursionError, MemoryError and errors of their own.
        raise ImageError(f"damaged or incomplete {what}: {one_line(error)}") from None
