"""Import TensorFlow without its messages about builds and missing GPUs."""

from __future__ import annotations

import logging
import os
import sys
import tempfile
from importlib import import_module


def import_tensorflow_quietly() -> None:
    """Import TensorFlow; what it writes to stderr meanwhile is shown only if the import fails, later its errors only.

    TensorFlow's C++ side greets with several lines, before it reads any log level, on the file descriptor
    that belongs to the user's error messages.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.stderr.flush()
    stderr = os.dup(2)
    with tempfile.TemporaryFile() as captured:
        os.dup2(captured.fileno(), 2)
        try:
            import_module("tensorflow")
        except BaseException:
            captured.seek(0)
            os.write(stderr, captured.read())
            raise
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
    # Its Python side would warn of each further network that is asked, as of a mistake in its user's program.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
