"""Dask data frames: what comes out, whatever the scheduler; no cluster is needed here."""

from __future__ import annotations

import os
import pickle
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import dask
import dask.dataframe as dd
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from dask.dataframe.utils import assert_dask_dtypes, assert_eq

import galaxy_classify.dask.partitions
import galaxy_classify.dask.worker
from galaxy_classify import ClusterError, GalaxyClassifier, ModelError, UsageError
from galaxy_classify.dask import classify, read_parquet
from galaxy_classify.dask.partitions import FramePlan, classify_partition
from galaxy_classify.dask.worker import ClassifierSpec, classify_paths, shared_classifier
from galaxy_classify.inference.embedded import find_model
from galaxy_classify.results.layout import RowLayout
from galaxy_painter import KINDS
from in_process import run_classify as run
from tiny_model import save_tiny_model

#: Dask reads and writes Parquet in a way that pandas 3.1 warns of.
pytestmark = pytest.mark.filterwarnings("ignore:The inplace keyword in DataFrame")

OWN = [column.name for column in RowLayout(KINDS, familiarity=True).own_columns]


@pytest.fixture(autouse=True)
def in_this_process() -> Iterator[None]:
    """Compute in threads of this process, which is what Dask does with data frames where there is no cluster."""
    with dask.config.set(scheduler="threads"):
        yield


@pytest.fixture
def table(drawn_images: Path) -> pd.DataFrame:
    """Return eight rows: four images, and four that cannot be classified."""
    files = [f"{kind}.jpg" for kind in KINDS] + ["lost.jpg", "", None, "."]
    frame = pd.DataFrame({"file": files, "Label": range(8), "z": [0.1] * 8}, index=pd.Index(range(10, 90, 10)))
    return frame.rename_axis("objid")


@pytest.fixture
def frame(table: pd.DataFrame) -> dd.DataFrame:
    """Return these rows in three partitions."""
    return dd.from_pandas(table, npartitions=3)


def test_the_rows_are_those_of_a_result_file(frame: dd.DataFrame, drawn_images: Path, tmp_path: Path) -> None:
    """Who moves from the command to Dask finds the same numbers, errors included."""
    found = classify(frame, path_column="file", root=drawn_images, top_k=3).compute()
    frame.compute().assign(file=lambda table: table.file.fillna("")).to_csv(tmp_path / "cat.csv")
    output = tmp_path / "out.parquet"
    run(drawn_images, "--catalog", tmp_path / "cat.csv", "-o", output, "-q", "--top-k", "3")
    expected = pd.read_parquet(output)
    names = [column.name for column in RowLayout(KINDS, 3).own_columns if column.name != "path"]
    for name in names:
        assert found[name].astype(object).fillna("").tolist() == expected[name].astype(object).fillna("").tolist()
    assert found.path.tolist() == [*frame.file.compute().fillna("")]


def test_the_frame_is_kept_and_meta_says_what_comes(frame: dd.DataFrame, table: pd.DataFrame, tmp_path: Path) -> None:
    """Index, divisions, order and columns stay; later steps of a graph rely on names and types before any exist."""
    result = classify(frame, path_column="file", root=tmp_path)
    assert list(result.columns) == ["file", "catalog_Label", "z", *OWN]
    assert result.divisions == frame.divisions
    computed = result.compute()
    assert_dask_dtypes(result, computed)
    pd.testing.assert_series_equal(result.dtypes, computed.dtypes)
    assert_eq(result, computed)
    assert computed.index.equals(table.index)
    assert computed.index.name == "objid"
    assert computed.z.tolist() == table.z.tolist()
    for part in result.partitions:
        pd.testing.assert_series_equal(result.dtypes, part.compute().dtypes)


def test_the_result_can_be_written_and_read(frame: dd.DataFrame, drawn_images: Path, tmp_path: Path) -> None:
    """Writing to Parquet is what nearly every run ends with; partitions that lack a type's values are no hindrance."""
    result = classify(frame, path_column="file", root=drawn_images)
    result.to_parquet(tmp_path / "out")
    again = dd.read_parquet(tmp_path / "out", calculate_divisions=True)
    assert again.divisions == frame.divisions
    pd.testing.assert_frame_equal(again.compute(), result.compute(), check_dtype=False)


