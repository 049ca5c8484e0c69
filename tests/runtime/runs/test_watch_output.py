"""The file that grows under a watch."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from galaxy_classify import GalaxyClassifier
from galaxy_classify.errors import UsageError
from galaxy_classify.inputs.source import Source
from galaxy_classify.results.formats import OutputFormat
from galaxy_classify.results.layout import RowLayout
from galaxy_classify.results.output_file import OutputFile
from galaxy_classify.results.resume import Existing
from galaxy_classify.runs.job import Job
from galaxy_classify.runs.shards import Shard, Shards
from galaxy_classify.runs.watch import WatchedFolders
from galaxy_classify.runs.watch_output import WatchedFile


class NoInputs:
    """The inputs of a run that has none but the watched files."""

    def sources(self) -> Iterator[Source]:
        """Yield nothing."""
        return iter(())

    def by_shard(self, shards: Shards) -> Iterator[tuple[Shard, Iterator[Source]]]:
        """Yield nothing."""
        return iter(())


def test_a_result_that_has_come_meanwhile_is_refused(tmp_path: Path) -> None:
    """Two watches may both have found no result at their start; the second must not replace the first's rows."""
    output = OutputFile(str(tmp_path / "out.csv"))
    classifier = GalaxyClassifier(threads=1)
    job = Job(classifier, RowLayout(classifier.model.description.classes), threshold=0.5, batch_size=1)
    watched = WatchedFolders([str(tmp_path)], recursive=False, announce=lambda: None)
    destination = WatchedFile(watched, output, OutputFormat.CSV, Existing.REFUSE)
    destination.check_existing()
    Path(output.path).write_text("rows of the first")
    with pytest.raises(UsageError, match="exists already"):
        destination.classify(job, NoInputs())
    assert Path(output.path).read_text() == "rows of the first"
