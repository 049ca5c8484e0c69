"""Let ONNX Runtime use one thread where nobody has chosen a number, as the exporter does not."""

from __future__ import annotations

from functools import wraps
from typing import Any

import onnxruntime


def use_one_thread() -> None:
    """Do so in this process from now on: a second thread waits in a busy loop, and takes the core of other tests."""
    begin = onnxruntime.InferenceSession.__init__

    @wraps(begin)
    def begin_with_one(self: Any, content: Any, sess_options: Any = None, *arguments: Any, **named: Any) -> None:
        options = onnxruntime.SessionOptions() if sess_options is None else sess_options
        if not options.intra_op_num_threads:
            options.intra_op_num_threads = 1
        begin(self, content, options, *arguments, **named)

    onnxruntime.InferenceSession.__init__ = begin_with_one
