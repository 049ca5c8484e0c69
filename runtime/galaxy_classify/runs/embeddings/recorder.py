"""Record the embedding of each row of a run, and write them to a Parquet file that is complete or not there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from itertools import count
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from galaxy_classify.errors import GalaxyClassifyError, UsageError
from galaxy_classify.inputs.source import Source
from galaxy_classify.prediction import Prediction
from galaxy_classify.results.output_file import OutputFile
from galaxy_classify.results.resume import Existing, check_same_run
from galaxy_classify.results.safe_writing import RecordFile, only_writer, remove, replace_whole, write_errors
from galaxy_classify.runs.destination import RunInputs
from galaxy_classify.runs.embeddings.log import Entry, Log, header, line_of, read_header, write_log
from galaxy_classify.runs.embeddings.parquet import read_provenance, read_vectors, write_vectors
from galaxy_classify.runs.new_files import NAMED
from galaxy_classify.runs.shards import Shard, Shards
from galaxy_classify.text import one_line, printable, utf8

if TYPE_CHECKING:
    from galaxy_classify.classifier import GalaxyClassifier

#: Kept rows without a vector that are embedded together: some batches for each thread.
TOGETHER: Final = 1024
#: Largest difference of a probability, or of the familiarity, between two rows of one image: another processor differs
#: by less (the limit of the self-test), another image nearly always by more.
SAME: Final = 1e-3


def refuse_to_overwrite(path: str) -> None:
    """Check that there is no file of embeddings yet, complete or unfinished; raise `UsageError` if there is."""
    if os.path.isfile(path):
        raise UsageError(
            f"{path}: exists already; --force replaces it, --resume completes it, or choose another --embeddings"
        )
    partial = OutputFile(path).partial
    if os.path.exists(partial):
        raise UsageError(
            f"{partial}: holds the embeddings of an interrupted run; --resume continues it, --force starts anew"
        )


def is_same_image(kept: Prediction, again: Prediction) -> bool:
    """Tell whether a row that was kept and one that was made now are of the same picture, as far as the model can."""
    before, now = ([*row.probabilities.values(), row.familiarity or 0.0] for row in (kept, again))
    return kept.label == again.label and np.allclose(before, now, rtol=0, atol=SAME)


@dataclass(frozen=True, slots=True)
class NumberedInputs:
    """The inputs of a run, of which the recorder notes how many came before each."""

    inputs: RunInputs
    recorder: EmbeddingRecorder

    def sources(self) -> Iterator[Source]:
        """Yield the inputs in order."""
        return map(self.recorder.number, self.inputs.sources())

    def by_shard(self, shards: Shards) -> Iterator[tuple[Shard, Iterator[Source]]]:
        """Yield each shard with its inputs in order."""
        return ((shard, map(self.recorder.number, sources)) for shard, sources in self.inputs.by_shard(shards))


class EmbeddingRecorder:
    """Record the embeddings of the rows that a run makes or keeps.

    The vectors go to ``FILE.partial`` as the rows come; at the end ``FILE`` is made from it, in the order of the rows,
    and replaces an earlier one. A resumed run keeps the vectors of the rows that it keeps, and makes those that are
    missing. Inputs are known by their ids: they are in use from when they are listed until their row is counted.

    Parameters
    ----------
    path : str
        The Parquet file.
    existing : Existing
        What becomes of a file that is there.
    classifier : GalaxyClassifier
        Makes the vectors of kept rows that lack one.
    resumable : bool
        Whether the run can be continued, so that an interrupted one leaves its vectors.

    Attributes
    ----------
    done : int
        Vectors in the complete file.
    failed : int
        Rows with a class that have no vector.
    """

    def __init__(self, path: str, existing: Existing, classifier: GalaxyClassifier, *, resumable: bool) -> None:
        self.done = 0
        self.failed = 0
        self._reasons: list[str] = []
        self._output = OutputFile(path)
        self._existing = existing
        self._classifier = classifier
        self._resumable = resumable
        self._features = classifier.check_embedding()
        self._numbers = count()
        self._rows: dict[int, int] = {}
        self._vectors: dict[int, NDArray[np.float32] | None] = {}
        self._missing: list[tuple[int, Source, Prediction]] = []
        self._provenance: dict[str, Any] = {}
        self._earlier: str | None = None
        self._known: Log | None = None
        self._stream: RecordFile | None = None

    def numbered(self, inputs: RunInputs) -> RunInputs:
        """Return the inputs so that each gets the number of its row when it is listed."""
        return NumberedInputs(inputs, self)

    def number(self, source: Source) -> Source:
        """Note the number of an input's row, and return the input."""
        self._rows[id(source)] = next(self._numbers)
        return source

    def take(self, source: Source, vector: NDArray[np.float32] | None) -> None:
        """Take the embedding of an input, None if that is not finite; called in worker threads."""
        self._vectors[id(source)] = vector

    def see(self, source: Source, prediction: Prediction) -> None:
        """Record a row that was made, or kept of an earlier run."""
        row = self._rows.pop(id(source))
        is_new = id(source) in self._vectors or prediction.label is None
        vector = self._vectors.pop(id(source), None)
        with write_errors(self._output.path):
            if is_new:
                self._write(row, prediction, vector)
            elif not self._is_known(row, source, prediction):
                self._missing.append((row, source, prediction))
                if len(self._missing) >= TOGETHER:
                    self._embed_missing()

    @contextmanager
    def recording(self, provenance: dict[str, Any]) -> Iterator[None]:
        """Hold the file for a run whose rows have this provenance; complete it at the end.

        Raises
        ------
        UsageError
            If it cannot be written, another run is writing it, or it was made with another model or other options.
        GalaxyClassifyError
            If a write fails.
        """
        self._provenance = provenance
        path, partial = self._output.path, self._output.partial
        with ExitStack() as stack:
            with write_errors(path):
                stack.enter_context(only_writer(path))
                if self._existing is Existing.REFUSE:  # once more: another run may have ended since the start
                    refuse_to_overwrite(path)
                if self._existing is Existing.RESUME:
                    self._earlier = self._find_earlier()
            try:
                yield
                with write_errors(path):
                    self._complete()
            except BaseException:
                with write_errors(path):
                    self._close()
                    if not self._resumable:
                        remove(partial)
                raise

    def summary(self) -> str:
        """Return in one line how many vectors the file has, and which rows have none although they have a class."""
        lacking = f", {self.failed:,} missing: {'; '.join(self._reasons)}" if self.failed else ""
        vectors = f"{self.done:,} vector{'' if self.done == 1 else 's'} of {self._features:,} features"
        return f"embeddings: {vectors} in {self._output.path}{lacking}"

    def _find_earlier(self) -> str | None:
        """Return the file of an earlier run that is continued, unfinished or complete; None if there is none."""
        output = self._output
        if os.path.isfile(output.partial):
            found, before = output.partial, read_header(output.partial)
        elif os.path.isfile(output.path):
            found, before = output.path, read_provenance(output.path)
        else:
            return None
        if before is None:
            return None
        check_same_run(before, self._provenance, result=found, sidecar=found, rows="embeddings")
        return found

    def _open(self) -> RecordFile:
        """Open the unfinished file with the first row: a run that is refused before changes nothing."""
        if self._stream is None:
            output = self._output
            if self._earlier is None:
                self._stream = RecordFile(output.partial)
                self._stream.write(header(self._provenance))
            else:
                if self._earlier == output.path:
                    write_log(output.retried, self._provenance, read_vectors(output.path))
                    replace_whole(output.retried, output.partial)
                self._known = Log(output.partial)
                os.truncate(output.partial, self._known.size)
                self._stream = RecordFile(output.partial, append=True)
        return self._stream

    def _is_known(self, row: int, source: Source, prediction: Prediction) -> bool:
        """Tell whether a kept row has its vector from the earlier run."""
        self._open()
        entry = None if self._known is None else self._known.entry(row)
        if entry is None or entry.vector is None:
            return False
        found = (utf8(entry.path), entry.status, entry.label)  # Parquet holds paths that are not UTF-8 as escapes
        return found == (utf8(source.path), prediction.status, prediction.label)

    def _embed_missing(self) -> None:
        """Make the vectors of kept rows that have none, from images that are still what they were."""
        missing, self._missing = self._missing, []
        vectors: dict[int, NDArray[np.float32] | None] = {}
        again = self._classifier.classify_sources(
            [source for _, source, _ in missing],
            embedded=lambda source, vector: vectors.__setitem__(id(source), vector),
        )
        for (row, _, kept), (source, prediction) in zip(missing, again, strict=True):
            vector = vectors.pop(id(source), None)
            if is_same_image(kept, prediction):
                self._write(row, replace(kept, path=source.path), vector)
            else:
                self._lack(source.path, prediction.message or "the image has changed since it was classified")
                self._append(Entry(row, source.path, kept.status, kept.label, None))

    def _write(self, row: int, prediction: Prediction, vector: NDArray[np.float32] | None) -> None:
        if vector is None and prediction.label is not None:
            self._lack(prediction.path, "the model gave no finite embedding")
        self._append(Entry(row, prediction.path, prediction.status, prediction.label, vector))

    def _append(self, entry: Entry) -> None:
        self._open().write(line_of(entry))

    def _lack(self, path: str, reason: str) -> None:
        self.failed += 1
        if len(self._reasons) < NAMED:
            self._reasons.append(printable(f"{path}: {reason}"))

    def _complete(self) -> None:
        """Make the Parquet file from the unfinished one; if that fails, the vectors are kept, and nothing else."""
        output = self._output
        self._embed_missing()
        self._open()
        self._close()
        with Log(output.partial) as log:
            try:
                entries = log.with_vector(rows=next(self._numbers))
                self.done = write_vectors(entries, output.converted, self._features, self._provenance)
            except BaseException as error:
                remove(output.converted)
                if not isinstance(error, Exception) or isinstance(error, (GalaxyClassifyError, OSError)):
                    raise
                raise GalaxyClassifyError(
                    f"{output.path}: cannot be written as Parquet: {one_line(error)}; {output.partial} keeps the "
                    "vectors"
                ) from error
        replace_whole(output.converted, output.path)
        for left_over in (output.partial, output.retried):
            remove(left_over)

    def _close(self) -> None:
        if self._known is not None:
            self._known.close()
        if self._stream is not None:
            self._stream.close()
            self._stream = None
