"""Check that the command's options go together."""

from __future__ import annotations

import os
import sys

from galaxy_classify.cli.options import ESTIMATE, Options
from galaxy_classify.defaults import PATH_COLUMN
from galaxy_classify.errors import UsageError
from galaxy_classify.inputs.names import is_parquet_name
from galaxy_classify.inputs.remote import is_remote
from galaxy_classify.results.file_names import check_files
from galaxy_classify.results.formats import SUFFIXES, OutputFormat, choose_format, require_format
from galaxy_classify.results.output_file import OutputFile
from galaxy_classify.runs.shards import is_shard_folder, parse_shards


def check_options(options: Options) -> None:
    """Check that the options go together, before anything is loaded or overwritten.

    Raises
    ------
    UsageError
        If not; the message says what to do instead.
    """
    for name, value in options.values():
        if value == "":  # such as a variable of a script that is not set: without a word, the option would do nothing
            raise UsageError(f"{name}: its value is empty; give one, or leave it out")
    if not options.inputs and options.from_file is None and options.catalog is None:
        raise UsageError("nothing to classify: name image files or folders, or - to read paths from standard input")
    if options.catalog is not None and (
        options.from_file is not None
        or len(options.inputs) > 1
        or not all(os.path.isdir(name) or is_remote(name) for name in options.inputs)
    ):
        raise UsageError("--catalog lists the inputs: name nothing else but a folder that its paths start from")
    if options.catalog is None and options.id_column is not None:
        raise UsageError("--id-column names a column of a --catalog")
    if options.path_template is not None:
        _check_path_template(options)
    if options.image_column is not None:
        _check_image_column(options)
    if options.from_file is not None:
        _check_list(options.from_file)
    if "-" in options.inputs and sys.stdin is None:
        raise UsageError("- reads paths from standard input, but that is closed")
    if options.json and options.output_format not in (None, OutputFormat.JSONL):
        raise UsageError(f"--json is --format jsonl, and --format is {options.output_format}: leave one of them out")
    if options.resume:
        _check_resume(options)
    if options.link and options.sort_into is None:
        raise UsageError("--link goes with --sort-into only: name a folder with that")
    for written, purpose in ((options.sort_into, "it is to sort"), (options.save_seen, "are classified")):
        for folder in filter(os.path.isdir, options.inputs):
            if written is not None and _is_below(written, folder):
                raise UsageError(f"{written}: lies in {folder}, whose images {purpose}; choose another")
    if options.report is not None:
        _check_report(options.report, replace=options.resume or options.force)
    if options.embeddings is not None:
        _check_embeddings(options, options.embeddings)
    _check_files(options)
    if options.shard is not None:
        _check_shard(options)
    if options.watch:
        _check_watch(options)
    if options.prior == ESTIMATE:
        _check_estimate(options)
    if options.dask is not None:
        _check_dask(options)


def _check_list(path: str) -> None:
    if not os.path.isfile(path):
        raise UsageError(f"{path}: no such file; --from-file names a list of paths, one a line")
    try:
        with open(path, "rb"):
            pass
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from None


def _check_resume(options: Options) -> None:
    if options.output is None:
        raise UsageError("--resume continues a result file: name it with --output")
    if options.force:
        raise UsageError("--resume continues a result file, --force replaces it: leave one of them out")
    if options.format is OutputFormat.TABLE:
        raise UsageError("--resume continues a result file, and a table is none: choose another --format")


def _check_files(options: Options) -> None:
    """Check that the files which the run writes are different ones, none that it reads, and can be written."""
    output = options.output
    is_folder = options.dask is not None or (options.shard is not None and os.path.isdir(output or ""))
    if output is not None and (is_folder or output.endswith(os.sep)):
        output = None
    named = (options.from_file, options.catalog, options.labels, options.model, options.prior)
    inputs = [name for name in (*named, *options.inputs) if name is not None]
    check_files(output, options.report, inputs, embeddings=options.embeddings)


def _check_path_template(options: Options) -> None:
    if options.catalog is None:
        raise UsageError("--path-template makes paths of the columns of a --catalog: name one")
    if options.path_column != PATH_COLUMN:
        raise UsageError("--path-template makes the paths, --path-column names a column of them: leave one of them out")
    if options.image_column is not None:
        raise UsageError("--path-template names files, --image-column images in the catalogue: leave one of them out")


