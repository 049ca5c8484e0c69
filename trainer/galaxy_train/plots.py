"""The two pictures of a run: accuracy against epoch, and the confusion matrix."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure


def plot_accuracy(history: Sequence[dict[str, float]], path: Path) -> None:
    """Draw training and validation accuracy against epoch.

    Parameters
    ----------
    history : sequence of dict
        An entry an epoch, with ``accuracy`` and, if a validation part was held out, ``val_accuracy``.
    path : pathlib.Path
        PNG file.
    """
    epochs = range(1, len(history) + 1)
    figure = Figure(figsize=(7, 4.5), dpi=120, layout="constrained")
    axes = figure.subplots()
    style = "-" if len(history) > 1 else "o"
    axes.plot(epochs, [row["accuracy"] for row in history], style, label="training")
    if "val_accuracy" in history[0]:
        axes.plot(epochs, [row["val_accuracy"] for row in history], style, label="validation")
    axes.set(xlabel="epoch", ylabel="accuracy", title="Accuracy against epoch", ylim=(0, 1))
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right")
    figure.savefig(path)


def plot_confusion_matrix(matrix: Sequence[Sequence[int]], classes: Sequence[str], path: Path) -> None:
    """Draw a confusion matrix with counts and, of each true class, the percentage.

    Parameters
    ----------
    matrix : sequence of sequence of int
        Rows are true classes, columns predicted ones.
    classes : sequence of str
        Class names.
    path : pathlib.Path
        PNG file.
    """
    counts = np.array(matrix)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure = Figure(figsize=(1.4 * len(classes) + 2.2, 1.2 * len(classes) + 1.6), dpi=120, layout="constrained")
    axes = figure.subplots()
    picture = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (row, column), share in np.ndenumerate(shares):
        axes.text(
            column,
            row,
            f"{counts[row, column]:,}\n{share:.1%}",
            ha="center",
            va="center",
            color="white" if share > 0.5 else "black",
        )
    ticks = range(len(classes))
    axes.set_xticks(ticks, classes, rotation=30, ha="right", rotation_mode="anchor")
    axes.set_yticks(ticks, classes)
    axes.set(xlabel="predicted class", ylabel="true class", title="Confusion matrix of the test set")
    figure.colorbar(picture, ax=axes, label="share of the true class")
    figure.savefig(path)
