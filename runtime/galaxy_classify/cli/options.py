"""Every option of ``galaxy-classify``, declared once: name, type, default and help text.

The annotations are evaluated as they stand, without ``from __future__``: to evaluate them as text takes milliseconds.
"""

from collections.abc import Iterator
from dataclasses import MISSING, dataclass, field, fields
from typing import Annotated, Any, Final

from galaxy_classify.cli.declare import BadValueError, argument, declared, flag, number, one_of, option, whole_number
from galaxy_classify.defaults import (
    AUTO,
    BATCH_SIZE,
    MAX_PIXELS,
    MIN_FAMILIARITY,
    PARTITION_SIZE,
    PATH_COLUMN,
    THRESHOLD,
    JpegDecoder,
)
from galaxy_classify.images.fits.names import parse_bands
from galaxy_classify.images.fits.options import FitsOptions, parse_hdu, parse_stretch
from galaxy_classify.inference.embedded import embedded_models
from galaxy_classify.probabilities.thresholds import parse_thresholds
from galaxy_classify.results.formats import OutputFormat, ProvenanceIn

INPUT: Final = "Input"
FITS: Final = "FITS"
OUTPUT: Final = "Output"
PROBABILITIES: Final = "Probabilities"
MODEL: Final = "Model and machine"
CLUSTER: Final = "Cluster"
ABOUT: Final = "About"

#: Value of ``--prior`` for the class mix of the run's own inputs.
ESTIMATE: Final = "estimate"

#: Environment variable by which a shell asks for the completion of words.
COMPLETION: Final = "_GALAXY_CLASSIFY_COMPLETE"


def complete_model() -> list[str]:
    """List the embedded models, for completion in the shell."""
    return list(embedded_models())


def complete_format() -> list[str]:
    """List the formats of results, for completion in the shell."""
    return list(OutputFormat)


def complete_column(ctx: Any) -> list[str]:
    """List the columns of the catalogue that was named before, for completion in the shell."""
    from galaxy_classify.tables.read import open_table

    catalog = ctx.params.get("catalog")
    if catalog is None:
        return []
    try:
        return [column.name for column in open_table(catalog, typed=False).columns]
    except Exception:
        return []  # a shell has no place for messages: the run itself says what is wrong with the table


def file_or_stdout(value: str) -> str | None:
    """Return the name of a file, or None for ``-``, which stands for standard output."""
    return None if value == "-" else value


def thresholds(value: str) -> float | dict[str, float]:
    """Return the value of ``--threshold``; typer hands the default on as well, which is a number."""
    try:
        return parse_thresholds(str(value))
    except ValueError as error:
        raise BadValueError(str(error)) from None


def show_all_help(context: Any, wanted: bool) -> None:
    """Print the help text and stop; it has all options, as `with_typer.app` sees to."""
    if wanted and not context.resilient_parsing:
        print(context.get_help())
        context.exit()


