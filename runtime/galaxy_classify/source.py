"""An input of the command: where an image is, and what goes along with it to the output."""

from __future__ import annotations

from dataclasses import dataclass


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
    """

    path: str
    place: str
    carried: tuple[object, ...] = ()
