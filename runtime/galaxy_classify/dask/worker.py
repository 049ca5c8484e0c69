"""Classify in a worker process of a Dask cluster, with one classifier for all its tasks."""

from __future__ import annotations

import platform
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import wraps
from pathlib import Path
from typing import Final, ParamSpec, TypeVar

from galaxy_classify import __version__
from galaxy_classify.classifier import ClassifierOptions, GalaxyClassifier
from galaxy_classify.errors import ClusterError, GalaxyClassifyError, ModelError
from galaxy_classify.prediction import Prediction
from galaxy_classify.process import prepare_process

#: Classifiers that a process keeps. A cluster outlives its runs, and would otherwise fill memory with their models.
KEPT: Final = 4


Arguments = ParamSpec("Arguments")


Result = TypeVar("Result")


_classifiers: dict[ClassifierSpec, GalaxyClassifier] = {}


_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class ClassifierSpec:
    """Specification of the classifier that every worker must use, so that all give the same rows.

    Parameters
    ----------
    version : str
        Version of galaxy-classify at the client.
    model : str or None
        Name of an embedded model; None for a file, whose content is sent to the workers.
    sha256 : str
        Checksum of the model's file.
    options : ClassifierOptions
        Of the workers' classifiers.
    """

    version: str
    model: str | None
    sha256: str
    options: ClassifierOptions

    @classmethod
    def of(cls, classifier: GalaxyClassifier, provider: str, threads: int | None = None) -> ClassifierSpec:
        """Specify the client's classifier, but with the workers' provider and number of threads."""
        model, options = classifier.model, classifier.options
        options = replace(options, provider=provider, threads=options.threads if threads is None else threads)
        return cls(__version__, model.source.name, model.sha256, options)


def model_content(classifier: GalaxyClassifier) -> bytes | None:
    """Return the bytes of the model's file, to be sent to the workers; None for an embedded model, which they have.

    Raises
    ------
    ModelError
        If the file can no longer be read.
    """
    source = classifier.model.source
    if source.name is not None:
        return None
    try:
        return source.path.read_bytes()
    except OSError as error:
        raise ModelError(f"{source.path}: cannot be read: {error.strerror}") from None


def shared_classifier(spec: ClassifierSpec, content: bytes | None) -> GalaxyClassifier:
    """Return the classifier that all tasks of this process share; the first task that asks for it loads it.

    Parameters
    ----------
    spec : ClassifierSpec
        Of the classifier.
    content : bytes or None
        The model's file; None for an embedded model.

    Raises
    ------
    ClusterError
        If this process has another version of galaxy-classify.
    ModelError
        If the model is not the client's, byte for byte.
    UsageError
        If this machine lacks the provider.
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
        classifier = GalaxyClassifier.from_options(model, spec.options)
    if classifier.model.sha256 != spec.sha256:
        raise ModelError(
            f"{model}: on {platform.node()} its SHA-256 is {classifier.model.sha256}, at the client {spec.sha256}; "
            "the file was changed meanwhile, or the installations differ"
        )
    return classifier


def picklable_errors(task: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Make a task raise a `ClusterError` in place of errors that are not this package's own.

    Dask hangs on errors that cannot be pickled, such as those of libraries whose constructors take more than a message.
    """

    @wraps(task)
    def safe(*args: Arguments.args, **options: Arguments.kwargs) -> Result:
        try:
            return task(*args, **options)
        except GalaxyClassifyError:
            raise
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"
        raise ClusterError(reason)  # outside the handler, so that the other error is not pickled as its context

    return safe


@picklable_errors
def classify_paths(
    paths: Sequence[str],
    spec: ClassifierSpec,
    content: bytes | None,
    threshold: float | Mapping[str, float],
    batch_size: int,
) -> list[Prediction]:
    """Classify one of the command's partitions, and return a prediction for each path.

    Raises
    ------
    ClusterError, ModelError, UsageError
        As `shared_classifier` does; a ClusterError also for any other failure.
    """
    # The worker may change settings of the whole process, as the command may of its own.
    prepare_process(spec.options.max_pixels)
    return list(shared_classifier(spec, content).classify(paths, threshold=threshold, batch_size=batch_size))
