"""Pair the inputs and outputs of two models, and refuse what a candidate lacks, adds, or gives in another form."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from numpy.typing import NDArray

from galaxy_classify.errors import DataError, UsageError
from galaxy_classify.text import did_you_mean
from galaxy_export.gate.batches import Arrays
from galaxy_export.gate.differences import holds_labels
from galaxy_export.gate.findings import Findings, Output, Reason
from galaxy_export.gate.models.model import KINDS
from galaxy_export.gate.models.side import Side

if TYPE_CHECKING:
    from galaxy_export.gate.run import Settings

HOW_TO_PAIR: Final = "--map CANDIDATE=REFERENCE (names= in Python)"


@dataclass(frozen=True, slots=True)
class Pairs:
    """Names of the candidate with those of the reference, and names that only one of them has."""

    both: dict[str, str]
    extra: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


def match(what: str, candidate: Sequence[str], reference: Sequence[str], chosen: Iterable[tuple[str, str]]) -> Pairs:
    """Match names: as chosen, then the same name, then the only name of each.

    Parameters
    ----------
    what : str
        ``input`` or ``output``, for messages.
    candidate, reference : sequence of str
        The names of either model.
    chosen : iterable of (str, str)
        Names of the candidate and of the reference that belong together. With an empty one, the other is left out.
    """
    wanted = {of_candidate: of_reference for of_candidate, of_reference in chosen if of_candidate in candidate}
    left_out = {of_reference for of_candidate, of_reference in chosen if not of_candidate}
    taken = {*wanted.values(), *left_out}
    both = {}
    for name in candidate:
        partner = wanted.get(name, name if name in reference and name not in taken else "")
        if partner and partner not in reference:
            raise UsageError(
                f"--map: the reference has no {what} {partner!r}; {did_you_mean(partner, reference)}it has "
                f"{', '.join(reference)}"
            )
        if partner:
            both[name] = partner
    extra = tuple(name for name in candidate if name not in both and name not in wanted)
    missing = tuple(name for name in reference if name not in both.values() and name not in left_out)
    if not both and len(extra) == len(missing) == 1:
        return Pairs({extra[0]: missing[0]})
    return Pairs(both, extra, missing)


def check_known(option: str, names: Iterable[str], known: Sequence[str]) -> None:
    """Check that an option names what there is; raise `UsageError` if it does not."""
    for name in names:
        if name not in known:
            raise UsageError(
                f"{option}: the candidate has no {name!r}; {did_you_mean(name, known)}it has {', '.join(known)}"
            )


def pair_outputs(
    mine: Side, theirs: Side, found: Arrays, expected: Arrays, settings: Settings, findings: Findings
) -> tuple[tuple[Output, ...], Arrays, Arrays]:
    """Return the outputs that can be compared, and both models' outputs by the candidate's names.

    Raises
    ------
    DataError
        If the models have no output in common.
    UsageError
        If the settings name an output that the candidate does not have.
    """
    if len(found) == len(expected):
        if not mine.named:
            mine.use_names(list(expected))
            found = mine.with_names(found)
        elif not theirs.named:
            theirs.use_names(list(found))
            expected = theirs.with_names(expected)
    names = list(found)
    check_known("--map", [each for each, _ in settings.names if each], [*mine.inputs, *names, *sorted(mine.dropped)])
    check_known("--classes", settings.classes, names)
    check_known("--rtol", settings.limits.rtol_of, names)
    check_known("--atol", settings.limits.atol_of, names)
    pairs = match("output", names, list(expected), [pair for pair in settings.names if pair[0] not in mine.inputs])
    if not pairs.both:
        raise DataError(
            f"the models have no output in common: the candidate has {', '.join(names) or 'none'}, the "
            f"reference has {', '.join(expected) or 'none'}; say which belong together with {HOW_TO_PAIR}"
        )
    for name in pairs.missing:
        findings.fail(
            Reason.MISSING,
            f"the candidate has no output {name!r}, which the reference has; --map ={name} leaves it out",
        )
    for name in pairs.extra:
        findings.fail(
            Reason.EXTRA,
            f"the candidate has an output {name!r}, which the reference lacks; --map {name}= leaves it out",
        )
    outputs = []
    for name, other in pairs.both.items():
        if fault := _fault(name, found[name], expected[other]):
            findings.fail(*fault, output=name)
            continue
        outputs.append(_output(name, other, found[name], expected[other], settings))
    findings.outputs = outputs
    return tuple(outputs), found, {each.name: expected[each.of_reference] for each in outputs}


def _fault(name: str, found: NDArray[Any], expected: NDArray[Any]) -> tuple[Reason, str] | None:
    if KINDS.get(found.dtype.kind) != KINDS.get(expected.dtype.kind):
        return Reason.DTYPE, f"output {name!r} is {found.dtype}, but the reference's is {expected.dtype}"
    if found.shape != expected.shape:
        shapes = [f"[{', '.join(map(str, ('N', *array.shape[1:])))}]" for array in (found, expected)]
        axes = ""
        if sorted(found.shape[1:]) == sorted(expected.shape[1:]):
            axes = ": its axes are in another order"
        return Reason.SHAPE, f"output {name!r} has the shape {shapes[0]}, but the reference's has {shapes[1]}{axes}"
    return None


def _output(name: str, other: str, found: NDArray[Any], expected: NDArray[Any], settings: Settings) -> Output:
    share = settings.classes.get(name)
    labels = share is not None and holds_labels(expected)
    if share is not None and not labels and expected.shape[-1] < 2:
        raise UsageError(f"--classes: output {name!r} has one value for each sample, and no scores of several classes")
    limit = None if labels else settings.limits.of(name, found.dtype, expected.dtype)
    return Output(name, other, str(found.dtype), str(expected.dtype), expected.shape[1:], limit, share)
