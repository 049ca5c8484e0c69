"""The stream of a run: inputs are classified, counted and shown to observers, in order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from galaxy_classify.inputs.source import Source
from galaxy_classify.prediction import STATUSES, Prediction, Status
from galaxy_classify.probabilities.prior import CLASS_MIX
from galaxy_classify.results.counts import RunCounts
from galaxy_classify.results.layout import RowLayout
from galaxy_classify.results.provenance import COUNTS, DECODER, EVALUATION, provenance

if TYPE_CHECKING:
    from galaxy_classify.batch import Embedded, Seen
    from galaxy_classify.classifier import GalaxyClassifier
    from galaxy_classify.probabilities.run_mix import ClassMix, MixCollector
    from galaxy_classify.results.formats import Writer

Observer = Callable[[Source, Prediction], None]


@dataclass(slots=True)
class Job:
    """Classify the inputs of a run, whatever becomes of the rows.

    Parameters
    ----------
    classifier : GalaxyClassifier
        Model and options.
    layout : RowLayout
        Columns of the rows.
    threshold : float or mapping of str to float
        Confidence below which a row is called uncertain, for all classes or some.
    batch_size : int
        Images that a worker classifies together.
    observers : sequence of callable
        Called with each input and its prediction, in order; on a resumed run, with the rows that were kept first.
    shard : str, optional
        Which part of the inputs these are, as in ``3/100``.
    image_column : str, optional
        Column of Parquet files in which the images were looked for.
    provenance_in_rows : bool, optional
        Whether each row of JSON Lines carries the provenance, because there is no sidecar for it.
    evaluate : callable, optional
        Returns at the end how well the rows agree with labels, for the sidecar.
    counts : RunCounts
        Numbers of rows so far.
    mix : MixCollector, optional
        Collects the rows, for the fractions of the classes.
    seen : callable, optional
        Called in worker threads with each input that can be decoded and the pixels that the model sees of it.
    embedded : callable, optional
        Called in worker threads with each input that can be classified and its embedding.
    """

    classifier: GalaxyClassifier
    layout: RowLayout
    threshold: float | Mapping[str, float]
    batch_size: int
    observers: Sequence[Observer] = ()
    shard: str | None = None
    image_column: str | None = None
    provenance_in_rows: bool = False
    evaluate: Callable[[], dict[str, Any] | None] = lambda: None
    counts: RunCounts = field(default_factory=RunCounts)
    mix: MixCollector | None = None
    seen: Seen | None = None
    embedded: Embedded | None = None

    def __post_init__(self) -> None:
        self.counts.familiarity = self.layout.familiarity

    @property
    def provenance(self) -> dict[str, Any]:
        """Model and options that the rows are made with."""
        return provenance(
            self.classifier,
            self.layout,
            threshold=self.threshold,
            shard=self.shard,
            image_column=self.image_column,
        )

    def predictions(self, sources: Iterable[Source]) -> Iterator[tuple[Source, Prediction]]:
        """Classify inputs lazily, and yield each with its prediction, in order."""
        return self.classifier.classify_sources(
            sources, threshold=self.threshold, batch_size=self.batch_size, seen=self.seen, embedded=self.embedded
        )

    def count(self, source: Source, prediction: Prediction) -> None:
        """Count a row, and show it to the observers."""
        self.counts.add(prediction)
        if self.mix is not None:
            self.mix.add(prediction)
        for observe in self.observers:
            observe(source, prediction)

    def of_shard(self, shard: str) -> Job:
        """Return the job of one of several shards: its sidecar has the class fractions of its own rows.

        They count for those of the whole run, too.
        """
        if self.mix is None:
            return replace(self, shard=shard)
        whole = self.mix
        observers = [*self.observers, lambda source, prediction: whole.add(prediction)]
        return replace(self, shard=shard, observers=observers, mix=self.classifier.mix_collector())

    def class_mix(self) -> ClassMix | None:
        """Return the fractions of the classes among the rows so far; None if nothing is known of them."""
        return None if self.mix is None else self.mix.estimate()

    def outcome(self, before: Mapping[Status, int] | None = None) -> dict[str, Any]:
        """Return what a sidecar says at the end of a run, beside the provenance of its rows.

        `before` are the numbers of rows by status that were counted earlier, for another sidecar.
        """
        outcome: dict[str, Any] = {DECODER: str(self.classifier.decoder)}
        if self.layout.familiarity:
            statuses = self.counts.statuses
            outcome[COUNTS] = {status: statuses[status] - (before or {}).get(status, 0) for status in STATUSES}
        if (evaluation := self.evaluate()) is not None:
            outcome[EVALUATION] = evaluation
        if (mix := self.class_mix()) is not None:
            outcome[CLASS_MIX] = mix.to_dict()
        return outcome

    def write_rows(self, sources: Iterable[Source], writer: Writer) -> None:
        """Classify inputs, write a row for each, and count it."""
        for source, prediction in self.predictions(sources):
            writer.write(prediction, source.carried)
            self.count(source, prediction)
