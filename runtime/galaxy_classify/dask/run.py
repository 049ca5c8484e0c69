"""Run ``--dask``: send partitions of the inputs to a Dask cluster, and write the rows that come back."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from galaxy_classify.dask.cluster import connected
from galaxy_classify.dask.part_folder import Part, PartFolder, part_provenance
from galaxy_classify.errors import ClusterError, GalaxyClassifyError, UsageError
from galaxy_classify.inputs.source import Source, Unreadable
from galaxy_classify.parallel import batched
from galaxy_classify.prediction import Prediction
from galaxy_classify.process import interrupts_deferred
from galaxy_classify.results.file_names import check_folder
from galaxy_classify.results.formats import OutputFormat
from galaxy_classify.results.provenance import DECODER
from galaxy_classify.results.resume import Existing, is_tried_again, other_inputs
from galaxy_classify.runs.destination import RunInputs
from galaxy_classify.runs.job import Job
from galaxy_classify.tables.write import check_columns
from galaxy_classify.text import printable

if TYPE_CHECKING:
    from distributed import Client, Future


@dataclass(slots=True)
class Partition:
    """Consecutive inputs, and their predictions so far.

    Parameters
    ----------
    number : int
        Counted from 0.
    sources : list of Source
        The inputs.
    predictions : list of Prediction or None
        Those kept from an earlier run; None for inputs that are still to be classified, errors among them.
    """

    number: int
    sources: list[Source]
    predictions: list[Prediction | None]

    def to_classify(self) -> Iterator[Source]:
        """Yield the inputs that are to be classified."""
        for source, prediction in zip(self.sources, self.predictions, strict=True):
            if prediction is None:
                yield source

    def name(self) -> str:
        """Return the partition's name for a message."""
        first = f", which begins with {printable(self.sources[0].path)}," if self.sources else ""
        return f"partition {self.number:,}{first}"


@dataclass(frozen=True, slots=True)
class DaskFolder:
    """A folder of Parquet files, one for each partition, whose rows are made on a cluster.

    Parameters
    ----------
    folder : PartFolder
        Where the parts go.
    existing : Existing
        What becomes of parts that are there.
    address : str
        Address of the scheduler, or ``local``.
    processes : int or None
        How many for ``local``.
    partition_size : int
        Inputs of a partition; the last one has fewer.
    """

    folder: PartFolder
    existing: Existing
    address: str
    processes: int | None
    partition_size: int

    @property
    def output_format(self) -> OutputFormat:
        """Parquet."""
        return OutputFormat.PARQUET

    def check_existing(self) -> None:
        """Refuse to overwrite an earlier result, unless the run was told to continue or to replace it."""
        if self.existing is Existing.REFUSE:
            self.folder.refuse_to_overwrite()
        check_folder(self.folder.path)

    def classify(self, job: Job, inputs: RunInputs) -> None:
        """Classify the inputs, read a few partitions ahead, and write the parts.

        Raises
        ------
        UsageError
            If the folder cannot be written or continued, or the address is none.
        ClusterError
            If the cluster cannot be used, is lost, or loses its workers on a partition again and again.
        GalaxyClassifyError
            If a write fails.
        """
        check_columns(job.layout.columns, self.output_format)
        run = DaskRun(job, self.folder, self.address, self.partition_size)
        # Connect first, so that --force deletes nothing when the cluster is unreachable.
        with connected(self.address, self.processes) as client, self.folder.open(run.provenance, self.existing):
            run.classify(client, inputs.sources(), resume=self.existing is Existing.RESUME)

    def kept_rows(self) -> str:
        """Return where the rows of an interrupted run are, and how to continue it."""
        return f"{self.folder.path} keeps them, --resume continues it"


