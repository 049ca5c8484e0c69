"""The networks that a student learns from: training runs, the folds of a cross-validation, and model files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from galaxy_classify.errors import DataError
from galaxy_classify.inference.embedded import ModelSource, embedded_model
from galaxy_classify.inference.model import OnnxModel
from galaxy_train.run_folder import CrossValidationFolder, RunFolder
from galaxy_train.run_metrics.runs import RunMetrics

#: Predicts images of shape (N, size, size, 3): probabilities of shape (N, classes).
Predictor = Callable[[NDArray[np.uint8]], NDArray[np.float32]]

#: Images that a model file predicts at once.
BATCH_SIZE: Final = 256


@dataclass(frozen=True, slots=True)
class Teacher:
    """A trained network whose predictions a student learns.

    Parameters
    ----------
    path : pathlib.Path
        Its run folder or model file, for messages.
    metrics : RunMetrics
        The record of its training.
    sha256 : str
        Checksum of the trained network; of a model file, that of the network that it was made from.
    model : OnnxModel or None
        The model file; None for a run folder.
    """

    path: Path
    metrics: RunMetrics
    sha256: str
    model: OnnxModel | None = None

    @classmethod
    def of_run(cls, run: RunFolder) -> Teacher:
        """Return the network of a run.

        Raises
        ------
        DataError
            If the run is incomplete.
        """
        run.check_complete()
        return cls(run.path, run.read_metrics(), run.model_sha256())

    @classmethod
    def of_model_file(cls, model: OnnxModel) -> Teacher:
        """Return the network of a model file, which carries the record of its training.

        Raises
        ------
        DataError
            If it carries none, or not all that a run records.
        """
        about, path = model.description, model.source.path
        # What a file does not carry is of no use to a student.
        left_out = {"interrupted": False, "last_epoch": {}, "versions": {}}
        known = {"classes": about.classes, "model_sha256": about.source_sha256}
        try:
            metrics = RunMetrics.from_json(left_out | about.training | known)
        except (DataError, TypeError, ValueError, AttributeError) as error:
            raise DataError(
                f"{path}: cannot be a teacher: the record of its training in the file is not one of galaxy-train "
                f"({error}), so nothing tells whether it has seen the held-out images"
            ) from None
        return cls(path, metrics, about.source_sha256, model)

    def predictor(self) -> Predictor:
        """Load the network, and return the function that predicts images with it."""
        model = self.model
        if model is None:
            # Keras takes seconds to load, and mistakes in the options are reported before that.
            from galaxy_train.networks.keras_model import load_model, predict

            network = load_model(RunFolder(self.path).model)
            return lambda images: predict(network, images)

        def predict_in_batches(images: NDArray[np.uint8]) -> NDArray[np.float32]:
            found = np.empty((len(images), len(self.metrics.classes)), np.float32)
            for start in range(0, len(images), BATCH_SIZE):
                batch = slice(start, start + BATCH_SIZE)
                found[batch] = model.run(images[batch]).probabilities
            return found

        return predict_in_batches


def find_teachers(path: Path) -> list[Teacher]:
    """Return the teachers that a path names: a run, all networks of a cross-validation, or a model file.

    Parameters
    ----------
    path : pathlib.Path
        A folder, an ONNX file, or the name of a shipped model.

    Raises
    ------
    DataError
        If it is a folder without a complete training, or a file without the record of one.
    ModelError
        If the file is no model that keeps the contract.
    """
    source = ModelSource(path) if path.is_file() else embedded_model(path)
    if source is not None:
        return [Teacher.of_model_file(OnnxModel(source))]
    return [Teacher.of_run(run) for run in CrossValidationFolder(path).folds() or [RunFolder(path)]]
