"""Calibrate int8 on a few images: each is run once for every activation, which takes most of the time of an export."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final
from unittest import mock

#: In place of 512.
FEW: Final = 64


@contextmanager
def with_few_calibration_images() -> Iterator[None]:
    """Do so until the block ends."""
    from galaxy_export.int8 import choose, convolutions

    with (
        mock.patch.object(convolutions, "CALIBRATION_IMAGES", FEW),
        mock.patch.object(choose, "CALIBRATION_IMAGES", FEW),
    ):
        yield
