"""An input to classify: where its image is, and what is carried through to its row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NoReturn

from galaxy_classify.errors import ImageError

#: Images in containers and object stores with more bytes than this are refused. It is the size of three planes of
#: float32 with as many pixels as are allowed by default (`galaxy_classify.defaults.MAX_PIXELS`).
LARGEST: Final = 1 << 30


#: Separates a container from the image in it, in a path such as ``cutouts.tar::m51.jpg``.
MEMBER: Final = "::"


#: Reads an encoded image, as a file holds it. It may be called more than once, and in any thread.
Content = Callable[[], bytes]


@dataclass(frozen=True, slots=True)
class InOrder:
    """Content from a stream that only goes forward, such as a compressed tar.

    Read before the next input is asked for, it costs nothing extra. A later call gives the same content, but reads the
    stream again from its beginning; calls in the order of the stream share one such pass.

    Parameters
    ----------
    read : callable
        Reads the content.
    """

    read: Content

    def __call__(self) -> bytes:
        """Return the content."""
        return self.read()


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Content that cannot be read; calling it raises `ImageError` with the reason.

    Parameters
    ----------
    reason : str
        The message of the input's row.
    """

    reason: str

    def __call__(self) -> NoReturn:
        """Raise `ImageError`."""
        raise ImageError(self.reason)


@dataclass(frozen=True, slots=True)
class Source:
    """An input to classify.

    Parameters
    ----------
    path : str
        The image's path, as it is spelled in the result.
    place : str
        Relative path of a sorted copy: that below the folder in which the image was found.
    carried : tuple
        Values of the catalogue's other columns for this input; empty without a catalogue.
    content : callable, optional
        Reads an image that is not a file of its own, or raises `ImageError`.
    """

    path: str
    place: str = ""
    carried: tuple[object, ...] = ()
    content: Content | None = None
