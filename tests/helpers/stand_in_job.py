"""A run's job whose rows are made up, so that writing and resuming can be tested without a model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from types import SimpleNamespace
from typing import Any, cast

from galaxy_classify import GalaxyClassifier
from galaxy_classify.defaults import JpegDecoder
from galaxy_classify.inputs.source import Source
from galaxy_classify.prediction import Prediction
from galaxy_classify.results.layout import RowLayout
from galaxy_classify.runs.job import Job

CLASSES = ("round", "spiral")


class StandInJob(Job):
    """Give each path the same made-up row every time; a path with `broken` in it is an error."""

    def __init__(self, layout: RowLayout | None = None, broken: str = "bad", **options: Any) -> None:
        classifier = cast("GalaxyClassifier", SimpleNamespace(decoder=JpegDecoder.PILLOW))
        super().__init__(classifier, layout or RowLayout(CLASSES), 0.6, 4)
        self._broken = broken
        self._options = options

    @property
    def provenance(self) -> dict[str, Any]:
        """What a sidecar of these rows holds."""
        return {
            "package_version": "1",
            "model": {"name": "m", "sha256": "0" * 64},
            "options": {"threshold": 0.6, "shard": self.shard} | self._options,
        }

    def predictions(self, sources: Iterable[Source]) -> Iterator[tuple[Source, Prediction]]:
        """Yield each input with its row."""
        return ((source, made_up(source.path, self._broken)) for source in sources)


def made_up(path: str, broken: str) -> Prediction:
    """Return the row of a path."""
    if broken in path:
        return Prediction(path, "error", "m@0", message="no such file\n")
    round_ = 0.5 + (sum(path.encode("utf-8", "surrogateescape")) % 40) / 100
    return Prediction(
        path, "ok", "m@0", "round", round_, {"round": round_, "spiral": 1 - round_}, message='a "note"\nof two lines\n'
    )
