"""Choose where the rows of a run go; the others are not imported."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from galaxy_classify.cli.options import Options
from galaxy_classify.errors import UsageError
from galaxy_classify.extras import require_extra
from galaxy_classify.inputs.discovery import real_paths
from galaxy_classify.results.formats import choose_format
from galaxy_classify.results.output_file import OutputFile
from galaxy_classify.runs.destination import Destination, StandardOutput
from galaxy_classify.runs.shards import Shards, is_shard_folder

if TYPE_CHECKING:
    from galaxy_classify.results.resume import Existing


def choose_destination(options: Options, shards: Shards | None) -> Destination:
    """Return where the rows go, and check that it has what it needs.

    Raises
    ------
    UsageError
        If the output cannot be of this kind.
    MissingExtraError
        If packages are missing; the message names the command that installs them.
    """
    if options.dask is not None:
        return _dask_folder(options, options.dask)
    if options.watch:
        require_extra("watch", ("watchfiles",))
    if shards is not None and options.output is not None and is_shard_folder(options.output, shards):
        from galaxy_classify.runs.shard_folder import ShardFolder

        return ShardFolder(options.output, shards, existing(options))
    output_format = choose_format(options.format, options.output, terminal=sys.stdout.isatty())
    output = None if options.output is None else OutputFile(options.output)
    if output is not None and output.is_special and (output_format.is_typed or options.watch):
        raise UsageError(f"{output.path}: is no regular file, which --watch and --format {output_format} need")
    if options.watch:
        from galaxy_classify.runs.watch import WatchedFolders
        from galaxy_classify.runs.watch_output import WatchedFile, WatchedStandardOutput

        own = real_paths(options.output, options.report)
        watched = WatchedFolders(options.inputs, options.recursive, lambda: _announce_watch(options), own)
        if output is None:
            return WatchedStandardOutput(watched, output_format)
        return WatchedFile(watched, output, output_format, existing(options))
    if output is None:
        return StandardOutput(output_format)
    from galaxy_classify.runs.result_file import ResultFile

    return ResultFile(output, output_format, existing(options))


def existing(options: Options) -> Existing:
    """Return what becomes of a result that is there already."""
    from galaxy_classify.results.resume import Existing

    if options.resume:
        return Existing.RESUME
    return Existing.REPLACE if options.force else Existing.REFUSE


def _dask_folder(options: Options, address: str) -> Destination:
    require_extra("dask", ("dask", "distributed", "pyarrow"))
    from galaxy_classify.dask.part_folder import PartFolder
    from galaxy_classify.dask.run import DaskFolder

    folder = PartFolder(str(options.output))
    return DaskFolder(folder, existing(options), address, options.threads, options.partition_size)


def _announce_watch(options: Options) -> None:
    if not options.quiet:
        print(f"watching {', '.join(options.inputs)}; Ctrl-C or SIGTERM stops", file=sys.stderr)
