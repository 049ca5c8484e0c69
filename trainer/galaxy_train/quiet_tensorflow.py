"""Import TensorFlow without its start-up messages about builds and missing GPUs."""

from __future__ import annotations

import logging
import os
import sys
import tempfile
from importlib import import_module


def keras_backend() -> str:
    """Return the package that Keras computes with: ``tensorflow``, or what the variable ``KERAS_BACKEND`` names."""
    return os.environ.get("KERAS_BACKEND") or "tensorflow"


def import_keras_quietly() -> None:
    """Import Keras with its backend, TensorFlow quietly."""
    if keras_backend() == "tensorflow":
        import_tensorflow_quietly()
    else:
        import_module("keras")


def make_deterministic() -> None:
    """Make trainings repeatable: with TensorFlow, some operations add in an order that changes from run to run."""
    if keras_backend() == "tensorflow":
        import_module("tensorflow").config.experimental.enable_op_determinism()


def import_tensorflow_quietly() -> None:
    """Import TensorFlow; show what it writes to stderr only if the import fails, and later only its errors."""
    # The C++ side writes to file descriptor 2 before it reads any log level, so the descriptor itself is redirected.
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
    # The Python side warns of retracing when several networks predict in turn; that is not the user's mistake.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
