"""Files in formats of others, checked against their published schemas, which check-jsonschema brings along."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest


def read_yaml(file: Path) -> Any:
    """Return the content of a YAML file; PyYAML reads the key `on` as True, as YAML 1.1 has it."""
    yaml: Any = pytest.importorskip("yaml")
    return yaml.safe_load(file.read_text(encoding="utf-8"))


def assert_valid(schema: str, *files: Path) -> None:
    """Check files against a schema, such as ``github-workflows``; CI has to have the program that does it."""
    if find_spec("check_jsonschema") is None and not os.environ.get("CI"):
        pytest.skip("check-jsonschema is not installed")
    assert files
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", f"vendor.{schema}", *map(str, files)]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr
