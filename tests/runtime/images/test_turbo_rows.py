"""Whatever an input is, its row is the same bytes whether turbo or Pillow decodes JPEGs."""

from __future__ import annotations

import io
import json
import os
import pickle
import re
import signal
import subprocess
import sys
import tarfile
import threading
import time
import warnings
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnx
import pytest
from PIL import Image

from fits_galaxies import fits_bytes, image_hdu, nanomaggies
from forked_commands import ForkedCommands
from galaxy_classify import GalaxyClassifier, MissingExtraError, UsageError
from galaxy_classify.images.decode import Decoder
from galaxy_classify.inference.contract import Preprocessing
from galaxy_classify.inputs.arguments import ImageLike
from in_process import run_classify
from odd_jpegs import GALAXY, odd_jpegs
from random_jpegs import encoded
from tiny_model import description, tiny_model

turbo = pytest.importorskip("galaxy_classify_turbo", reason="galaxy-classify-turbo is not installed")

#: What Pillow warns of for hostile files, and what is printed of it, is not compared.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL", "ignore::PIL.Image.DecompressionBombWarning")

#: Options of both ways.
PILLOW, TURBO = ("--decoder", "pillow", "--exact"), ("--decoder", "turbo")

FILES = odd_jpegs()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with all files, and with what may stand in the place of a file."""
    folder = tmp_path_factory.mktemp("odd")
    for name, content in FILES.items():
        (folder / f"{name}.jpg").write_bytes(content)
    for odd in ("a\nb", "\udcff", "-o", "{band}", " \u00e9 "):
        (folder / f"{odd}.jpg").write_bytes(FILES["baseline"])
    (folder / "link.jpg").symlink_to("baseline.jpg")
    (folder / "dangling.jpg").symlink_to("nowhere")
    (folder / "loop.jpg").symlink_to("loop.jpg")
    (folder / "null.jpg").symlink_to("/dev/null")
    (folder / "zero.jpg").symlink_to("/dev/zero")
    (folder / "process.jpg").symlink_to("/proc/self/status")
    os.mkfifo(folder / "pipe.jpg")
    (folder / "folder.jpg").mkdir()
    (folder / "closed.jpg").write_bytes(FILES["baseline"])
    (folder / "closed.jpg").chmod(0)
    return folder


def without_time(text: str) -> str:
    """Return what was said on standard error, without how long it took."""
    return re.sub(r"\(\d+\.\d s, [\d,]+ images/s\)", "", text)


def same(*arguments: object, stdin: bytes = b"", cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command with both decoders, and check that it does the same."""
    first, second = (run_classify(*arguments, *way, stdin=stdin, cwd=cwd) for way in (PILLOW, TURBO))
    assert first.returncode == second.returncode
    assert first.stdout.splitlines() == second.stdout.splitlines()  # shows which lines are not the same
    assert first.stdout == second.stdout
    assert without_time(first.stderr) == without_time(second.stderr)
    return first


@pytest.mark.parametrize("format_", ["csv", "jsonl"])
def test_every_kind_of_file_has_the_same_row(format_: str, folder: Path) -> None:
    """Probabilities, statuses and messages, of some hundred files of which most are errors."""
    result = same(folder, "-f", format_)
    assert result.returncode == 1
    # Each row has its status, and a few messages and names have such a word, too.
    statuses = re.findall(r"\b(ok|error|uncertain)\b", result.stdout)
    assert statuses.count("error") > 100
    assert len(statuses) - statuses.count("error") > 100


@pytest.mark.parametrize(
    "options",
    [
        ("--crop", "0.4"),
        ("--crop", "1"),
        ("--max-pixels", "5000"),
        ("--batch-size", "1", "--threads", "1"),
        ("--batch-size", "200"),
        ("--threshold", "0.99", "--top-k", "2"),
        ("-m", "galaxy-mlp"),
        ("--shard", "2/3"),
        ("--limit", "7"),
        ("--fits-pattern", "{id}-{band}.jpg"),
    ],
    ids=" ".join,
)
def test_options_change_both_alike(options: tuple[str, ...], folder: Path) -> None:
    """What a model sees, what is refused, and how inputs are dealt out."""
    same(*sorted(folder.glob("*.jpg"))[::6], *options)


