"""The command ``galaxy-train``. Only a subcommand that runs imports TensorFlow, so that ``--help`` stays fast."""

from __future__ import annotations

import shlex
import sys
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from galaxy_classify.cli.declare import number, whole_number
from galaxy_classify.cli.runner import run
from galaxy_classify.cli.with_typer.command import (
    HELP,
    PlainCommand,
    PlainGroup,
    argument,
    flag,
    option,
    version_option,
    with_options,
)
from galaxy_classify.cli.with_typer.errors import parsed
from galaxy_classify.errors import EXIT_INTERRUPTED, DataError, MissingExtraError, UsageError
from galaxy_classify.extras import require_extra
from galaxy_classify.text import printable
from galaxy_train.checksum import file_sha256
from galaxy_train.data.galaxy_mnist import FOLDERS, cache_folder
from galaxy_train.networks.recipes import RECIPES
from galaxy_train.quiet_tensorflow import import_keras_quietly, keras_backend
from galaxy_train.run_folder import CrossValidationFolder, RunFolder
from galaxy_train.run_metrics.evaluations import EvaluationRecord
from galaxy_train.teachers import find_teachers
from galaxy_train.training.parameters import AUGMENTATIONS, FitParameters

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np
    from numpy.typing import NDArray

    from galaxy_train.data.dataset import GalaxyDataset
    from galaxy_train.data.image_files import UnreadableFile
    from galaxy_train.data.load import TrainingData


app = typer.Typer(
    cls=PlainGroup,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings=HELP,
)


@app.callback()
def group(version: Annotated[bool, version_option("galaxy-train")] = False) -> None:
    """Train galaxy classifiers with Keras, and evaluate them."""


class TrainCommand(PlainCommand):
    """A subcommand. It needs the extra once it runs, but not for ``--help`` or a wrong option."""

    def invoke(self, ctx: Any) -> Any:
        """Run it if TensorFlow, or another backend of Keras, and the others are installed."""
        backend = keras_backend()
        of_backend = ("tensorflow",) if backend == "tensorflow" else ("keras",)
        require_extra("train", (*of_backend, "h5py", "matplotlib", "platformdirs"))
        if find_spec(backend) is None:  # another one, which the extra does not install
            raise MissingExtraError(f"{backend}, which KERAS_BACKEND names, not installed: install it, or unset that")
        return super().invoke(ctx)


subcommand = app.command(cls=TrainCommand)


DATA: Final = "Data"
TRAINING: Final = "Training"
RUNS: Final = "Other runs"
OUTPUT: Final = "Output"


DataOption = Annotated[
    Path | None,
    option(
        panel=DATA,
        metavar="DIR_OR_CSV",
        help="Folder with {train,test}_dataset.hdf5 or .hdf5.gz (or GalaxyMNIST/raw/ below it); folder with "
        "{train,test}/CLASS/ or CLASS/; folder of images with a labels.csv; or a CSV file (file,label or "
        "path,label, and optionally split, weight). "
        "Default: what galaxy-train download fetched.",
    ),
]


