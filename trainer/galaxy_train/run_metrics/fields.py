"""Read the fields of a record from JSON, and leave optional ones without a value out of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields
from typing import Any, TypeVar

from galaxy_classify.errors import DataError

Record = TypeVar("Record")


def field_values(record: type, content: Any) -> dict[str, Any]:
    """Return the values of a record's fields from a JSON object; fields with a default may be missing."""
    if not isinstance(content, Mapping):
        raise DataError("is damaged: a part of it is no JSON object")
    values = {}
    for field in fields(record):
        if field.name in content:
            values[field.name] = content[field.name]
        elif field.default is MISSING:
            raise DataError(f"has no {field.name}")
    return values


def by_name(read: Callable[[Any], Record], content: Any) -> dict[str, Record] | None:
    """Read records that stand under names of their own in a JSON object; None if there is no such object."""
    if content is None:
        return None
    if not isinstance(content, Mapping):
        raise DataError("is damaged: a part of it is no JSON object")
    return {name: read(value) for name, value in content.items()}


def without_absent(content: dict[str, Any], *optional: str) -> dict[str, Any]:
    """Leave out optional keys that have no value."""
    return {name: value for name, value in content.items() if name not in optional or value is not None}
