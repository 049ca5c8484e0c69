"""The records of the data sets of a run."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Self

from galaxy_train.run_metrics.fields import field_values, without_absent


@dataclass(frozen=True, slots=True)
class SetRecord:
    """A data set that a run was trained or tested on.

    Parameters
    ----------
    file : str
        Name of the file or folder.
    sha256 : str
        Checksum of the file; for image files, of pixels and labels.
    shape : tuple of int
        Shape of the image array: (N, height, width, 3).
    images_per_class : dict
        Number of images by class name.
    weights : dict or None
        Number of images by weight, as text; None if all weigh alike.
    """

    file: str
    sha256: str
    shape: tuple[int, ...]
    images_per_class: dict[str, int]
    weights: dict[str, int] | None = None

    @classmethod
    def from_json(cls, content: Any) -> Self:
        """Read the record of a data set."""
        values = field_values(cls, content)
        return cls(**values | {"shape": tuple(values["shape"])})

    def to_json(self) -> dict[str, Any]:
        """Return the record as JSON values."""
        return without_absent(asdict(self) | {"shape": list(self.shape)}, "weights")


@dataclass(frozen=True, slots=True)
class DataRecord:
    """Training and test set of a run.

    Parameters
    ----------
    train, test : SetRecord
        The two sets.
    split : str
        How they were split, in words.
    split_seed : int
        Seed of a random split.
    unreadable : list of dict
        ``file`` and ``reason`` of each image file that was left out.
    """

    train: SetRecord
    test: SetRecord
    split: str
    split_seed: int
    unreadable: list[dict[str, str]]

    @classmethod
    def from_json(cls, content: Any) -> Self:
        """Read the record of a training and a test set."""
        values = field_values(cls, content)
        sets = {name: SetRecord.from_json(values[name]) for name in ("train", "test")}
        return cls(**values | sets)

    def to_json(self) -> dict[str, Any]:
        """Return the record as JSON values."""
        return asdict(self) | {"train": self.train.to_json(), "test": self.test.to_json()}