@dataclass(frozen=True, slots=True)
class TrainingOptions:
    """The options that ``fit`` and ``cross-validate`` share."""

    data: DataOption = None
    weights: Annotated[
        Path | None,
        option(
            panel=DATA, metavar="CSV", help="Weights: column weight, one row per training image; 0 leaves an image out."
        ),
    ] = None
    size: Annotated[
        int | None,
        option(
            panel=DATA,
            metavar="PIXELS",
            parser=whole_number(8),
            help="Resize image files to this edge (default 64), or choose GalaxyMNIST in 64 or 224 px.",
        ),
    ] = None
    split_seed: Annotated[
        int,
        option(
            panel=DATA,
            metavar="N",
            parser=whole_number(0),
            help="Seed of the split into training and test set, for images that come without one.",
        ),
    ] = 0
    strict: Annotated[
        bool, flag("--strict", panel=DATA, help="Refuse data with unreadable images instead of leaving them out.")
    ] = False
    recipe: Annotated[str, option(panel=TRAINING, metavar="NAME", help=f"Network to train: {', '.join(RECIPES)}.")] = (
        "compact"
    )
    epochs: Annotated[
        int | None,
        option(
            panel=TRAINING,
            metavar="N",
            parser=whole_number(1),
            help="Passes over the training images. Default: the recipe's.",
        ),
    ] = None
    batch_size: Annotated[
        int | None,
        option(
            panel=TRAINING, metavar="N", parser=whole_number(1), help="Images per gradient step. Default: the recipe's."
        ),
    ] = None
    learning_rate: Annotated[
        float | None,
        option(
            panel=TRAINING,
            metavar="RATE",
            parser=number(0),
            help="Highest learning rate. Default: the recipe's.",
        ),
    ] = None
    validation_split: Annotated[
        float | None,
        option(
            panel=TRAINING,
            metavar="FRACTION",
            parser=number(0, 0.9),
            help="Fraction of the training images to hold out. Default: 0.2.",
        ),
    ] = None
    balance: Annotated[
        float | None,
        option(
            panel=TRAINING,
            metavar="FRACTION",
            parser=number(0, 1),
            help="Class weights, from 0 (every image counts alike, the default) to 1 (every class counts alike).",
        ),
    ] = None
    augment: Annotated[
        str | None,
        option(
            panel=TRAINING,
            metavar="HOW",
            help="plain: change images as those of one survey differ; wide: a third of them as those of different "
            "surveys do, in framing, sharpness, noise, stretch and colours. Default: the recipe's.",
        ),
    ] = None
    seed: Annotated[
        int,
        option(
            panel=TRAINING,
            metavar="N",
            parser=whole_number(0, 2**32 - 1),
            help="Seed of initial weights, shuffling, dropout and augmentation.",
        ),
    ] = 0

    def load(self) -> TrainingData:
        """Load images, labels and weights. TensorFlow takes seconds to load: mistakes are reported before that."""
        if self.recipe not in RECIPES:
            raise UsageError(f"no recipe is called {self.recipe!r}; there are: {', '.join(RECIPES)}")
        if self.augment not in (None, *AUGMENTATIONS):
            raise UsageError(f"--augment is {self.augment!r}; there are: {', '.join(AUGMENTATIONS)}")
        if self.augment is not None and not RECIPES[self.recipe].augment:
            raise UsageError(f"the recipe {self.recipe} trains on images as they are; leave --augment away")
        from galaxy_train.data.load import load_data, read_weights

        found = load_data(self.data, size=self.size, split_seed=self.split_seed, strict=self.strict)
        show_unreadable(found.unreadable, remedy=" (--strict refuses them)")
        return read_weights(self.weights, found) if self.weights is not None else found

    def parameters(self, **others: Any) -> FitParameters:
        """Return the recipe's parameters, except those that the command line sets."""
        return FitParameters.of_recipe(
            self.recipe,
            epochs=self.epochs,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            validation_split=self.validation_split,
            balance=self.balance,
            augment=self.augment,
            seed=self.seed,
            **others,
        )


@dataclass(frozen=True, slots=True)
class FitOptions(TrainingOptions):
    """The options of ``fit``."""

    init: Annotated[
        Path | None,
        option(
            panel=RUNS,
            metavar="RUN",
            help="Start from the weights of this run, or of the shipped galaxy-cnn. With other classes, the last layer "
            "is new.",
        ),
    ] = None
    teachers: Annotated[
        list[Path],
        option(
            "--teacher",
            panel=RUNS,
            metavar="RUN_OR_MODEL",
            help="Distillation: train also on the predictions of this run, cross-validation, model file or shipped "
            "model. Repeatable.",
        ),
    ] = field(default_factory=list)
    unlabelled: Annotated[
        Path | None,
        option(panel=RUNS, metavar="HDF5", help="Further images, whose targets are the teachers' predictions."),
    ] = None
    outliers: Annotated[
        list[Path],
        option(
            panel=RUNS,
            metavar="DIR_OR_HDF5",
            help="Images of none of the classes, in folders by kind, which a recipe with familiarity learns to tell "
            "from galaxies of the classes, beside those that it generates itself. Repeatable.",
        ),
    ] = field(default_factory=list)
    refit: Annotated[
        Path | None,
        option(
            panel=RUNS, metavar="RUN", help="Repeat this run, with the same options, on its held-out images as well."
        ),
    ] = None
    out: Annotated[
        Path | None, option(panel=OUTPUT, metavar="RUN", help="Run folder to write. Default: runs/RECIPE.")
    ] = None
    force: Annotated[bool, flag("--force", panel=OUTPUT, help="Replace the run folder if it exists.")] = False


