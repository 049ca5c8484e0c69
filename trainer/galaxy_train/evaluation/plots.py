"""Draw PNG plots: accuracy per epoch, confusion matrix, reliability diagram, stress, contact sheet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, Final

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from galaxy_train.evaluation.metrics import BINS, expected_calibration_error, reliability
from galaxy_train.run_metrics.evaluations import OK_ACCURACY, UNCHANGED, StressMetrics

#: Images per row of a contact sheet.
COLUMNS: Final = 8


#: Families of changes per row of the picture of stress.
FAMILIES_PER_ROW: Final = 5


def plot_accuracy(history: Sequence[dict[str, float]], path: Path) -> None:
    """Draw training and validation accuracy against epoch.

    Parameters
    ----------
    history : sequence of dict
        One entry per epoch, with ``accuracy`` and, if images were held out, ``val_accuracy``.
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
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right")
    figure.savefig(path)


def plot_confusion_matrix(
    matrix: Sequence[Sequence[int]], classes: Sequence[str], path: Path, of: str = "the test set"
) -> None:
    """Draw a confusion matrix with counts and percentages of the true class.

    Parameters
    ----------
    matrix : sequence of sequence of int
        Rows are true classes, columns predicted ones.
    classes : sequence of str
        Class names.
    path : pathlib.Path
        PNG file.
    of : str, optional
        Name of the set, for the title.
    """
    counts = np.array(matrix)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure = Figure(figsize=(1.4 * len(classes) + 2.2, 1.2 * len(classes) + 1.6), dpi=120, layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
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
    axes.set(xlabel="predicted class", ylabel="true class", title=f"Confusion matrix of {of}")
    figure.colorbar(image, ax=axes, label="share of the true class")
    figure.savefig(path)


def plot_reliability(labels: NDArray[np.integer[Any]], probabilities: NDArray[np.floating[Any]], path: Path) -> None:
    """Draw a reliability diagram: accuracy against confidence, and the number of images per bin.

    Parameters
    ----------
    labels : ndarray of int, shape (N,)
        Class indices.
    probabilities : ndarray of float, shape (N, classes)
        Rows sum to 1.
    path : pathlib.Path
        PNG file.
    """
    counts, confidence, accuracy = reliability(labels, probabilities)
    filled = counts > 0
    figure = Figure(figsize=(5.5, 6.5), dpi=120, layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    upper.plot([0, 1], [0, 1], color="grey", linestyle="--", linewidth=1, label="perfect calibration")
    # Show one standard error, so that a bin of five images is not taken for evidence.
    error = np.sqrt(accuracy * (1 - accuracy) / np.maximum(counts, 1))
    upper.errorbar(confidence[filled], accuracy[filled], error[filled], fmt="o", capsize=3, label="test set, by bin")
    calibration_error = expected_calibration_error(labels, probabilities)
    upper.set(
        ylabel="accuracy", ylim=(0, 1.02), title=f"Reliability, expected calibration error {calibration_error:.3f}"
    )
    upper.grid(alpha=0.3)
    upper.legend(loc="upper left")
    lower.bar((np.arange(BINS) + 0.5) / BINS, counts, width=0.9 / BINS)
    lower.set(xlabel="confidence", ylabel="images", xlim=(0, 1))
    lower.grid(alpha=0.3, axis="y")
    figure.savefig(path)


def plot_stress(stress: Mapping[str, StressMetrics], file: str, path: Path) -> None:
    """Draw accuracy and statuses against the level of each family of changes.

    Parameters
    ----------
    stress : mapping
        Metrics by the name of a change, ``family level``, and those of the images as they are.
    file : str
        Name of the set, for the title.
    path : pathlib.Path
        PNG file.
    """
    as_it_is = stress[UNCHANGED]
    changed = [name.split() for name in stress if name != UNCHANGED]
    families = {family: [level for _, level in names] for family, names in groupby(changed, lambda name: name[0])}
    rows = -(-len(families) // FAMILIES_PER_ROW)
    figure = Figure(figsize=(3.6 * FAMILIES_PER_ROW, 3.7 * rows + 0.9), dpi=100, layout="constrained")
    figure.suptitle(f"{file}, images changed (dotted: as they are; shaded: where the accuracy of ok rows should be)")
    panels = figure.subplots(rows, FAMILIES_PER_ROW, sharey=True, squeeze=False).ravel()
    for axes in panels[len(families) :]:
        axes.axis("off")
    for axes, (family, levels) in zip(panels, families.items(), strict=False):
        found = [stress[f"{family} {level}"] for level in levels]
        ordered = family != "colour"  # a line between two ways to change colours would say nothing
        axes.axhspan(OK_ACCURACY, 1, color="0.93", zorder=0)
        for label, style, usual, values in (
            ("accuracy", "C0o-", as_it_is.accuracy, [row.accuracy for row in found]),
            ("accuracy of ok rows", "C2s-", as_it_is.status.ok_accuracy, [row.status.ok_accuracy for row in found]),
            ("share ok", "C1^--", as_it_is.status.ok, [row.status.ok for row in found]),
            ("share unfamiliar", "C3v--", as_it_is.status.unfamiliar, [row.status.unfamiliar for row in found]),
        ):
            if usual is not None:
                axes.axhline(usual, color=style[:2], linestyle=":", linewidth=1)
                heights = [np.nan if value is None else value for value in values]
                axes.plot(levels, heights, style, markersize=5, linewidth=1.3 * ordered, label=label)
        broken = [level for level, row in zip(levels, found, strict=True) if not row.status.keeps_rule]
        accuracies = [stress[f"{family} {level}"].status.ok_accuracy or 0.0 for level in broken]
        axes.plot(broken, accuracies, "kx", markersize=11, markeredgewidth=2, label="ok rows not reliable")
        axes.set(title=family, ylim=(-0.03, 1.03))
        axes.tick_params(axis="x", labelrotation=60 if len(levels) > 5 else 0)
        axes.grid(alpha=0.3)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=5)
    figure.savefig(path)


def plot_contact_sheet(images: NDArray[np.uint8], captions: Sequence[str], title: str, path: Path) -> None:
    """Draw images in rows, each with a caption below.

    Parameters
    ----------
    images : ndarray of uint8, shape (N, height, width, 3)
        RGB pixels.
    captions : sequence of str
        One per image, possibly of several lines.
    title : str
        Title of the sheet.
    path : pathlib.Path
        PNG file.
    """
    rows = max(1, -(-len(images) // COLUMNS))
    figure = Figure(figsize=(1.6 * COLUMNS, 1.95 * rows + 0.5), dpi=100, layout="constrained")
    figure.suptitle(title)
    cells = figure.subplots(rows, COLUMNS, squeeze=False).ravel()
    for axes in cells[len(images) :]:
        axes.axis("off")
    for axes, image, caption in zip(cells, images, captions, strict=False):
        axes.imshow(image)
        axes.set_xticks([])
        axes.set_yticks([])
        axes.set_xlabel(caption, fontsize=7)
    figure.savefig(path)
