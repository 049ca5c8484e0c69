"""Fixtures: real galaxies if there are any, drawn ones, and models made from them; and which worker runs which test."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
import onnx
import pytest

from draw_dataset import draw_dataset
from few_calibration_images import with_few_calibration_images
from forked_commands import ForkedCommands
from galaxy_classify.inference.onnx_runtime import switch_off_telemetry
from galaxy_painter import KINDS, paint
from keras_once import KerasOnce
from one_thread import use_one_thread
from tiny_model import save_tiny_model
from tiny_recipe import with_tiny_recipe
from trainings import Convert, run_export, run_exports_as_process, train

if TYPE_CHECKING:
    from selenium import webdriver

    from report_page import Page

REPOSITORY = Path(__file__).parents[1]

# Tests import ONNX Runtime themselves, and so do those of the exporter's tools.
switch_off_telemetry()

#: Tests that share the expensive fixtures of a session, longest first: each group is run by one worker. Other tests
#: are grouped by file.
GROUPS = {
    "networks": (
        "tests/parity/test_cnn_parity.py",
        "tests/parity/test_parity.py",
        "tests/parity/test_verify.py",
        "tests/parity/test_foreign_keras.py",
        "tests/parity/test_parity_examples.py",
        "tests/exporter/int8/test_convolutions.py",
        "tests/exporter/test_model_card.py",
        "tests/exporter/graph/test_margin.py",
        "tests/trainer/networks/test_symmetric.py",
        "tests/trainer/evaluation/test_calibration.py",
        "tests/trainer/training/test_own_data.py",
        "tests/trainer/training/test_augment.py",
        "tests/trainer/training/test_batches.py",
        "tests/trainer/training/test_outliers.py",
        "tests/trainer/networks/test_statistics.py",
        "tests/trainer/networks/test_compact.py",
        "tests/test_end_to_end.py",
        "tests/test_astronomers_loop.py",
        "tests/trainer/training/test_fit.py",
    ),
    "page": (
        "tests/runtime/report/test_page.py",
        "tests/runtime/report/test_checking.py",
    ),
    "tiny": (
        "tests/parity/test_familiarity_parity.py",
        "tests/trainer/evaluation/test_evaluate.py",
        "tests/trainer/training/test_cross_validation.py",
        "tests/trainer/training/test_distillation.py",
        "tests/trainer/training/test_refit.py",
        "tests/trainer/training/test_fit_familiarity.py",
    ),
}

if "PYTEST_XDIST_WORKER" in os.environ:
    use_one_thread()


def pytest_configure(config: pytest.Config) -> None:
    """Let workers, and processes that their tests start, compute in one thread.

    Each has about a core to itself, and threads beyond that get in each other's way.
    """
    if config.getoption("numprocesses", None):
        for name in ("OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
            os.environ.setdefault(name, "1")


def group_of(nodeid: str) -> str:
    """Return the name of the group that a test belongs to."""
    file = nodeid.split("::")[0]
    return next((name for name, files in GROUPS.items() if file in files), file)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Bring the longest groups to the front, so that no worker begins with one when the other is done."""
    ranks = {name: rank for rank, name in enumerate(GROUPS)}
    items.sort(key=lambda item: ranks.get(group_of(item.nodeid), len(ranks)))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Give each group to one worker.

    The marks that ``--dist=loadgroup`` wants are lost on the way from pytest 9.2 to pytest-xdist 3.8.
    """
    from xdist.scheduler import LoadFileScheduling

    class GroupScheduling(LoadFileScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            return group_of(nodeid)

    return GroupScheduling(config, log)


@pytest.fixture(scope="session")
def repository() -> Path:
    """Root of the source tree."""
    return REPOSITORY


@pytest.fixture(scope="session")
def forked_commands() -> Iterator[ForkedCommands]:
    """Return what starts ``galaxy-classify`` in a process of its own without the half second for its imports."""
    found = ForkedCommands()
    yield found
    found.close()


@pytest.fixture(scope="session")
def galaxy_data() -> Path:
    """Folder with real galaxies; tests that want it are skipped where there is none."""
    default = REPOSITORY.parent / "shared" / "data"
    folder = Path(os.environ["GALAXY_DATA"]) if os.environ.get("GALAXY_DATA") else default
    if not folder.is_dir():
        pytest.skip("no real galaxies: GALAXY_DATA is not set")
    return folder


@pytest.fixture(scope="session")
def drawn_images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with one drawn 424 px galaxy of each class."""
    folder = tmp_path_factory.mktemp("drawn")
    for number, kind in enumerate(KINDS):
        paint(kind, seed=number).save(folder / f"{kind}.jpg", quality=90)
    return folder


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Small ONNX file that keeps the contract and did not come from our exporter."""
    path = tmp_path_factory.mktemp("tiny") / "tiny.onnx"
    save_tiny_model(path)
    return path


@pytest.fixture(scope="session")
def write_dataset() -> Callable[..., None]:
    """Write one HDF5 file in GalaxyMNIST's layout."""

    def write(path: Path, images: np.ndarray, labels: np.ndarray | None) -> None:
        with h5py.File(path, "w") as file:
            file["images"] = images
            if labels is not None:
                file["labels"] = labels

    return write


@pytest.fixture(scope="session")
def drawn_dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Data set of drawn galaxies in GalaxyMNIST's layout: 800 to train on, 200 to test."""
    folder = tmp_path_factory.mktemp("dataset")
    draw_dataset(folder)
    return folder


