"""Write a result file for each shard of the inputs into one folder."""

from __future__ import annotations

import os
from dataclasses import dataclass

from galaxy_classify.errors import UsageError
from galaxy_classify.results.file_names import check_folder
from galaxy_classify.results.formats import OutputFormat
from galaxy_classify.results.output_file import OutputFile
from galaxy_classify.results.resume import Existing
from galaxy_classify.runs.destination import RunInputs
from galaxy_classify.runs.job import Job
from galaxy_classify.runs.result_file import ResultFile
from galaxy_classify.runs.shards import Shard, Shards


@dataclass(frozen=True, slots=True)
class ShardFolder:
    """A folder with a Parquet file for each shard: a data set, once all are there.

    `UsageError` is raised at once if the folder cannot be made; it is made when the first shard is written.
    """

    path: str
    shards: Shards
    existing: Existing

    def __post_init__(self) -> None:
        check_folder(self.path)

    @property
    def output_format(self) -> OutputFormat:
        """Parquet."""
        return OutputFormat.PARQUET

    def file(self, shard: Shard) -> ResultFile:
        """Return the result file of a shard."""
        output = OutputFile(os.path.join(self.path, shard.file_name), in_dataset=True)
        return ResultFile(output, self.output_format, self.existing)

    def check_existing(self) -> None:
        """Refuse to overwrite the file of any shard, unless the run was told to continue or to replace them."""
        for shard in self.shards:
            self.file(shard).check_existing()

    def classify(self, job: Job, inputs: RunInputs) -> None:
        """Classify the shards one after the other: each file is complete before the next is begun."""
        try:
            os.makedirs(self.path, exist_ok=True)
        except OSError as error:
            raise UsageError(f"{self.path}: cannot be made: {error.strerror}") from None
        for shard, sources in inputs.by_shard(self.shards):
            self.file(shard).write(job.of_shard(str(shard)), sources)

    def kept_rows(self) -> str:
        """Return where the rows of an interrupted run are, and how to continue it."""
        return f"{self.path} keeps them, --resume continues it"
