"""ONNX Runtime sessions, set up so that our worker threads can run them side by side."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from typing import Any, Final

from galaxy_classify.defaults import AUTO
from galaxy_classify.errors import UsageError

#: ``auto`` takes the first of these that the installed ONNX Runtime brings and this machine has, else the CPU.
GPU_PROVIDERS: Final = ("cuda", "rocm", "migraphx", "dml")


#: Providers that hand images to a service on the network: nothing leaves the machine unasked.
REMOTE_PROVIDERS: Final = ("azure",)


CPU: Final = "cpu"


_SUFFIX: Final = "ExecutionProvider"


def available_providers() -> dict[str, str]:
    """Return the execution providers of the installed ONNX Runtime, by the names that ``--provider`` takes.

    Returns
    -------
    dict of str to str
        Short name, in lower case, to ONNX Runtime's name.

    Examples
    --------
    >>> available_providers()["cpu"]
    'CPUExecutionProvider'
    """
    import onnxruntime  # here, because it is loaded only when a model is

    names = {name.removesuffix(_SUFFIX).lower(): name for name in onnxruntime.get_available_providers()}
    return {short: name for short, name in names.items() if short not in REMOTE_PROVIDERS}


def open_session(content: bytes, provider: str = CPU) -> tuple[Any, str]:
    """Open a session for a graph.

    Parameters
    ----------
    content : bytes
        The ONNX file.
    provider : str, optional
        Where to run it: a name in `available_providers`, or ``auto``.

    Returns
    -------
    tuple of (onnxruntime.InferenceSession, str)
        The session, and the short name of the provider that it uses.

    Raises
    ------
    UsageError
        If the provider that was asked for is not there.
    Exception
        Whatever ONNX Runtime raises on a graph that it cannot run; its errors have no common base.
    """
    available = available_providers()
    if provider == AUTO:
        for name in GPU_PROVIDERS:
            if name in available and (session := _open(content, available[name])) is not None:
                return session, name
        provider = CPU
    if provider not in available:
        raise UsageError(
            f"provider {provider!r} is not there: the installed ONNX Runtime offers {', '.join(sorted(available))}"
        )
    session = _open(content, available[provider])
    if session is None:
        raise UsageError(
            f"provider {provider!r} does not work on this machine, its device or driver is missing; "
            f"the installed ONNX Runtime offers {', '.join(sorted(available))}"
        )
    return session, provider


def _open(content: bytes, name: str) -> Any:
    """Return a session with this provider, or None if it cannot be used on this machine."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    # Parallelism comes from our worker threads: threads of ONNX Runtime's own would spin against them.
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    if name == "CPU" + _SUFFIX:
        return onnxruntime.InferenceSession(content, sess_options=options, providers=[name])
    # What the device cannot do runs on the CPU. That a device is missing, ONNX Runtime says on standard output, among
    # the rows.
    options.log_severity_level = 4
    try:
        with redirect_stdout(sys.stderr):
            session = onnxruntime.InferenceSession(content, sess_options=options, providers=[name, "CPU" + _SUFFIX])
    except Exception:  # a driver or device that is missing; the graph itself is tried on the CPU
        return None
    session.disable_fallback()  # what was recorded as the provider must not change half way
    return session if session.get_providers()[0] == name else None