def _check_image_column(options: Options) -> None:
    if options.catalog is not None and options.inputs:
        raise UsageError("--image-column says that the images are in the --catalog: no folder is named beside it")
    listed = options.from_file is not None or "-" in options.inputs
    if options.catalog is None and not listed and not any(map(is_parquet_name, options.inputs)):
        raise UsageError("--image-column names a column of a Parquet file: name one as INPUT or --catalog")


def _check_shard(options: Options) -> None:
    shards = parse_shards(str(options.shard))
    in_folder = is_shard_folder(options.output, shards)
    if in_folder and options.format not in (None, OutputFormat.PARQUET):
        raise UsageError(f"{options.output}: the shards in a folder are Parquet files; --format names another one")
    if len(shards) > 1 and options.labels is not None:
        raise UsageError("--labels measures the rows of one result file: it goes with one shard only")


def _check_watch(options: Options) -> None:
    if options.catalog is not None or options.from_file is not None or not all(map(os.path.isdir, options.inputs)):
        raise UsageError("--watch watches local folders: name nothing else")
    for name, given in (("shard", options.shard), ("limit", options.limit), ("fail-if-empty", options.fail_if_empty)):
        if given:
            raise UsageError(f"--watch does not go with --{name}: it classifies all files as they come")
    if options.embeddings is not None:
        raise UsageError("--watch does not go with --embeddings: their file is complete at the end of a run only")
    if options.fits_pattern is not None:
        raise UsageError(
            "--watch does not go with --fits-pattern: it cannot wait until the files of all bands are there"
        )
    if options.output is not None and choose_format(options.format, options.output, terminal=False) not in (
        OutputFormat.CSV,
        OutputFormat.JSONL,
    ):
        raise UsageError("--watch adds rows to a file as they come: that must be CSV or JSON Lines")


def _check_estimate(options: Options) -> None:
    """Check that the inputs can be read twice, as an estimate from them needs."""
    if options.watch:
        raise UsageError("--prior estimate looks at the inputs of a run, and --watch waits for them: name a file")
    if "-" in options.inputs:
        raise UsageError(
            "--prior estimate reads the inputs twice, and standard input can be read once: write the paths to a file, "
            "and name it with --from-file"
        )


def _check_report(page: str, *, replace: bool) -> None:
    """Check that the page can be written: it is written last, hours later perhaps."""
    if page == "-":
        raise UsageError("--report writes a file, and standard output is for the rows: name one, as in report.html")
    if not os.path.isdir(os.path.dirname(page) or os.curdir):
        raise UsageError(f"{page}: cannot be written: its folder is not there")
    if os.path.isfile(page) and not replace:
        raise UsageError(f"{page}: exists already; --force replaces it, or choose another --report")


def _check_embeddings(options: Options, path: str) -> None:
    """Check that the file can be written, and is not taken for a part of the result."""
    from galaxy_classify.runs.embeddings.recorder import refuse_to_overwrite

    if not is_parquet_name(path):
        raise UsageError(f"{path}: --embeddings writes Parquet: name a file FILE.parquet")
    if OutputFile(path).is_special and not os.path.isdir(path):
        raise UsageError(f"{path}: is no regular file, which --embeddings needs")
    output = options.output
    if output is not None and os.path.isdir(output) and _is_below(path, output):
        raise UsageError(f"{path}: lies in {output}, whose Parquet files are read as one table; choose another folder")
    if not options.resume and not options.force:
        refuse_to_overwrite(path)
    require_format(OutputFormat.PARQUET)


def _is_below(path: str, folder: str) -> bool:
    path, folder = os.path.realpath(path), os.path.realpath(folder)
    return os.path.commonpath([path, folder]) == folder


def _check_dask(options: Options) -> None:
    from galaxy_classify.dask.cluster import LOCAL

    formats = (None, OutputFormat.PARQUET)
    suffix = os.path.splitext(options.output or "")[1].lower()
    if options.output is None or options.format not in formats or SUFFIXES.get(suffix) not in formats:
        raise UsageError("--dask writes a folder of Parquet files: name it with --output")
    for name in ("watch", "report", "sort_into", "save_seen", "embeddings", "shard", "image_column"):
        if getattr(options, name):
            raise UsageError(f"--{name.replace('_', '-')} does not go with --dask")
    if options.threads is not None and options.dask != LOCAL:
        raise UsageError(f"--threads goes with --dask {LOCAL} only: the workers of a cluster set their own")
