"""The command ``galaxy-train``. TensorFlow is imported by the subcommands, not by ``--help``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from galaxy_classify.cli.runner import EXIT_INTERRUPTED, run
from galaxy_classify.errors import UsageError
from galaxy_train.checksum import file_sha256
from galaxy_train.data.galaxy_mnist import FOLDERS, cache_folder
from galaxy_train.networks.recipes import RECIPES
from galaxy_train.quiet_tensorflow import import_tensorflow_quietly
from galaxy_train.run_folder import CrossValidationFolder, RunFolder
from galaxy_train.run_metrics import EvaluationRecord
from galaxy_train.training.parameters import FitParameters

if TYPE_CHECKING:
    from collections.abc import Iterable

    from galaxy_train.data.image_files import UnreadableFile
    from galaxy_train.data.load import TrainingData


app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    help="Train galaxy classifiers with Keras, and evaluate them.",
)


DataOption = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR_OR_CSV",
        help="Folder with {train,test}_dataset.hdf5 or .hdf5.gz (or GalaxyMNIST/raw/ below it); folder with "
        "{train,test}/CLASS/ or CLASS/; or a CSV file (file,label, and optionally split, weight). "
        "Default: what galaxy-train download fetched.",
    ),
]


RecipeOption = Annotated[str, typer.Option(help=f"Network to train: {', '.join(RECIPES)}.")]


EpochsOption = Annotated[int | None, typer.Option(min=1, help="Default: the recipe's.")]


BatchSizeOption = Annotated[int | None, typer.Option(min=1, help="Default: the recipe's.")]


LearningRateOption = Annotated[float | None, typer.Option(min=0.0, help="Default: the recipe's.")]


ValidationSplitOption = Annotated[
    float | None, typer.Option(min=0.0, max=0.9, help="Part of the training set to hold out. Default: 0.2.")
]


WeightsOption = Annotated[
    Path | None, typer.Option(metavar="CSV", help="Column weight, a row for each training image; 0 leaves it out.")
]


BalanceOption = Annotated[
    float | None,
    typer.Option(min=0.0, max=1.0, help="From 0 (every image counts alike, the default) to 1 (every class does)."),
]


SizeOption = Annotated[
    int | None,
    typer.Option(
        min=8, help="Bring image files to this size in pixels (default 64), or choose GalaxyMNIST in 64 or 224 px."
    ),
]


SeedOption = Annotated[int, typer.Option(min=0, max=2**32 - 1)]


SplitSeedOption = Annotated[
    int, typer.Option(min=0, help="Seed of the split into train and test, where images come without one.")
]


StrictOption = Annotated[bool, typer.Option("--strict", help="Refuse data with unreadable images.")]


@app.command()
def fit(
    data: DataOption = None,
    recipe: RecipeOption = "cnn",
    out: Annotated[Path | None, typer.Option(metavar="RUN", help="Run folder. Default: runs/RECIPE.")] = None,
    epochs: EpochsOption = None,
    batch_size: BatchSizeOption = None,
    learning_rate: LearningRateOption = None,
    validation_split: ValidationSplitOption = None,
    weights: WeightsOption = None,
    balance: BalanceOption = None,
    size: SizeOption = None,
    init: Annotated[
        Path | None, typer.Option(metavar="RUN", help="Begin with this run's weights; new classes get a new head.")
    ] = None,
    teachers: Annotated[
        list[Path] | None,
        typer.Option(
            "--teacher",
            metavar="RUN",
            help="Learn from the answers of this run, or of this cross-validation, too; may be given repeatedly.",
        ),
    ] = None,
    unlabelled: Annotated[
        Path | None, typer.Option(metavar="HDF5", help="Further images, for which the teachers' answers are taken.")
    ] = None,
    refit: Annotated[
        Path | None,
        typer.Option(metavar="RUN", help="Repeat this run, with the same options, on its held-out images as well."),
    ] = None,
    seed: SeedOption = 0,
    split_seed: SplitSeedOption = 0,
    strict: StrictOption = False,
    force: Annotated[bool, typer.Option("--force", help="Replace the run folder if it exists.")] = False,
) -> None:
    """Train a network and leave a run folder: model, history, metrics and pictures."""
    found = load_training_data(data, recipe, size, split_seed, weights, strict=strict)
    if unlabelled is not None and not teachers:
        raise UsageError("--unlabelled is of use with --teacher only, whose answers stand in for the labels")
    from galaxy_train.data.load import read_unlabelled

    further = read_unlabelled(unlabelled, found) if unlabelled is not None else None
    lecturers = [
        run for teacher in teachers or () for run in CrossValidationFolder(teacher).folds() or [RunFolder(teacher)]
    ]
    for lecturer in lecturers:
        lecturer.check_complete()
    start = RunFolder(init) if init is not None else None
    if start is not None:
        start.check_complete()
    import_tensorflow_quietly()
    from galaxy_train.printing import show_metrics
    from galaxy_train.training.fit import fit as fit_run

    out = out or Path("runs") / recipe
    parameters = FitParameters.of_recipe(
        recipe,
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        validation_split=validation_split,
        balance=balance,
        seed=seed,
        init=start.model_sha256() if start is not None else None,
        teachers=tuple(lecturer.model_sha256() for lecturer in lecturers),
        unlabelled=file_sha256(unlabelled) if unlabelled is not None else None,
    )
    result = fit_run(
        found,
        RunFolder(out),
        parameters,
        sys.stderr,
        init=start,
        teachers=lecturers,
        unlabelled=further,
        refit=RunFolder(refit) if refit is not None else None,
        force=force,
    )
    show_metrics(result.test, found.test.file)
    typer.echo(f"run folder: {out}", err=True)
    if result.interrupted:
        done = result.epochs_completed
        typer.echo(
            f"interrupted: the run folder holds the network after {done} of {parameters.epochs} epochs", err=True
        )
        raise typer.Exit(EXIT_INTERRUPTED)


@app.command()
def cross_validate(
    data: DataOption = None,
    recipe: RecipeOption = "cnn",
    folds: Annotated[int, typer.Option(min=2, help="How many networks, each without another part.")] = 5,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder of the results. Default: runs/RECIPE-folds.")
    ] = None,
    epochs: EpochsOption = None,
    batch_size: BatchSizeOption = None,
    learning_rate: LearningRateOption = None,
    validation_split: ValidationSplitOption = None,
    weights: WeightsOption = None,
    balance: BalanceOption = None,
    size: SizeOption = None,
    seed: SeedOption = 0,
    split_seed: SplitSeedOption = 0,
    strict: StrictOption = False,
    force: Annotated[bool, typer.Option("--force", help="Replace folds of another training.")] = False,
) -> None:
    """Ask about each labelled image a network that has not learnt from it, to judge the training and the labels.

    What --validation-split holds out is seen by none of the networks. Interrupted, the same command goes on.
    """
    found = load_training_data(data, recipe, size, split_seed, weights, strict=strict)
    import_tensorflow_quietly()
    from galaxy_train.printing import show_cross_validation
    from galaxy_train.training.cross_validation import cross_validate as validate

    folder = CrossValidationFolder(out or Path("runs") / f"{recipe}-folds")
    parameters = FitParameters.of_recipe(
        recipe,
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        validation_split=validation_split,
        balance=balance,
        seed=seed,
    )
    result = validate(
        found, folder, parameters, folds, sys.stderr, lambda line: typer.echo(line, err=True), force=force
    )
    show_cross_validation(result)
    typer.echo(f"every answer: {folder.predictions}; the labels that look most wrong: {folder.suspects}", err=True)


@app.command()
def evaluate(
    run_path: Annotated[Path, typer.Argument(metavar="RUN", help="Run folder.")],
    data: DataOption = None,
    whole: Annotated[
        bool, typer.Option("--whole", help="Use all image files of a folder or CSV, not the test part only.")
    ] = False,
    out_of_class: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folders of images that belong to no class: how sure is the network of them?"),
    ] = None,
    record: Annotated[
        bool, typer.Option("--record", help="Note the figures in the run's metrics.json, for its model card.")
    ] = False,
) -> None:
    """Repeat a run's test figures from its model.keras, or test it on other data."""
    from galaxy_train.data.load import load_test

    folder = RunFolder(run_path)
    folder.check_complete()
    metrics = folder.read_metrics()
    recorded = metrics.data
    test, unreadable = load_test(
        data,
        metrics.classes,
        recorded.test.shape[1],
        split_seed=recorded.split_seed,
        whole=whole,
    )
    show_unreadable(unreadable)
    import_tensorflow_quietly()
    from galaxy_train.evaluation.evaluate import evaluate_model
    from galaxy_train.evaluation.out_of_class import evaluate_out_of_class
    from galaxy_train.networks.keras_model import load_model
    from galaxy_train.printing import show_metrics, show_out_of_class

    model = load_model(folder.model)
    measured, probabilities = evaluate_model(model, test)
    show_metrics(measured, test.file)
    kinds = None
    if out_of_class is not None:
        kinds = evaluate_out_of_class(model, out_of_class, probabilities.max(axis=1))
        show_out_of_class(kinds, out_of_class)
    if record:
        folder.record_evaluation(EvaluationRecord(test.record(), measured, kinds))
        typer.echo(f"noted in {folder.metrics}", err=True)


