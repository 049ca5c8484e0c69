"""Report what a check found: as a table for the terminal, Markdown for a CI summary, JSON for programs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from galaxy_classify.inference.contract import OUTPUT_NAME
from galaxy_export.galaxy_parity import Parity, class_agreement
from galaxy_export.gate.tables import aligned, markdown_table, to_json, write_report
from galaxy_export.int8.guard import QuantizationLoss
from galaxy_train.networks.recipes import LOGITS


@dataclass(slots=True)
class GateReport:
    """The findings of an export or a verification, passed or failed.

    Parameters
    ----------
    model : str
        Name of the model file.
    images_from : str
        Name of the file or folder of the images it was checked on.
    against : str
        What it was compared with, in words.
    parity : Parity or None
        The comparison; None if an earlier step failed.
    quantization : QuantizationLoss or None
        The cost of int8; None if an earlier step failed, or without int8.
    unreadable : int
        Number of image files that could not be decoded and were left out.
    failure : str or None
        Message of the error; None if all checks passed.
    step : str or None
        Class name of the error, which tells the failed step.
    """

    model: str
    images_from: str = ""
    against: str = "the trained network"
    parity: Parity | None = None
    quantization: QuantizationLoss | None = None
    unreadable: int = 0
    failure: str | None = None
    step: str | None = None

    def fail(self, error: Exception) -> None:
        """Record the error that ended the check."""
        self.failure = str(error)
        self.step = type(error).__name__

    def to_json(self) -> str:
        """Return the findings as JSON."""
        return to_json(
            {
                "model": self.model,
                "images_from": self.images_from,
                "against": self.against,
                "parity": None if self.parity is None else self.parity.to_json(),
                "quantization": None if self.quantization is None else self.quantization.to_metadata(),
                "unreadable": self.unreadable,
                "failure": self.failure,
                "step": self.step,
                "passed": self.failure is None,
            }
        )

    def to_markdown(self) -> str:
        """Return the findings as Markdown, for the page of a CI job."""
        verdict = "passed" if self.failure is None else f"**failed** ({self.step}): {self.failure}"
        lines = [f"### Parity of `{self.model}`", "", f"{verdict}", ""]
        if self.parity is not None:
            header, *rows = self._parity_rows(self.parity)
            lines += [f"compared with {self.against} on {self.parity.images:,} images from `{self.images_from}`", ""]
            lines += markdown_table(header, rows)
        if self.quantization is not None:
            header, row = self._quantization_rows(self.quantization)
            lines += markdown_table(header, [row])
        return "\n".join(lines)

    def to_table(self) -> str:
        """Return the findings as a table for a terminal."""
        lines = []
        if self.parity is not None:
            lines.append(f"parity with {self.against} on {self.parity.images:,} images ({self.images_from})")
            lines += aligned(list(self._parity_rows(self.parity)))
        if self.unreadable:
            lines.append(f"left out: {self.unreadable:,} image files that cannot be decoded")
        if self.quantization is not None:
            lines += ["", "int8 against float32", *aligned(list(self._quantization_rows(self.quantization)))]
        return "\n".join(lines)

    def write(self, paths: list[Path]) -> None:
        """Write the findings to files, as JSON or Markdown by suffix."""
        for path in paths:
            write_report(path, as_json=self.to_json(), as_markdown=self.to_markdown())

    def _parity_rows(self, parity: Parity) -> Iterator[tuple[str, ...]]:
        others = [measure for measure in parity.measures if measure.title]
        titles = (measure.title for measure in others)
        yield "batch size", "probability", "relative", "image", "logit", "relative", "image", "same class", *titles
        for row in parity.comparisons:
            numbers = (
                part
                for difference in (row.differences[OUTPUT_NAME], row.differences[LOGITS])
                for part in (f"{difference.absolute:.2e}", f"{difference.relative:.2e}", f"{difference.sample}")
            )
            more = (f"{each.of(row.differences[each.field]):.2e}" for each in others)
            yield f"{row.batch_size}", *numbers, f"{class_agreement(row).agreement:.2%}", *more
        limits = (f"{parity.limit(measure):.2e}" for measure in others)
        yield "limit", f"{parity.tolerance:.2e}", "", "", "", f"{parity.logit_tolerance:.2e}", "", "100.00%", *limits

    def _quantization_rows(self, loss: QuantizationLoss) -> Iterator[tuple[str, ...]]:
        titles = ["same class", "accuracy", "float32's", "calibration error", "float32's", "largest difference"]
        accuracy = (f"{loss.accuracy:.4f}", f"{loss.float_accuracy:.4f}")
        calibration = (f"{loss.calibration_error:.4f}", f"{loss.float_calibration_error:.4f}")
        cells = [f"{loss.agreement:.2%}", *accuracy, *calibration, f"{loss.probability:.2e}"]
        if loss.familiarity_agreement is not None:
            titles += ["same side in familiarity", "unfamiliar", "float32's"]
            shares = (loss.familiarity_agreement, loss.unfamiliar, loss.float_unfamiliar)
            cells += [f"{share:.2%}" for share in shares]
        yield tuple(titles)
        yield tuple(cells)