@pytest.mark.parametrize("name_column", [None, "name"])
def test_images_in_a_column(drawn_images: Path, name_column: str | None) -> None:
    """Encoded images give what their files give; they are called as the index or a column says."""
    content: list[bytes | None] = [(drawn_images / f"{kind}.jpg").read_bytes() for kind in KINDS]
    table = pd.DataFrame(
        {"jpeg": pd.array([*content, b"no image", None], pd.ArrowDtype(pa.binary())), "name": [*"abcdef"]},
        index=range(6),
    )
    images = dd.from_pandas(table, npartitions=2)
    result = classify(images, image_column="jpeg", name_column=name_column)
    found = result.compute()
    assert found.path.tolist() == (list("abcdef") if name_column else list("012345"))
    assert found.status.tolist()[4:] == ["error", "error"]
    assert found.message.tolist()[5] == "empty file"
    files = GalaxyClassifier().classify([drawn_images / f"{kind}.jpg" for kind in KINDS])
    assert found.confidence.tolist()[:4] == [row.rounded().confidence for row in files]
    pd.testing.assert_series_equal(result.dtypes, found.dtypes)


def write_hats(folder: Path, pixels: dict[tuple[int, int], dict[str, Any]]) -> Path:
    """Write a catalogue as HATS lays it out: a Parquet file for each HEALPix pixel, indexed by position."""
    for (order, pixel), columns in pixels.items():
        file = folder / "dataset" / f"Norder={order}" / f"Dir={pixel // 10_000 * 10_000}" / f"Npix={pixel}.parquet"
        file.parent.mkdir(parents=True, exist_ok=True)
        first = pixel << (2 * (29 - order))
        rows = len(next(iter(columns.values())))
        pq.write_table(pa.table({"_healpix_29": pa.array(range(first, first + rows), pa.int64()), **columns}), file)
    return folder / "dataset"


@pytest.mark.parametrize("ours", [True, False], ids=["our reader", "Dask's reader"])
def test_a_hats_catalogue(drawn_images: Path, tmp_path: Path, ours: bool) -> None:
    """Rubin's and other surveys' catalogues come as such trees: a partition a pixel, and the index is the position."""
    paths = [str(drawn_images / f"{kind}.jpg") for kind in KINDS]
    content = [(drawn_images / f"{kind}.jpg").read_bytes() for kind in KINDS]
    pixels = {
        (1, 17): {"cutout": paths[:3], "jpeg": content[:3], "ra": [1.0, 2.0, 3.0]},
        (2, 80): {"cutout": paths[3:], "jpeg": content[3:], "ra": [4.0]},
    }
    dataset = write_hats(tmp_path, pixels)
    catalogue = (
        read_parquet(dataset, index="_healpix_29")
        if ours
        else dd.read_parquet(dataset, index="_healpix_29", calculate_divisions=True)
    )
    assert catalogue.npartitions == 2
    by_path = classify(catalogue, path_column="cutout")
    by_image = classify(catalogue, image_column="jpeg")
    assert by_path.divisions == catalogue.divisions
    found = by_path.compute()
    assert found.index.name == "_healpix_29"
    assert found.status.tolist() == ["ok"] * 4
    assert found.ra.tolist() == [1.0, 2.0, 3.0, 4.0]
    assert by_image.compute().label.tolist() == found.label.tolist()
    pd.testing.assert_series_equal(by_path.dtypes[OWN], found.dtypes[OWN])