@dataclass(frozen=True, slots=True)
class Options:
    """The options of one run. The help shows them in this order."""

    inputs: Annotated[list[str], argument("INPUT...")] = field(default_factory=list)
    from_file: Annotated[str | None, option(panel=INPUT, metavar="FILE", help="Read paths from FILE, one a line.")] = (
        None
    )
    no_recursive: Annotated[bool, flag("--no-recursive", panel=INPUT, help="Do not search subfolders.")] = False
    catalog: Annotated[
        str | None, option(panel=INPUT, metavar="TABLE", help="Classify the rows of a table (CSV, FITS…).")
    ] = None
    path_column: Annotated[
        str, option(panel=INPUT, metavar="NAME", help="Column of paths in TABLE.", autocompletion=complete_column)
    ] = PATH_COLUMN
    path_template: Annotated[
        str | None, option(panel=INPUT, metavar="TEMPLATE", help='Paths from columns: "cutouts/{objid}.jpg".')
    ] = None
    id_column: Annotated[
        str | None,
        option(panel=INPUT, metavar="NAME", help="Column to put first in the result.", autocompletion=complete_column),
    ] = None
    image_column: Annotated[
        str | None, option(panel=INPUT, metavar="NAME", help="Column of a Parquet file with the images.")
    ] = None
    crop: Annotated[
        float | None,
        option(panel=INPUT, metavar="FRACTION", parser=number(0, 1), help="Use this central part of the shorter edge."),
    ] = None
    watch: Annotated[bool, flag("--watch", panel=INPUT, help="Keep running and classify new files.")] = False
    limit: Annotated[
        int | None, option(panel=INPUT, metavar="N", parser=whole_number(1), help="Classify the first N inputs only.")
    ] = None
    fail_if_empty: Annotated[
        bool, flag("--fail-if-empty", panel=INPUT, help="End with exit code 2 if there is no input.")
    ] = False
    max_pixels: Annotated[
        int, option(panel=INPUT, metavar="N", parser=whole_number(1), help="Refuse images of more pixels.")
    ] = MAX_PIXELS
    bands: Annotated[
        str | None, option(panel=FITS, metavar="NAMES", help="Bands of the planes in order, as in grz.")
    ] = None
    recipe: Annotated[
        str | None, option(panel=FITS, metavar="NAME", help="Colouring: galaxy-zoo-decals, sdss, lupton.")
    ] = None
    stretch: Annotated[
        str | None, option(panel=FITS, metavar="FLUX", help="For lupton: flux per pixel; auto: by image.")
    ] = None
    q: Annotated[
        float | None, option(panel=FITS, metavar="N", parser=number(0), help="For lupton: how far from linear.")
    ] = None
    hdu: Annotated[str | None, option(panel=FITS, metavar="EXTENSION", help="Number or name of the image's HDU.")] = (
        None
    )
    fits_pattern: Annotated[
        str | None, option(panel=FITS, metavar="NAME", help='One file per band: "{id}-{band}.fits".')
    ] = None
    output: Annotated[
        str | None,
        option(
            "--output", "-o", panel=OUTPUT, metavar="FILE", parser=file_or_stdout, help="Write to FILE (-: stdout)."
        ),
    ] = None
    output_format: Annotated[
        OutputFormat | None,
        option(
            "--format",
            "-f",
            panel=OUTPUT,
            metavar="NAME",
            help="csv, jsonl, table, … Default: by suffix of FILE.",
            parser=one_of(OutputFormat),
            autocompletion=complete_format,
        ),
    ] = None
    json: Annotated[bool, flag("--json", panel=OUTPUT, help="The same as --format jsonl.")] = False
    provenance: Annotated[
        ProvenanceIn | None,
        option(
            panel=OUTPUT,
            metavar="WHERE",
            parser=one_of(ProvenanceIn),
            help="Where JSON Lines have model and options: row, none. Default: row on stdout, which has no .meta.json.",
        ),
    ] = None
    # Or a dictionary, for some classes: typer knows no union of types, and the parser decides.
    threshold: Annotated[
        float,
        option(
            panel=OUTPUT,
            metavar="P",
            parser=thresholds,
            help="Uncertain below P, or CLASS=P.",
        ),
    ] = THRESHOLD
    top_k: Annotated[
        int, option(panel=OUTPUT, metavar="K", parser=whole_number(1), help="Give the K most probable classes.")
    ] = 1
    resume: Annotated[bool, flag("--resume", panel=OUTPUT, help="Continue FILE of an interrupted run.")] = False
    force: Annotated[bool, flag("--force", panel=OUTPUT, help="Replace FILE if it exists.")] = False
    report: Annotated[
        str | None, option(panel=OUTPUT, metavar="HTML", help="Write a page with pictures and a summary.")
    ] = None
    labels: Annotated[
        str | None, option(panel=OUTPUT, metavar="CSV", help="Compare with labels (file,label or path,label).")
    ] = None
    sort_into: Annotated[
        str | None, option(panel=OUTPUT, metavar="DIR", help="Copy images into a folder per class.")
    ] = None
    link: Annotated[bool, flag("--link", panel=OUTPUT, help="With --sort-into: link instead of copying.")] = False
    save_seen: Annotated[
        str | None, option(panel=OUTPUT, metavar="DIR", help="Save the pictures that the model saw, as PNG.")
    ] = None
    embeddings: Annotated[
        str | None,
        option(panel=OUTPUT, metavar="PARQUET", help="Write vectors, to find similar images."),
    ] = None
    like: Annotated[
        str | None,
        option(panel=OUTPUT, metavar="SIDECAR", help="Use the options of the run that wrote this .meta.json."),
    ] = None
    quiet: Annotated[bool, flag("--quiet", "-q", panel=OUTPUT, help="No progress bar, no summary on stderr.")] = False
    no_progress: Annotated[bool, flag("--no-progress", panel=OUTPUT, help="No progress bar.")] = False
    min_familiarity: Annotated[
        float | None,
        option(
            panel=PROBABILITIES,
            metavar="P",
            parser=number(0, 1),
            help=f"Unfamiliar if the familiarity is below P. Default: {MIN_FAMILIARITY}.",
        ),
    ] = None
    # Or a class mix, from --like.
    prior: Annotated[
        str | None,
        option(
            panel=PROBABILITIES,
            metavar="MIX",
            help="Class fractions to expect: train, uniform, estimate (from these inputs) or FILE.",
        ),
    ] = None
    sets: Annotated[
        float | None,
        option(
            panel=PROBABILITIES,
            metavar="COVERAGE",
            parser=number(0, 1),
            help="Add sets of classes that hold the true one this often: 0.9.",
        ),
    ] = None
    coarse: Annotated[bool, flag("--coarse", panel=PROBABILITIES, help="Add a column: smooth or disk.")] = False
    model: Annotated[
        str | None,
        option(
            "--model",
            "-m",
            panel=MODEL,
            metavar="NAME",
            envvar="GALAXY_MODEL",
            help="Model name or ONNX file.",
            autocompletion=complete_model,
        ),
    ] = None
    exact: Annotated[bool, flag("--exact", panel=MODEL, help="Resize JPEGs exactly as in training: slower.")] = False
    decoder: Annotated[
        JpegDecoder,
        option(
            panel=MODEL,
            metavar="NAME",
            parser=one_of(JpegDecoder),
            help="JPEG decoder: auto, pillow, turbo (compiled, faster).",
            show_default=False,
        ),
    ] = JpegDecoder.AUTO
    provider: Annotated[
        str,
        option(panel=MODEL, metavar="NAME", help="Run on: auto, cpu, cuda, openvino, coreml.", show_default=False),
    ] = AUTO
    threads: Annotated[
        int | None,
        option(
            panel=MODEL,
            metavar="N",
            parser=whole_number(1, 1024),
            help="Number of threads. Default: all available CPUs.",
        ),
    ] = None
    batch_size: Annotated[
        int,
        option(panel=MODEL, metavar="N", parser=whole_number(1, 65_536), help="Images that a thread takes at once."),
    ] = BATCH_SIZE
    shard: Annotated[
        str | None,
        option(panel=CLUSTER, metavar="I/N", help="Classify shard I of N of the inputs (I-J/N: several)."),
    ] = None
    check_shards: Annotated[
        str | None,
        option(panel=CLUSTER, hidden=True, metavar="DIR", help="The same as check-shards DIR."),
    ] = None
    dask: Annotated[
        str | None, option(panel=CLUSTER, metavar="ADDRESS", help="Classify on Dask: local, or tcp://HOST:PORT.")
    ] = None
    partition_size: Annotated[
        int, option(panel=CLUSTER, metavar="N", parser=whole_number(1), help="Inputs per partition on Dask.")
    ] = PARTITION_SIZE
    self_test: Annotated[bool, flag("--self-test", panel=ABOUT, hidden=True, help="The same as self-test.")] = False
    write_standalone: Annotated[
        str | None,
        option(
            panel=ABOUT,
            hidden=True,
            metavar="FILE.onnx",
            help="The same as standalone FILE.onnx.",
        ),
    ] = None
    list_models: Annotated[bool, flag("--list-models", panel=ABOUT, hidden=True, help="The same as models.")] = False
    model_card: Annotated[bool, flag("--model-card", panel=ABOUT, hidden=True, help="The same as card.")] = False
    help_all: Annotated[
        bool,
        flag(
            "--help-all",
            panel=ABOUT,
            hidden=True,
            help="The same as --help.",
            is_eager=True,
            callback=show_all_help,
        ),
    ] = False
    version: Annotated[bool, flag("--version", "-V", panel=ABOUT, help="Show package and model version.")] = False

    @property
    def format(self) -> OutputFormat | None:
        """The format that was asked for; None to choose it by the output."""
        return OutputFormat.JSONL if self.json else self.output_format

    @property
    def recursive(self) -> bool:
        """Whether folders within folders are searched."""
        return not self.no_recursive

    @property
    def fits(self) -> FitsOptions:
        """What the user says about FITS files.

        Raises
        ------
        UsageError
            If a band, a recipe or a pattern is not usable.
        """
        return FitsOptions(
            None if self.bands is None else parse_bands(self.bands),
            self.recipe,
            None if self.hdu is None else parse_hdu(self.hdu),
            self.fits_pattern,
            None if self.stretch is None else parse_stretch(self.stretch),
            self.q,
        )

    def given(self) -> Iterator[str]:
        """Yield the names of the options that were given, and the inputs."""
        yield from self.inputs
        yield from (name for name, _ in self.values())

    def values(self) -> Iterator[tuple[str, Any]]:
        """Yield the names and values of the options that were given."""
        for each in fields(self):
            value = getattr(self, each.name)
            if each.default is not MISSING and value != each.default:
                yield declared(Options, each.name).names_for(each.name)[0], value