@app.command()
def download(
    data: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder to download to. Default: the user's cache folder.")
    ] = None,
    resolution: Annotated[int, typer.Option(help="Edge of the images in pixels: 64 or 224.")] = 64,
    server: Annotated[
        str | None, typer.Option(metavar="URL", help="Address of a mirror that has the official files' paths.")
    ] = None,
) -> None:
    """Fetch GalaxyMNIST, or what is missing of it, into the layout of the galaxy_mnist package."""
    if resolution not in FOLDERS:
        raise UsageError(f"--resolution is {resolution}, GalaxyMNIST has {' and '.join(map(str, FOLDERS))} px")
    from galaxy_train.data.download import SERVER
    from galaxy_train.data.download import download as fetch_all

    root = data if data is not None else cache_folder()
    fetch_all(root, resolution, lambda line: typer.echo(line, err=True), server=server or SERVER)


def load_training_data(
    source: Path | None, recipe: str, size: int | None, split_seed: int, weights: Path | None, *, strict: bool
) -> TrainingData:
    """Load what a recipe is to be trained on.

    What is wrong with it is said before TensorFlow takes its seconds to load.
    """
    if recipe not in RECIPES:
        raise UsageError(f"no recipe is called {recipe!r}; there are: {', '.join(RECIPES)}")
    from galaxy_train.data.load import load_data, read_weights

    found = load_data(source, size=size, split_seed=split_seed, strict=strict)
    show_unreadable(found.unreadable, remedy=" (--strict refuses them)")
    return read_weights(weights, found) if weights is not None else found


def show_unreadable(files: Iterable[UnreadableFile], remedy: str = "") -> None:
    """List the image files that are left out, and count them."""
    count = 0
    for count, file in enumerate(files, start=1):  # noqa: B007 - the last one is the count
        typer.echo(f"left out: {file.path}: {file.reason}", err=True)
    if count:
        typer.echo(f"{count:,} images cannot be read and are left out{remedy}", err=True)


def main() -> None:
    """Run ``galaxy-train``."""
    run(app, "train", ("tensorflow", "h5py", "matplotlib", "platformdirs"))
