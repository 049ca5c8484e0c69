"""The record of a training run, as stored in ``metrics.json``: parameters, data sets, metrics, checksums, versions.

Each record is written with ``to_json`` and read with ``from_json``. A key that earlier versions did not write takes the
field's default. A key that this version does not know is ignored, except among the training parameters: two trainings
that differ in an unknown parameter would look alike.
"""

from galaxy_train.run_metrics.cross_validation import CrossValidationMetrics, EnsembleMetrics
from galaxy_train.run_metrics.data_sets import DataRecord, SetRecord
from galaxy_train.run_metrics.evaluations import EvaluationRecord, OutOfClassMetrics, StatusMetrics, StressMetrics
from galaxy_train.run_metrics.metrics import ClassificationMetrics, ThresholdMetrics
from galaxy_train.run_metrics.parameters import TrainingParameters
from galaxy_train.run_metrics.runs import RefitRecord, RunMetrics

__all__ = [
    "ClassificationMetrics",
    "CrossValidationMetrics",
    "DataRecord",
    "EnsembleMetrics",
    "EvaluationRecord",
    "OutOfClassMetrics",
    "RefitRecord",
    "RunMetrics",
    "SetRecord",
    "StatusMetrics",
    "StressMetrics",
    "ThresholdMetrics",
    "TrainingParameters",
]
