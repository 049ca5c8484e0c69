"""A run of the command on a Dask cluster: partitions of the inputs go out, rows come back, the client writes them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from galaxy_classify.dask.cluster import connected
from galaxy_classify.dask.interrupts import interrupts_deferred
from galaxy_classify.dask.part_folder import Part, PartFolder, about_part
from galaxy_classify.errors import ClusterError, GalaxyClassifyError, UsageError
from galaxy_classify.inputs.source import Source
from galaxy_classify.parallel import batched
from galaxy_classify.prediction import Prediction
from galaxy_classify.runs.job import Job
from galaxy_classify.text import printable

if TYPE_CHECKING:
    from distributed import Client, Future


@dataclass(slots=True)
class Partition:
    """Inputs that follow each other, and what is known of them.

    Parameters
    ----------
    number : int
        Counted from 0.
    sources : list of Source
        The inputs.
    predictions : list of Prediction or None
        Those of an earlier run; None for what is to be done, errors among it.
    """

    number: int
    sources: list[Source]
    predictions: list[Prediction | None]

    def undone(self) -> Iterator[Source]:
        """Yield the inputs that are to be done."""
        for source, prediction in zip(self.sources, self.predictions, strict=True):
            if prediction is None:
                yield source

    def name(self) -> str:
        """Name the partition in a message."""
        first = f", which begins with {printable(self.sources[0].path)}," if self.sources else ""
        return f"partition {self.number:,}{first}"


@dataclass(slots=True)
class DaskRun:
    """Classify partitions of the inputs on a cluster, and write a part of the result for each.

    The workers read the images and return rows; they need not see the folder of the result, and the client holds the
    rows of a few partitions only.

    Parameters
    ----------
    job : Job
        Classifier, layout, threshold; counts the rows.
    folder : PartFolder
        Where the parts go.
    address : str
        Of the scheduler, or ``local``.
    processes : int or None
        How many for ``local``.
    size : int
        Inputs of a partition; the last one has fewer.
    partitions, inputs : int
        How many were found so far.
    """

    job: Job
    folder: PartFolder
    address: str
    processes: int | None
    size: int
    partitions: int = 0
    inputs: int = 0
    _provenance: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        self._provenance = self.job.provenance | {"partition_size": self.size}

    def classify(
        self,
        sources: Iterator[Source],
        *,
        resume: bool,
        evaluate: Callable[[], dict[str, Any] | None] = lambda: None,
    ) -> None:
        """Classify the inputs and write the parts.

        Parameters
        ----------
        sources : iterator of Source
            The inputs, in order; read a few partitions ahead.
        resume : bool
            Whether parts of an earlier run with the same model, options and inputs are kept. Of these, errors are
            tried again.
        evaluate : callable, optional
            Asked at the end how well the rows agree with labels, for the sidecar.

        Raises
        ------
        UsageError
            If the folder cannot be written or continued, or the address is none.
        ClusterError
            If the cluster cannot be used, is lost, or loses its workers on a partition again and again.
        GalaxyClassifyError
            If a write fails.
        """
        # The cluster first: a folder is not given up for one that does not answer.
        with (
            connected(self.address, self.processes) as client,
            self.folder.open(self._provenance, resume=resume),
        ):
            self._classify(client, self._to_do(sources, resume=resume))
            self.folder.complete(
                self._provenance, partitions=self.partitions, inputs=self.inputs, evaluation=evaluate()
            )

    def _to_do(self, sources: Iterator[Source], *, resume: bool) -> Iterator[Partition]:
        """Cut the inputs into partitions, and yield those of which something is to be done."""
        batches = batched(sources, self.size)
        # Without inputs there is one empty part, so that the result can be read all the same.
        for number, batch in enumerate(chain([next(batches, [])], batches)):
            self._check_files(batch)
            self.partitions += 1
            self.inputs += len(batch)
            partition = Partition(number, batch, [None] * len(batch))
            if resume and not self.job.changed and self._restore(partition):
                self._count(partition)
            else:
                yield partition

    def _check_files(self, batch: list[Source]) -> None:
        """Check that the inputs are files, which the workers can open."""
        contained = next((source for source in batch if source.content is not None), None)
        if contained is not None:
            raise UsageError(
                f"{printable(contained.path)}: is no file of its own: --dask takes files; images in Parquet go through "
                "galaxy_classify.dask.classify"
            )

    def _restore(self, partition: Partition) -> bool:
        """Take over what an earlier run has found, and return whether that is all of the partition."""
        part = self.folder.read(partition.number)
        if part is None:
            return False
        if part.about != self._about(partition):
            if partition.number == 0:
                raise UsageError(
                    f"{self.folder.part(0)}: was made from other inputs than the first {self.size:,} of these; "
                    "choose another --output, or replace it with --force"
                )
            self.job.changed = True
            return False
        self.job.kept += len(part.rows)
        for index, (source, row) in enumerate(zip(partition.sources, part.rows, strict=True)):
            prediction, _ = self.job.layout.parse(row)
            if prediction.status != "error":
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
                future = submit(partition)
                in_flight[future] = partition
                results.add(future)

        fill()
        while in_flight:
            future = next(results)
            found = self._result(future, in_flight[future])
            with interrupts_deferred():  # the destructor of the future does work
                self._finish(in_flight.pop(future), found)
                del future
            fill()

    def _at_once(self, client: Client) -> int:
        """Return how many partitions may be with the workers: memory does not grow with the number of inputs."""
        try:
            threads: int = sum(client.nthreads().values())
        except OSError:
            raise self._lost() from None
        return max(2, 2 * threads)  # twice as many as are worked on: none waits for the client

    def _submitter(self, client: Client) -> Callable[[Partition], Future]:
        from galaxy_classify.dask.worker import ClassifierSpec, classify_paths, model_content

        job = self.job
        provider = job.classifier.model.provider
        spec = ClassifierSpec.of(job.classifier, provider, threads=1)
        content: Any = model_content(job.classifier)
        if content is not None:
            # A result of a task, not scattered: it goes to each worker once, and after a loss it is made again.
            content = client.submit(bytes, content, key=f"galaxy-classify-model-{spec.sha256}")
        here = os.getcwd()

        def submit(partition: Partition) -> Future:
            paths = [os.path.join(here, source.path) if source.path else "" for source in partition.undone()]
            return client.submit(classify_paths, paths, spec, content, job.threshold, job.batch_size, pure=False)

        return submit

    def _result(self, future: Future, partition: Partition) -> list[Prediction]:
        from distributed import CancelledError, KilledWorker

        try:
            found: list[Prediction] = future.result()
            return found
        except ClusterError as error:
            raise ClusterError(f"{partition.name()} failed: {error}; {self._advice()}") from None
        except GalaxyClassifyError:
            raise
        except (CancelledError, OSError):  # no error of a worker's: these are reported as one of ours
            raise self._lost() from None
        except KilledWorker as error:
            raise ClusterError(
                f"{partition.name()} was given up: {error.allowed_failures + 1} workers died while they had it, of "
                f"lack of memory perhaps; {self._advice()}"
            ) from None
        except Exception as error:
            raise ClusterError(f"{partition.name()} failed: {type(error).__name__}: {error}") from error

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
        self.folder.write(partition.number, Part(self._about(partition), rows), layout.columns)
        self._count(partition)

    def _count(self, partition: Partition) -> None:
        for source, prediction in zip(partition.sources, partition.predictions, strict=True):
            if prediction is not None:
                self.job.count(source, prediction)

    def _about(self, partition: Partition) -> dict[str, Any]:
        return about_part(partition.number, self._provenance, partition.sources)

    def _lost(self) -> ClusterError:
        return ClusterError(f"{self.address}: the scheduler is gone; {self._advice()}")

    def _advice(self) -> str:
        return f"{self.folder.path} keeps the finished parts, --resume goes on"
