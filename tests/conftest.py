"""Fixtures: real galaxies if there are any, drawn ones, and models made from them."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from draw_dataset import draw_dataset
from galaxy_painter import KINDS, paint
from tiny_model import save_tiny_model

REPOSITORY = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def repository() -> Path:
    """Root of the source tree."""
    return REPOSITORY


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


def train(data: Path, folder: Path, recipe: str, size: int | None = None, **chosen: Any) -> Path:
    """Train a recipe on a data set, and return the run folder."""
    from galaxy_train.data.load import load_data
    from galaxy_train.run_folder import RunFolder
    from galaxy_train.training.fit import fit
    from galaxy_train.training.parameters import FitParameters

    with open(os.devnull, "w") as progress:
        fit(load_data(data, size=size), RunFolder(folder), FitParameters.of_recipe(recipe, **chosen), progress)
    return folder


@pytest.fixture(scope="session")
def trained_run(tmp_path_factory: pytest.TempPathFactory, drawn_dataset: Path) -> Path:
    """Run folder of the MLP, trained for a few epochs on drawn galaxies."""
    return train(drawn_dataset, tmp_path_factory.mktemp("runs") / "mlp", "mlp", epochs=12, batch_size=50)


@pytest.fixture(scope="session")
def trained_cnn(tmp_path_factory: pytest.TempPathFactory, drawn_dataset: Path) -> Path:
    """Run folder of the CNN, trained for a few epochs on drawn galaxies."""
    return train(drawn_dataset, tmp_path_factory.mktemp("runs") / "cnn", "cnn", epochs=5)
