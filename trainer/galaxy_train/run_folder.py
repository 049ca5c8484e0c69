"""The files of a training run and of a cross-validation: names, reading, writing."""

from __future__ import annotations

import csv
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from galaxy_classify.errors import DataError, GalaxyClassifyError
from galaxy_classify.probabilities.held_out import HeldOut
from galaxy_train.checksum import file_sha256
from galaxy_train.run_metrics.cross_validation import CrossValidationMetrics
from galaxy_train.run_metrics.evaluations import EvaluationRecord
from galaxy_train.run_metrics.runs import RunMetrics

#: The runs that shipped models were made from, each in a folder with the model's name.
SHIPPED_RUNS: Final = Path(__file__).parent / "shipped"


@dataclass(frozen=True, slots=True)
class RunFolder:
    """The folder of a training run."""

    path: Path

    @classmethod
    def find(cls, path: Path) -> Self:
        """Return the run that a path names: its folder or, where there is none, the name of a shipped model.

        Not every shipped model comes with its run. Whether the run is complete is not checked.
        """
        shipped = SHIPPED_RUNS / path.name
        is_name = len(path.parts) == 1 and not path.exists()
        return cls(shipped if is_name and shipped.is_dir() else path)

    @property
    def is_shipped(self) -> bool:
        """Whether it is part of the package, where nothing may be written."""
        return self.path.parent == SHIPPED_RUNS

    @property
    def model(self) -> Path:
        """The trained network, in Keras' format."""
        return self.path / "model.keras"

    @property
    def history(self) -> Path:
        """One row per epoch, written during the training."""
        return self.path / "history.csv"

    @property
    def metrics(self) -> Path:
        """Metrics, parameters, checksums and versions."""
        return self.path / "metrics.json"

    @property
    def held_out(self) -> Path:
        """Predictions on the held-out images, which the model file will carry."""
        return self.path / "held_out.json"

    @property
    def accuracy_plot(self) -> Path:
        """Accuracy against epoch."""
        return self.path / "accuracy.png"

    @property
    def confusion_plot(self) -> Path:
        """Confusion matrix of the test set."""
        return self.path / "confusion_matrix.png"

    @property
    def reliability_plot(self) -> Path:
        """Accuracy against confidence on the test set."""
        return self.path / "reliability.png"

    @property
    def stress_plot(self) -> Path:
        """Accuracy and statuses of changed images, from ``galaxy-train evaluate --stress``."""
        return self.path / "stress.png"

    def create(self, *, force: bool) -> None:
        """Create an empty folder; with `force`, delete the run that is there.

        Raises
        ------
        DataError
            If the folder holds a run and `force` is not given, or holds files that no run has.
        """
        _refuse_file(self.path)
        plots = {self.accuracy_plot, self.confusion_plot, self.reliability_plot, self.stress_plot}
        ours = {self.model, self.history, self.metrics, self.held_out} | plots
        present = set(self.path.iterdir()) if self.path.exists() else set()
        if present and not force:
            raise DataError(f"{self.path}: exists already; choose another --out, or overwrite it with --force")
        if present - ours:
            raise DataError(f"{self.path}: holds files that do not belong to a run; --force will not delete them")
        if present:
            shutil.rmtree(self.path)
        try:
            self.path.mkdir(parents=True)
        except FileExistsError:
            pass  # an empty folder
        except OSError as error:
            raise DataError(f"{self.path}: cannot be made: {error.strerror}") from None

    def check_complete(self) -> None:
        """Check that the network and its metrics are there.

        Raises
        ------
        DataError
            If one is missing.
        """
        if not self.path.is_dir():
            raise DataError(f"{self.path}: no such run folder; make one with galaxy-train fit --out {self.path}")
        for file in (self.model, self.metrics):
            if not file.is_file():
                raise DataError(f"{self.path}: has no {file.name}, the run did not finish; train again with --force")

    def read_metrics(self) -> RunMetrics:
        """Read ``metrics.json``, whichever version has written it.

        Raises
        ------
        DataError
            If the file is damaged or incomplete.
        """
        return self._parse_metrics()[0]

    def data_source(self) -> Path | None:
        """Return the data set that the run was trained on; None if an earlier version has not recorded it.

        Raises
        ------
        DataError
            If it is not there any more.
        """
        recorded = self.read_metrics().data_source
        if recorded is not None and not Path(recorded).exists():
            raise DataError(f"{self.path}: was trained on {recorded}, which is not there any more; name the data set")
        return None if recorded is None else Path(recorded)

    def write_held_out(self, held_out: HeldOut) -> None:
        """Write ``held_out.json``."""
        self.held_out.write_text(json.dumps(held_out.to_json()) + "\n", encoding="utf-8")

    def read_held_out(self, classes: int) -> HeldOut | None:
        """Read ``held_out.json`` of a network with so many classes; None if the run has none.

        Raises
        ------
        DataError
            If the file is damaged.
        """
        if not self.held_out.is_file():
            return None
        try:
            return HeldOut.from_json(json.loads(self.held_out.read_text(encoding="utf-8")), classes)
        except (OSError, ValueError, GalaxyClassifyError) as error:
            raise DataError(f"{self.held_out}: cannot be read: {error}; train again with --force") from None

    def write_metrics(self, metrics: RunMetrics) -> None:
        """Write ``metrics.json``."""
        _write_json(self.metrics, metrics.to_json())

    def record_evaluation(self, evaluation: EvaluationRecord) -> None:
        """Add an evaluation to ``metrics.json``, or replace the one that is there.

        Everything else stays as it was written, including what only other versions know.
        """
        _, content = self._parse_metrics()
        _write_json(self.metrics, content | {"evaluation": evaluation.to_json()})

    def _parse_metrics(self) -> tuple[RunMetrics, dict[str, Any]]:
        try:
            content = json.loads(self.metrics.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise DataError(f"{self.metrics}: cannot be read: {error}; train again with --force") from None
        try:
            return RunMetrics.from_json(content), content
        except DataError as error:
            raise DataError(f"{self.metrics}: {error}; train again with --force") from None

    def read_history(self) -> list[dict[str, float]]:
        """Read ``history.csv``, one dictionary per epoch; empty if no epoch was completed."""
        if not self.history.exists():
            return []
        with self.history.open(newline="", encoding="utf-8") as file:
            return [{key: float(value) for key, value in row.items()} for row in csv.DictReader(file)]

    def model_sha256(self) -> str:
        """Return the checksum of ``model.keras``."""
        return file_sha256(self.model)


@dataclass(frozen=True, slots=True)
class CrossValidationFolder:
    """The folder of a cross-validation."""

    path: Path

    @property
    def metrics(self) -> Path:
        """Metrics, parameters and checksums, as JSON."""
        return self.path / "cross_validation.json"

    @property
    def predictions(self) -> Path:
        """Out-of-fold predictions, one row per image. Users read this file, so its name stays ``answers.csv``."""
        return self.path / "answers.csv"

    @property
    def confusion_plot(self) -> Path:
        """Confusion matrix of the out-of-fold predictions."""
        return self.path / "confusion_matrix.png"

    @property
    def suspects(self) -> Path:
        """Contact sheet of the images whose labels look most wrong."""
        return self.path / "suspects.png"

    def fold(self, number: int) -> RunFolder:
        """Return the run folder of a fold, counted from 1."""
        return RunFolder(self.path / f"fold{number}")

    def folds(self) -> list[RunFolder]:
        """Return the run folders of the folds; empty if the folder holds no complete cross-validation."""
        if not self.metrics.is_file():
            return []
        try:
            count = int(json.loads(self.metrics.read_text(encoding="utf-8"))["folds"])
        except (OSError, ValueError, LookupError, TypeError) as error:
            raise DataError(f"{self.metrics}: cannot be read: {error}; cross-validate again") from None
        return [self.fold(number) for number in range(1, count + 1)]

    def write_metrics(self, metrics: CrossValidationMetrics) -> None:
        """Write ``cross_validation.json``."""
        _write_json(self.metrics, metrics.to_json())

    def check_free(self) -> None:
        """Check that the folder holds no other files, among which results would be lost.

        Raises
        ------
        DataError
            If it does.
        """
        _refuse_file(self.path)
        ours = {self.metrics, self.predictions, self.confusion_plot, self.suspects}
        others = set(self.path.glob("*")) - ours - set(self.path.glob("fold[0-9]*"))
        if others:
            raise DataError(f"{self.path}: holds files that do not belong to a cross-validation; choose another --out")


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def _refuse_file(path: Path) -> None:
    if path.exists() and not path.is_dir():
        raise DataError(f"{path}: is a file, not a folder; choose another --out")
