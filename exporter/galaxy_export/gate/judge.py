"""Judge the outputs of a candidate at each batch size, and put into words what is refused."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from galaxy_export.gate.batches import Arrays, take
from galaxy_export.gate.comparison import compare_outputs
from galaxy_export.gate.diagnosis import guess
from galaxy_export.gate.differences import MARGIN, Agreement, Difference, distances, magnitudes
from galaxy_export.gate.findings import Findings, Output, Reason, Worst
from galaxy_export.gate.limits import Limit, default_limit

#: Shares of samples are compared as if there were no rounding in them: 80 % are enough for 0.8.
ROUNDING: Final = 1e-9


class Judge:
    """Compares what a candidate gives, batch size by batch size, with the reference and with itself alone.

    In batches, an output must be what it is at the smallest batch size, within the default limit of its dtype, even
    where a wider limit lets it differ from the reference: else a prediction would depend on its neighbours.
    """

    def __init__(self, findings: Findings, outputs: Sequence[Output], expected: Arrays, inputs: Arrays) -> None:
        self._findings = findings
        self._outputs = outputs
        self._expected = expected
        self._inputs = inputs
        self._limits = {each.name: each.limit for each in outputs if each.limit is not None}
        self._classes = {each.name: each.classes for each in outputs if each.classes is not None}
        self._smallest: tuple[int, Arrays] | None = None
        self._worst_excess = -1.0
        # By reason and output, the batch size at which it is worst: its difference or agreement, and the outputs.
        self._refused: dict[tuple[Reason, str], tuple[int, Difference | Agreement, Arrays]] = {}

    def compare(self, size: int, found: Arrays) -> None:
        """Compare all outputs at one batch size."""
        for name, expected in self._expected.items():
            if name not in found or found[name].shape != expected.shape:
                text = f"output {name!r} has another shape at batch size {size}, or is not there"
                self._findings.fail(Reason.SHAPE, text, name, size)
                return
        row = compare_outputs(self._expected, found, self._limits, size, self._classes)
        self._findings.comparisons.append(row)
        for name, difference in row.differences.items():
            if not difference.accepted:
                self._refuse(Reason.VALUE, name, size, difference, found)
        for name, agreement in row.classes.items():
            if 1 - agreement.changed < self._classes[name] - ROUNDING:
                self._refuse(Reason.CLASS, name, size, agreement, found)
        if self._smallest is None:
            self._smallest = size, found
            return
        alone = self._smallest[1]
        strict = {name: default_limit(alone[name].dtype) for name in self._limits}
        effects = compare_outputs(alone, found, strict, size, same_nan=True)
        self._findings.batch_effects.append(effects)
        for name, difference in effects.differences.items():
            if not difference.accepted:
                self._refuse(Reason.BATCH, name, size, difference, found)

    def conclude(self) -> None:
        """Add a failure for each output that is refused, and for each reason."""
        for (reason, name), (size, measured, found) in self._refused.items():
            if isinstance(measured, Agreement):
                message = self._class(name, size, measured)
            elif reason is Reason.BATCH:
                message = self._batch(name, size, measured, found)
            else:
                message = self._value(name, size, measured, found)
            self._findings.fail(reason, message, name, size, measured.sample)

    def _refuse(self, reason: Reason, name: str, size: int, measured: Difference | Agreement, found: Arrays) -> None:
        excess = measured.excess if isinstance(measured, Difference) else measured.changed
        known = self._refused.get((reason, name))
        if known is not None:
            other = known[1].excess if isinstance(known[1], Difference) else known[1].changed
            if other >= excess:
                return
        self._refused[reason, name] = size, measured, found
        if excess > self._worst_excess and measured.sample is not None:
            self._worst_excess = excess
            start = measured.sample // size * size
            one = slice(measured.sample, measured.sample + 1)
            self._findings.worst = Worst(
                name, size, measured.sample, measured.sample - start, take(self._inputs, slice(start, start + size)),
                take(found, one), take(self._expected, one),
            )  # fmt: skip

    def _value(self, name: str, size: int, difference: Difference, found: Arrays) -> str:
        limit = self._limits[name]
        text = _of_sample(name, self._expected[name], found[name], limit, difference.sample, "the reference")
        text += f", at batch size {size}"
        if difference.refused > 1:
            text += f"; {difference.refused:,} of {len(found[name]):,} samples are beyond their limit"
        if like := guess(name, self._expected, found[name], limit):
            text += f"; {like}"
        return text

    def _batch(self, name: str, size: int, difference: Difference, found: Arrays) -> str:
        smallest, alone = self._smallest or (1, found)
        limit = default_limit(alone[name].dtype)
        itself = "the same sample alone" if smallest == 1 else f"the same sample in a batch of {smallest}"
        text = _of_sample(name, alone[name], found[name], limit, difference.sample, itself)
        return f"{text}: in a batch of {size} it depends on the others in the batch"

    def _class(self, name: str, size: int, agreement: Agreement) -> str:
        share = self._classes[name]
        text = f"output {name!r} gives only {agreement.agreement:.4%} of the samples the reference's class"
        text += f" at batch size {size}"
        if share < 1:
            text += f", {share:.2%} must have it"
        text += f"; sample {agreement.sample} is another"
        if agreement.widest_margin is not None and np.isfinite(agreement.widest_margin):
            text += (
                f" although the reference's two largest scores are {agreement.widest_margin:.3g} apart (below "
                f"{MARGIN:g} is tolerated)"
            )
        return text


def _of_sample(name: str, reference: NDArray[Any], found: NDArray[Any], limit: Limit, sample: int, other: str) -> str:
    """Say how far a sample's output is from another, at the place where it is furthest."""
    one, another = found[sample : sample + 1], reference[sample : sample + 1]
    distance = distances(another, one)[0]
    place = np.unravel_index(int(np.argmax(distance)), distance.shape)
    index = f" at [{', '.join(map(str, place))}]" if place else ""
    values = f"{_number(one[0, *place])}, {other} gives {_number(another[0, *place])}"
    text = f"output {name!r} of sample {sample}{index} is {values}"
    largest = float(np.max(distance))
    if not np.isfinite(largest):
        return text
    return f"{text}: the difference is {largest:.3g}, the limit {float(limit.of(magnitudes(another))[0]):.3g}"


def _number(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, np.floating) else repr(value.item() if hasattr(value, "item") else value)