def test_names_on_standard_input_have_the_same_rows(folder: Path) -> None:
    """Whatever stands there is one row each, also what no file can be called."""
    lines = [os.fsencode(name) for name in sorted(os.listdir(folder)) if "\n" not in name]
    lines += [b"a\0b.jpg", b"\xfe.jpg", b"x" * 5000, b"none.jpg", b"baseline.jpg/a.jpg", b".", b"/dev/zero", b"//"]
    same("-", stdin=b"\n".join(lines), cwd=folder)


def test_arguments_have_the_same_rows(folder: Path) -> None:
    """Files that are named one by one."""
    names = ["pipe.jpg", "null.jpg", "zero.jpg", "loop.jpg", "dangling.jpg", "baseline.jpg", "no end.jpg"]
    same(*names, cwd=folder)
    same("./-o.jpg", "{band}.jpg", "a\nb.jpg", os.fsdecode(b"\xff.jpg"), cwd=folder)


def test_patterns_of_bands_have_the_same_rows(tmp_path: Path) -> None:
    """A path with {band} stands for FITS files, whatever its suffix."""
    galaxy = nanomaggies("unbarred_spiral", seed=1, size=48)
    for number, band in enumerate("grz"):
        (tmp_path / f"m-{band}.fits").write_bytes(fits_bytes(image_hdu(galaxy[number], BUNIT="nanomaggy")))
    (tmp_path / "m-{band}.jpg").write_bytes(FILES["baseline"])
    same(tmp_path, "--fits-pattern", "{id}-{band}.fits")
    same("m-{band}.fits", "m-{band}.jpg", "--fits-pattern", "{id}-{band}.fits", cwd=tmp_path)


def test_archives_and_tables_have_the_same_rows(tmp_path: Path) -> None:
    """Members are bytes by the time they are decoded, large ones decoded before they wait."""
    files = dict(list(FILES.items())[::3])
    files["large"] = encoded(Image.effect_noise((1400, 1400), 90).convert("RGB"), quality=95)
    assert len(files["large"]) > 1 << 20
    with tarfile.open(tmp_path / "a.tar", "w") as tar, zipfile.ZipFile(tmp_path / "b.zip", "w") as zipped:
        for name, content in files.items():
            info = tarfile.TarInfo(f"{name}.jpg")
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
            zipped.writestr(f"{name}.jpg", content)
            (tmp_path / f"{name}.jpg").write_bytes(content)
    catalogue = "file,mag\n" + "".join(f'"{name}.jpg",{number}\n' for number, name in enumerate(files))
    (tmp_path / "table.csv").write_text(catalogue)
    same("a.tar", cwd=tmp_path)
    same("b.zip", cwd=tmp_path)
    same("--catalog", "table.csv", cwd=tmp_path)


