"""Take the results on the test set out of a model's metadata, in the form of a card's header."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from galaxy_classify.inference.contract import ModelDescription
from galaxy_train.evaluation.metrics import BINS

TASK: Final = "image-classification"
#: Metrics by their key in the metadata: type on the hub, name for readers, arguments.
METRICS: Final[Mapping[str, tuple[str, str, dict[str, Any]]]] = {
    "accuracy": ("accuracy", "Accuracy", {}),
    "macro_recall": ("recall", "Macro recall", {"average": "macro"}),
    "calibration_error": ("expected_calibration_error", f"Expected calibration error, {BINS} bins", {"bins": BINS}),
}
#: Digits of a checksum in a data set's identifier, as in a model's.
DIGITS: Final = 12


def training_sets(about: ModelDescription) -> list[str]:
    """Return the identifier of the training set, as far as the metadata record it."""
    record = _mapping(about.training, "data", "train")
    return [_identifier(record["file"], record)] if _is_named(record) else []


def results(about: ModelDescription) -> list[dict[str, Any]]:
    """Return the results that a model file records: an entry for each data set, with its metrics.

    Data sets have the names and checksums that were recorded; a hub's names for them are not known here. Of an int8
    file, the metrics are its own where the export has measured them, else those of the network before int8.
    """
    test, int8 = _mapping(about.training, "test"), _mapping(about.parity, "int8")
    test_set = {**_mapping(about.training, "data", "test"), "images": test.get("images"), "split": "test"}
    gate_set = {"file": about.parity.get("images_from"), "images": about.parity.get("images")}
    if gate_set.items() <= test_set.items():  # int8 was measured on the test set
        gate_set = test_set
    entries: list[dict[str, Any]] = []
    for key, (kind, name, arguments) in METRICS.items():
        value, record = _share(int8.get(key)), gate_set
        if value is None:
            value, record = _share(test.get(key)), test_set
            name += " before int8" if int8 else ""
        if value is None:
            continue
        data_set = _data_set(record)
        entry = next((each for each in entries if each["dataset"] == data_set), None)
        if entry is None:
            entry = {"task": {"type": TASK, "name": "Image classification"}, "dataset": data_set, "metrics": []}
            entries.append(entry)
        metric = {"type": kind, "value": value, "name": name}
        entry["metrics"].append(metric | ({"args": arguments} if arguments else {}))
    return entries


def _data_set(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return a data set as it was recorded: name, identifier, file, checksum and number of images."""
    if not _is_named(record):
        return {"name": "not recorded", "type": "unknown"}
    file, count, sha256 = record["file"], record.get("images"), record.get("sha256")
    split = {"split": record["split"]} if "split" in record else {}
    details: dict[str, Any] = {"file": file}
    name = file
    if isinstance(count, int):
        details["images"] = count
        name += f", {count:,} images"
    if isinstance(sha256, str) and sha256:
        details["sha256"] = sha256
        name += f", SHA-256 {sha256[:DIGITS]}"
    return {"name": name, "type": _identifier(file, record), **split, "args": details}


def _identifier(file: str, record: Mapping[str, Any]) -> str:
    """Return a data set's name in the characters that identifiers have on a hub; no two data sets have the same."""
    sha256 = record.get("sha256")
    words = re.findall(r"\w+", file.partition(".")[0], re.ASCII)
    digits = re.findall(r"\w+", sha256[:DIGITS], re.ASCII) if isinstance(sha256, str) else []
    return "-".join(["-".join(words)[:60].strip("-") or "data", *digits])


def _is_named(record: Mapping[str, Any]) -> bool:
    return isinstance(record.get("file"), str) and bool(record["file"])


def _mapping(value: Any, *keys: str) -> Mapping[str, Any]:
    """Return a mapping within mappings, empty if it is not there: training and parity may hold anything."""
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value if isinstance(value, Mapping) else {}


def _share(value: Any) -> float | None:
    """Return a number between 0 and 1, None for anything else."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and 0 <= value <= 1 else None
