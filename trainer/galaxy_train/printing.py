"""Print metrics on the terminal."""

from __future__ import annotations

from pathlib import Path

import typer

from galaxy_classify.text import printable
from galaxy_train.run_metrics import ClassificationMetrics, CrossValidationMetrics, OutOfClassMetrics


def show_metrics(metrics: ClassificationMetrics, file: str) -> None:
    """Print the metrics on a labelled set, named `file`, with the confusion matrix."""
    classes = list(metrics.recall)
    names = [f"{index} {printable(name)}" for index, name in enumerate(classes)]
    width = max(map(len, names))
    typer.echo(f"{file}: {metrics.images:,} images")
    typer.echo(f"accuracy                    {metrics.accuracy:.4f}")
    typer.echo(f"macro recall                {metrics.macro_recall:.4f}")
    typer.echo(f"expected calibration error  {metrics.calibration_error:.4f}")
    typer.echo(f"negative log-likelihood     {metrics.negative_log_likelihood:.4f}")
    typer.echo(f"Brier score                 {metrics.brier_score:.4f}")
    if metrics.symmetry_agreement is not None:
        typer.echo(f"same class in all eight orientations  {metrics.symmetry_agreement:.2%}")
    predicted = "".join(f"{index:>7}" for index in range(len(classes)))
    typer.echo(f"\n{'true class':<{width}}  recall  precision  predicted as{predicted}")
    for name, numbered, counts in zip(classes, names, metrics.confusion_matrix, strict=True):
        recall, precision = (
            "-" if value is None else f"{value:.4f}" for value in (metrics.recall[name], metrics.precision[name])
        )
        row = "".join(f"{count:>7,}" for count in counts)
        typer.echo(f"{numbered:<{width}}  {recall:>6}  {precision:>9}  {'':12}{row}")
    typer.echo(f"\n{'confidence of at least':<24}{''.join(f'{threshold:>8}' for threshold in metrics.kept)}")
    kept = metrics.kept.values()
    for what, shares in (
        ("share of the images", [row.coverage for row in kept]),
        ("accuracy on those", [row.accuracy for row in kept]),
    ):
        values = ("-" if share is None else f"{share:.1%}" for share in shares)
        typer.echo(f"{what:<24}{''.join(f'{value:>8}' for value in values)}")


def show_out_of_class(kinds: dict[str, OutOfClassMetrics], folder: Path) -> None:
    """Print how confident a network is of images that belong to none of its classes, kind by kind."""
    width = max(4, *map(len, kinds))
    thresholds = list(next(iter(kinds.values())).kept)
    typer.echo(f"\n{folder}: images of no class; share that reaches a confidence of")
    typer.echo(f"{'kind':<{width}}  images   AUROC{''.join(f'{threshold:>8}' for threshold in thresholds)}")
    for kind, found in kinds.items():
        shares = "".join(f"{share:>8.1%}" for share in found.kept.values())
        typer.echo(f"{printable(kind):<{width}}  {found.images:>6,}  {found.auroc:.4f}{shares}")


def show_cross_validation(metrics: CrossValidationMetrics) -> None:
    """Print how accurate the networks of a cross-validation are, and how many labels look wrong."""
    pooled, folds = metrics.out_of_fold, metrics.accuracy_of_folds
    show_metrics(pooled, f"{metrics.data.train.file}, out-of-fold predictions")
    typer.echo(f"\naccuracy, with its standard error      {pooled.accuracy:.4f} +- {metrics.standard_error:.4f}")
    typer.echo(f"of each fold                           {', '.join(f'{accuracy:.4f}' for accuracy in folds)}")
    judged, suspect = metrics.images, metrics.suspect
    typer.echo(f"labels that look wrong                 {suspect:,} of {judged:,} ({suspect / judged:.1%})")
    if (held_out := metrics.held_out) is not None:
        typer.echo(f"\nthe same {len(folds)} networks on {held_out.images:,} images held out of all folds")
        typer.echo(f"accuracy of one                        {held_out.accuracy_of_one:.4f}")
        typer.echo(f"accuracy of their mean                 {held_out.accuracy_of_mean:.4f}")
        typer.echo(f"two of them agree                      {held_out.agreement:.1%}")
        typer.echo(f"all of them agree on another class     {held_out.all_against_label:.1%}")
