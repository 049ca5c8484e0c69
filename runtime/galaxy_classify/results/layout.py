"""Columns of a result: the predictions, and the columns that are carried through from a catalogue."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from galaxy_classify.prediction import SET_SEPARATOR, STATUSES, Prediction, Status
from galaxy_classify.tables.columns import Column

if TYPE_CHECKING:
    from galaxy_classify.classifier import GalaxyClassifier


@dataclass(frozen=True, slots=True)
class DoneRow:
    """A row read back from a result file.

    Parameters
    ----------
    prediction : Prediction
        With probabilities as they were rounded for the file.
    carried : tuple
        Values of the catalogue's columns.
    text : str
        The row as it stands in the file, bytes that are not UTF-8 as surrogate escapes.
    """

    prediction: Prediction
    carried: tuple[object, ...]
    text: str


@dataclass(frozen=True)
class RowLayout:
    """Turn predictions into rows and back; every output format has these columns in this order.

    There is one for a run of millions of rows, so it remembers what does not depend on the row; hence no slots.

    Parameters
    ----------
    classes : sequence of str
        Class names in the model's order.
    top : int, optional
        How many of the most probable classes are named; from the second on, each has columns of its own.
    carried : sequence of Column, optional
        Columns of a catalogue that are carried through.
    first : str, optional
        The one of these that comes before the path; the others come last.
    familiarity : bool, optional
        Whether there is a column for the familiarity, which not every model gives.
    coarse, sets : bool, optional
        Whether there are columns for the coarse class and for the prediction set.

    Examples
    --------
    >>> RowLayout(["round", "spiral"]).names
    ['path', 'status', 'label', 'confidence', 'prob_round', 'prob_spiral', 'message', 'model']
    >>> RowLayout(["round"], carried=[Column("z"), Column("id")], first="id").names
    ['id', 'path', 'status', 'label', 'confidence', 'prob_round', 'message', 'model', 'z']
    >>> RowLayout(["round"], familiarity=True).names
    ['path', 'status', 'label', 'confidence', 'familiarity', 'prob_round', 'message', 'model']
    """

    classes: Sequence[str]
    top: int = 1
    carried: Sequence[Column] = ()
    first: str | None = None
    familiarity: bool = False
    coarse: bool = False
    sets: bool = False

    @classmethod
    def of(cls, classifier: GalaxyClassifier, top: int) -> RowLayout:
        """Return the columns that the predictions of a classifier need."""
        options, model = classifier.options, classifier.model
        return cls(
            model.description.classes,
            top,
            familiarity=model.has_familiarity,
            coarse=options.coarse,
            sets=options.sets is not None,
        )

    @cached_property
    def own_columns(self) -> list[Column]:
        """Columns that do not come from a catalogue."""
        of_class = "src.morph.type"
        statuses = "ok, uncertain (below the threshold) or error"
        familiarity = []
        if self.familiarity:
            statuses = "ok, uncertain (below the threshold), unfamiliar (below the minimum of familiarity) or error"
            meaning = "how much the image is like those that the model can judge, 0 to 1"
            familiarity = [Column("familiarity", "float", ucd="stat.confidenceLevel", description=meaning)]
        return [
            Column("path", ucd="meta.id;meta.file", description="the input"),
            Column("status", ucd="meta.code.status", description=statuses),
            Column("label", ucd=of_class, description="most probable class"),
            Column("confidence", "float", ucd="stat.probability", description="probability of the label"),
            *familiarity,
            *(self._coarse_columns if self.coarse else ()),
            *(self._set_columns if self.sets else ()),
            *(
                column
                for rank in range(2, self.top + 1)
                for column in (
                    Column(f"label_{rank}", ucd=of_class, description=f"class number {rank} by probability"),
                    Column(f"confidence_{rank}", "float", ucd="stat.probability", description="its probability"),
                )
            ),
            *(
                Column(column, "float", ucd=f"stat.probability;{of_class}", description=f"probability of {name}")
                for name, column in self._probability_names
            ),
            Column("message", ucd="meta.note", description="why there is no class, or what else should be known"),
            Column("model", ucd="meta.id;meta.software", description="name @ first 12 characters of the SHA-256"),
        ]

    @property
    def _coarse_columns(self) -> list[Column]:
        return [
            Column("coarse_label", ucd="src.morph.type", description="more probable coarse class"),
            Column("coarse_confidence", "float", ucd="stat.probability", description="its probability"),
        ]

    @property
    def _set_columns(self) -> list[Column]:
        meaning = f"classes that the galaxy may belong to, separated by {SET_SEPARATOR}"
        return [Column("prediction_set", ucd="src.morph.type", description=meaning)]

    @cached_property
    def columns(self) -> list[Column]:
        """All columns, in order."""
        first = [column for column in self.carried if column.name == self.first]
        return [*first, *self.own_columns, *(column for column in self.carried if column.name != self.first)]

    @cached_property
    def names(self) -> list[str]:
        """Names of all columns, in order."""
        return [column.name for column in self.columns]

    @cached_property
    def _probability_names(self) -> list[tuple[str, str]]:
        """Each class with the name of its column."""
        return [(name, f"prob_{name}") for name in self.classes]

    @cached_property
    def rounded_places(self) -> list[int]:
        """Places, among `names`, of the numbers that text formats round to six decimals: those of no catalogue."""
        own = {column.name for column in self.own_columns if column.kind == "float"}
        return [place for place, name in enumerate(self.names) if name in own]

    def values(self, prediction: Prediction, carried: Sequence[object] = ()) -> list[Any]:
        """Return the values of one row, in the order of `names`; None where an error has no value.

        `carried` holds the catalogue's values, in the order of its columns.
        """
        own: list[Any] = [prediction.path, prediction.status, prediction.label, prediction.confidence]
        if self.familiarity:
            own.append(prediction.familiarity)
        if self.coarse:
            own += (prediction.coarse_label, prediction.coarse_confidence)
        if self.sets:
            own.append(prediction.set_text)
        if self.top > 1:
            likely = prediction.ranked()
            for rank in range(1, self.top):
                own += likely[rank] if likely else (None, None)
        own += map(prediction.probabilities.get, self.classes)
        own += (prediction.message, prediction.model)
        if not self.carried and not carried:
            return own
        others = list(zip(self.carried, carried, strict=True))
        first = [value for column, value in others if column.name == self.first]
        return [*first, *own, *(value for column, value in others if column.name != self.first)]

    def row(self, prediction: Prediction, carried: Sequence[object] = ()) -> dict[str, Any]:
        """Return one row as `values` does, with the name of each column."""
        return dict(zip(self.names, self.values(prediction, carried), strict=True))

    def parse(self, row: Mapping[str, Any]) -> tuple[Prediction, tuple[object, ...]]:
        """Return the prediction and the catalogue's values of a row made by `row`, or of its text in CSV.

        Raises
        ------
        KeyError, ValueError
            If it is no such row.
        """
        label = row["label"] or None
        if label is not None and label not in self.classes:
            raise ValueError(f"{label!r} is no class")
        probabilities = {name: float(row[column]) for name, column in self._probability_names} if label else {}
        prediction = Prediction(
            path=row["path"],
            status=_status(row["status"]),
            model=row["model"],
            label=label,
            confidence=float(row["confidence"]) if label else None,
            probabilities=probabilities,
            message=row["message"] or "",
            familiarity=float(row["familiarity"]) if label and self.familiarity else None,
            coarse_label=row["coarse_label"] if label and self.coarse else None,
            coarse_confidence=float(row["coarse_confidence"]) if label and self.coarse else None,
            prediction_set=self._set_of(row["prediction_set"]) if label and self.sets else None,
        )
        return prediction, tuple(row[column.name] for column in self.carried)

    def _set_of(self, text: str) -> tuple[str, ...]:
        names = tuple(text.split(SET_SEPARATOR))
        if unknown := set(names).difference(self.classes):
            raise ValueError(f"{unknown} are no classes")
        return names


def _status(text: str) -> Status:
    return next((status for status in STATUSES if status == text), "error")


def is_cut_off(text: str, rest: Iterator[str]) -> bool:
    """Tell whether a row that is not whole is the torn end of a file, as a crash leaves it, and not damage within it.

    After a power loss, the end of a file may be filled with NULs, which no row holds.
    """
    return "\0" in text or next(rest, None) is None
