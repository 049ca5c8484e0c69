"""Create ONNX Runtime sessions for use by several worker threads, on a chosen execution provider."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from galaxy_classify.defaults import AUTO
from galaxy_classify.errors import UsageError
from galaxy_classify.inference.onnx_runtime import FATAL, load_onnxruntime
from galaxy_classify.process import interrupts_deferred

#: ``auto`` uses the first of these that is installed and works on this machine, else the CPU.
GPU_PROVIDERS: Final = ("cuda", "rocm", "migraphx", "dml")
#: Never offered: these providers send the images to a service on the network.
REMOTE_PROVIDERS: Final = ("azure",)
CPU: Final = "cpu"
_SUFFIX: Final = "ExecutionProvider"


def available_providers() -> dict[str, str]:
    """Return the execution providers of the installed ONNX Runtime: name for ``--provider`` to ONNX Runtime's name.

    Examples
    --------
    >>> available_providers()["cpu"]
    'CPUExecutionProvider'
    """
    names = {name.removesuffix(_SUFFIX).lower(): name for name in load_onnxruntime().get_available_providers()}
    return {short: name for short, name in names.items() if short not in REMOTE_PROVIDERS}


def open_session(content: bytes, provider: str = CPU) -> tuple[Any, str]:
    """Create a session for the bytes of an ONNX file; return it and the short name of the provider that it uses.

    Raises
    ------
    UsageError
        If the requested provider is not available.
    Exception
        Whatever ONNX Runtime raises on a graph that it cannot run; its errors have no common base.
    """
    # ONNX Runtime makes other errors of a Ctrl-C while it is loaded, and a second one aborts the process.
    with interrupts_deferred():
        return _open_first(content, provider)


def _open_first(content: bytes, provider: str) -> tuple[Any, str]:
    available = available_providers()
    if provider == AUTO:
        for name in GPU_PROVIDERS:
            if name in available and (session := _open(content, available[name])) is not None:
                return session, name
        provider = CPU
    if provider not in available:
        raise UsageError(
            f"provider {provider!r} is not available: the installed ONNX Runtime offers {', '.join(sorted(available))}"
        )
    session = _open(content, available[provider])
    if session is None:
        raise UsageError(
            f"provider {provider!r} does not work on this machine: its device or driver is missing; "
            f"the installed ONNX Runtime offers {', '.join(sorted(available))}"
        )
    return session, provider


def _open(content: bytes, name: str) -> Any:
    """Create a session with this provider, or return None if the provider does not work on this machine."""
    onnxruntime = load_onnxruntime()
    options = onnxruntime.SessionOptions()
    # Our worker threads already use all cores. ONNX Runtime's own threads would spin and compete with them.
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # Else an ONNX file with "ORTM" at its fifth byte would be read as ONNX Runtime's own format, which nobody checked.
    options.add_session_config_entry("session.load_model_format", "ONNX")
    options.log_severity_level = FATAL
    # An environment variable could else make ONNX Runtime take options from the model's metadata.
    make = partial(_without_fallback(onnxruntime), content, sess_options=options, read_config_from_model=0)
    if name == "CPU" + _SUFFIX:
        return make(providers=[name])
    try:
        # The CPU provider is listed too, for operators that the device does not support.
        session = make(providers=[name, "CPU" + _SUFFIX])
    except Exception:  # no driver or device; an unusable graph shows when the CPU provider is tried
        return None
    return session if session.get_providers()[0] == name else None


def _without_fallback(onnxruntime: Any) -> Any:
    """Return ONNX Runtime's class of sessions, but one that does not go on with another provider if its own fails.

    ONNX Runtime would say so on standard output, where the rows go, and the recorded provider would be wrong. In older
    versions no argument turns that off while the session is made.
    """

    class Session(onnxruntime.InferenceSession):  # type: ignore[misc] # it has no types
        _enable_fallback = property(lambda self: False, lambda self, value: None)

    return Session
