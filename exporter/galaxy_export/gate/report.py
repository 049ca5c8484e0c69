"""Report what the gate has found, and save the worst sample."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from galaxy_classify.text import printable
from galaxy_export.gate.comparison import BatchComparison
from galaxy_export.gate.differences import Difference
from galaxy_export.gate.findings import Findings, Output, Worst
from galaxy_export.gate.tables import aligned, markdown_table, naming, to_json, write_report

HEADER = ("output", "batch size", "difference", "relative", "of the limit", "sample", "by the batch", "same class")


def as_table(findings: Findings) -> str:
    """Return the findings as a table for a terminal, with the reasons if the candidate is refused."""
    lines = [_compared(findings)]
    if findings.comparisons:
        lines += aligned([HEADER, *_rows(findings)])
    if findings.left_out:
        lines.append(f"left out: {findings.left_out:,} files that cannot be read")
    lines += [f"note: {note}" for note in findings.notes]
    lines += [f"refused: {failure.message}" for failure in findings.failures]
    return "\n".join(printable(line) for line in lines)


def as_markdown(findings: Findings) -> str:
    """Return the findings as Markdown, for the page of a CI job."""
    lines = [f"### Parity of {_code(findings.candidate)}", "", _verdict(findings), ""]
    if findings.failures:
        lines += [*(f"- {_text(failure.message)}" for failure in findings.failures), ""]
    lines += [f"Note: {_text(note)}\n" for note in findings.notes]
    lines += [_text(_compared(findings)), ""]
    if findings.comparisons:
        lines += markdown_table(HEADER, [[_text(cell) for cell in row] for row in _rows(findings)])
    return "\n".join(lines)


def as_json(findings: Findings) -> str:
    """Return the findings as JSON; docs/how-to/gate-in-ci.md describes the keys."""
    content = {
        "passed": findings.passed,
        "candidate": findings.candidate,
        "reference": findings.reference,
        "inputs_from": findings.inputs_from,
        "samples": findings.samples,
        "left_out": findings.left_out,
        "largest_difference": findings.largest_difference,
        "notes": findings.notes,
        "failures": [asdict(failure) for failure in findings.failures],
        "outputs": [_output(findings, each) for each in findings.outputs],
        "comparisons": [asdict(row) for row in findings.comparisons],
        "batch_effects": [
            {"batch_size": row.batch_size, "differences": asdict(row)["differences"]} for row in findings.batch_effects
        ],
    }
    return to_json(content)


def write_reports(findings: Findings, paths: Sequence[Path]) -> None:
    """Write the findings to files, as JSON or Markdown by suffix."""
    for path in paths:
        write_report(path, as_json=as_json(findings), as_markdown=as_markdown(findings))


def save_worst(path: Path, worst: Worst) -> None:
    """Write a refused sample as NPZ, as docs/how-to/gate-in-ci.md describes it."""
    arrays: dict[str, Any] = {
        "output": np.array(worst.output),
        "batch_size": np.array(worst.batch_size),
        "sample": np.array(worst.sample),
        "row": np.array(worst.row),
    }
    for kind, outputs in (("batch", worst.batch), ("candidate", worst.candidate), ("reference", worst.reference)):
        arrays |= {f"{kind}/{name}": _plain(array) for name, array in outputs.items()}
    with naming(path), path.open("wb") as file:
        np.savez_compressed(file, **arrays)


def _plain(array: Any) -> Any:
    return array.astype(str) if array.dtype.kind == "O" else array


def _output(findings: Findings, output: Output) -> dict[str, Any]:
    rows = [row.differences[output.name] for row in findings.comparisons if output.name in row.differences]
    worst = max(rows, key=lambda row: row.excess, default=None)
    return {
        "name": output.name,
        "reference": output.of_reference,
        "dtype": output.dtype,
        "reference_dtype": output.reference_dtype,
        "shape": list(output.shape),
        "rtol": None if output.limit is None else output.limit.rtol,
        "atol": None if output.limit is None else output.limit.atol,
        "classes": output.classes,
        "largest_absolute": None if worst is None else max(row.absolute for row in rows),
        "largest_relative": None if worst is None else max(row.relative for row in rows),
        "worst_sample": None if worst is None else worst.sample,
        "passed": not any(failure.output == output.name for failure in findings.failures),
    }


def _compared(findings: Findings) -> str:
    where = f"{findings.samples:,} sample{'s' * (findings.samples != 1)} ({findings.inputs_from})"
    return f"{findings.candidate} compared with {findings.reference} on {where}"


def _verdict(findings: Findings) -> str:
    return "passed" if findings.passed else f"**failed** ({findings.failures[0].reason})"


def _rows(findings: Findings) -> Iterator[tuple[str, ...]]:
    effects = {row.batch_size: row for row in findings.batch_effects}
    for output in findings.outputs:
        for row in findings.comparisons:
            yield _row(output, row, effects.get(row.batch_size))
        if output.limit is not None:
            limits = (f"{output.limit.atol:.2e}", f"{output.limit.rtol:.2e}", "1.00e+00", "", "")
        else:
            limits = ("", "", "", "", "")
        yield output.name, "limit", *limits, "" if output.classes is None else f"{output.classes:.2%}"


def _row(output: Output, row: BatchComparison, effect: BatchComparison | None) -> tuple[str, ...]:
    difference = row.differences.get(output.name)
    agreement = row.classes.get(output.name)
    moved = None if effect is None else effect.differences.get(output.name)
    return (
        output.name,
        f"{row.batch_size}",
        *_numbers(difference),
        "" if moved is None else f"{moved.absolute:.2e}",
        "" if agreement is None else f"{agreement.agreement:.2%}",
    )


def _numbers(difference: Difference | None) -> tuple[str, ...]:
    if difference is None:
        return "", "", "", ""
    return (
        f"{difference.absolute:.2e}",
        f"{difference.relative:.2e}",
        f"{difference.excess:.2e}",
        f"{difference.sample}",
    )


def _text(text: str) -> str:
    """Return text that Markdown shows as it is: names come from model files."""
    plain = html.escape(printable(text), quote=False)
    return "".join(f"\\{character}" if character in "\\`*_[]|~#!" else character for character in plain)


def _code(text: str) -> str:
    return f"`{printable(text).replace('`', chr(39))}`"
