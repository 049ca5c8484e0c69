"""The command ``galaxy-export``. TensorFlow is imported by the subcommands, not by ``--help``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from galaxy_classify.cli.runner import run
from galaxy_classify.errors import DataError, GalaxyClassifyError
from galaxy_train.quiet_tensorflow import import_tensorflow_quietly
from galaxy_train.run_folder import RunFolder

if TYPE_CHECKING:
    from galaxy_export.report import GateReport


app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    help="Export trained networks to ONNX, with proof that nothing changed.",
)


ImagesOption = Annotated[
    Path, typer.Option(metavar="DIR_OR_HDF5", help="Real galaxies to compare on: image files, or GalaxyMNIST's HDF5.")
]


ToleranceOption = Annotated[
    float, typer.Option(min=0.0, help="Largest difference of a probability; ten times that for logits, relative.")
]


ReportOption = Annotated[
    list[Path] | None,
    typer.Option(metavar="FILE", help="Write a report, passed or not: .json, or .md for a CI summary. Repeatable."),
]


@app.command()
def convert(
    run_path: Annotated[Path, typer.Argument(metavar="RUN", help="Run folder of galaxy-train.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="MODEL.onnx", help="File to make.")],
    images: ImagesOption,
    int8: Annotated[bool, typer.Option("--int8", help="Quantize the network; the images must have labels.")] = False,
    calibration: Annotated[
        Path | None,
        typer.Option(metavar="DATA", help="What the run was trained on, for int8 of convolutions. Default: --images."),
    ] = None,
    tolerance: ToleranceOption = 1e-5,
    report: ReportOption = None,
    golden: Annotated[
        Path | None, typer.Option(metavar="DIR", help="A few images to record for galaxy-classify --self-test.")
    ] = None,
    notes: Annotated[
        Path | None, typer.Option(metavar="FILE.md", help="For the model card: where the data come from, and limits.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="What the model calls itself. Default: the file's stem.")] = None,
    model_version: Annotated[str, typer.Option(help="Version that the model gives itself.")] = "1.0.0",
) -> None:
    """Convert a run to ONNX; no file is made unless it answers as the trained network does."""
    folder = RunFolder(run_path)
    folder.check_complete()
    import_tensorflow_quietly()
    from galaxy_export.export import export_run

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
        )
    typer.echo(f"{output}: {output.stat().st_size:,} bytes, sha256 {model.sha256}")


@app.command()
def verify(
    model: Annotated[Path, typer.Argument(metavar="MODEL.onnx", help="File to verify.")],
    against: Annotated[Path, typer.Option(metavar="RUN_OR_KERAS", help="Run folder or .keras file it came from.")],
    images: ImagesOption,
    tolerance: ToleranceOption = 1e-5,
    report: ReportOption = None,
) -> None:
    """Verify that a model file is the trained network: exit code 0 if it is, 1 if not, 2 for usage."""
    import_tensorflow_quietly()
    from galaxy_export.verify import load_trained, verify_model

    with reported(model, report or []) as findings:
        verify_model(model, load_trained(against), images, tolerance, findings)
    typer.echo(f"{model}: is the trained network")


@app.command()
def embed(
    model: Annotated[Path, typer.Argument(metavar="MODEL.onnx", help="File that keeps the model contract.")],
    into: Annotated[Path, typer.Option(metavar="DIR", help="Models folder of a source tree.")] = Path(
        "runtime/galaxy_classify/models"
    ),
    default: Annotated[bool, typer.Option("--default", help="Make it the default model.")] = False,
) -> None:
    """Put a model file among those that come with the package."""
    from galaxy_export.embed import embed_model

    embedded = embed_model(model, into, default=default)
    typer.echo(f"{into}: {embedded.identity}")


def read_notes(path: Path) -> str:
    """Return the text that goes into the model card."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read as text: {error}") from None


@contextmanager
def reported(model: Path, paths: list[Path]) -> Iterator[GateReport]:
    """Print what a check finds, and write it to files, whether it passes or fails."""
    from galaxy_export.report import GateReport, check_paths

    check_paths(paths)
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
    run(app, "export", ("tensorflow", "h5py", "matplotlib", "onnx", "tf2onnx"))
