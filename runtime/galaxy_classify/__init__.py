"""Classify galaxy images with ONNX Runtime, without TensorFlow.

>>> from galaxy_classify import GalaxyClassifier
>>> GalaxyClassifier().classes_.tolist()
['smooth_round', 'smooth_cigar', 'edge_on_disk', 'unbarred_spiral']
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from galaxy_classify.errors import (
    ClusterError,
    DataError,
    GalaxyClassifyError,
    ImageError,
    MissingExtraError,
    ModelError,
    ParityError,
    UsageError,
)
from galaxy_classify.images.fits.options import FitsOptions
from galaxy_classify.prediction import Prediction
from galaxy_classify.version import __version__ as __version__

if TYPE_CHECKING:
    from galaxy_classify.classifier import GalaxyClassifier

__all__ = [
    "ClusterError",
    "DataError",
    "FitsOptions",
    "GalaxyClassifier",
    "GalaxyClassifyError",
    "ImageError",
    "MissingExtraError",
    "ModelError",
    "ParityError",
    "Prediction",
    "UsageError",
]


def __getattr__(name: str) -> Any:
    # The classifier imports NumPy and ONNX Runtime. `--help` and `--version` import this package, too, and stay fast
    # without them.
    if name == "GalaxyClassifier":
        return import_module("galaxy_classify.classifier").GalaxyClassifier
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
