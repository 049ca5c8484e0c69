"""The command ``galaxy-train``. TensorFlow is imported by the subcommands, not by ``--help``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from galaxy_classify.commandline import EXIT_INTERRUPTED, run
from galaxy_classify.errors import UsageError
from galaxy_train.quiet import import_tensorflow_quietly
from galaxy_train.recipes import RECIPES
from galaxy_train.run_folder import RunFolder

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    help="Train galaxy classifiers with Keras, and evaluate them.",
)

DataOption = Annotated[
    Path, typer.Option(metavar="DIR", help="Folder with {train,test}_dataset.hdf5 or .hdf5.gz, or GalaxyMNIST/raw/.")
]


@app.command()
def fit(
    data: DataOption = Path(),
    recipe: Annotated[str, typer.Option(help=f"Network to train: {', '.join(RECIPES)}.")] = "mlp",
    out: Annotated[Path | None, typer.Option(metavar="RUN", help="Run folder. Default: runs/RECIPE.")] = None,
    epochs: Annotated[int, typer.Option(min=1)] = 50,
    batch_size: Annotated[int, typer.Option(min=1)] = 1000,
    learning_rate: Annotated[float, typer.Option(min=0.0)] = 0.0015,
    validation_split: Annotated[float, typer.Option(min=0.0, max=0.9, help="Last part of the training set.")] = 0.2,
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1)] = 0,
    force: Annotated[bool, typer.Option("--force", help="Replace the run folder if it exists.")] = False,
) -> None:
    """Train a network and leave a run folder: model, history, metrics and pictures."""
    if recipe not in RECIPES:
        raise UsageError(f"no recipe is called {recipe!r}; there are: {', '.join(RECIPES)}")

    from galaxy_train.dataset import load_split

    # What is wrong with the data is said before TensorFlow takes its seconds to load.
    train, test = load_split(data, "train"), load_split(data, "test")
    import_tensorflow_quietly()
    from galaxy_train.fit import FitParameters
    from galaxy_train.fit import fit as fit_run

    out = out or Path("runs") / recipe
    parameters = FitParameters(recipe, epochs, batch_size, learning_rate, validation_split, seed)
    result = fit_run(train, test, RunFolder(out), parameters, sys.stderr, force=force)
    show(result.metrics["test"], test.file)
    typer.echo(f"run folder: {out}", err=True)
    if result.interrupted:
        done = result.metrics["epochs_completed"]
        typer.echo(f"interrupted: the run folder holds the network after {done} of {epochs} epochs", err=True)
        raise typer.Exit(EXIT_INTERRUPTED)


@app.command()
def evaluate(
    run_path: Annotated[Path, typer.Argument(metavar="RUN", help="Run folder.")], data: DataOption = Path()
) -> None:
    """Repeat a run's test figures from its model.keras."""
    from galaxy_train.dataset import load_split

    folder = RunFolder(run_path)
    folder.check_complete()
    test = load_split(data, "test")
    import_tensorflow_quietly()
    from galaxy_train.evaluate import evaluate_run

    show(evaluate_run(folder, test), test.file)


def show(figures: dict[str, Any], file: str) -> None:
    """Print test figures and the confusion matrix."""
    classes = list(figures["recall"])
    names = [f"{index} {name}" for index, name in enumerate(classes)]
    width = max(map(len, names))
    typer.echo(f"{file}: {figures['images']:,} images")
    typer.echo(f"accuracy     {figures['accuracy']:.4f}")
    typer.echo(f"macro recall {figures['macro_recall']:.4f}")
    predicted = "".join(f"{index:>7}" for index in range(len(classes)))
    typer.echo(f"\n{'true class':<{width}}  recall  precision  predicted as{predicted}")
    for name, numbered, counts in zip(classes, names, figures["confusion_matrix"], strict=True):
        recall, precision = (
            "-" if value is None else f"{value:.4f}" for value in (figures["recall"][name], figures["precision"][name])
        )
        row = "".join(f"{count:>7,}" for count in counts)
        typer.echo(f"{numbered:<{width}}  {recall:>6}  {precision:>9}  {'':12}{row}")


def main() -> None:
    """Run ``galaxy-train``."""
    run(app, "train", ("tensorflow", "h5py", "matplotlib"))
