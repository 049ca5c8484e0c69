"""Ctrl-C: it waits for the end of what has been begun, ends a command with 130, and is never taken for a failure."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import onnxruntime
import pytest
import typer

from galaxy_classify import GalaxyClassifier, ModelError
from galaxy_classify.cli import runner
from galaxy_classify.cli.with_typer.errors import parsed
from galaxy_classify.process import InterruptHandler, interrupts_deferred, interrupts_once, was_interrupted


class Busy:
    """Something whose destructor is struck by Ctrl-C."""

    def __del__(self) -> None:
        signal.raise_signal(signal.SIGINT)


def test_an_interrupt_waits_for_the_end_of_the_block() -> None:
    """What has been begun is finished, then the run stops; also if it strikes a destructor, which would lose it."""
    done = []

    def work() -> None:
        with interrupts_deferred():
            signal.raise_signal(signal.SIGINT)
            busy = Busy()
            del busy
            done.append("finished")
        done.append("went on")

    with pytest.raises(KeyboardInterrupt):
        work()
    assert done == ["finished"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_without_an_interrupt_nothing_happens() -> None:
    """The block's own error goes through, and afterwards Ctrl-C works as before."""
    with pytest.raises(ValueError, match="own"), interrupts_deferred():
        raise ValueError("own")
    with interrupts_deferred():
        pass
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_another_handler_and_another_thread_are_left_alone() -> None:
    """A program that handles signals itself, or works in a thread, is not interfered with."""
    seen = []
    before = signal.signal(signal.SIGINT, lambda *_: seen.append("theirs"))
    try:
        with interrupts_deferred():
            signal.raise_signal(signal.SIGINT)
            assert seen == ["theirs"]
    finally:
        signal.signal(signal.SIGINT, before)

    def work() -> None:
        with interrupts_deferred():
            seen.append("in a thread")

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == ["theirs", "in a thread"]


@pytest.fixture
def own_handler() -> Iterator[InterruptHandler]:
    """Handle Ctrl-C as a command does."""
    with interrupts_once() as handler:
        yield handler


def test_a_second_press_is_one_with_the_first(own_handler: InterruptHandler, monkeypatch: pytest.MonkeyPatch) -> None:
    """It does not strike while the run is left; a later one does, so that nobody waits in vain."""
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    assert signal.getsignal(signal.SIGINT) is own_handler
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
    now += 0.5
    signal.raise_signal(signal.SIGINT)
    now += 0.6
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


@pytest.mark.usefixtures("own_handler")
def test_an_interrupt_that_strikes_a_destructor_is_not_lost(capsys: pytest.CaptureFixture[str]) -> None:
    """Python prints it there and goes on; it comes once more."""

    def work() -> None:
        busy = Busy()
        del busy
        for _ in range(500):
            time.sleep(0.01)

    with pytest.raises(KeyboardInterrupt):
        work()
    assert capsys.readouterr().err == ""


@pytest.mark.usefixtures("own_handler")
def test_presses_in_a_block_that_is_to_be_finished_are_one_interrupt() -> None:
    """However often; the command's own handler is back afterwards."""
    done = []

    def work() -> None:
        with interrupts_deferred():
            for _ in range(3):
                signal.raise_signal(signal.SIGINT)
            done.append("finished")

    with pytest.raises(KeyboardInterrupt):
        work()
    assert done == ["finished"]
    assert isinstance(signal.getsignal(signal.SIGINT), InterruptHandler)


def test_an_error_that_was_made_of_an_interrupt_is_known() -> None:
    """Libraries raise other errors from it, or while they handle it."""
    assert not was_interrupted(ValueError())
    try:
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt:
            raise ImportError("initialization failed") from None
    except ImportError as error:
        outer = RuntimeError()
        outer.__cause__ = error
        assert was_interrupted(outer)
        error.__context__.__context__ = outer  # type: ignore[union-attr] # a circle does not hang
        assert was_interrupted(outer)


def test_a_model_is_not_unusable_because_of_an_interrupt(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """ONNX Runtime makes an ImportError of a Ctrl-C while it is loaded."""

    class Interrupted:
        def __init__(self, *_: object, **__: object) -> None:
            raise ImportError("initialization failed") from KeyboardInterrupt()

    monkeypatch.setattr(onnxruntime, "InferenceSession", Interrupted)
    with pytest.raises(KeyboardInterrupt):
        GalaxyClassifier(tiny_model)


def test_a_model_is_loaded_to_the_end(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two presses while native code is at work wait until it is done: else it would abort the process."""
    made = []

    class Struck(onnxruntime.InferenceSession):  # type: ignore[misc]
        def __init__(self, *arguments: object, **options: object) -> None:
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)
            super().__init__(*arguments, **options)
            made.append(self)

    monkeypatch.setattr(onnxruntime, "InferenceSession", Struck)
    with pytest.raises(KeyboardInterrupt):
        GalaxyClassifier(tiny_model)
    assert len(made) == 1


@pytest.mark.parametrize("error", [KeyboardInterrupt, typer.Abort, ImportError, ModelError])
def test_whatever_an_interrupt_becomes_the_exit_code_is_130(
    error: type[BaseException], capsys: pytest.CaptureFixture[str], own_handler: InterruptHandler
) -> None:
    """Not 3, and no traceback."""

    def command(*, standalone_mode: bool) -> None:
        assert not standalone_mode
        raise error("made of it") from KeyboardInterrupt()

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(SystemExit) as ended:
        runner.run(parsed(command))
    assert ended.value.code == 130
    assert capsys.readouterr().err == "interrupted\n"
    assert before is own_handler


#: The command, which says when its own code begins: before, Python itself ends by the signal, in its own ways.
COMMAND = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # tests that run as a background job inherit an ignored one
from galaxy_classify.cli import main
old, main.run = main.run, lambda command: (print("ready", file=sys.stderr, flush=True), old(command))
main.main()
"""


@pytest.mark.slow
@pytest.mark.parametrize("milliseconds", [20, 80, 140, 200, 260])
def test_two_presses_at_any_time_end_with_130(drawn_images: Path, milliseconds: int) -> None:
    """While modules and the model are loaded, and while the process ends; or it was done before."""
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND, str(drawn_images), "-q"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    assert process.stderr is not None
    assert process.stderr.readline() == b"ready\n"
    time.sleep(milliseconds / 1000)
    process.send_signal(signal.SIGINT)
    time.sleep(0.008)
    process.send_signal(signal.SIGINT)
    errors = process.communicate(timeout=60)[1].decode()
    assert process.returncode in (0, 130), errors
    assert "Traceback" not in errors
    assert "not a usable" not in errors
