"""What a training leaves behind as it goes on: its history, and its progress for people."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any, TextIO

import keras
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from galaxy_classify.cli.progress import terminal_bar


class HistoryWriter(keras.callbacks.Callback):  # type: ignore[misc]
    """Write a row an epoch to a CSV file, at once, so that an interrupted training has its rows.

    Keras' own CSVLogger fills the columns of a missing validation part with "NA", and counts epochs from 0.

    Parameters
    ----------
    path : pathlib.Path
        The file: ``epoch``, counted from 1, and the figures of the epoch.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Write the row of one epoch, counted from 0 by Keras."""
        figures = {name: float(value) for name, value in (logs or {}).items()}
        with self._path.open("a", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, ["epoch", *figures], lineterminator="\n")
            if epoch == 0:
                writer.writeheader()
            writer.writerow({"epoch": epoch + 1} | figures)


class EpochReporter(keras.callbacks.Callback):  # type: ignore[misc]
    """Report the epochs of a training: with a bar on a terminal, in a line an epoch elsewhere.

    Parameters
    ----------
    epochs : int
        How many there will be.
    stream : text file
        Where the report goes.
    """

    def __init__(self, epochs: int, stream: TextIO) -> None:
        super().__init__()
        self._epochs = epochs
        self._stream = stream
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

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Report one epoch, counted from 0."""
        figures = "  ".join(f"{name} {value:.4f}" for name, value in (logs or {}).items())
        if self._bar is not None:
            self._bar.update(self._task, completed=epoch + 1, description=figures)
        else:
            self._stream.write(f"epoch {epoch + 1}/{self._epochs}  {figures}\n")
            self._stream.flush()

    def close(self) -> None:
        """Leave the terminal as it was."""
        if self._bar is not None:
            self._bar.stop()
