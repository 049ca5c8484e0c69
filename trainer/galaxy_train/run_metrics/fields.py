"""Read the fields of a record from JSON, and leave optional ones without a value out of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any

from galaxy_classify.errors import DataError


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


def without_absent(content: dict[str, Any], key: str) -> dict[str, Any]:
    """Leave out an optional key that has no value."""
    return {name: value for name, value in content.items() if name != key or value is not None}