@pytest.fixture(scope="session")
def small_dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Data set of drawn galaxies for trainings that only have to go well: 600 to train on, 100 to test."""
    folder = tmp_path_factory.mktemp("small")
    draw_dataset(folder, train=150, test=25)
    return folder


@pytest.fixture(scope="session")
def minute_dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Data set of drawn galaxies for trainings that need not learn anything: 48 to train on, 16 to test."""
    folder = tmp_path_factory.mktemp("minute")
    draw_dataset(folder, train=12, test=4)
    return folder


@pytest.fixture(scope="session")
def gate_dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Data set of drawn galaxies for gates that must see a change on few images: 64 to test."""
    folder = tmp_path_factory.mktemp("gate")
    draw_dataset(folder, train=1, test=16)
    return folder


@pytest.fixture(scope="session")
def trained_run(tmp_path_factory: pytest.TempPathFactory, drawn_dataset: Path) -> Path:
    """Run folder of the MLP, trained for a few epochs on drawn galaxies."""
    return train(drawn_dataset, tmp_path_factory.mktemp("runs") / "mlp", "mlp", whole=True, epochs=6, batch_size=50)


@pytest.fixture(scope="session")
def trained_cnn(tmp_path_factory: pytest.TempPathFactory, drawn_dataset: Path) -> Path:
    """Run folder of the CNN, trained for a few epochs on drawn galaxies."""
    return train(drawn_dataset, tmp_path_factory.mktemp("runs") / "cnn", "cnn", whole=True, epochs=2, batch_size=32)


@pytest.fixture(scope="session")
def tiny_recipe() -> Iterator[str]:
    """Name of a recipe that is trained in a second; only there until the tests end."""
    with with_tiny_recipe():
        yield "tiny"


@pytest.fixture(scope="session")
def trained_tiny(tmp_path_factory: pytest.TempPathFactory, small_dataset: Path, tiny_recipe: str) -> Path:
    """Run folder of the tiny recipe with its own parameters, on the small data set."""
    return train(small_dataset, tmp_path_factory.mktemp("runs") / "tiny", tiny_recipe)


@pytest.fixture(scope="session")
def keras_once() -> KerasOnce:
    """Keras' part of the parity gate, computed once a session."""
    return KerasOnce()


@pytest.fixture(scope="session")
def convert(keras_once: KerasOnce) -> Convert:
    """Run ``galaxy-export convert`` in this process; each network is loaded and converted by tf2onnx only once.

    Int8 is calibrated on a few images.
    """

    def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        from galaxy_export import export

        with keras_once.inside(export), with_few_calibration_images():
            return run_export("convert", *arguments)

    return run


@pytest.fixture(scope="session")
def cnn_graph(keras_once: KerasOnce, trained_cnn: Path) -> Callable[[], onnx.ModelProto]:
    """Return the float32 graph of the drawn galaxies' CNN, a new copy with each call."""
    trained = keras_once.functions["load_trained"](trained_cnn)
    return lambda: keras_once.functions["to_onnx"](trained.network)


@pytest.fixture(scope="session")
def painted_notes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Notes for a model card."""
    path = tmp_path_factory.mktemp("notes") / "notes.md"
    path.write_text("## Where the data come from\n\nPainted.\n")
    return path


@pytest.fixture(scope="session")
def elsewhere(
    trained_run: Path,
    trained_cnn: Path,
    drawn_dataset: Path,
    painted_notes: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """Folder with what another process makes of the networks, and how it has ended: its last export is a mistake.

    These are the CNN's answers to random images, its file ``cnn-int8.onnx``, calibrated on a few images as `convert`
    does, and ``mlp-float.onnx`` and ``mlp-int8.onnx``.
    """
    folder = tmp_path_factory.mktemp("elsewhere")
    answers = (
        "import numpy as np\nfrom pathlib import Path\n"
        "from galaxy_train.networks.keras_model import load_model\n"
        "images = np.random.default_rng(0).integers(0, 255, (4, 64, 64, 3), dtype=np.uint8)\n"
        f"np.save({str(folder / 'answers.npy')!r}, load_model(Path({str(trained_cnn / 'model.keras')!r}))(images))\n"
        "from few_calibration_images import with_few_calibration_images\n"
        "few = with_few_calibration_images()\n"
        "few.__enter__()"
    )
    mlp: list[str | Path] = ["convert", trained_run, "--images", drawn_dataset]
    cnn: list[str | Path] = ["convert", trained_cnn, "--images", drawn_dataset, "--notes", painted_notes]
    ended = run_exports_as_process(
        [*cnn, "-o", folder / "cnn-int8.onnx", "--name", "int8", "--int8"],
        [*mlp, "-o", folder / "mlp-float.onnx", "--name", "float"],
        [*mlp, "-o", folder / "mlp-int8.onnx", "--name", "int8", "--int8"],
        ["convert", folder / "none", "--images", drawn_dataset, "-o", folder / "none.onnx"],
        first=answers,
    )
    return folder, ended


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    """Chromium without a window, with a profile of its own, for all tests of the report's page."""
    from chromium import start_chromium

    driver = start_chromium(tmp_path_factory.mktemp("profile"), tmp_path_factory.mktemp("downloads"))
    yield driver
    driver.quit()


@pytest.fixture
def show(browser: webdriver.Chrome) -> Iterator[Callable[[Path], Page]]:
    """Open a report; at the end of the test nothing may have been complained about or asked of the network."""
    from report_page import Page

    page = Page(browser)
    page.as_new()
    yield page.opened
    page.check_silence()
