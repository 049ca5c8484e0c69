"""The sections of a model card on images that are unlike those of the training."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Final

from galaxy_classify.defaults import MIN_FAMILIARITY, THRESHOLD
from galaxy_export.model_card.markdown import percent, table
from galaxy_train.run_metrics.evaluations import (
    FEW_OK,
    OK_ACCURACY,
    UNCHANGED,
    EvaluationRecord,
    OutOfClassMetrics,
    StatusMetrics,
    StressMetrics,
)

#: A change to the images is harmless if it costs no more accuracy than this.
HARMLESS: Final = 0.02


#: A kind of generated images is recognised if the AUROC of familiarity reaches the first, and the share of ok rows does
#: not exceed the second.
RECOGNISED: Final = (0.98, 0.02)


def robustness_sections(evaluation: EvaluationRecord | None) -> Iterator[str]:
    """Yield what an evaluation found on familiarity, on images of no class and on changed images."""
    if evaluation is None:
        return
    file = f"`{evaluation.data.file}`"
    status, stress = evaluation.status, evaluation.stress
    out_of_class, generated = evaluation.out_of_class, evaluation.generated
    for title, lines in {
        "Familiarity": _familiarity(status, file) if status is not None else [],
        "Images of none of the classes": _out_of_class(out_of_class, file) if out_of_class else [],
        "Generated images": _generated(generated, file) if generated else [],
        "Changed images": _stress(stress, file) if stress else [],
    }.items():
        if lines:
            yield "\n".join([f"## {title}\n", *lines, ""])


def _familiarity(status: StatusMetrics, file: str) -> list[str]:
    return [
        "The output `familiarity`, from 0 to 1, says how much an image is like the galaxies that the model can judge. "
        "The training shifts it so that 2% of the galaxies that it held out lie below "
        f"{MIN_FAMILIARITY}, the default of `--min-familiarity`. A row below that is `unfamiliar`: it keeps its best "
        f"guess and never counts as `ok`. One that is familiar, but has a confidence below {THRESHOLD}, is "
        f"`uncertain`.\n\nOf {file}, {percent(status.ok)} are ok, {percent(status.uncertain)} uncertain and "
        f"{percent(status.unfamiliar)} unfamiliar; {percent(status.ok_accuracy)} of those that are ok have the right "
        "class."
    ]


def _out_of_class(kinds: Mapping[str, OutOfClassMetrics], file: str) -> list[str]:
    auroc = f"from {file} (AUROC: 1 is perfectly, 0.5 not at all)"
    if _with_familiarity(kinds):
        explanation = (
            f"How well confidence and familiarity tell them {auroc}, the share that is unfamiliar, and the share that "
            "is ok nevertheless:\n"
        )
    else:
        explanation = f"How well confidence tells them {auroc}, and the share that reaches a threshold nevertheless:\n"
    return [explanation, *_kinds(kinds)]


def _kinds(kinds: Mapping[str, OutOfClassMetrics]) -> list[str]:
    if _with_familiarity(kinds):
        return table(
            ["kind", "images", "AUROC of confidence", "AUROC of familiarity", "unfamiliar", "ok"],
            [
                [
                    kind,
                    found.images,
                    f"{found.auroc:.3f}",
                    f"{found.familiarity_auroc:.3f}",
                    percent(found.unfamiliar),
                    percent(found.ok),
                ]
                for kind, found in kinds.items()
            ],
        )
    thresholds = next(iter(kinds.values())).kept
    return table(
        ["kind", "images", "AUROC", *(f"at {threshold}" for threshold in thresholds)],
        [
            [kind, found.images, f"{found.auroc:.3f}", *map(percent, found.kept.values())]
            for kind, found in kinds.items()
        ],
    )


def _generated(kinds: Mapping[str, OutOfClassMetrics], file: str) -> list[str]:
    """List all kinds for a network without familiarity, and otherwise those that it does not recognise."""
    if not _with_familiarity(kinds):
        return _out_of_class(kinds, file)
    auroc, share = RECOGNISED
    others = {kind: found for kind, found in kinds.items() if not _is_recognised(found)}
    recognised = [f"`{kind}`" for kind in kinds if kind not in others]
    explanation = (
        f"Of {len(kinds)} kinds of images that the trainer generates, {next(iter(kinds.values())).images} each, "
        f"{len(recognised)} are recognised: familiarity tells them from {file} with an AUROC of at least {auroc}, and "
        f"at most {share:.0%} of them are ok. These are {', '.join(recognised) or 'none'}."
    )
    return [explanation, *(["\nThe others:\n", *_kinds(others)] if others else [])]


def _stress(stress: Mapping[str, StressMetrics], file: str) -> list[str]:
    usual = stress[UNCHANGED].accuracy
    broken = sum(not metrics.status.keeps_rule for metrics in stress.values())
    explanation = (
        f"With {file} unchanged, the accuracy is {percent(usual)}. For each family of changes: the levels "
        f"at which that is at most {HARMLESS * 100:.0f} points lower; the worst level, and what holds there; and the "
        f"levels at which rows that are ok are not reliable, because less than {OK_ACCURACY:.0%} of them are right and "
        f"they are more than {FEW_OK:.0%} of all ({broken} of {len(stress)} cases). "
        'The page "Robustness" of the documentation says what each change does.\n'
    )
    head = ["change", "harmless", "worst", "accuracy", "unfamiliar", "ok", "accuracy of ok", "not reliable"]
    names = [name.split() for name in stress if name != UNCHANGED]
    families = groupby(names, lambda name: name[0])
    rows = [_family(family, {level: stress[f"{family} {level}"] for _, level in of}, usual) for family, of in families]
    return [explanation, *table(head, rows)]


def _family(family: str, levels: Mapping[str, StressMetrics], usual: float) -> list[str]:
    harmless = [level for level, found in levels.items() if found.accuracy >= usual - HARMLESS]
    broken = [level for level, found in levels.items() if not found.status.keeps_rule]
    worst = min(levels, key=lambda level: levels[level].accuracy)
    accuracy, status = levels[worst].accuracy, levels[worst].status
    shares = map(percent, (accuracy, status.unfamiliar, status.ok, status.ok_accuracy))
    return [family, ", ".join(harmless) or "-", worst, *shares, ", ".join(broken) or "-"]


def _is_recognised(found: OutOfClassMetrics) -> bool:
    auroc, share = RECOGNISED
    return (found.familiarity_auroc or 0.0) >= auroc and (found.ok or 0.0) <= share


def _with_familiarity(kinds: Mapping[str, OutOfClassMetrics]) -> bool:
    return all(found.familiarity_auroc is not None for found in kinds.values())