def contents_of(folder: Path) -> dict[str, bytes]:
    """Return all files below a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def without_decoder(content: bytes) -> dict[str, object]:
    """Return what a sidecar of exact rows holds, without what decoded the JPEGs."""
    sidecar: dict[str, object] = json.loads(content)
    assert b'"exact": true' in content
    assert sidecar.pop("decoder") in ("pillow", "turbo")
    return sidecar


def without_day(page: bytes) -> bytes:
    """Return a page without the moment at which it was written."""
    return re.sub(rb"\d\d:\d\d(:\d\d)?", b"", page)


def test_result_files_are_the_same(folder: Path, tmp_path: Path) -> None:
    """Rows, sidecar but for the decoder, page, pictures that the model saw, sorted copies, and embeddings."""
    inputs = [folder / f"{name}.jpg" for name in list(FILES)[::7]]
    written = []
    for way in (PILLOW, TURBO):
        out = tmp_path / way[1]
        out.mkdir()
        rows = ("-q", "-o", "rows.csv", "--embeddings", "e.parquet")
        pictures = ("--report", "page.html", "--save-seen", "seen", "--sort-into", "sorted")
        result = run_classify(*inputs, *rows, *pictures, *way, cwd=out)
        assert result.returncode == 1, result.stderr
        written.append(contents_of(out))
    first, second = written
    assert first.keys() == second.keys()
    assert without_decoder(first.pop("rows.csv.meta.json")) == without_decoder(second.pop("rows.csv.meta.json"))
    assert without_day(first.pop("page.html")) == without_day(second.pop("page.html"))
    assert [name for name in first if first[name] != second[name]] == []


@pytest.mark.slow
def test_rows_of_a_watched_folder_are_the_same(tmp_path: Path, forked_commands: ForkedCommands) -> None:
    """Files come in no order, so that the rows do, too; bad ones come last."""
    (tmp_path / "images").mkdir()
    names = list(FILES)[::20]
    for name in names:
        (tmp_path / "images" / f"{name}.jpg").write_bytes(FILES[name])
    results = []
    for way in (PILLOW, TURBO):
        output = tmp_path / f"{way[1]}.csv"
        watch = ("--watch", "-o", str(output), "--threads", "1", "-q", *way)
        settings = {"galaxy_classify.runs.watch.GRACE": 0.2}
        command = forked_commands.start(str(tmp_path / "images"), *watch, settings=settings)
        deadline = time.monotonic() + 60
        rows: list[str] = []
        while len(rows) < 1 + len(names):
            assert time.monotonic() < deadline, f"{len(rows)} of {len(names)} rows"
            time.sleep(0.05)
            rows = output.read_text().splitlines() if output.exists() else []
        command.send_signal(signal.SIGTERM)
        command.wait(60)
        results.append(sorted(output.read_text().splitlines()))
    assert results[0] == results[1]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:The inplace keyword in DataFrame")
def test_rows_of_a_cluster_are_the_same(tmp_path: Path) -> None:
    """Workers decode as the command does."""
    pq = pytest.importorskip("pyarrow.parquet")
    pytest.importorskip("distributed")
    (tmp_path / "images").mkdir()
    for name in list(FILES)[::20]:
        (tmp_path / "images" / f"{name}.jpg").write_bytes(FILES[name])
    tables = []
    for way in (PILLOW, TURBO):
        arguments = ["images", "--dask", "local", "-o", f"{way[1]}/", "--threads", "1", "-q", *way]
        command = [sys.executable, "-m", "galaxy_classify", *map(str, arguments)]
        ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
        assert ended.returncode == 1, ended.stderr
        tables.append(pq.read_table(tmp_path / way[1], columns=None))
    assert tables[0].equals(tables[1])


@pytest.fixture(scope="module")
def classifiers() -> tuple[GalaxyClassifier, GalaxyClassifier]:
    """Return a classifier for each decoder."""
    return GalaxyClassifier(decoder="pillow", exact=True, threads=1), GalaxyClassifier(decoder="turbo", threads=1)


def test_encoded_images_have_the_same_predictions(classifiers: tuple[GalaxyClassifier, GalaxyClassifier]) -> None:
    """Of every type in which Python holds bytes."""
    named = [
        (f"{name} {type_.__name__}", type_(content))
        for name, content in list(FILES.items())[::4]
        for type_ in (bytes, bytearray, memoryview)
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        first, second = ([str(row) for row in classifier.classify(named)] for classifier in classifiers)
    assert first == second


def test_probabilities_are_the_same(classifiers: tuple[GalaxyClassifier, GalaxyClassifier]) -> None:
    """Of images, encoded images and arrays in one call, in their order."""
    names = ("baseline", "progressive", "PNG", "exif orientation 6")
    good: list[ImageLike] = [GALAXY, *(FILES[name] for name in names), np.asarray(GALAXY)]
    first, second = (classifier.predict_proba(good) for classifier in classifiers)
    assert (first == second).all()


#: What turbo decodes, so that the tests above do not compare Pillow with itself.
ORDINARY = [
    "baseline", "progressive", "restarts", "grey", "64 x 64", "63 x 64", "16 x 900", "colours kept", "noise",
    "comments", "JFIF and Adobe", "no JFIF, components R, G, B", "Adobe 0, components 1, 2, 3",
    "a restart interval of zero", "black",
]  # fmt: skip


def test_pillows_own_limit_of_pixels_holds_for_both(
    classifiers: tuple[GalaxyClassifier, GalaxyClassifier], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A caller who lowers the limit of Pillow gets its refusal, whatever would decode the image."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    rows = [next(classifier.classify([("a.jpg", FILES["baseline"])])) for classifier in classifiers]
    assert [row.message for row in rows] == ["too many pixels: more than Pillow's own limit"] * 2


@pytest.mark.parametrize("name", ORDINARY)
def test_ordinary_jpegs_do_not_go_pillows_way(
    name: str, classifiers: tuple[GalaxyClassifier, GalaxyClassifier], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With turbo, Pillow is not asked for them."""

    def fail(*_: object) -> None:
        raise AssertionError("went Pillow's way")

    monkeypatch.setattr(Decoder, "read", fail)
    monkeypatch.setattr(Decoder, "decode", fail)
    (row,) = classifiers[1].classify([(name, FILES[name])])
    assert row.path == name