@dataclass(frozen=True, slots=True)
class CrossValidationOptions(TrainingOptions):
    """The options of ``cross-validate``."""

    folds: Annotated[
        int,
        option(panel=TRAINING, metavar="K", parser=whole_number(2), help="Number of folds, and of networks to train."),
    ] = 5
    out: Annotated[
        Path | None, option(panel=OUTPUT, metavar="DIR", help="Folder to write. Default: runs/RECIPE-folds.")
    ] = None
    force: Annotated[bool, flag("--force", panel=OUTPUT, help="Replace the folds of another training.")] = False


@subcommand
@with_options(FitOptions)
def fit(options: FitOptions) -> None:
    """Train a network and write a run folder: model, history, metrics and plots."""
    found = options.load()
    if options.unlabelled is not None and not options.teachers:
        raise UsageError("--unlabelled is of use with --teacher only, whose predictions stand in for the labels")
    from galaxy_train.data.load import read_unlabelled
    from galaxy_train.data.outliers.load import load_outliers

    further = read_unlabelled(options.unlabelled, found) if options.unlabelled is not None else None
    teachers = [teacher for path in options.teachers for teacher in find_teachers(path)]
    start = RunFolder.find(options.init) if options.init is not None else None
    if start is not None:
        start.check_complete()
    given = load_outliers(options.outliers, found.train.images.shape[1])
    show_unreadable(given.unreadable)
    import_keras_quietly()
    from galaxy_train.printing import show_metrics
    from galaxy_train.training.fit import fit as fit_run

    out = options.out or Path("runs") / options.recipe
    parameters = options.parameters(
        init=start.model_sha256() if start is not None else None,
        teachers=tuple(teacher.sha256 for teacher in teachers),
        unlabelled=file_sha256(options.unlabelled) if options.unlabelled is not None else None,
        outliers=given.sha256() if given.kinds else None,
    )
    result = fit_run(
        found,
        RunFolder(out),
        parameters,
        sys.stderr,
        init=start,
        teachers=teachers,
        unlabelled=further,
        refit=RunFolder(options.refit) if options.refit is not None else None,
        outliers=given.kinds,
        force=options.force,
    )
    show_metrics(result.test, found.test.file)
    folder = RunFolder(out)
    pictures = (folder.accuracy_plot, folder.confusion_plot, folder.reliability_plot)
    typer.echo(f"run folder: {out}, with the pictures {', '.join(picture.name for picture in pictures)}", err=True)
    if result.interrupted:
        done = result.epochs_completed
        typer.echo(
            f"interrupted: the run folder holds the network after {done} of {parameters.epochs} epochs", err=True
        )
        raise typer.Exit(EXIT_INTERRUPTED)
    typer.echo(f"next: galaxy-export convert {shlex.quote(str(out))} -o {out.name}.onnx", err=True)


@subcommand
@with_options(CrossValidationOptions)
def cross_validate(options: CrossValidationOptions) -> None:
    """Train one network per fold and predict each labelled image out of fold.

    This shows how good the training is, and which labels look wrong.
    No network is trained on the images that --validation-split holds out.
    After an interruption, the same command continues.
    """
    found = options.load()
    import_keras_quietly()
    from galaxy_train.printing import show_cross_validation
    from galaxy_train.training.cross_validation import cross_validate as validate

    folder = CrossValidationFolder(options.out or Path("runs") / f"{options.recipe}-folds")
    parameters = options.parameters()
    result = validate(
        found,
        folder,
        parameters,
        options.folds,
        sys.stderr,
        lambda line: typer.echo(line, err=True),
        force=options.force,
    )
    show_cross_validation(result)
    typer.echo(f"predictions: {folder.predictions}; the labels that look most wrong: {folder.suspects}", err=True)


