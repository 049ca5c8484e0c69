"""What a process of a Dask cluster does: classify, with one classifier for all its tasks."""

from __future__ import annotations

import platform
import tempfile
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Final, ParamSpec, TypeVar

from galaxy_classify import __version__
from galaxy_classify.classifier import GalaxyClassifier
from galaxy_classify.errors import ClusterError, GalaxyClassifyError, ModelError
from galaxy_classify.images.fits.options import FitsOptions
from galaxy_classify.prediction import Prediction
from galaxy_classify.process import prepare_process

#: Classifiers that a process keeps: a cluster outlives the runs that it works for, and their models.
KEPT: Final = 4


Given = ParamSpec("Given")


Made = TypeVar("Made")


_classifiers: dict[ClassifierSpec, GalaxyClassifier] = {}


_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class ClassifierSpec:
    """Which classifier a worker must use, so that its rows are those of any other worker.

    Parameters
    ----------
    version : str
        Version of galaxy-classify at the client.
    model : str or None
        Name of an embedded model; None for a file, whose content is shipped.
    sha256 : str
        Checksum of the model's file.
    threads, max_pixels, exact, provider, crop, fits
        As `GalaxyClassifier` takes them.
    """

    version: str
    model: str | None
    sha256: str
    threads: int
    max_pixels: int
    exact: bool
    provider: str
    crop: float | None
    fits: FitsOptions

    @classmethod
    def of(cls, classifier: GalaxyClassifier, provider: str) -> ClassifierSpec:
        """Describe the classifier that the client has loaded.

        Parameters
        ----------
        classifier : GalaxyClassifier
            With the model and options that the workers are to use.
        provider : str
            Where the workers run the model.
        """
        model = classifier.model
        return cls(
            version=__version__,
            model=model.source.name,
            sha256=model.sha256,
            threads=classifier.threads,
            max_pixels=classifier.max_pixels,
            exact=classifier.exact,
            provider=provider,
            crop=classifier.crop,
            fits=classifier.fits,
        )


def model_content(classifier: GalaxyClassifier) -> bytes | None:
    """Return what must be shipped so that a worker has the model: its file's bytes, or None if it is embedded.

    Raises
    ------
    ModelError
        If the file cannot be read any more.
    """
    source = classifier.model.source
    if source.name is not None:
        return None
    try:
        return source.path.read_bytes()
    except OSError as error:
        raise ModelError(f"{source.path}: cannot be read: {error.strerror}") from None


def shared_classifier(spec: ClassifierSpec, content: bytes | None) -> GalaxyClassifier:
    """Return the classifier that all tasks of this process share; the first one that asks makes it.

    Parameters
    ----------
    spec : ClassifierSpec
        Which one.
    content : bytes or None
        The model's file; None for an embedded model, of which this process has its own copy.

    Raises
    ------
    ClusterError
        If this process has another version of galaxy-classify.
    ModelError
        If the model is not the client's, byte for byte.
    UsageError
        If the provider is not there.
    """
    if spec.version != __version__:
        raise ClusterError(
            f"the worker on {platform.node()} has galaxy-classify {__version__}, the client has {spec.version}: "
            "install the same version on both"
        )
    with _lock:
        classifier = _classifiers.pop(spec, None) or _load(spec, content)
        _classifiers[spec] = classifier
        for oldest in list(_classifiers)[:-KEPT]:
            del _classifiers[oldest]
    return classifier


def _load(spec: ClassifierSpec, content: bytes | None) -> GalaxyClassifier:
    with tempfile.TemporaryDirectory(prefix="galaxy-classify-") as folder:
        model: str | Path | None = spec.model
        if content is not None:
            model = Path(folder) / f"{spec.sha256[:12]}.onnx"
            model.write_bytes(content)
        classifier = GalaxyClassifier(
            model,
            spec.threads,
            spec.max_pixels,
            exact=spec.exact,
            provider=spec.provider,
            crop=spec.crop,
            fits=spec.fits,
        )
    if classifier.model.sha256 != spec.sha256:
        raise ModelError(
            f"{model}: on {platform.node()} its SHA-256 is {classifier.model.sha256}, at the client {spec.sha256}; "
            "the file was changed meanwhile, or the installations differ"
        )
    return classifier


def errors_in_words(task: Callable[Given, Made]) -> Callable[Given, Made]:
    """Let a task fail with our own errors only: the client waits for ever for one that cannot be pickled.

    Such is one from deep recursion, or from a library whose errors take more than a message.
    """

    @wraps(task)
    def safe(*args: Given.args, **options: Given.kwargs) -> Made:
        try:
            return task(*args, **options)
        except GalaxyClassifyError:
            raise
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"
        raise ClusterError(reason)  # here, so that the error itself does not travel along as its context

    return safe


@errors_in_words
def classify_paths(
    paths: Sequence[str], spec: ClassifierSpec, content: bytes | None, threshold: float, batch_size: int
) -> list[Prediction]:
    """Classify the inputs of a partition of the command's; this process is the command's as long as it does.

    Parameters
    ----------
    paths : sequence of str
        Image files, as this process can open them.
    spec, content
        As `shared_classifier` takes them.
    threshold : float
        Confidence below which a prediction is called uncertain.
    batch_size : int
        Images that are classified together.

    Returns
    -------
    list of Prediction
        One for each path, in order.

    Raises
    ------
    ClusterError, ModelError, UsageError
        As `shared_classifier` does; a ClusterError also for whatever else goes wrong.
    """
    prepare_process(spec.max_pixels)
    return list(shared_classifier(spec, content).classify(paths, threshold=threshold, batch_size=batch_size))