@pytest.mark.parametrize("decoder", [0, 1], ids=["pillow", "turbo"])
def test_files_that_change_have_the_row_of_some_state(
    tmp_path: Path, classifiers: tuple[GalaxyClassifier, GalaxyClassifier], decoder: int
) -> None:
    """A file that is cut off and written again meanwhile is whole or an error, never another picture."""
    path = tmp_path / "a.jpg"
    whole = encoded(GALAXY.resize((400, 400)), quality=97)
    path.write_bytes(whole)
    expected = next(iter(classifiers[0].classify(path))).probabilities
    stop = threading.Event()

    def change() -> None:
        with path.open("r+b") as file:
            while not stop.is_set():
                file.truncate(5000)
                file.seek(5000)
                file.write(whole[5000:])
                file.flush()

    changing = threading.Thread(target=change)
    changing.start()
    try:
        rows = list(classifiers[decoder].classify([path] * 300))
    finally:
        stop.set()
        changing.join()
    assert len(rows) == 300
    assert all(row.status == "error" or row.probabilities == expected for row in rows)


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Folder with three galaxies; a test may add others."""
    folder = tmp_path / "images"
    folder.mkdir()
    for number in range(3):
        (folder / f"a{number}.jpg").write_bytes(encoded(GALAXY.rotate(40 * number)))
    return folder


@pytest.mark.parametrize("ways", [(PILLOW, TURBO), (TURBO, PILLOW)], ids=["pillow, turbo", "turbo, pillow"])
def test_a_run_goes_on_with_the_other_decoder(ways: tuple[tuple[str, ...], ...], images: Path, tmp_path: Path) -> None:
    """The pixels are the same, so the rows are those of one run."""
    assert run_classify(images, "-o", tmp_path / "a.csv", *ways[0]).returncode == 0
    (images / "b.jpg").write_bytes(FILES["baseline"])
    (images / "c.jpg").write_bytes(FILES["baseline, no end"])
    result = run_classify(images, "-o", tmp_path / "a.csv", "--resume", *ways[1])
    assert result.returncode == 1, result.stderr
    assert "3" in result.stderr
    assert run_classify(images, "-o", tmp_path / "b.csv", *ways[0]).returncode == 1
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()


#: A run that does not resize exactly, and with what it may be continued.
NOT_EXACT, TO_CONTINUE = ("--decoder", "pillow"), "continue with --decoder pillow and without --exact"


@pytest.mark.parametrize(
    ("before", "now", "remedy"),
    [
        (NOT_EXACT, TURBO, TO_CONTINUE),
        (NOT_EXACT, (), TO_CONTINUE),
        (NOT_EXACT, PILLOW, TO_CONTINUE),
        (TURBO, NOT_EXACT, "continue with --exact"),
    ],
    ids=str,
)
def test_a_run_that_resized_otherwise_names_the_remedy(
    before: tuple[str, ...], now: tuple[str, ...], remedy: str, images: Path, tmp_path: Path
) -> None:
    """Rows of both ways are not mixed, and the message says with what the run can be continued."""
    output = tmp_path / "a.csv"
    assert run_classify(images, "-o", output, *before).returncode == 0
    (images / "b.jpg").write_bytes(FILES["baseline"])
    refused = run_classify(images, "-o", output, "--resume", *now)
    assert refused.returncode == 2
    assert f"{remedy}; --force starts anew" in refused.stderr
    way = NOT_EXACT if remedy is TO_CONTINUE else ("--exact", *now)
    assert run_classify(images, "-o", output, "--resume", *way).returncode == 0


def test_a_pickle_decodes_with_what_is_there(
    classifiers: tuple[GalaxyClassifier, GalaxyClassifier], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A classifier goes into a process without turbo and back; where turbo was asked for by name, it must be there."""
    chosen = pickle.dumps(GalaxyClassifier(threads=1))
    named = pickle.dumps(classifiers[1])
    image = [("a", FILES["baseline"])]
    expected = [str(row) for row in classifiers[0].classify(image)]
    assert [str(row) for row in pickle.loads(chosen).classify(image)] == expected  # noqa: S301 - made above
    with monkeypatch.context() as without:
        without.setitem(sys.modules, "galaxy_classify_turbo", None)
        with pytest.raises(MissingExtraError, match="galaxy-classify-turbo"):
            pickle.loads(named)  # noqa: S301
        again = pickle.dumps(pickle.loads(chosen))  # noqa: S301
    assert [str(row) for row in pickle.loads(again).classify(image)] == expected  # noqa: S301


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_process_decodes(classifiers: tuple[GalaxyClassifier, GalaxyClassifier]) -> None:
    """Also while other threads decode."""
    image = [("a", FILES["baseline"])] * 40
    expected = [str(row) for row in classifiers[0].classify(image)]
    stop = threading.Event()

    def decode() -> None:
        while not stop.is_set():
            list(classifiers[1].classify(image))

    busy = threading.Thread(target=decode)
    busy.start()
    try:
        child = os.fork()
        if not child:
            code = 1
            try:
                code = int([str(row) for row in classifiers[1].classify(image)] != expected)
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    finally:
        stop.set()
        busy.join()


def test_threads_of_one_classifier_agree(classifiers: tuple[GalaxyClassifier, GalaxyClassifier]) -> None:
    """A classifier may be used in several threads at once."""
    named = [(name, FILES[name]) for name in list(FILES)[::8]]
    expected = [str(row) for row in classifiers[0].classify(named)]

    def use(_: int) -> list[str]:
        return [str(row) for row in classifiers[1].classify(named)]

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(use, range(4))) == [expected] * 4


@pytest.mark.parametrize(("height", "resample"), [(48, "lanczos"), (64, "bicubic")])
def test_a_model_that_turbo_cannot_serve_is_left_to_pillow(height: int, resample: str, tmp_path: Path) -> None:
    """Pillow is chosen for it, and turbo is refused with the reason."""
    metadata = description(preprocessing=Preprocessing(resample=resample)).to_metadata()
    onnx.save(tiny_model(size=(height, 64), metadata=metadata), tmp_path / "a.onnx")
    with pytest.raises(UsageError, match="Lanczos"):
        GalaxyClassifier(tmp_path / "a.onnx", decoder="turbo")
    assert GalaxyClassifier(tmp_path / "a.onnx").decoder == "pillow"
