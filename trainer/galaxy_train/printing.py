"""Figures as they are printed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer


def show_figures(figures: dict[str, Any], file: str) -> None:
    """Print test figures and the confusion matrix.

    Parameters
    ----------
    figures : dict
        As `galaxy_train.evaluation.metrics.figures` gives it, or
        `galaxy_train.evaluation.evaluate.evaluate_model` with more.
    file : str
        What was tested on.
    """
    classes = list(figures["recall"])
    names = [f"{index} {name}" for index, name in enumerate(classes)]
    width = max(map(len, names))
    typer.echo(f"{file}: {figures['images']:,} images")
    typer.echo(f"accuracy                    {figures['accuracy']:.4f}")
    typer.echo(f"macro recall                {figures['macro_recall']:.4f}")
    typer.echo(f"expected calibration error  {figures['calibration_error']:.4f}")
    typer.echo(f"negative log-likelihood     {figures['negative_log_likelihood']:.4f}")
    typer.echo(f"Brier score                 {figures['brier_score']:.4f}")
    if "symmetry_agreement" in figures:
        typer.echo(f"same class in all eight orientations  {figures['symmetry_agreement']:.2%}")
    predicted = "".join(f"{index:>7}" for index in range(len(classes)))
    typer.echo(f"\n{'true class':<{width}}  recall  precision  predicted as{predicted}")
    for name, numbered, counts in zip(classes, names, figures["confusion_matrix"], strict=True):
        recall, precision = (
            "-" if value is None else f"{value:.4f}" for value in (figures["recall"][name], figures["precision"][name])
        )
        row = "".join(f"{count:>7,}" for count in counts)
        typer.echo(f"{numbered:<{width}}  {recall:>6}  {precision:>9}  {'':12}{row}")
    typer.echo(f"\n{'confidence of at least':<24}{''.join(f'{threshold:>8}' for threshold in figures['kept'])}")
    for what, key in (("share of the images", "coverage"), ("accuracy on those", "accuracy")):
        values = ("-" if row[key] is None else f"{row[key]:.1%}" for row in figures["kept"].values())
        typer.echo(f"{what:<24}{''.join(f'{value:>8}' for value in values)}")


def show_out_of_class(kinds: dict[str, dict[str, Any]], folder: Path) -> None:
    """Print how sure a network is of images that belong to none of its classes.

    Parameters
    ----------
    kinds : dict
        As `galaxy_train.evaluation.out_of_class.evaluate_out_of_class` gives it.
    folder : pathlib.Path
        Where the images are.
    """
    width = max(4, *map(len, kinds))
    thresholds = list(next(iter(kinds.values()))["kept"])
    typer.echo(f"\n{folder}: images of no class; share that reaches a confidence of")
    typer.echo(f"{'kind':<{width}}  images   AUROC{''.join(f'{threshold:>8}' for threshold in thresholds)}")
    for kind, found in kinds.items():
        shares = "".join(f"{share:>8.1%}" for share in found["kept"].values())
        typer.echo(f"{kind:<{width}}  {found['images']:>6,}  {found['auroc']:.4f}{shares}")


def show_cross_validation(summary: dict[str, Any]) -> None:
    """Print what a cross-validation says of networks and labels.

    Parameters
    ----------
    summary : dict
        As `galaxy_train.training.cross_validation.cross_validate` gives it.
    """
    pooled, folds = summary["out_of_fold"], summary["accuracy_of_folds"]
    show_figures(pooled, f"{summary['data']['train']['file']}, each image by the network that has not learnt from it")
    typer.echo(f"\naccuracy, with its standard error      {pooled['accuracy']:.4f} +- {pooled['standard_error']:.4f}")
    typer.echo(f"of the folds, one by one               {', '.join(f'{accuracy:.4f}' for accuracy in folds)}")
    asked, suspect = summary["suspects"]["images"], summary["suspects"]["suspect"]
    typer.echo(f"labels that look wrong                 {suspect:,} of {asked:,} ({suspect / asked:.1%})")
    if (spread := summary["held_out"]) is not None:
        typer.echo(f"\nthe same {len(folds)} networks on {spread['images']:,} images that none has seen")
        typer.echo(f"accuracy of one                        {spread['accuracy_of_one']:.4f}")
        typer.echo(f"accuracy of their mean                 {spread['accuracy_of_mean']:.4f}")
        typer.echo(f"two of them agree                      {spread['agreement']:.1%}")
        typer.echo(f"all of them agree on another class     {spread['all_against_label']:.1%}")
