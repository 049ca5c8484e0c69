"""The classifier inside another program: threads, processes, and no traces."""

from __future__ import annotations

import logging
import os
import pickle
import shutil
import signal
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFile

from galaxy_classify import GalaxyClassifier
from galaxy_classify.errors import ModelError, UsageError
from galaxy_painter import paint_set


def test_eight_threads_share_one_classifier(drawn_images: Path) -> None:
    """They get the same answers as one thread alone."""
    images, _ = paint_set(per_class=8, seed=11)
    paths = sorted(drawn_images.iterdir())
    classifier = GalaxyClassifier(threads=2)
    expected, rows = classifier.predict_proba(images), list(classifier.classify(paths))
    with ThreadPoolExecutor(8) as pool:
        for found in pool.map(lambda _: classifier.predict_proba(images), range(32)):
            assert np.array_equal(found, expected)
        for found_rows in pool.map(lambda _: list(classifier.classify(paths, batch_size=2)), range(16)):
            assert found_rows == rows


def test_a_classifier_can_be_pickled() -> None:
    """Dask, Ray and multiprocessing send it to other processes; it is the same model there, with the same settings."""
    classifier = GalaxyClassifier(threads=3, max_pixels=1_000_000)
    copy = pickle.loads(pickle.dumps(classifier))  # noqa: S301
    assert copy.model.identity == classifier.model.identity
    assert (copy.threads, copy.max_pixels) == (3, 1_000_000)
    images, _ = paint_set(per_class=2, seed=1)
    assert np.array_equal(copy.predict_proba(images), classifier.predict_proba(images))
    assert len(pickle.dumps(classifier)) < 1000


def test_another_process_never_loads_another_model(tiny_model: Path, tmp_path: Path) -> None:
    """A model file that was replaced meanwhile is refused."""
    path = tmp_path / "model.onnx"
    shutil.copy(tiny_model, path)
    pickled = pickle.dumps(GalaxyClassifier(path))
    assert pickle.loads(pickled).model.source.path == path  # noqa: S301
    content = path.read_bytes()
    path.write_bytes(content.replace(b"1.0.0", b"1.0.1"))
    with pytest.raises(ModelError, match="was changed or damaged"):
        pickle.loads(pickled)  # noqa: S301


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_worker_processes_give_the_same_answers(method: str, tmp_path: Path) -> None:
    """A classifier that was made and used in the parent works in children, however they are started."""
    script = tmp_path / "work.py"
    script.write_text(
        f"""
import multiprocessing
import numpy as np
from galaxy_classify import GalaxyClassifier

images = np.random.default_rng(0).integers(0, 255, (20, 64, 64, 3), dtype=np.uint8)

def work(classifier):
    return classifier.predict_proba(images)

if __name__ == "__main__":
    classifier = GalaxyClassifier(threads=2)
    expected = work(classifier)
    with multiprocessing.get_context("{method}").Pool(2) as pool:
        for found in pool.map(work, [classifier] * 4):
            assert np.array_equal(found, expected)
    print("same")
"""
    )
    result = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=120, check=False)
    assert result.stdout == "same\n", result.stderr


def test_closing_releases_the_model(drawn_images: Path) -> None:
    """A closed classifier says so; rows that were asked for before still come."""
    with GalaxyClassifier() as classifier:
        rows = classifier.classify(sorted(drawn_images.iterdir()))
    assert len(list(rows)) == 4
    for use in (
        lambda: classifier.predict_proba([]),
        lambda: classifier.classify([]),
        lambda: pickle.dumps(classifier),
        lambda: classifier.model,
    ):
        with pytest.raises(UsageError, match="was closed"):
            use()
    classifier.close()


def test_what_happens_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Under one logger, which a pipeline can turn up or off; nothing is printed."""
    caplog.set_level(logging.DEBUG, "galaxy_classify")
    classifier = GalaxyClassifier()
    list(classifier.classify([tmp_path / "none.jpg"]))
    messages = [record.getMessage() for record in caplog.records]
    assert messages[0].startswith(f"loaded model {classifier.model.identity} from ")
    assert messages[1] == f"{str(tmp_path / 'none.jpg')!r}: no such file"
    assert {record.name for record in caplog.records} == {"galaxy_classify"}


def test_no_global_state_is_changed(drawn_images: Path) -> None:
    """Pillow's settings, warnings, logging, signals and the environment belong to the host program."""

    def state() -> tuple[object, ...]:
        return (
            Image.MAX_IMAGE_PIXELS,
            ImageFile.LOAD_TRUNCATED_IMAGES,
            list(warnings.filters),
            logging.getLogger().level,
            list(logging.getLogger().handlers),
            logging.getLogger("galaxy_classify").handlers,
            [signal.getsignal(number) for number in signal.valid_signals()],
            dict(os.environ),
            os.getcwd(),
            np.geterr(),
        )

    before = state()
    with GalaxyClassifier(max_pixels=200_000_000) as classifier:
        list(classifier.classify([*drawn_images.iterdir(), "none.jpg"]))
        classifier.predict(np.asarray(paint_set(per_class=1, seed=1)[0]))
    assert state() == before


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_pixels_that_are_no_numbers_are_refused(value: float) -> None:
    """A masked pixel never becomes a score of nothing."""
    from galaxy_classify.errors import ImageError

    image = np.full((64, 64, 3), 0.5)
    image[3, 4] = value
    with pytest.raises(ImageError, match="image 0: array has NaN or infinite values"):
        GalaxyClassifier().predict_proba(image)
