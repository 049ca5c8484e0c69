"""Execution providers: which there are, and what becomes of those that are not."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

from galaxy_classify import GalaxyClassifier
from galaxy_classify.errors import UsageError
from galaxy_classify.inference.session import available_providers, open_session


@pytest.fixture
def offers_cuda(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Let ONNX Runtime offer CUDA as its GPU build does, and note what it is asked for."""
    asked: list[list[str]] = []

    class Session:
        def __init__(self, content: bytes, sess_options: Any, providers: list[str], **_: object) -> None:
            self._enable_fallback = True
            asked.append(providers)
            self.providers = providers if "works" in str(content) else providers[1:] or providers
            if self.providers != providers:
                if not self._enable_fallback:
                    raise RuntimeError("EP Error")
                print("EP Error: falling back")  # noqa: T201 - as ONNX Runtime does

        def get_providers(self) -> list[str]:
            return self.providers

    monkeypatch.setattr(
        onnxruntime, "get_available_providers", lambda: ["CUDAExecutionProvider", "CPUExecutionProvider"]
    )
    monkeypatch.setattr(onnxruntime, "InferenceSession", Session)
    return asked


def test_the_cpu_is_always_there_and_remote_services_never() -> None:
    """Images do not leave the machine unasked."""
    assert "cpu" in available_providers()
    assert "azure" not in available_providers()


def test_a_missing_provider_is_an_error_that_lists_the_others(tiny_model: Path) -> None:
    """Nobody is left to believe that a GPU did the work."""
    with pytest.raises(UsageError, match=r"provider 'tpu' is not available: the installed ONNX Runtime offers .*cpu"):
        GalaxyClassifier(tiny_model, provider="tpu")


def test_auto_is_the_cpu_without_a_gpu(tiny_model: Path) -> None:
    """The usual installation."""
    assert GalaxyClassifier(tiny_model).model.provider == "cpu"


def test_auto_takes_a_gpu_that_works(offers_cuda: list[list[str]]) -> None:
    """An installation with GPU support needs no option."""
    _, provider = open_session(b"works", "auto")
    assert provider == "cuda"
    assert offers_cuda == [["CUDAExecutionProvider", "CPUExecutionProvider"]]


def test_auto_does_without_a_gpu_that_does_not_work(
    offers_cuda: list[list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    """A login node has the GPU build but no GPU; what ONNX Runtime says of it must not get among the rows."""
    _, provider = open_session(b"no device", "auto")
    assert provider == "cpu"
    assert offers_cuda[-1] == ["CPUExecutionProvider"]
    assert capsys.readouterr().out == ""


@pytest.mark.usefixtures("offers_cuda")
def test_a_gpu_that_was_asked_for_and_does_not_work_is_an_error() -> None:
    """Not a quiet fall back to the CPU."""
    with pytest.raises(UsageError, match="'cuda' does not work on this machine"):
        open_session(b"no device", "cuda")


def test_the_cpu_can_be_asked_for(offers_cuda: list[list[str]]) -> None:
    """Also where there is a GPU."""
    assert open_session(b"works", "cpu")[1] == "cpu"
    assert offers_cuda == [["CPUExecutionProvider"]]


@pytest.mark.skipif("openvino" not in available_providers(), reason="onnxruntime-openvino is not installed")
def test_another_provider_gives_the_same_classes(drawn_images: Path) -> None:
    """Within the last digits, as `--self-test` allows."""
    paths = sorted(drawn_images.iterdir())
    here, there = (list(GalaxyClassifier(provider=name).classify(paths)) for name in ("cpu", "openvino"))
    assert [row.label for row in here] == [row.label for row in there]
    for one, other in zip(here, there, strict=True):
        assert np.allclose(list(one.probabilities.values()), list(other.probabilities.values()), atol=0.02)


def test_standard_output_is_given_back(offers_cuda: list[list[str]]) -> None:
    """What is diverted while a session opens is diverted no longer than that."""
    before = sys.stdout
    open_session(b"no device", "auto")
    assert sys.stdout is before
    assert offers_cuda