def test_our_reader_of_parquet_folders(tmp_path: Path) -> None:
    """Columns are chosen, an index that pandas has written comes back, and what is no part is passed over."""
    for number in range(2):
        table = pd.DataFrame({"file": ["a.jpg"], "z": [number]}, index=pd.Index([number], name="objid"))
        table.to_parquet(tmp_path / f"{number}.parquet")
    (tmp_path / "_metadata.parquet").touch()
    (tmp_path / "_tmp").mkdir()
    (tmp_path / "_tmp" / "3.parquet").touch()
    frame = read_parquet(tmp_path)
    assert (frame.index.name, list(frame.columns), frame.npartitions) == ("objid", ["file", "z"], 2)
    pd.testing.assert_series_equal(frame.dtypes, frame.compute().dtypes)
    assert frame.z.compute().tolist() == [0, 1]
    assert list(read_parquet(tmp_path, columns=["z"], index="objid").compute().columns) == ["z"]
    with pytest.raises(UsageError, match=r"0\.parquet: cannot be read as a table"):
        read_parquet(tmp_path, index="no_such_column")
    (tmp_path / "0.parquet").write_bytes(b"PAR1")
    with pytest.raises(UsageError, match=r"0\.parquet: cannot be read as a table"):
        read_parquet(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="no Parquet files found"):
        read_parquet(tmp_path / "empty")


def test_a_frame_of_another_kind_stays_one(drawn_images: Path) -> None:
    """LSDB's partitions are nested frames, with methods of their own."""

    class Nested(pd.DataFrame):  # type: ignore[misc]
        @property
        def _constructor(self) -> type[Nested]:
            return Nested

    frame = dd.from_pandas(pd.DataFrame({"file": ["lost.jpg"]}), npartitions=1).map_partitions(
        Nested, meta=Nested({"file": pd.array([], "string[pyarrow]")})
    )
    assert isinstance(classify(frame, path_column="file").compute(), Nested)


def test_a_model_file_goes_along(frame: dd.DataFrame, drawn_images: Path, tiny_model: Path, tmp_path: Path) -> None:
    """Workers need not see it, and it is in the graph once, under its checksum."""
    own = tmp_path / "own.onnx"
    shutil.copy(tiny_model, own)
    result = classify(frame, path_column="file", root=drawn_images, model=own)
    own.unlink()
    shipped = [str(key) for key in result.optimize().__dask_graph__() if "galaxy-classify-model" in str(key)]
    assert len(shipped) == 1
    assert GalaxyClassifier(tiny_model).model.sha256 in shipped[0]
    found = result.compute()
    assert found.model.str.startswith("tiny@").all()
    assert (found.status != "error").sum() == 4


