"""Repeat a training on all images: once the held-out ones have told how good it is, they may be learnt from, too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from galaxy_classify.errors import DataError
from galaxy_train.data.load import TrainingData
from galaxy_train.run_folder import RunFolder
from galaxy_train.training.parameters import FitParameters


def rehearsal_of(
    run: RunFolder, data: TrainingData, parameters: FitParameters, teachers: Sequence[RunFolder]
) -> dict[str, Any]:
    """Return the metrics of a run that is to be repeated on all images.

    Parameters
    ----------
    run : RunFolder
        A finished run that has held images out.
    data : TrainingData
        The data of the repetition.
    parameters : FitParameters
        Its parameters.
    teachers : sequence of RunFolder
        Its teachers: those of the run, or these repeated on all images themselves.

    Returns
    -------
    dict
        The run's ``metrics.json``.

    Raises
    ------
    DataError
        If it was another training, so that its calibration and its figures would say nothing of the repetition, or if
        it has held out nothing.
    """
    run.check_complete()
    metrics = run.read_metrics()
    if metrics["validation"] is None:
        raise DataError(f"{run.path}: has held out no images, so that there are none to add; it is what --refit makes")
    if metrics["interrupted"]:
        raise DataError(f"{run.path}: was interrupted; finish such a training before it is repeated on all images")
    as_then = replace(parameters, teachers=tuple(map(_before_it_was_repeated, teachers)))
    if found := as_then.differences_from(metrics, data.train):
        raise DataError(
            f"{run.path}: is another training: {'; '.join(found)}; --refit goes with the same options otherwise"
        )
    return metrics


def has_seen_all(metrics: dict[str, Any]) -> bool:
    """Tell from its metrics whether a run has learnt from what it had held out before."""
    return metrics.get("refit_of") is not None  # runs of before --refit say nothing of it


def _before_it_was_repeated(teacher: RunFolder) -> str:
    metrics = teacher.read_metrics()
    sha256: str = metrics["refit_of"]["model_sha256"] if has_seen_all(metrics) else metrics["model_sha256"]
    return sha256
