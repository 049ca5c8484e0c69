"""The command ``galaxy-export``. TensorFlow is imported by the subcommands, not by ``--help``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from galaxy_classify.commandline import run
from galaxy_train.quiet import import_tensorflow_quietly
from galaxy_train.run_folder import RunFolder

if TYPE_CHECKING:
    from galaxy_export.export import ExportResult

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    help="Export trained networks to ONNX, with proof that nothing changed.",
)


@app.command()
def convert(
    run_path: Annotated[Path, typer.Argument(metavar="RUN", help="Run folder of galaxy-train.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="MODEL.onnx", help="File to make.")],
    images: Annotated[
        Path,
        typer.Option(
            metavar="DIR_OR_HDF5", help="Real galaxies for the parity gate: image files, or GalaxyMNIST's HDF5."
        ),
    ],
    int8: Annotated[bool, typer.Option("--int8", help="Quantize dense layers; the images must have labels.")] = False,
    tolerance: Annotated[
        float, typer.Option(min=0.0, help="Largest difference of a probability; ten times that for logits.")
    ] = 1e-5,
    name: Annotated[str | None, typer.Option(help="What the model calls itself. Default: the file's stem.")] = None,
    model_version: Annotated[str, typer.Option(help="Version that the model gives itself.")] = "1.0.0",
) -> None:
    """Convert a run to ONNX; no file is made unless it answers as the trained network does."""
    folder = RunFolder(run_path)
    folder.check_complete()
    import_tensorflow_quietly()
    from galaxy_export.export import export_run

    result = export_run(
        folder, output, images, name=name or output.stem, version=model_version, tolerance=tolerance, int8=int8
    )
    show(result)
    typer.echo(f"{output}: {output.stat().st_size:,} bytes, sha256 {result.model.sha256}")


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


def show(result: ExportResult) -> None:
    """Print the proof as a table."""
    parity, images = result.parity, result.images
    typer.echo(f"parity with the trained network on {parity.images:,} images ({images.origin})")
    if images.unreadable:
        typer.echo(f"left out: {images.unreadable:,} files that cannot be decoded", err=True)
    typer.echo("batch size  largest difference of a probability  of a logit (relative)  same class")
    for row in parity.comparisons:
        typer.echo(f"{row.batch_size:>10}  {row.probability:>35.2e}  {row.logit:>21.2e}  {row.agreement:>10.2%}")
    limits = parity.to_metadata()
    typer.echo(
        f"{'limit':>10}  {limits['probability_tolerance']:>35.2e}  {limits['logit_tolerance']:>21.2e}  {1:>10.2%}"
    )
    if loss := result.quantization:
        typer.echo("\nint8 against float32        same class  accuracy  float32's  largest difference of a probability")
        figures = (
            f"{loss.agreement:>10.2%}  {loss.accuracy:>8.4f}  {loss.float_accuracy:>9.4f}  {loss.probability:>35.2e}"
        )
        typer.echo(f"{'':26}  {figures}")
    typer.echo()


def main() -> None:
    """Run ``galaxy-export``."""
    run(app, "export", ("tensorflow", "h5py", "matplotlib", "onnx", "tf2onnx"))