def test_one_classifier_for_all_partitions(table: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    """Loading a model takes as long as a hundred images; threads that ask at the same time must not load two."""
    made = []

    def counted(*arguments: Any, **options: Any) -> GalaxyClassifier:
        made.append(arguments)
        return load(*arguments, **options)

    load = GalaxyClassifier.from_options
    monkeypatch.setattr(GalaxyClassifier, "from_options", counted)
    monkeypatch.setattr(galaxy_classify.dask.worker, "_classifiers", {})
    for threshold in (0.5, 0.7):
        classify(dd.from_pandas(table, npartitions=8), path_column="file", threshold=threshold).compute()
    assert len(made) == 1


def test_few_classifiers_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cluster that serves for weeks must not hold every model that it was ever given."""
    monkeypatch.setattr(galaxy_classify.dask.worker, "_classifiers", {})
    spec = ClassifierSpec.of(GalaxyClassifier(threads=1), "cpu")
    specs = [replace(spec, options=replace(spec.options, crop=tenths / 10)) for tenths in range(1, 7)]
    kept = [shared_classifier(spec, None) for spec in specs]
    assert list(galaxy_classify.dask.worker._classifiers) == specs[-galaxy_classify.dask.worker.KEPT :]
    assert shared_classifier(specs[-1], None) is kept[-1]


def test_a_worker_with_another_version_refuses() -> None:
    """Its rows might differ from the others' without anyone knowing."""
    with pytest.raises(ClusterError, match=r"has galaxy-classify .*, the client has 0\.0\.9: install the same version"):
        shared_classifier(replace(ClassifierSpec.of(GalaxyClassifier(), "cpu"), version="0.0.9"), None)


def test_a_worker_with_another_model_refuses(tiny_model: Path) -> None:
    """The checksum decides, for a model that was shipped as for one that both have."""
    content = tiny_model.read_bytes()
    for spec, sent in (
        (ClassifierSpec.of(GalaxyClassifier(), "cpu"), None),
        (ClassifierSpec.of(GalaxyClassifier(tiny_model), "cpu"), content),
    ):
        with pytest.raises(ModelError, match=r"its SHA-256 is .*, at the client 0{64}"):
            shared_classifier(replace(spec, sha256="0" * 64), sent)


def test_relative_paths_start_where_the_client_is(
    frame: dd.DataFrame, drawn_images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker's working folder is nobody's business."""
    monkeypatch.chdir(drawn_images)
    result = classify(frame, path_column="file")
    monkeypatch.chdir(tmp_path)
    assert result.status.compute().tolist()[:5] == ["ok"] * 4 + ["error"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "either path_column or image_column"),
        ({"path_column": "file", "image_column": "z"}, "either path_column or image_column"),
        ({"path_column": "fil"}, "no column 'fil'; did you mean 'file'"),
        ({"path_column": "file", "name_column": "file"}, "name_column names"),
        ({"image_column": "file"}, "is text, not bytes"),
        ({"path_column": "file", "threshold": 2}, "threshold is 2"),
        ({"path_column": "file", "top_k": 5}, "top_k is 5, it must be 1 to 4"),
        ({"path_column": "file", "threads": 0}, "threads is 0"),
        ({"path_column": "file", "crop": 2.0}, "crop is 2.0"),
    ],
)
def test_wrong_options_are_refused_before_anything_runs(
    frame: dd.DataFrame, options: dict[str, Any], message: str
) -> None:
    """Not after an hour, on a worker."""
    with pytest.raises(UsageError, match=message):
        classify(frame, **options)


def test_columns_without_names_are_refused() -> None:
    """The result's columns could not be told from them."""
    with pytest.raises(UsageError, match="must have names"):
        classify(dd.from_pandas(pd.DataFrame({0: ["a.jpg"]}), npartitions=1), path_column="0")


def test_an_embedded_model_is_not_shipped() -> None:
    """Of an embedded model the name and the checksum are enough; every worker has the file."""
    classifier = GalaxyClassifier()
    assert galaxy_classify.dask.worker.model_content(classifier) is None
    assert ClassifierSpec.of(classifier, "cpu").model == find_model().name


def test_names_that_are_not_utf8_are_escaped(tmp_path: Path) -> None:
    """Arrow cannot hold them as they are, and a survey's file names come from anywhere."""
    with dask.config.set({"dataframe.convert-string": False}):
        name = os.fsdecode(b"\xff.jpg")
        table = pd.DataFrame({"file": pd.Series([name], dtype=object), "z": [1.0]})
        found = classify(dd.from_pandas(table, npartitions=1), path_column="file", root=tmp_path).compute()
    assert found.path.tolist() == [r"\xff.jpg"]
    assert found.message.tolist() == ["no such file"]


def test_models_with_familiarity_add_a_column(drawn_images: Path, tmp_path: Path) -> None:
    """In meta and partitions alike; the workers use the minimum that was asked for, and a frame's own column stays."""
    model = save_tiny_model(tmp_path / "a.onnx", familiarity=True)
    table = pd.DataFrame({"file": [f"{kind}.jpg" for kind in KINDS] + ["lost.jpg"], "familiarity": range(5)})
    options: dict[str, Any] = {"path_column": "file", "root": drawn_images, "model": model}
    result = classify(dd.from_pandas(table, npartitions=2), **options)
    names = ["path", "status", "label", "confidence", "familiarity"]
    assert list(result.columns)[:7] == ["file", "catalog_familiarity", *names]
    found = result.compute()
    pd.testing.assert_series_equal(result.dtypes, found.dtypes)
    assert str(result.dtypes["familiarity"]) == "float64"
    assert found.familiarity.isna().tolist() == [False] * 4 + [True]
    assert found.status.tolist() == ["unfamiliar"] * 4 + ["error"]
    rows = GalaxyClassifier(model).classify(str(drawn_images / f"{kind}.jpg") for kind in KINDS)
    assert found.familiarity.tolist()[:4] == [row.rounded().familiarity for row in rows]
    found = classify(dd.from_pandas(table, npartitions=1), **options, min_familiarity=0).compute()
    assert found.status.tolist() == ["uncertain"] * 4 + ["error"]
    with pytest.raises(UsageError, match="gives no familiarity"):
        classify(dd.from_pandas(table, npartitions=1), path_column="file", model="galaxy-mlp", min_familiarity=0.5)


@pytest.mark.parametrize("of_frame", [False, True])
def test_an_unexpected_error_comes_back_in_words(monkeypatch: pytest.MonkeyPatch, of_frame: bool) -> None:
    """An exception that cannot be pickled never reaches the client, which would wait for ever."""

    def fail(*arguments: Any) -> None:
        raise RuntimeError(lambda: "cannot be pickled")

    for module in (galaxy_classify.dask.worker, galaxy_classify.dask.partitions):
        monkeypatch.setattr(module, "shared_classifier", fail)
    spec = ClassifierSpec.of(GalaxyClassifier(), "cpu")
    plan = FramePlan("file", None, None, "", 0.5, RowLayout(KINDS), {})
    table = pd.DataFrame({"file": ["a.jpg"]})
    tasks: dict[bool, Callable[[], object]] = {
        False: partial(classify_paths, ["a.jpg"], spec, None, 0.5, 16),
        True: partial(classify_partition, table, None, spec, plan),
    }
    with pytest.raises(ClusterError, match="RuntimeError: ") as raised:
        tasks[of_frame]()
    assert str(pickle.loads(pickle.dumps(raised.value))) == str(raised.value)  # noqa: S301


def test_dask_is_loaded_only_when_it_is_asked_for() -> None:
    """A plain run starts as fast as before, and works where Dask is not installed."""
    code = "import sys, galaxy_classify.cli.command; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert not {"dask", "distributed", "pandas", "pyarrow"} & set(loaded)


def test_priors_sets_coarse_classes_and_thresholds_are_those_of_the_library(
    frame: dd.DataFrame, drawn_images: Path
) -> None:
    """Each partition has the columns, and the values of a classifier with the same options; errors have none."""
    options: dict[str, Any] = {"prior": "uniform", "sets": 0.9, "coarse": True}
    thresholds = {"smooth_round": 1.0}
    found = classify(frame, path_column="file", root=drawn_images, threshold=thresholds, **options).compute()
    names = list(found.columns)
    assert names[names.index("confidence") + 2 :][:3] == ["coarse_label", "coarse_confidence", "prediction_set"]
    classifier = GalaxyClassifier(**options)
    rows = list(classifier.classify([drawn_images / f"{kind}.jpg" for kind in KINDS], threshold=thresholds))
    assert found.prediction_set[:4].tolist() == [row.set_text for row in rows]
    assert found.coarse_label[:4].tolist() == [row.coarse_label for row in rows]
    assert found.confidence[:4].tolist() == pytest.approx([row.confidence for row in rows], abs=1e-6)
    assert found.status[:4].tolist() == [row.status for row in rows]
    assert found.prediction_set[4:].isna().all()


@pytest.mark.parametrize(
    "wrong", [{"prior": "even"}, {"prior": {"smooth_round": 1}}, {"sets": 1}, {"threshold": {"round": 0.5}}]
)
def test_wrong_options_on_probabilities_are_refused_before_the_graph_runs(
    frame: dd.DataFrame, wrong: dict[str, Any]
) -> None:
    """Not on the workers, hours later."""
    with pytest.raises(UsageError):
        classify(frame, path_column="file", **wrong)
