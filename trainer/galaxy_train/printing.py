"""Print metrics on the terminal."""

from __future__ import annotations

import typer

from galaxy_classify.defaults import MIN_FAMILIARITY, THRESHOLD
from galaxy_classify.text import printable
from galaxy_train.run_metrics.cross_validation import CrossValidationMetrics
from galaxy_train.run_metrics.evaluations import FEW_OK, OK_ACCURACY, OutOfClassMetrics, StatusMetrics, StressMetrics
from galaxy_train.run_metrics.metrics import ClassificationMetrics


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
        typer.echo(f"{what:<24}{''.join(f'{_percent(share):>8}' for share in shares)}")


def show_status(status: StatusMetrics) -> None:
    """Print which statuses the images of a labelled set get."""
    typer.echo(f"\nstatus at a confidence of {THRESHOLD} and a familiarity of {MIN_FAMILIARITY}")
    for name, share in (("ok", status.ok), ("uncertain", status.uncertain), ("unfamiliar", status.unfamiliar)):
        typer.echo(f"{name:<24}{_percent(share):>8}")
    typer.echo(f"{'accuracy of ok rows':<24}{_percent(status.ok_accuracy):>8}")


def show_out_of_class(kinds: dict[str, OutOfClassMetrics], source: str) -> None:
    """Print what a network makes of images that belong to none of its classes, kind by kind."""
    first = next(iter(kinds.values()))
    familiar = first.familiarity_auroc is not None
    width = max(4, *map(len, kinds))
    typer.echo(f"\n{printable(source)}: images of no class; share that reaches a confidence of")
    head = f"{'kind':<{width}}  images   AUROC{''.join(f'{threshold:>8}' for threshold in first.kept)}"
    typer.echo(head + ("  AUROC of familiarity  unfamiliar      ok" if familiar else ""))
    for kind, found in kinds.items():
        row = f"{printable(kind):<{width}}  {found.images:>6,}  {found.auroc:.4f}"
        row += "".join(f"{share:>8.1%}" for share in found.kept.values())
        if found.familiarity_auroc is not None:
            row += f"  {found.familiarity_auroc:>20.4f}  {_percent(found.unfamiliar):>10}  {_percent(found.ok):>6}"
        typer.echo(row)


def show_stress(stress: dict[str, StressMetrics], file: str) -> None:
    """Print how good a network is on changed images, and where the rows that are ok cannot be relied on."""
    width = max(map(len, stress))
    familiar = next(iter(stress.values())).status.unfamiliar is not None
    limits = f"a confidence of {THRESHOLD}" + f" and a familiarity of {MIN_FAMILIARITY}" * familiar
    typer.echo(f"\n{file}, images changed; status at {limits}")
    typer.echo(
        f"{'change':<{width}}  accuracy  macro recall     ECE  confidence  uncertain  unfamiliar      ok"
        "  accuracy of ok"
    )
    for name, found in stress.items():
        status = found.status
        ok_accuracy = "-" if status.ok_accuracy is None else f"{status.ok_accuracy:.4f}"
        typer.echo(
            f"{name:<{width}}  {found.accuracy:>8.4f}  {found.macro_recall:>12.4f}  {found.calibration_error:>6.4f}"
            f"  {found.confidence:>10.4f}  {_percent(status.uncertain):>9}  {_percent(status.unfamiliar):>10}"
            f"  {_percent(status.ok):>6}  {ok_accuracy:>14}{'' if status.keeps_rule else '  X'}"
        )
    broken = sum(not found.status.keeps_rule for found in stress.values())
    typer.echo(
        f"X in {broken} of {len(stress)} rows: less than {OK_ACCURACY:.0%} of the ok rows are right, and more than "
        f"{FEW_OK:.0%} of all are ok"
    )


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"


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
