"""The command ``galaxy-train``. TensorFlow is imported by the subcommands, not by ``--help``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from galaxy_classify.commandline import EXIT_INTERRUPTED, run
from galaxy_classify.errors import UsageError
from galaxy_train.checksum import file_sha256
from galaxy_train.galaxy_mnist import FOLDERS, cache_folder
from galaxy_train.quiet import import_tensorflow_quietly
from galaxy_train.recipes import RECIPES
from galaxy_train.run_folder import RunFolder

if TYPE_CHECKING:
    from collections.abc import Iterable

    from galaxy_train.image_files import Unreadable

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


@app.command()
def fit(
    data: DataOption = None,
    recipe: Annotated[str, typer.Option(help=f"Network to train: {', '.join(RECIPES)}.")] = "cnn",
    out: Annotated[Path | None, typer.Option(metavar="RUN", help="Run folder. Default: runs/RECIPE.")] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Default: the recipe's.")] = None,
    batch_size: Annotated[int | None, typer.Option(min=1, help="Default: the recipe's.")] = None,
    learning_rate: Annotated[float | None, typer.Option(min=0.0, help="Default: the recipe's.")] = None,
    validation_split: Annotated[
        float | None, typer.Option(min=0.0, max=0.9, help="Part of the training set to hold out. Default: 0.2.")
    ] = None,
    weights: Annotated[
        Path | None, typer.Option(metavar="CSV", help="Column weight, a row for each training image; 0 leaves it out.")
    ] = None,
    balance: Annotated[
        float | None,
        typer.Option(min=0.0, max=1.0, help="From 0 (every image counts alike, the default) to 1 (every class does)."),
    ] = None,
    size: Annotated[
        int | None,
        typer.Option(
            min=8, help="Bring image files to this size in pixels (default 64), or choose GalaxyMNIST in 64 or 224 px."
        ),
    ] = None,
    init: Annotated[
        Path | None, typer.Option(metavar="RUN", help="Begin with this run's weights; new classes get a new head.")
    ] = None,
    teachers: Annotated[
        list[Path] | None,
        typer.Option("--teacher", metavar="RUN", help="Learn from this run's answers too; may be given repeatedly."),
    ] = None,
    unlabelled: Annotated[
        Path | None, typer.Option(metavar="HDF5", help="Further images, for which the teachers' answers are taken.")
    ] = None,
    refit: Annotated[
        Path | None,
        typer.Option(metavar="RUN", help="Repeat this run, with the same options, on its held-out images as well."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1)] = 0,
    split_seed: Annotated[
        int, typer.Option(min=0, help="Seed of the split into train and test, where images come without one.")
    ] = 0,
    strict: Annotated[bool, typer.Option("--strict", help="Refuse data with unreadable images.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace the run folder if it exists.")] = False,
) -> None:
    """Train a network and leave a run folder: model, history, metrics and pictures."""
    if recipe not in RECIPES:
        raise UsageError(f"no recipe is called {recipe!r}; there are: {', '.join(RECIPES)}")

    from galaxy_train.data import load_data, read_unlabelled, read_weights

    # What is wrong with the data is said before TensorFlow takes its seconds to load.
    found = load_data(data, size=size, split_seed=split_seed, strict=strict)
    show_unreadable(found.unreadable, remedy=" (--strict refuses them)")
    if weights is not None:
        found = read_weights(weights, found)
    if unlabelled is not None and not teachers:
        raise UsageError("--unlabelled is of use with --teacher only, whose answers stand in for the labels")
    further = read_unlabelled(unlabelled, found) if unlabelled is not None else None
    lecturers = [RunFolder(teacher) for teacher in teachers or ()]
    for lecturer in lecturers:
        lecturer.check_complete()
    start = RunFolder(init) if init is not None else None
    if start is not None:
        start.check_complete()
    import_tensorflow_quietly()
    from galaxy_train.fit import FitParameters
    from galaxy_train.fit import fit as fit_run
    from galaxy_train.summary import show_figures

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
    show_figures(result.metrics["test"], found.test.file)
    typer.echo(f"run folder: {out}", err=True)
    if result.interrupted:
        done = result.metrics["epochs_completed"]
        typer.echo(
            f"interrupted: the run folder holds the network after {done} of {parameters.epochs} epochs", err=True
        )
        raise typer.Exit(EXIT_INTERRUPTED)


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
    from galaxy_train.data import load_test

    folder = RunFolder(run_path)
    folder.check_complete()
    metrics = folder.read_metrics()
    recorded = metrics["data"]
    test, unreadable = load_test(
        data,
        tuple(metrics["classes"]),
        recorded["test"]["shape"][1],
        split_seed=recorded["split_seed"],
        whole=whole,
    )
    show_unreadable(unreadable)
    import_tensorflow_quietly()
    from galaxy_train.evaluate import evaluate_model, load_model
    from galaxy_train.out_of_class import evaluate_out_of_class
    from galaxy_train.summary import show_figures, show_out_of_class

    model = load_model(folder.model)
    figures, probabilities = evaluate_model(model, test)
    show_figures(figures, test.file)
    found = {"data": test.summary(), "figures": figures}
    if out_of_class is not None:
        found["out_of_class"] = evaluate_out_of_class(model, out_of_class, probabilities.max(axis=1))
        show_out_of_class(found["out_of_class"], out_of_class)
    if record:
        folder.write_metrics(metrics | {"evaluation": found})
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
    from galaxy_train.download import SERVER
    from galaxy_train.download import download as fetch_all

    root = data if data is not None else cache_folder()
    fetch_all(root, resolution, lambda line: typer.echo(line, err=True), server=server or SERVER)


def show_unreadable(files: Iterable[Unreadable], remedy: str = "") -> None:
    """List the image files that are left out, and count them."""
    count = 0
    for count, file in enumerate(files, start=1):  # noqa: B007 - the last one is the count
        typer.echo(f"left out: {file.path}: {file.reason}", err=True)
    if count:
        typer.echo(f"{count:,} images cannot be read and are left out{remedy}", err=True)


def main() -> None:
    """Run ``galaxy-train``."""
    run(app, "train", ("tensorflow", "h5py", "matplotlib", "platformdirs"))
