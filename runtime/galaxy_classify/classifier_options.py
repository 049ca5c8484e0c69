"""Options of a classifier, checked when they are made."""

from __future__ import annotations

from dataclasses import dataclass, field
from numbers import Integral, Real

from galaxy_classify.defaults import AUTO, MAX_PIXELS
from galaxy_classify.errors import UsageError
from galaxy_classify.images.fits.options import AS_IN_HEADERS, FitsOptions
from galaxy_classify.parallel import available_threads


@dataclass(frozen=True, slots=True)
class ClassifierOptions:
    """Options of a `GalaxyClassifier`, which documents them; with the model, they decide what its predictions are."""

    threads: int = field(default_factory=available_threads)
    max_pixels: int = MAX_PIXELS
    exact: bool = False
    provider: str = AUTO
    crop: float | None = None
    fits: FitsOptions = AS_IN_HEADERS

    def __post_init__(self) -> None:
        for name, value in (("threads", self.threads), ("max_pixels", self.max_pixels)):
            check_whole(name, value)
            if value < 1:
                raise UsageError(f"{name} is {value}, it must be at least 1")
            object.__setattr__(self, name, int(value))  # a number of NumPy's cannot be written as JSON
        if self.crop is not None:
            check_number("crop", self.crop)
            if not 0.0 < self.crop <= 1.0:
                raise UsageError(f"crop is {self.crop}, it must be above 0 and at most 1")
            object.__setattr__(self, "crop", float(self.crop))
        for name, given, wanted in (("exact", self.exact, bool), ("provider", self.provider, str)):
            if not isinstance(given, wanted):
                raise UsageError(f"{name} is {given!r}, it must be a {wanted.__name__}")
        if not isinstance(self.fits, FitsOptions):
            raise UsageError(f"fits is {self.fits!r}, it must be a FitsOptions")


def check_whole(name: str, value: object) -> None:
    """Raise `UsageError` unless a value is a whole number, of Python or of NumPy."""
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise UsageError(f"{name} is {value!r}, it must be a whole number")


def check_number(name: str, value: object) -> None:
    """Raise `UsageError` unless a value is a number, of Python or of NumPy."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise UsageError(f"{name} is {value!r}, it must be a number")