@subcommand
def evaluate(
    run_path: Annotated[Path, argument("RUN")],
    data: Annotated[
        Path | None, option(metavar="DIR_OR_FILE", help="Data as for fit, or one HDF5 file. Default: those of the run.")
    ] = None,
    whole: Annotated[
        bool, flag("--whole", help="Use all image files of a folder or CSV, not only the test set.")
    ] = False,
    held_out: Annotated[
        bool,
        flag(
            "--held-out",
            help="Use the images that the training held out, not the test set. Choose between networks with this.",
        ),
    ] = False,
    weights: Annotated[
        Path | None,
        option(metavar="CSV", help="For --held-out: the weights that the run was trained with."),
    ] = None,
    out_of_class: Annotated[
        list[Path] | None,
        option(
            metavar="DIR_OR_HDF5",
            help="Images that belong to no class, in folders by kind: how confident is the network, and how familiar "
            "are they? Of the --outliers of the training, only those that were held out are used. Repeatable.",
        ),
    ] = None,
    generated: Annotated[
        int | None,
        option(
            metavar="N",
            parser=whole_number(1),
            help="The same for N generated images of each kind: noise, text, plots, galaxies off centre and others.",
        ),
    ] = None,
    stress: Annotated[
        bool,
        flag(
            "--stress",
            help="Measure it on changed images, too: JPEG quality, noise, blur, brightness, sky, gamma, colour, shift, "
            "rotation, zoom. Draws stress.png in RUN.",
        ),
    ] = False,
    record: Annotated[
        bool, flag("--record", help="Record the metrics in the run's metrics.json, for its model card.")
    ] = False,
) -> None:
    """Evaluate a run's network again on its test set, or on other data.

    RUN: run folder, or galaxy-cnn for the shipped network.
    """
    if held_out and whole:
        raise UsageError("--held-out and --whole name different images; give one of them")
    if weights is not None and not held_out:
        raise UsageError("--weights is of use with --held-out only: they decide which images were held out")
    folder = RunFolder.find(run_path)
    folder.check_complete()
    if folder.is_shipped and (record or stress):
        raise UsageError(
            f"{run_path}: is part of the package, where --record and --stress would write; copy {folder.path} and name "
            "the copy"
        )
    test = load_held_out(folder, data, weights) if held_out else load_evaluated(folder, data, whole=whole)
    kinds = load_kinds(folder, out_of_class) if out_of_class else None
    import_keras_quietly()
    from galaxy_train.evaluation.evaluate import evaluate_model
    from galaxy_train.evaluation.out_of_class import evaluate_out_of_class, generate_kinds
    from galaxy_train.evaluation.plots import plot_stress
    from galaxy_train.evaluation.statuses import status_metrics
    from galaxy_train.evaluation.stress import measure_stress
    from galaxy_train.networks.keras_model import load_model, predict_familiarity
    from galaxy_train.printing import show_metrics, show_out_of_class, show_status, show_stress

    model = load_model(folder.model)
    measured, probabilities = evaluate_model(model, test)
    familiarity = predict_familiarity(model, test.images)
    show_metrics(measured, test.file)
    confidence = probabilities.max(axis=1)
    status = out_of_class_metrics = generated_metrics = stress_metrics = None
    if familiarity is not None:
        status = status_metrics(test.labels, probabilities, familiarity)
        show_status(status)
    if kinds is not None:
        out_of_class_metrics = evaluate_out_of_class(model, kinds, confidence, familiarity)
        show_out_of_class(out_of_class_metrics, _named(out_of_class or []))
    if generated is not None:
        generated_metrics = evaluate_out_of_class(
            model, generate_kinds(test.images, generated), confidence, familiarity
        )
        show_out_of_class(generated_metrics, "generated here")
    if stress:
        stress_metrics = measure_stress(model, test)
        show_stress(stress_metrics, test.file)
        plot_stress(stress_metrics, test.file, folder.stress_plot)
        typer.echo(f"drawn in {folder.stress_plot}", err=True)
    if record:
        folder.record_evaluation(
            EvaluationRecord(test.record(), measured, out_of_class_metrics, generated_metrics, status, stress_metrics)
        )
        typer.echo(f"recorded in {folder.metrics}", err=True)


def load_evaluated(folder: RunFolder, source: Path | None, *, whole: bool) -> GalaxyDataset:
    """Load the test set of a run, or other images for it."""
    from galaxy_train.data.load import load_test

    metrics = folder.read_metrics()
    recorded = metrics.data
    remembered = folder.data_source() if source is None else None
    test, unreadable = load_test(
        remembered or source,
        metrics.classes,
        recorded.test.shape[1],
        split_seed=recorded.split_seed,
        whole=whole,
    )
    show_unreadable(unreadable)
    if remembered is not None and not whole and test.record().sha256 != recorded.test.sha256:
        raise DataError(f"{remembered}: has changed since the run; name it with --data to evaluate on it as it is")
    return test


