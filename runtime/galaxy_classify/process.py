"""Process-wide settings: Ctrl-C, memory allocator, warnings, Pillow's pixel limit. Only commands make lasting ones."""

from __future__ import annotations

import _thread
import atexit
import os
import signal
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

from galaxy_classify.defaults import MAX_PIXELS
from galaxy_classify.errors import EXIT_INTERRUPTED


def prepare_process(max_pixels: int) -> None:
    """Set up a process of the command; Pillow's own limit must not be lower than `max_pixels`."""
    from PIL import Image

    keep_freed_memory()
    silence_libtiff()
    # Pillow and Astropy warn on stderr of what the image's row says already.
    warnings.filterwarnings("ignore", module=r"(PIL|astropy)\.")
    Image.MAX_IMAGE_PIXELS = max(max_pixels, MAX_PIXELS)


def use_one_blas_thread() -> None:
    """Keep NumPy, which is loaded later by this process or its children, from starting threads for linear algebra.

    OpenBLAS starts one for each CPU when it is loaded, which takes a sixth of the time that all imports take. Worker
    threads keep the CPUs busy already, and only the map of the report needs linear algebra. A setting of the user's
    stays.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def silence_libtiff() -> None:
    """Keep libtiff from writing to the standard error stream what the image's row says already.

    It does so by itself, below Python, and Pillow offers no way to stop it. Where its library cannot be reached through
    Pillow's, as on Windows, the lines go on being written.
    """
    import ctypes  # --help and --version start without it

    from PIL import _imaging

    try:
        set_handler = ctypes.CDLL(_imaging.__file__).TIFFSetErrorHandler
    except (OSError, TypeError, AttributeError):
        return
    set_handler.argtypes, set_handler.restype = [ctypes.c_void_p], ctypes.c_void_p
    set_handler(None)


#: ``M_TRIM_THRESHOLD`` and ``M_MMAP_THRESHOLD`` of glibc's malloc.h.
_TRIM_THRESHOLD: Final = -1


_MMAP_THRESHOLD: Final = -3


#: The largest value that glibc takes for either.
_KEPT_BYTES: Final = 32 * 1024 * 1024


def keep_freed_memory() -> None:
    """Keep freed memory for reuse instead of returning it to the system.

    A decoded survey image has half a megabyte. By default glibc may give that back when it is freed, only to ask for it
    again for the next image; the system then clears it page by page, which took as long as the decoding itself. This is
    a setting of the whole process, so it is the command's to make, not the library's. Other C libraries are left alone.
    """
    import ctypes

    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, TypeError, AttributeError):
        return
    mallopt(_TRIM_THRESHOLD, _KEPT_BYTES)
    mallopt(_MMAP_THRESHOLD, _KEPT_BYTES)


#: A second Ctrl-C within this time is one with the first: people press it twice, and it may reach a process twice.
SAME_PRESS_SECONDS: Final = 1.0
AGAIN_SECONDS: Final = 0.02


class InterruptHandler:
    """Raise `KeyboardInterrupt` on Ctrl-C, but not again while the first one is on its way.

    A second one would be raised among the destructors and in the native code that a run leaves through, where it is
    lost or aborts the process. Once the process is ending (`ending`), a late Ctrl-C ends it at once.
    """

    def __init__(self) -> None:
        self._last = -SAME_PRESS_SECONDS
        self.ending = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Handle the signal."""
        now = time.monotonic()
        if now - self._last < SAME_PRESS_SECONDS:
            return
        self._last = now
        if self.ending:
            os._exit(EXIT_INTERRUPTED)
        raise KeyboardInterrupt

    def raise_again(self) -> None:
        """Raise an interrupt that was lost in a destructor once more, a little later."""
        self._last = -SAME_PRESS_SECONDS
        again = threading.Timer(AGAIN_SECONDS, _thread.interrupt_main)
        again.daemon = True
        again.start()


@contextmanager
def interrupts_once() -> Iterator[InterruptHandler]:
    """Handle Ctrl-C by an `InterruptHandler` in a command; it stays in force for the rest of a process that is ending.

    Nothing is changed outside the main thread, or where the signal has another handler.
    """
    handler = InterruptHandler()
    if not _raises_interrupts():
        yield handler
        return
    before, hook = signal.signal(signal.SIGINT, handler), sys.unraisablehook

    def take_up(lost: sys.UnraisableHookArgs) -> None:
        if issubclass(lost.exc_type, KeyboardInterrupt):
            handler.raise_again()
        else:
            hook(lost)

    sys.unraisablehook = take_up
    try:
        yield handler
    finally:
        sys.unraisablehook = hook
        # Python restores the system's handler when it ends, which would change the exit code, be it 130 or 0.
        atexit.register(signal.signal, signal.SIGINT, signal.SIG_IGN)
        if not handler.ending:
            signal.signal(signal.SIGINT, before)


@contextmanager
def interrupts_deferred() -> Iterator[None]:
    """Finish the block before a Ctrl-C takes effect.

    Python prints a KeyboardInterrupt that is raised in a destructor, and goes on: the interrupt is lost. Native code
    turns one into an error of its own, or aborts the process. So it must not be raised while objects with long
    destructors, such as Dask's futures, are deleted, or while ONNX Runtime is loaded. Nothing is changed outside the
    main thread, or where the signal has another handler.

    Raises
    ------
    KeyboardInterrupt
        After the block, if Ctrl-C was pressed during it.
    """
    if not _raises_interrupts():
        yield
        return
    pressed = False

    def note(number: int, frame: FrameType | None) -> None:
        nonlocal pressed
        pressed = True

    before = signal.signal(signal.SIGINT, note)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if pressed:
        signal.raise_signal(signal.SIGINT)


def _raises_interrupts() -> bool:
    """Tell whether this is the main thread, and Ctrl-C raises `KeyboardInterrupt` in it."""
    handler = signal.getsignal(signal.SIGINT)
    in_main_thread = threading.current_thread() is threading.main_thread()
    return in_main_thread and (handler is signal.default_int_handler or isinstance(handler, InterruptHandler))


def was_interrupted(error: BaseException) -> bool:
    """Tell whether an error was made of a `KeyboardInterrupt`, as native code does that runs Python."""
    seen: list[BaseException] = []
    todo: list[BaseException | None] = [error]
    while todo:
        found = todo.pop()
        if isinstance(found, KeyboardInterrupt):
            return True
        if found is not None and found not in seen:
            seen.append(found)
            todo += [found.__cause__, found.__context__]
    return False
