"""An input of the command: where an image is, and what goes along with it to the output."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NoReturn

from galaxy_classify.errors import ImageError

#: Larger images in containers are not read: three planes of float32 with as many pixels as are allowed by default
#: (`galaxy_classify.defaults.MAX_PIXELS`) take that much.
LARGEST: Final = 1 << 30


#: Stands in a path between a container and the image in it: ``cutouts.tar::m51.jpg``.
MEMBER: Final = "::"


#: Reads an encoded image, as a file holds it; it may be called more than once, and in any thread.
Content = Callable[[], bytes]


@dataclass(frozen=True, slots=True)
class InOrder:
    """Content from a stream that goes forward only, as that of a compressed tar does.

    It is read in full speed by whoever calls it before asking for the next input. Later calls give the same content,
    but the stream has to be gone through once more; for calls in the order of the stream, once in all.

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
    """Stands for the content of an input that has none.

    Parameters
    ----------
    reason : str
        Why, for the input's row.
    """

    reason: str

    def __call__(self) -> NoReturn:
        """Raise the reason as an `ImageError`."""
        raise ImageError(self.reason)


@dataclass(frozen=True, slots=True)
class Source:
    """One input of the command.

    Parameters
    ----------
    path : str
        The image, spelled as it stands in the result.
    place : str
        Relative path at which a sorted copy belongs: below the folder that was searched for it.
    carried : tuple
        Values of the catalogue's other columns for this input; empty without a catalogue.
    content : callable, optional
        Reads an image that is no file of its own; it raises `ImageError` if that cannot be done.
    """

    path: str
    place: str
    carried: tuple[object, ...] = ()
    content: Content | None = None
