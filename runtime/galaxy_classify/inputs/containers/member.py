"""An image inside an archive, and what is said of one that cannot be read."""

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
    """What an archive holds under one name, unless it is a folder.

    Parameters
    ----------
    name : str
        As it stands in the archive; it may be hostile. Bytes that are not UTF-8 are surrogate escapes.
    content : callable
        Reads it.
    """

    name: str
    content: Content


def too_large(size: int) -> Unreadable:
    """Return what stands for a member that is larger than `LARGEST`.

    Examples
    --------
    >>> too_large(1 << 40).reason
    'archive member too large: 1,099,511,627,776 bytes, the limit is 1,073,741,824'
    """
    return Unreadable(f"archive member too large: {size:,} bytes, the limit is {LARGEST:,}")


def whole(read: Callable[[], bytes], size: int) -> bytes:
    """Read a member in full.

    Parameters
    ----------
    read : callable
        Returns its bytes, or as many as are there.
    size : int
        How many bytes there should be.

    Raises
    ------
    ImageError
        If it cannot be read, or has another size.
    """
    with errors_of("archive member"):
        data = read()
    if len(data) != size:
        raise ImageError(f"damaged or incomplete archive member: {len(data):,} bytes of {size:,}")
    return data


@contextmanager
def errors_of(what: str) -> Iterator[None]:
    """Turn whatever is raised on a bad archive into an `ImageError`.

    Parameters
    ----------
    what : str
        What is read: an archive, or its member.

    Raises
    ------
    ImageError
        With a short reason.
    """
    try:
        yield
    except ImageError:
        raise
    except Exception as error:
        # On hostile archives tarfile, zipfile and the decompressors raise OSError, EOFError, ValueError, struct.error,
        # NotImplementedError, RecursionError, MemoryError and errors of their own.
        raise ImageError(f"damaged or incomplete {what}: {one_line(error)}") from None
