"""Import ONNX Runtime so that it sends nothing, stores nothing and prints nothing."""

from __future__ import annotations

import os
import sys
from typing import Any, Final

#: ONNX Runtime reads this when it is loaded (version 1.29 and later). Without it, its official builds write an
#: identifier and a database of events below the user's cache folder, and send the events to their maker.
NO_TELEMETRY: Final = "ORT_DISABLE_TELEMETRY"
#: Only what ends the process is logged: other errors are exceptions, and warnings are about the machine.
FATAL: Final = 4


def switch_off_telemetry() -> None:
    """Keep ONNX Runtime, which is loaded later by this process or its children, from collecting anything.

    Whoever wants telemetry may set the environment variable to 0.
    """
    os.environ.setdefault(NO_TELEMETRY, "1")


def load_onnxruntime() -> Any:
    """Import ONNX Runtime late, as ``--help`` must not wait for it, and return the module."""
    loaded_by_others = "onnxruntime" in sys.modules
    switch_off_telemetry()
    import onnxruntime

    if os.environ[NO_TELEMETRY] != "0":
        # Where the variable is not read: earlier versions on Windows, and a program that loaded ONNX Runtime before.
        onnxruntime.disable_telemetry_events()
    if not loaded_by_others:
        onnxruntime.set_default_logger_severity(FATAL)
    return onnxruntime
