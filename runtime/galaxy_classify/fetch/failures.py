"""What can go wrong with one cutout; the message goes into its row."""

from __future__ import annotations


class NoCutoutError(Exception):
    """There is no cutout for an object: its row is wrong, or the service does not have it. To ask again is no use."""


class TemporaryError(NoCutoutError):
    """A failure that may be over when the service is asked again.

    ``wait`` is how many seconds the service asks to wait; None if it does not say.
    """

    def __init__(self, message: str, wait: float | None = None) -> None:
        super().__init__(message)
        self.wait = wait


class OverloadedError(TemporaryError):
    """The service cannot be reached, or says that it has too much to do: no other object will fare better now."""
