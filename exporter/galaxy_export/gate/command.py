"""The command ``galaxy-export parity``."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from galaxy_classify.cli.declare import BadValueError, number, whole_number
from galaxy_classify.cli.with_typer.command import argument, option
from galaxy_classify.errors import OutputError, UsageError

if TYPE_CHECKING:
    from galaxy_export.gate.limits import Limits

#: A comparison that takes longer than this many seconds shows how far it is.
PATIENCE: Final = 2.0


def parity(
    candidate: Annotated[str, argument("CANDIDATE.onnx")],
    against: Annotated[
        str,
        option(
            metavar="REFERENCE", help="What it was made from: a .keras or .onnx file, a SavedModel, or module:function."
        ),
    ],
    inputs: Annotated[
        Path, option(metavar="NPZ|HDF5|DIR", help="Samples: arrays by the names of the inputs, or a folder of images.")
    ],
    names: Annotated[
        list[str] | None,
        option(
            "--map",
            metavar="CANDIDATE=REFERENCE",
            help="Input or output and its counterpart; NAME= or =NAME leaves an output out. Repeatable.",
        ),
    ] = None,
    rtol: Annotated[
        list[str] | None,
        option(
            metavar="[NAME=]R",
            help="Limit relative to a sample's largest value, for all outputs of floats or for one. Default: 1e-4; "
            "float16 1e-2. Repeatable.",
        ),
    ] = None,
    atol: Annotated[
        list[str] | None,
        option(
            metavar="[NAME=]A",
            help="Absolute limit, where it is the wider one. Default: 1e-5; float16 1e-3; integers and text must be "
            "equal. Repeatable.",
        ),
    ] = None,
    classes: Annotated[
        list[str] | None,
        option(
            metavar="NAME[=SHARE]",
            help="Output of classes, or of scores of them: all samples, or this share, must keep theirs. Repeatable.",
        ),
    ] = None,
    batch_sizes: Annotated[
        str | None, option(metavar="N,N,…", help="Batch sizes to compare at. Default: 1, 3, 17, 64 and 256.")
    ] = None,
    white: Annotated[
        float | None,
        option(
            metavar="1|255", parser=number(0), help="Value of white, for float inputs made from a folder of images."
        ),
    ] = None,
    save_worst: Annotated[
        Path | None, option(metavar="FILE.npz", help="Where to save the worst sample if the candidate is refused.")
    ] = None,
    report: Annotated[
        list[Path] | None,
        option(
            metavar="FILE",
            help="Write a report, whether it passes or fails: .json, or .md for a CI summary. Repeatable.",
        ),
    ] = None,
) -> None:
    """Compare a model with the one that it was made from: exit code 0 if it is the same, 1 if not, 2 for wrong usage.

    CANDIDATE.onnx: model to compare; any model or function that can be a reference can be one.
    """
    from galaxy_export.gate.inputs.load import load_inputs
    from galaxy_export.gate.models.load import load_model
    from galaxy_export.gate.report import as_table, write_reports
    from galaxy_export.gate.report import save_worst as write_worst
    from galaxy_export.gate.run import Settings, run_gate
    from galaxy_export.gate.tables import check_report_paths, check_worst_path

    check_report_paths(report or [])
    if save_worst is not None:
        check_worst_path(save_worst)
    pairs = _pairs(names or [])
    settings = Settings(_limits(rtol or [], atol or []), _shares(classes or []), pairs, _sizes(batch_sizes))
    model = load_model(candidate)
    reference = load_model(against)
    samples = load_inputs(inputs, model, pairs, white)
    with _progress() as advance:
        findings = run_gate(model, reference, samples, settings, advance)
    typer.echo(as_table(findings))  # first, as a full disk must not cost it
    write_reports(findings, report or [])
    if save_worst is not None and findings.worst is not None:
        write_worst(save_worst, findings.worst)
    if not findings.passed:
        first, *others = findings.failures
        more = f" (and {len(others)} more)" if others else ""
        raise OutputError(f"parity: {first.message}{more}")
    typer.echo(f"{candidate}: gives the outputs of {against}")


def _pairs(given: list[str]) -> tuple[tuple[str, str], ...]:
    pairs = []
    for text in given:
        name, equals, other = text.partition("=")
        if not equals or not (name or other):
            raise UsageError(f"--map: {text!r} is not CANDIDATE=REFERENCE")
        pairs.append((name, other))
    twice = {name for name, _ in pairs if name and [each for each, _ in pairs].count(name) > 1}
    if twice:
        raise UsageError(f"--map: names {', '.join(sorted(twice))} of the candidate twice")
    return tuple(pairs)


def _limits(rtol: list[str], atol: list[str]) -> Limits:
    from galaxy_export.gate.limits import Limits

    rtol_of, atol_of = (
        dict(_named_number(name, text, number(0)) for text in given)
        for name, given in (("--rtol", rtol), ("--atol", atol))
    )
    return Limits(rtol_of.pop("", None), atol_of.pop("", None), rtol_of, atol_of)


def _shares(given: list[str]) -> dict[str, float]:
    shares = {}
    for text in given:
        name, share = _named_number("--classes", text if "=" in text else f"{text}=1", number(0, 1))
        if not name:
            raise UsageError(f"--classes: {text!r} is not NAME or NAME=SHARE")
        shares[name] = share
    return shares


def _named_number(of: str, text: str, parse: Callable[[str], float]) -> tuple[str, float]:
    """Return the name, empty if there is none, and the number of NAME=NUMBER."""
    name, _, value = text.rpartition("=")
    try:
        return name, parse(value)
    except BadValueError as error:
        raise UsageError(f"{of}: {error}") from None


def _sizes(text: str | None) -> tuple[int, ...]:
    if text is None:
        return ()
    try:
        return tuple(whole_number(1)(part.strip()) for part in text.split(","))
    except BadValueError as error:
        raise UsageError(f"--batch-sizes: {error}") from None


@contextmanager
def _progress() -> Iterator[Callable[[int], None]]:
    """Count samples on a terminal, once it takes longer than `PATIENCE`."""
    if not sys.stderr.isatty():
        yield lambda count: None
        return
    from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

    from galaxy_classify.cli.progress import terminal_bar

    bar = terminal_bar(
        SpinnerColumn(), TextColumn("{task.completed:,.0f} samples run"), TimeElapsedColumn(), transient=True
    )
    task = bar.add_task("", total=None)
    start = time.monotonic()

    def advance(count: int) -> None:
        bar.advance(task, count)
        if not bar.live.is_started and time.monotonic() - start > PATIENCE:
            bar.start()

    try:
        yield advance
    finally:
        bar.stop()
