"""The command ``galaxy-export``. Only a subcommand that runs imports TensorFlow, so that ``--help`` stays fast."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from galaxy_classify.cli.declare import number
from galaxy_classify.cli.runner import run
from galaxy_classify.cli.with_typer.command import (
    HELP,
    PlainCommand,
    PlainGroup,
    argument,
    flag,
    option,
    version_option,
)
from galaxy_classify.cli.with_typer.errors import parsed
from galaxy_classify.errors import DataError, GalaxyClassifyError, UsageError
from galaxy_classify.extras import require_extra
from galaxy_classify.inference.embedded import embedded_model, find_model
from galaxy_classify.text import did_you_mean, printable
from galaxy_export.gate.command import parity
from galaxy_train.quiet_tensorflow import import_tensorflow_quietly, keras_backend
from galaxy_train.run_folder import RunFolder

if TYPE_CHECKING:
    from galaxy_export.report import GateReport


app = typer.Typer(
    cls=PlainGroup,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings=HELP,
)


@app.callback()
def group(version: Annotated[bool, version_option("galaxy-export")] = False) -> None:
    """Export trained networks to ONNX, and prove that the predictions are the same."""


class ExportCommand(PlainCommand):
    """A subcommand. It needs the extra once it runs, but not for ``--help`` or a wrong option."""

    def invoke(self, ctx: Any) -> Any:
        """Run it if TensorFlow and the others are installed."""
        require_extra("export", ("tensorflow", "h5py", "matplotlib", "onnx", "tf2onnx"))
        return super().invoke(ctx)


class OnnxCommand(PlainCommand):
    """A subcommand that needs no TensorFlow."""

    def invoke(self, ctx: Any) -> Any:
        """Run it if onnx is installed."""
        require_extra("onnx", ("onnx",))
        return super().invoke(ctx)


subcommand = app.command(cls=ExportCommand)


IMAGES_HELP: Final = "Real galaxies to compare predictions on: an HDF5 or CSV file, a data set, or a folder of images."
ImagesOption = Annotated[Path, option(metavar="DIR_OR_FILE", help=IMAGES_HELP)]


ToleranceOption = Annotated[
    float,
    option(
        metavar="P",
        parser=number(0),
        help="Largest difference of a probability or familiarity; for a logit or embedding ten times that, relative.",
    ),
]


ReportOption = Annotated[
    list[Path] | None,
    option(
        metavar="FILE", help="Write a report, whether it passes or fails: .json, or .md for a CI summary. Repeatable."
    ),
]


@subcommand
def convert(
    run_path: Annotated[Path, argument("RUN")],
    output: Annotated[Path, option("--output", "-o", metavar="MODEL.onnx", help="Model file to write.")],
    images: Annotated[
        Path | None, option(metavar="DIR_OR_FILE", help=f"{IMAGES_HELP} Default: the test images of the run's data.")
    ] = None,
    int8: Annotated[bool, flag("--int8", help="Quantize the network to int8; the images must have labels.")] = False,
    calibration: Annotated[
        Path | None,
        option(metavar="DATA", help="Training data of the run, to calibrate int8 convolutions. Default: as --images."),
    ] = None,
    tolerance: ToleranceOption = 1e-5,
    report: ReportOption = None,
    golden: Annotated[
        Path | None, option(metavar="DIR", help="Folder of a few images to record for galaxy-classify self-test.")
    ] = None,
    notes: Annotated[
        Path | None, option(metavar="FILE.md", help="Text for the model card: where the data come from, and limits.")
    ] = None,
    name: Annotated[
        str | None, option(metavar="MODEL", help="Name of the model. Default: that of the file, without suffix.")
    ] = None,
    model_version: Annotated[str, option(metavar="VERSION", help="Version of the model.")] = "1.0.0",
    author: Annotated[str | None, option(metavar="NAME", help="Who made the model, for the file's metadata.")] = None,
    licence: Annotated[
        str | None, option("--licence", "--license", metavar="SPDX", help="Its licence, as in BSD-3-Clause.")
    ] = None,
) -> None:
    """Convert a run to ONNX; write the file only if it gives the trained network's predictions.

    RUN: run folder of galaxy-train, or galaxy-cnn for the shipped network.
    """
    folder = RunFolder.find(run_path)
    folder.check_complete()
    check_suffix(output)
    images = images or folder.data_source()
    if images is None:
        raise UsageError(f"{run_path}: does not say where its data are; name images with --images")
    import_tensorflow()
    from galaxy_export.export import export_run
    from galaxy_export.metadata import AUTHOR, LICENCE

    with reported(output, report or []) as findings:
        model = export_run(
            folder,
            output,
            images,
            findings,
            name=name or output.stem,
            version=model_version,
            tolerance=tolerance,
            int8=int8,
            calibration=calibration,
            golden=golden,
            notes=read_notes(notes) if notes is not None else "",
            credit={key: text for key, text in ((AUTHOR, author), (LICENCE, licence)) if text},
        )
    typer.echo(f"{output}: {output.stat().st_size:,} bytes, sha256 {model.sha256}")


@subcommand
def verify(
    made: Annotated[Path, argument("MODEL")],
    against: Annotated[
        Path,
        option(
            metavar="RUN_OR_KERAS",
            help="Run folder or .keras file that it was made from; galaxy-cnn for that of the shipped galaxy-cnn.",
        ),
    ],
    images: ImagesOption,
    tolerance: ToleranceOption = 1e-5,
    report: ReportOption = None,
) -> None:
    """Verify that a model file is the trained network: exit code 0 if it is, 1 if not, 2 for wrong usage.

    MODEL: model file, or name of an embedded model.
    """
    embedded = embedded_model(made)
    model = made if embedded is None else embedded.path
    import_tensorflow()
    from galaxy_export.verify import load_trained, verify_model

    with reported(model, report or []) as findings:
        verify_model(model, load_trained(against), images, tolerance, findings)
    typer.echo(f"{model}: is the trained network")


@app.command(cls=OnnxCommand)
def standalone(
    made_from: Annotated[str, argument("MODEL")],
    output: Annotated[Path, option("--output", "-o", metavar="FILE.onnx", help="Model file to write.")],
    images: Annotated[
        Path | None, option(metavar="DIR_OR_FILE", help="Images to compare on, beside the model's golden images.")
    ] = None,
    batched: Annotated[bool, flag("--batched", help="Take several images of equal size, not one.")] = False,
) -> None:
    """Put crop and resize into a model's graph, so that programs in any language can give it whole images.

    MODEL: model file, or name of an embedded model.
    """
    from galaxy_export.standalone.write import write_standalone

    check_suffix(output)
    written, parity = write_standalone(find_model(made_from), output, images, batched=batched)
    typer.echo(
        f"{parity.images:,} images compared: {parity.changed_values:,} of {parity.values:,} colour values differ by a "
        f"level, outputs by {parity.output_difference:.1e} at most"
    )
    typer.echo(f"{output}: {output.stat().st_size:,} bytes, sha256 {written.sha256}")


@app.command(cls=OnnxCommand)
def hub(
    made_from: Annotated[str, argument("MODEL")],
    folder: Annotated[Path, argument("DIR")],
    force: Annotated[
        bool, flag("--force", help="Write into a folder that has files: replace those of the same names, leave others.")
    ] = False,
) -> None:
    """Write a folder to upload to a model hub: card, model files, golden images and config, all from the model file.

    MODEL: model file, or name of an embedded model. DIR: folder to write.
    """
    from galaxy_export.hub.write import write_hub_folder

    written = write_hub_folder(find_model(made_from), folder, force=force)
    for remark in written.remarks:
        typer.echo(printable(remark), err=True)
    typer.echo(printable(f"{folder}: {written.model.identity}, {', '.join(written.files)}"))


@subcommand
def embed(
    model: Annotated[Path, argument("MODEL.onnx")],
    into: Annotated[Path, option(metavar="DIR", help="Models folder of a source tree.")] = Path(
        "runtime/galaxy_classify/models"
    ),
    default: Annotated[bool, flag("--default", help="Make it the default model.")] = False,
    run: Annotated[
        Path | None,
        option(metavar="RUN_FOLDER", help="The run that it was made from, to come with the package as well."),
    ] = None,
) -> None:
    """Add a model file to those that come with the package.

    MODEL.onnx: file that keeps the model contract.
    """
    from galaxy_export.embed import embed_model, ship_run

    embedded = embed_model(model, into, default=default)
    typer.echo(f"{into}: {embedded.identity}")
    if run is not None:
        typer.echo(f"{ship_run(RunFolder(run), embedded).path}: its run")


# Without the extra, unless the reference is a Keras model.
app.command(cls=PlainCommand)(parity)


def import_tensorflow() -> None:
    """Import TensorFlow, with which Keras must compute: tf2onnx converts nothing else."""
    if (backend := keras_backend()) != "tensorflow":
        raise UsageError(f"exporting needs TensorFlow, but KERAS_BACKEND is {backend!r}; unset it")
    import_tensorflow_quietly()


def check_suffix(output: Path) -> None:
    """Check that a model file is called one: other commands tell it from a model's name by its suffix."""
    if output.suffix.lower() != ".onnx":
        meant = output.with_suffix(".onnx") if did_you_mean(output.suffix, [".onnx"]) else f"{output}.onnx"
        raise UsageError(f"{output}: a model file ends with .onnx; did you mean {meant}?")


def read_notes(path: Path) -> str:
    """Read the text that goes into the model card."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read as text: {error}") from None


@contextmanager
def reported(model: Path, paths: list[Path]) -> Iterator[GateReport]:
    """Yield a report; afterwards print it and write it to files, whether the check has passed or failed."""
    from galaxy_export.gate.tables import check_report_paths
    from galaxy_export.report import GateReport

    check_report_paths(paths)
    report = GateReport(model.name)
    try:
        yield report
    except GalaxyClassifyError as error:
        report.fail(error)
        raise
    finally:
        report.write(paths)
        if table := report.to_table():
            typer.echo(f"{table}\n")


def main() -> None:
    """Run ``galaxy-export``."""
    run(parsed(app))
