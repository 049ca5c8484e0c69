"""Write the history and show the progress of a training, epoch by epoch."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any, TextIO

import keras
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from galaxy_classify.cli.progress import terminal_bar
from galaxy_classify.inference.contract import OUTPUT_NAME


class HistoryWriter(keras.callbacks.Callback):  # type: ignore[misc]
    """Append one row per epoch to a CSV file: ``epoch``, counted from 1, and the metrics of the epoch.

    Each row is written at once, so that an interrupted training keeps its rows. Keras' own CSVLogger counts epochs from
    0, and writes "NA" for the metrics of a validation part that does not exist.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Write the row of one epoch, which Keras counts from 0."""
        metrics = _epoch_metrics(logs)
        with self._path.open("a", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, ["epoch", *metrics], lineterminator="\n")
            if epoch == 0:
                writer.writeheader()
            writer.writerow({"epoch": epoch + 1} | metrics)


class EpochReporter(keras.callbacks.Callback):  # type: ignore[misc]
    """Show the progress of a training on a stream: a bar on a terminal, otherwise one line per epoch."""

    def __init__(self, epochs: int, stream: TextIO) -> None:
        super().__init__()
        self._epochs = epochs
        self._stream = stream
        self._epoch = 0
        self._bar: Progress | None = None
        if stream.isatty():
            self._bar = terminal_bar(
                TextColumn("epoch"),
                MofNCompleteColumn(),
                BarColumn(),
                TextColumn("{task.description}"),
                TimeRemainingColumn(),
                stream=stream,
            )
            self._task = self._bar.add_task("", total=epochs)
            self._bar.start()

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Note the epoch, which Keras counts from 0."""
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Move the bar by one batch, which Keras counts from 0."""
        if self._bar is not None and self.params.get("steps"):
            self._bar.update(self._task, completed=self._epoch + (batch + 1) / self.params["steps"])

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Show one epoch, which Keras counts from 0."""
        metrics = "  ".join(f"{name} {value:.4f}" for name, value in _epoch_metrics(logs).items())
        if self._bar is not None:
            self._bar.update(self._task, completed=epoch + 1, description=metrics)
        else:
            self._stream.write(f"epoch {epoch + 1}/{self._epochs}  {metrics}\n")
            self._stream.flush()

    def close(self) -> None:
        """Remove the bar from the terminal."""
        if self._bar is not None:
            self._bar.stop()


def _epoch_metrics(logs: dict[str, Any] | None) -> dict[str, float]:
    """Return the metrics of an epoch; accuracy is that of the classes, whatever other outputs the network has."""
    of_classes = f"{OUTPUT_NAME}_accuracy"
    metrics = {name.replace(of_classes, "accuracy"): float(value) for name, value in (logs or {}).items()}
    # Keras orders the metrics of several outputs by name.
    return {name: metrics.pop(name) for name in ("accuracy", "loss") if name in metrics} | metrics
