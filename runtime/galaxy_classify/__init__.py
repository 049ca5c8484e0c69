"""Classify galaxy images with ONNX Runtime, without TensorFlow.

>>> from galaxy_classify import GalaxyClassifier
>>> GalaxyClassifier().classes_.tolist()
['smooth_round', 'smooth_cigar', 'edge_on_disk', 'unbarred_spiral']
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

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
    from galaxy_classify.images.fits.flux import Flux
    from galaxy_classify.inputs.find import find_images
    from galaxy_classify.probabilities.run_mix import ClassMix
    from galaxy_classify.results.frames import to_pandas, to_table

__all__ = [
    "ClassMix",
    "ClusterError",
    "DataError",
    "FitsOptions",
    "Flux",
    "GalaxyClassifier",
    "GalaxyClassifyError",
    "ImageError",
    "MissingExtraError",
    "ModelError",
    "ParityError",
    "Prediction",
    "UsageError",
    "find_images",
    "to_pandas",
    "to_table",
]

#: Where names are that import NumPy and more. `--help` and `--version` import this package, too, and stay fast without.
_IMPORTED_LATE: Final = {
    "ClassMix": "galaxy_classify.probabilities.run_mix",
    "Flux": "galaxy_classify.images.fits.flux",
    "GalaxyClassifier": "galaxy_classify.classifier",
    "find_images": "galaxy_classify.inputs.find",
    "to_pandas": "galaxy_classify.results.frames",
    "to_table": "galaxy_classify.results.frames",
}


def __getattr__(name: str) -> Any:
    if name in _IMPORTED_LATE:
        return getattr(import_module(_IMPORTED_LATE[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
