"""Run the gate: compare a candidate with its reference on all samples, alone and in batches."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from galaxy_classify.errors import DataError, UsageError
from galaxy_export.gate.batches import Arrays, batch_sizes, count_samples
from galaxy_export.gate.comparison import compare_outputs
from galaxy_export.gate.diagnosis import fault_of_values, note_on_values
from galaxy_export.gate.differences import MARGIN
from galaxy_export.gate.findings import Findings, Reason
from galaxy_export.gate.inputs.load import Inputs
from galaxy_export.gate.judge import Judge
from galaxy_export.gate.limits import Limits, check_number, default_limit
from galaxy_export.gate.models.model import Model, ModelRunError, fit_inputs, fixed_batch
from galaxy_export.gate.models.side import Side
from galaxy_export.gate.pairing import HOW_TO_PAIR, match, pair_outputs

#: Samples that the reference gets at a time, if it takes any number.
REFERENCE_BATCH = 64


#: Samples on which the reference is compared with itself if it differs from the candidate.
REPEATED = 8


@dataclass(frozen=True, slots=True)
class Settings:
    """What the gate compares, and how strictly.

    Parameters
    ----------
    limits : Limits
        How far outputs may differ.
    classes : mapping of str to float
        Outputs of the candidate that are classes, with the least share of samples that must keep theirs.
    names : tuple of (str, str)
        Names of the candidate and of the reference that belong together; an empty one leaves the other out.
    batch_sizes : tuple of int
        By default `galaxy_export.gate.batches.batch_sizes` chooses them.
    """

    limits: Limits = field(default_factory=Limits)
    classes: Mapping[str, float] = field(default_factory=dict)
    names: tuple[tuple[str, str], ...] = ()
    batch_sizes: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        """Check what no command line lets through; raise `UsageError` if something is wrong."""
        for share in self.classes.values():
            check_number("--classes", share, 1)
        for pair in self.names:
            if len(pair) != 2 or not all(isinstance(name, str) for name in pair):
                raise UsageError(f"{HOW_TO_PAIR}: {pair!r} is no pair of names")

    def sizes_for(self, samples: int) -> list[int]:
        """Return the batch sizes to compare at, smallest first; raise `UsageError` if they do not suit the samples."""
        if any(not 1 <= size <= samples for size in self.batch_sizes):
            raise UsageError(
                f"--batch-sizes: {', '.join(map(str, self.batch_sizes))} are not between 1 and the {samples} samples"
            )
        return sorted(set(self.batch_sizes)) or batch_sizes(samples)


def run_gate(
    candidate: Model,
    reference: Model,
    inputs: Inputs,
    settings: Settings,
    advance: Callable[[int], None] = lambda count: None,
) -> Findings:
    """Compare a candidate with its reference.

    Parameters
    ----------
    candidate, reference : Model
        The models.
    inputs : Inputs
        Samples, as the candidate takes them.
    settings : Settings
        What is compared, and how strictly.
    advance : callable, optional
        Called with the number of samples of each batch that a model has done.

    Returns
    -------
    Findings
        Differences, and the reasons to refuse the candidate if there are any.

    Raises
    ------
    DataError
        If the inputs do not suit the models, or the reference fails.
    UsageError
        If names in the settings do not exist.
    """
    samples = count_samples(inputs.arrays)
    findings = Findings(candidate.label, reference.label, inputs.origin, samples, inputs.left_out)
    mine = Side(candidate, fit_inputs(candidate, inputs.arrays), advance, {a for a, b in settings.names if not b})
    given = _for_reference(reference, mine.inputs, inputs, settings)
    theirs = Side(
        reference, fit_inputs(reference, given, lossless=True), advance, {b for a, b in settings.names if not a}
    )
    expected = _run_reference(theirs, samples)
    judge: Judge | None = None
    for size in _possible_sizes(candidate, settings.sizes_for(samples), samples, findings):
        try:
            found = mine.run(size)
        except ModelRunError as error:
            findings.fail(Reason.RUN, f"the candidate fails at batch size {size}: {error}", batch_size=size)
            continue
        if judge is None:
            outputs, found, expected = pair_outputs(mine, theirs, found, expected, settings, findings)
            judge = Judge(findings, outputs, expected, mine.inputs)
            _check_evidence(findings, expected)
        judge.compare(size, found)
    if samples == 1:
        findings.notes.append("with one sample, nobody sees whether an output depends on the others in its batch")
    if judge is not None:
        judge.conclude()
        if findings.failures and (fault := _fault_of_reference(theirs, samples)):
            findings.fail(Reason.REFERENCE, fault)
    findings.failures.sort(key=lambda failure: list(Reason).index(failure.reason))
    return findings


def _for_reference(reference: Model, mine: Arrays, given: Inputs, settings: Settings) -> Arrays:
    """Return the inputs as they were given, by the names that the reference has for them."""
    chosen = dict(settings.names)
    if reference.inputs is None:
        return {name: given.arrays[key] for key in mine if (name := chosen.get(key, key))}
    wanted = [spec.name for spec in reference.inputs]
    pairs = match("input", list(mine), wanted, [pair for pair in settings.names if pair[0] in mine])
    if pairs.missing:
        raise DataError(
            f"the candidate takes {', '.join(mine)}, but {reference.label} takes {', '.join(wanted)}; say which belong "
            f"together with {HOW_TO_PAIR}"
        )
    return {other: given.arrays[name] for name, other in pairs.both.items()}


def _run_reference(theirs: Side, samples: int) -> Arrays:
    size = fixed_batch(theirs.model) or REFERENCE_BATCH
    if fixed_batch(theirs.model) and samples % size:
        raise DataError(
            f"{theirs.model.label}: takes batches of {size} only, and {samples} samples are no multiple of that"
        )
    try:
        return theirs.run(size)
    except ModelRunError as error:
        raise DataError(f"{theirs.model.label}: the reference fails: {error}") from None


def _possible_sizes(candidate: Model, sizes: list[int], samples: int, findings: Findings) -> list[int]:
    """Return the batch sizes that a candidate can run; refuse one with a fixed batch for the others."""
    fixed = fixed_batch(candidate)
    if fixed is None:
        return sizes
    impossible = [size for size in sizes if size != fixed or samples % size]
    if impossible:
        findings.fail(
            Reason.RUN,
            f"the candidate takes batches of {fixed} only, as its inputs say, and cannot run {samples} samples in "
            f"batches of {', '.join(map(str, impossible))}; export it with a dynamic batch axis, or prove it for "
            f"batches of {fixed} alone, with --batch-sizes {fixed} and a number of samples that {fixed} divides",
            batch_size=impossible[0],
        )
    return [size for size in sizes if size not in impossible]


def _check_evidence(findings: Findings, expected: Arrays) -> None:
    """Refuse an output of which the reference's values prove nothing, and note one of which they prove little."""
    for output in findings.outputs:
        values = expected[output.name]
        if output.limit is None:
            continue
        # Classes are a proof, however wide the limit, unless the scores are so small that any change counts as a tie.
        if output.classes is not None and (np.abs(values) >= MARGIN).any():
            continue
        if fault := fault_of_values(output.name, values, output.limit):
            findings.fail(Reason.REFERENCE, fault, output.name)
        elif note := note_on_values(output.name, values, output.limit):
            findings.notes.append(note)


def _fault_of_reference(theirs: Side, samples: int) -> str:
    """Return what is wrong with a reference that differs from itself; empty if nothing is."""
    size = fixed_batch(theirs.model) or min(REPEATED, samples)
    some = slice(0, size)
    try:
        first, again = theirs.run(size, some), theirs.run(size, some)
        alone = first if fixed_batch(theirs.model) else theirs.run(1, some)
    except ModelRunError:
        return ""
    limits = {name: default_limit(array.dtype) for name, array in first.items()}
    for other, fault in (
        (again, "has other values for the same inputs each time: is its dropout on?"),
        (alone, "has values that depend on the others in the batch: is it in training mode, with batch normalisation?"),
    ):
        differences = compare_outputs(first, other, limits, size, same_nan=True).differences
        for name, difference in differences.items():
            if not difference.accepted:
                return f"the reference's {name!r} {fault}"
    return ""