@dataclass(slots=True)
class DaskRun:
    """Send partitions of the inputs to the workers of a cluster, and write a part of the result for each.

    The workers read the images and return rows; they need not see the folder of the result, and the client holds the
    rows of a few partitions only.

    Parameters
    ----------
    job : Job
        Classifier, layout, threshold; counts the rows.
    folder : PartFolder
        Where the parts go, opened for this run.
    address : str
        Names the cluster in messages.
    size : int
        Inputs of a partition.
    partitions, inputs : int
        How many were found so far.
    provenance : dict
        What the rows are made with.
    """

    job: Job
    folder: PartFolder
    address: str
    size: int
    partitions: int = 0
    inputs: int = 0
    provenance: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        self.provenance = self.job.provenance | {"partition_size": self.size}

    def classify(self, client: Client, sources: Iterator[Source], *, resume: bool) -> None:
        """Classify the inputs and write the parts; of parts that are kept, errors are tried again."""
        self._classify(client, self._to_do(sources, resume=resume))
        outcome = self.job.outcome()
        del outcome[DECODER]  # each worker has its own
        self.folder.complete(self.provenance, partitions=self.partitions, inputs=self.inputs, outcome=outcome)

    def _to_do(self, sources: Iterator[Source], *, resume: bool) -> Iterator[Partition]:
        """Cut the inputs into partitions, and yield those that are not complete."""
        batches = batched(sources, self.size)
        # Without inputs write one empty part, so that the folder can still be read as a table.
        for number, batch in enumerate(chain([next(batches, [])], batches)):
            self._check_files(batch)
            self.partitions += 1
            self.inputs += len(batch)
            partition = Partition(number, batch, [None] * len(batch))
            if resume and not self.job.counts.changed and self._restore(partition):
                self._count(partition)
            else:
                self._fail_unreadable(partition)
                yield partition

    def _fail_unreadable(self, partition: Partition) -> None:
        """Give inputs of which it is known why they cannot be read their predictions: no worker need try."""
        model = self.job.classifier.model.identity
        for index, source in enumerate(partition.sources):
            if isinstance(source.content, Unreadable):
                partition.predictions[index] = Prediction(source.path, "error", model, message=source.content.reason)

    def _check_files(self, batch: list[Source]) -> None:
        """Check that the inputs are files, which the workers can open."""
        contained = next((source for source in batch if _is_contained(source)), None)
        if contained is not None:
            raise UsageError(
                f"{printable(contained.path)}: is no file of its own: --dask takes files; images in Parquet go through "
                "galaxy_classify.dask.classify"
            )

    def _restore(self, partition: Partition) -> bool:
        """Keep the rows of an earlier run's part if it has the same inputs; tell whether nothing is left to do."""
        part = self.folder.read(partition.number)
        if part is None or part.made_with != self.provenance:  # damaged, or left from before a run with --force
            return False
        if part.provenance != self._part_provenance(partition):
            if partition.number == 0:
                raise other_inputs(
                    self.folder.part(0), f"was made from other inputs than the first {self.size:,} of these"
                )
            self.job.counts.changed = True
            return False
        try:
            kept = [self.job.layout.parse(row)[0] for row in part.rows]
        except (KeyError, TypeError, ValueError):
            return False
        if len(kept) != len(partition.sources):
            return False
        self.job.counts.kept += len(kept)
        for index, (source, prediction) in enumerate(zip(partition.sources, kept, strict=True)):
            if not is_tried_again(prediction):
                partition.predictions[index] = replace(prediction, path=source.path)
        return None not in partition.predictions

    def _classify(self, client: Client, partitions: Iterator[Partition]) -> None:
        from distributed import as_completed

        submit = self._submitter(client)
        in_flight: dict[Future, Partition] = {}
        results = as_completed()

        def fill() -> None:
            room = self._at_once(client) - len(in_flight)
            for partition in islice(partitions, max(0, room)):
                with interrupts_deferred():  # one in a future's constructor makes its destructor fail
                    future = submit(partition)
                    in_flight[future] = partition
                    results.add(future)

        fill()
        while in_flight:
            future = next(results)
            found = self._result(future, in_flight)
            with interrupts_deferred():  # an interrupt in the future's destructor would be lost
                self._finish(in_flight.pop(future), found)
                del future
            fill()

    def _at_once(self, client: Client) -> int:
        """Return how many partitions may be at the workers, so that memory does not grow with the number of inputs."""
        try:
            threads: int = sum(client.nthreads().values())
        except OSError:
            raise self._lost() from None
        return max(2, 2 * threads)  # twice as many as are worked on, so that no worker waits for the client

    def _submitter(self, client: Client) -> Callable[[Partition], Future]:
        from galaxy_classify.dask.worker import ClassifierSpec, classify_paths, model_content

        job = self.job
        provider = job.classifier.model.provider
        spec = ClassifierSpec.of(job.classifier, provider, threads=1)
        content: Any = model_content(job.classifier)
        if content is not None:
            # As a task's result, not scattered: Dask sends it to each worker once, and makes it again after a loss.
            with interrupts_deferred():
                content = client.submit(bytes, content, key=f"galaxy-classify-model-{spec.sha256}")
        here = os.getcwd()

        def submit(partition: Partition) -> Future:
            paths = [os.path.join(here, source.path) if source.path else "" for source in partition.to_classify()]
            return client.submit(classify_paths, paths, spec, content, job.threshold, job.batch_size, pure=False)

        return submit

    def _result(self, future: Future, in_flight: dict[Future, Partition]) -> list[Prediction]:
        from distributed import CancelledError, KilledWorker

        partition = in_flight[future]
        try:
            found: list[Prediction] = future.result()
            return found
        except ClusterError as error:
            raise ClusterError(f"{partition.name()} failed: {error}; {self._advice()}") from None
        except GalaxyClassifyError:
            raise
        except (CancelledError, OSError):  # not from a worker: errors there arrive as GalaxyClassifyError
            raise self._lost() from None
        except KilledWorker as error:
            raise self._given_up(error.allowed_failures + 1, in_flight) from None
        except Exception as error:
            raise ClusterError(f"{partition.name()} failed: {type(error).__name__}: {error}") from error

    def _given_up(self, deaths: int, in_flight: dict[Future, Partition]) -> ClusterError:
        """Return an error that names each partition that may be the one that workers die of.

        Dask holds a death against all that the worker had, whether it ran or was queued, and tells the client of those
        that it gives up then at the same time.
        """
        from distributed import KilledWorker

        names = [
            partition.name()
            for future, partition in in_flight.items()
            if future.status == "error" and isinstance(future.exception(), KilledWorker)
        ]
        were, each = ("was", "it") if len(names) == 1 else ("were", "each")
        workers = "1 worker" if deaths == 1 else f"{deaths} workers"
        return ClusterError(
            f"{' and '.join(names)} {were} given up: {workers} died that had {each} running or queued, "
            f"of lack of memory perhaps; {self._advice()}"
        )

    def _finish(self, partition: Partition, found: list[Prediction]) -> None:
        new = iter(found)
        for index, source in enumerate(partition.sources):
            if partition.predictions[index] is None:
                partition.predictions[index] = replace(next(new), path=source.path).rounded()
        layout = self.job.layout
        rows = [
            layout.row(prediction, source.carried)
            for source, prediction in zip(partition.sources, partition.predictions, strict=True)
            if prediction is not None
        ]
        self.folder.write(partition.number, Part(self._part_provenance(partition), rows), layout.columns)
        self._count(partition)

    def _count(self, partition: Partition) -> None:
        for source, prediction in zip(partition.sources, partition.predictions, strict=True):
            if prediction is not None:
                self.job.count(source, prediction)

    def _part_provenance(self, partition: Partition) -> dict[str, Any]:
        return part_provenance(partition.number, self.provenance, partition.sources)

    def _lost(self) -> ClusterError:
        return ClusterError(f"{self.address}: the scheduler is gone; {self._advice()}")

    def _advice(self) -> str:
        return f"{self.folder.path} keeps the finished parts, --resume goes on"


def _is_contained(source: Source) -> bool:
    """Tell whether an input is an image in another file or a store."""
    return source.content is not None and not isinstance(source.content, Unreadable)
