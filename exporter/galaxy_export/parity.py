"""Compare two models in your own tests, with `assert_parity`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from os import PathLike, fspath
from pathlib import Path
from typing import Any

from galaxy_export.gate.inputs.load import given_inputs, load_inputs
from galaxy_export.gate.limits import Limits
from galaxy_export.gate.models.load import as_model
from galaxy_export.gate.report import save_worst as write_worst
from galaxy_export.gate.report import write_reports
from galaxy_export.gate.run import Settings, run_gate
from galaxy_export.gate.tables import check_report_paths, check_worst_path

__all__ = ["assert_parity"]


def assert_parity(
    candidate: Any,
    reference: Any,
    inputs: Any,
    *,
    rtol: float | Mapping[str, float] | None = None,
    atol: float | Mapping[str, float] | None = None,
    classes: str | Iterable[str] | Mapping[str, float] = (),
    names: Mapping[str, str] | Iterable[tuple[str, str]] = (),
    batch_sizes: Sequence[int] = (),
    white: float | None = None,
    save_worst: str | PathLike[str] | None = None,
    report: str | PathLike[str] | None = None,
) -> None:
    """Assert that a model gives the outputs of the one that it was made from, alone and in batches.

    Parameters
    ----------
    candidate, reference : str, path, callable, bytes or model
        Each a file (``.onnx``, ``.keras``, the folder of a SavedModel), ``module:function``, a function from arrays to
        arrays, a Keras model, or an ONNX model or the bytes of its file. A function takes one array for each input,
        by name or in order, and returns an array, a tuple of arrays or a dict of them.
    inputs : ndarray, mapping of str to ndarray, str or path
        Samples along the first axis: one array for a model with one input, arrays by the names of the candidate's
        inputs, an NPZ or HDF5 file of such arrays, or a folder of images.
    rtol, atol : float or mapping of str to float, optional
        Limits: a value may be ``atol`` away, or ``rtol`` times the reference's largest value for the same sample and
        output, whichever is more. One number is for all outputs of floats, a mapping for single outputs. By default
        1e-4 and 1e-5, for float16 1e-2 and 1e-3; integers, booleans and text must be equal.
    classes : str, iterable of str, or mapping of str to float, optional
        Outputs that hold classes or scores of them: each sample must keep its class, unless the reference's two
        largest scores are closer than 1e-4. A mapping gives the share of samples that must.
    names : mapping or iterable of pairs, optional
        Names of inputs or outputs of the candidate, with those of the reference that belong to them. With an empty
        name, the other output is left out.
    batch_sizes : sequence of int, optional
        By default 1, 3, 17, 64 and 256, as far as there are samples.
    white : float, optional
        The value of white, for inputs of floats that are made of a folder of images.
    save_worst : str or path, optional
        NPZ file for the worst sample, if the candidate is refused.
    report : str or path, optional
        File for a report, whether it passes or fails: ``.json`` or ``.md``.

    Raises
    ------
    OutputError
        If the candidate is refused, which is an `AssertionError`; the message says for each output which sample is how
        far from the reference's, and the limit.
    GalaxyClassifyError
        If the models cannot be compared.

    Examples
    --------
    >>> import numpy as np
    >>> samples = {"x": np.linspace(0, 1, 20, dtype=np.float32).reshape(5, 4)}
    >>> assert_parity(lambda x: 2 * x, lambda x: x + x, samples)
    >>> assert_parity(lambda x: np.minimum(2 * x, 1.9), lambda x: x + x, samples)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    galaxy_classify.errors.OutputError: parity: output 'output' of sample 4 at [3] is 1.9, the reference gives 2: ...
    """
    reports = [Path(report)] if report is not None else []
    check_report_paths(reports)
    worst = Path(save_worst) if save_worst is not None else None
    if worst is not None:
        check_worst_path(worst)
    pairs = tuple(names.items() if isinstance(names, Mapping) else names)
    model = as_model(candidate, "candidate")
    if isinstance(inputs, str | PathLike):
        samples = load_inputs(Path(fspath(inputs)), model, pairs, white)
    else:
        samples = given_inputs(inputs, model, pairs)
    settings = Settings(_limits(rtol, atol), _shares(classes), pairs, tuple(batch_sizes))
    findings = run_gate(model, as_model(reference, "reference"), samples, settings)
    write_reports(findings, reports)
    if worst is not None and findings.worst is not None:
        write_worst(worst, findings.worst)
    findings.check()


def _limits(rtol: float | Mapping[str, float] | None, atol: float | Mapping[str, float] | None) -> Limits:
    rtol_of, atol_of = (dict(given) if isinstance(given, Mapping) else {} for given in (rtol, atol))
    overall_rtol, overall_atol = (None if isinstance(given, Mapping) else given for given in (rtol, atol))
    return Limits(overall_rtol, overall_atol, rtol_of, atol_of)


def _shares(classes: str | Iterable[str] | Mapping[str, float]) -> dict[str, float]:
    if isinstance(classes, Mapping):
        return dict(classes)
    return dict.fromkeys([classes] if isinstance(classes, str) else classes, 1.0)