def _named(paths: Iterable[Path]) -> str:
    return ", ".join(map(str, paths))


def load_kinds(folder: RunFolder, sources: list[Path]) -> dict[str, NDArray[np.uint8]]:
    """Load images that belong to no class of a run; of those that it was trained with, what it held out."""
    from galaxy_train.data.outliers.load import load_outliers, split_outliers
    from galaxy_train.training.splits import VALIDATION_SEED

    metrics = folder.read_metrics()
    found = load_outliers(sources, metrics.data.test.shape[1])
    show_unreadable(found.unreadable)
    if found.sha256() != metrics.parameters.outliers:
        return found.kinds
    if metrics.validation is None:
        raise DataError(
            f"{folder.path}: was trained with all images of {_named(sources)}; evaluate a run that held some out"
        )
    kept = split_outliers(found.kinds, metrics.parameters.validation_split, VALIDATION_SEED)[1]
    count = sum(map(len, kept.values()))
    typer.echo(
        f"the run was trained with images of {_named(sources)}: only the {count:,} that it held out are used", err=True
    )
    return kept


def load_held_out(folder: RunFolder, source: Path | None, weights: Path | None) -> GalaxyDataset:
    """Load the images that a run held out of its training set."""
    from galaxy_train.data.load import load_data, read_weights
    from galaxy_train.training.splits import Fold, leave_out, split_training_set

    metrics = folder.read_metrics()
    parameters, recorded = metrics.parameters, metrics.data
    if metrics.refit_of is not None:
        raise DataError(f"{folder.path}: was trained on all images; --held-out takes the run that it repeats")
    if metrics.validation is None:
        raise DataError(f"{folder.path}: has held out no images; leave --held-out away to evaluate on the test set")
    source = source or folder.data_source()
    found = load_data(source, size=recorded.test.shape[1], split_seed=recorded.split_seed)
    show_unreadable(found.unreadable)
    train = (read_weights(weights, found) if weights is not None else found).train
    if train.sha256 != recorded.train.sha256:
        raise DataError(f"{train.file}: is not the training set of {folder.path}; --data names that")
    if train.record().weights != recorded.train.weights:
        raise DataError(f"{folder.path}: was trained with other weights; --weights names them")
    split = split_training_set(train, RECIPES[metrics.recipe], parameters.validation_split)
    if parameters.fold is not None:
        split = leave_out(Fold.parse(parameters.fold), split, train)
    return replace(train.subset(split.held_out), file=f"{train.file}, held-out part", weights=None)


@subcommand
def download(
    data: Annotated[
        Path | None, option(metavar="DIR", help="Folder to download to. Default: the user's cache folder.")
    ] = None,
    resolution: Annotated[
        int, option(metavar="PIXELS", parser=whole_number(1), help="Edge of the images in pixels: 64 or 224.")
    ] = 64,
    server: Annotated[
        str | None, option(metavar="URL", help="Address of a mirror with the same paths as the official server.")
    ] = None,
) -> None:
    """Download GalaxyMNIST, or what is missing of it, in the layout of the galaxy_mnist package."""
    if resolution not in FOLDERS:
        raise UsageError(f"--resolution is {resolution}, GalaxyMNIST has {' and '.join(map(str, FOLDERS))} px")
    from galaxy_train.data.download import SERVER
    from galaxy_train.data.download import download as fetch_all

    root = data if data is not None else cache_folder()
    fetch_all(root, resolution, lambda line: typer.echo(line, err=True), server=server or SERVER)


def show_unreadable(files: Iterable[UnreadableFile], remedy: str = "") -> None:
    """List the image files that are left out, and count them."""
    count = 0
    for count, file in enumerate(files, start=1):  # noqa: B007 - the last one is the count
        typer.echo(printable(f"left out: {file.path}: {file.reason}"), err=True)
    if count:
        typer.echo(f"{count:,} images cannot be read and are left out{remedy}", err=True)


def main() -> None:
    """Run ``galaxy-train``."""
    run(parsed(app))
