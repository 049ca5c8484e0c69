"""Repeat a training on all images, once its held-out images have been used to judge and calibrate it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from galaxy_classify.errors import DataError
from galaxy_train.data.load import TrainingData
from galaxy_train.evaluation.calibration import Calibration
from galaxy_train.run_folder import RunFolder
from galaxy_train.run_metrics.runs import RefitRecord
from galaxy_train.teachers import Teacher
from galaxy_train.training.parameters import FitParameters


def check_refit(
    run: RunFolder, data: TrainingData, parameters: FitParameters, teachers: Sequence[Teacher]
) -> tuple[RefitRecord, Calibration]:
    """Check that a run can be repeated on all images, and return what is known from its held-out images.

    Parameters
    ----------
    run : RunFolder
        The run to repeat.
    data : TrainingData
        Data of the repetition.
    parameters : FitParameters
        Parameters of the repetition.
    teachers : sequence of Teacher
        Teachers of the repetition: those of the run, or these repeated on all images themselves.

    Returns
    -------
    record : RefitRecord
        The run's checksum, teachers and metrics on held-out images.
    calibration : Calibration
        What was fitted on its held-out images.

    Raises
    ------
    DataError
        If the run is incomplete, has held out nothing, or was trained with other data or parameters: its calibration
        and metrics would not hold for the repetition.
    """
    run.check_complete()
    metrics = run.read_metrics()
    if metrics.validation is None:
        raise DataError(f"{run.path}: has held out no images, so there are none to add; --refit takes a run that has")
    if metrics.interrupted:
        raise DataError(f"{run.path}: was interrupted; finish the training before you repeat it on all images")
    # A teacher that was repeated on all images stands for the one that it repeats.
    originals = tuple(teacher.metrics.held_out_model_sha256 for teacher in teachers)
    if found := replace(parameters, teachers=originals).differences_from(metrics, data.train):
        raise DataError(
            f"{run.path}: is another training: {'; '.join(found)}; --refit goes with the same options otherwise"
        )
    record = RefitRecord(metrics.model_sha256, metrics.validation, metrics.parameters.teachers)
    return record, Calibration(metrics.temperature, metrics.familiarity_shift)
