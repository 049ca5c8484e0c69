"""The JavaScript example gives the rows of galaxy-classify, whatever the files are, and leaves nothing behind."""

from __future__ import annotations

import base64
import csv
import io
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

from galaxy_classify.inference.onnx_runtime import NO_TELEMETRY
from galaxy_painter import KINDS, paint
from in_process import run_classify
from odd_jpegs import exif, odd_jpegs

REPOSITORY = Path(__file__).parents[2]
EXAMPLE = REPOSITORY / "examples" / "javascript"
NODE = shutil.which("node")

pytestmark = [
    pytest.mark.skipif(NODE is None, reason="Node is not installed"),
    pytest.mark.skipif(not (EXAMPLE / "node_modules").exists(), reason="run npm ci in examples/javascript first"),
]

#: Columns that must be equal, but for what the decoder says of a damaged file.
TEXTS = ("path", "status", "label", "message", "model")

#: How messages begin that are the decoder's own, or that say that the example cannot read what the package can.
DAMAGED, NOT_SUPPORTED = "damaged or incomplete image: ", "not supported here: "

#: Damage that does not touch the picture, and that Pillow refuses all the same.
ONLY_PILLOW_REFUSES = {"a short marker of Adobe.jpg"}


@pytest.fixture(scope="module")
def standalone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the standalone model that comes with the package, with its golden images beside it."""
    path = tmp_path_factory.mktemp("standalone") / "galaxy-cnn-standalone.onnx"
    done = run_classify("--write-standalone", path)
    assert done.returncode == 0, done.stderr
    return path


@pytest.fixture
def without_traces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let programs run with an empty home folder and their own settings, and assert that it stays empty."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.delenv(NO_TELEMETRY, raising=False)
    for name in ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        monkeypatch.setenv(name, str(home))
    yield
    assert list(home.iterdir()) == []


def run_node(
    program: str, *arguments: object, cwd: Path | None = None, stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run a program of the example; line breaks in its output stay what they are."""
    command = [str(NODE), str(EXAMPLE / program), *map(str, arguments)]
    done = subprocess.run(command, cwd=cwd, input=stdin.encode(), capture_output=True, timeout=60, check=False)
    return subprocess.CompletedProcess(command, done.returncode, done.stdout.decode(), done.stderr.decode())


def rows_of(text: str) -> list[dict[str, str]]:
    """Return the rows of a CSV file."""
    return list(csv.DictReader(io.StringIO(text, newline="")))


def rows_of_both(standalone: Path, *inputs: object, cwd: Path) -> list[tuple[dict[str, str], dict[str, str]]]:
    """Classify inputs with the package and with the example, and return the rows of both."""
    package = run_classify("--exact", "-f", "csv", "-m", standalone, *inputs, cwd=cwd)
    example = run_node("classify.mjs", "-m", standalone, *inputs, cwd=cwd)
    assert example.returncode == package.returncode, example.stderr
    assert example.stdout.partition("\n")[0] == package.stdout.partition("\n")[0]
    return list(zip(rows_of(package.stdout), rows_of(example.stdout), strict=True))


def differences(ours: dict[str, str], theirs: dict[str, str], tolerance: float) -> list[str]:
    """Return the columns in which two rows differ: numbers by more than the tolerance, damage only in kind."""
    if ours["message"].startswith(DAMAGED) and theirs["message"].startswith(DAMAGED):
        ours, theirs = ours | {"message": DAMAGED}, theirs | {"message": DAMAGED}
    return [name for name in ours if not _are_close(name, ours[name], theirs[name], tolerance)]


def _are_close(name: str, one: str, other: str, tolerance: float) -> bool:
    if name in TEXTS or not one or not other:
        return one == other
    return abs(float(one) - float(other)) <= tolerance


def tolerance_of(standalone: Path) -> float:
    """Return how far a probability may be from the recorded one."""
    golden = json.loads(standalone.with_suffix(".golden.json").read_text(encoding="utf-8"))
    return float(golden["probability_tolerance"])


def assert_same_rows(standalone: Path, *inputs: object, cwd: Path) -> list[dict[str, str]]:
    """Assert that both give the same rows, and return those of the example."""
    both = rows_of_both(standalone, *inputs, cwd=cwd)
    tolerance = tolerance_of(standalone)
    for ours, theirs in both:
        assert differences(ours, theirs, tolerance) == [], (ours, theirs)
    return [theirs for _, theirs in both]


def galaxy(size: int = 100) -> Image.Image:
    """Return a drawn galaxy."""
    return paint("unbarred_spiral", seed=1, size=size)


def write_odd_files(folder: Path) -> None:
    """Write one file of each kind that the package tells apart, in folders and under names that have to be quoted."""
    oblong = galaxy().resize((120, 70))
    levels = np.asarray(galaxy().convert("L")).astype(np.uint16) * 256 + 200
    alpha = galaxy()
    alpha.putalpha(Image.effect_noise(galaxy().size, 90))
    below = folder / "b" / "below"
    below.mkdir(parents=True)
    for mode in ("1", "L", "P", "LA"):
        galaxy().convert(mode).save(folder / f"{mode}.png")
    for orientation in (1, 5, 6, 8):
        oblong.save(folder / f"turned {orientation}.jpg", exif=exif(orientation))
    oblong.save(folder / "turned.png", exif=exif(6))
    Image.fromarray(levels).save(folder / "16 bits.png")
    alpha.save(folder / "transparent.png")
    galaxy().quantize(16).save(folder / "transparent palette.png", transparency=bytes(range(0, 256, 16)))
    galaxy(64).save(folder / "b" / "size of the model.PNG")
    galaxy(16).save(below / 'a "quoted", name.jpeg')
    galaxy().save(below / "line\nbreak.png")
    galaxy(15).save(below / "too small.png")
    Image.new("RGB", (90, 90), "navy").save(below / "constant.png")
    Image.eval(galaxy(), lambda level: level // 8).save(folder / "dark.png")
    Image.eval(galaxy(), lambda level: 255 - level // 8).save(folder / "bright.png")
    between = Image.blend(paint("smooth_cigar", seed=1, size=100), paint("edge_on_disk", seed=1, size=100), 0.4)
    between.save(folder / "between two classes.png")
    Image.effect_noise((100, 100), 90).save(folder / "noise.png")
    write_faint_pictures(folder / "faint")
    write_odd_colours(folder / "colours")
    (folder / "text.jpg").write_text("<html>404 Not Found</html>")
    (folder / "hdf5.png").write_bytes(b"\x89HDF\r\n\x1a\n")
    (folder / "empty.png").write_bytes(b"")
    for name in ("turned 1.jpg", "L.png"):
        content = (folder / name).read_bytes()
        (folder / f"half of {name}").write_bytes(content[: len(content) // 2])
    (folder / "notes.txt").write_text("no image")
    (folder / "link.png").symlink_to("L.png")
    (folder / "dangling.png").symlink_to("nowhere.png")
    (folder / "again").symlink_to("b")
    (folder / "round").symlink_to(".")
    os.mkfifo(folder / "pipe.png")


def write_faint_pictures(folder: Path) -> None:
    """Write pictures in the model's size, on both sides of each limit of the picture check."""
    folder.mkdir()
    chance = np.random.default_rng(1)
    for level in (10, 40, 47, 100, 178, 182, 220, 250):
        for contrast in (1, 8, 9, 10, 30):
            levels = chance.normal(level, contrast, (64, 64, 1)) + chance.normal(0, 2, (64, 64, 3))
            Image.fromarray(levels.clip(0, 255).astype(np.uint8)).save(folder / f"{level} {contrast}.png")
    for side in range(4, 10):
        levels = np.asarray(galaxy(64)).copy()
        levels[32 - side // 2 : 32 + side, 32 - side // 2 : 32 + side, :2] = 254
        Image.fromarray(levels).save(folder / f"burnt out {side}.png")


def write_odd_colours(folder: Path) -> None:
    """Write pictures that name a colour space: near sRGB, which is ignored, and far from it, which is refused."""
    folder.mkdir()
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    red, blue = profile.index(b"rXYZ"), profile.index(b"bXYZ")
    swapped = bytearray(profile)
    swapped[red : red + 4], swapped[blue : blue + 4] = b"bXYZ", b"rXYZ"
    curve = profile.index(b"para", 300)
    linear = profile[:curve] + b"curv" + bytes(8) + profile[curve + 12 :]
    for name, content in {"swapped": bytes(swapped), "linear": linear}.items():
        galaxy().save(folder / f"{name}.png", icc_profile=content)
        galaxy().save(folder / f"{name}.jpg", icc_profile=content)
    for gamma in (30_000, 45_455, 50_000, 100_000):
        chunks = PngInfo()
        chunks.add(b"gAMA", gamma.to_bytes(4, "big"))
        galaxy().save(folder / f"gamma {gamma}.png", pnginfo=chunks)
    for transfer in (1, 13, 16):
        chunks = PngInfo()
        chunks.add(b"cICP", bytes([1, transfer, 0, 1]))
        galaxy().save(folder / f"transfer {transfer}.png", pnginfo=chunks)


@pytest.mark.slow
def test_files_of_every_kind_get_the_rows_of_the_package(standalone: Path, tmp_path: Path) -> None:
    """Every kind of file has the package's status, message and numbers, whether found in a folder or named."""
    (tmp_path / "odd").mkdir()
    write_odd_files(tmp_path / "odd")
    named = ["none.jpg", "odd/b", "odd/L.png", "odd/L.png/below", "odd//L.png"]
    rows = assert_same_rows(standalone, "odd", REPOSITORY / "examples" / "images", *named, cwd=tmp_path)
    assert len(rows) > 40
    assert {row["status"] for row in rows} == {"ok", "uncertain", "unfamiliar", "error"}
    messages = {row["message"].partition(":")[0] for row in rows}
    assert messages > {"", "no such file", "not a regular file", "constant image", "image too small"}
    assert messages > {"almost all black", "almost all white"}
    assert messages > {"burnt out in the central part", "no contrast in the central part"}


@pytest.mark.slow
def test_damaged_and_odd_jpegs_never_get_another_row(standalone: Path, tmp_path: Path) -> None:
    """A JPEG that the package refuses is an error row; one that it classifies has the same row, or is refused."""
    for name, content in odd_jpegs().items():
        (tmp_path / f"{name}.jpg").write_bytes(content)
    both = rows_of_both(standalone, ".", cwd=tmp_path)
    tolerance = tolerance_of(standalone)
    refused = 0
    for ours, theirs in both:
        if theirs["status"] != "error":
            if os.path.basename(ours["path"]) not in ONLY_PILLOW_REFUSES:
                assert differences(ours, theirs, tolerance) == [], (ours, theirs)
        elif ours["status"] != "error" or ours["message"].startswith("constant image: "):
            refused += ours["status"] != "error"
            assert theirs["message"].startswith((DAMAGED, NOT_SUPPORTED, "constant image: ")), theirs
        elif not theirs["message"].startswith(NOT_SUPPORTED):
            kinds = {row["message"].partition(":")[0] for row in (ours, theirs)}
            assert len(kinds) == 1, (ours, theirs)
    assert len(both) > 400
    assert refused < len(both) / 20


@pytest.mark.data
def test_real_galaxies_get_the_rows_of_the_package(standalone: Path, galaxy_data: Path) -> None:
    """Survey cutouts, and inputs of no class, have the package's status and numbers."""
    images = sorted((galaxy_data / "images" / "test").glob("*.jpg"))[:30]
    for folder in sorted((galaxy_data / "images" / "out_of_class").iterdir()):
        images += sorted(folder.glob("*.jpg"))[:10]
    rows = assert_same_rows(standalone, *images, cwd=galaxy_data)
    assert {"ok", "uncertain", "unfamiliar"} <= {row["status"] for row in rows}


def test_what_only_the_package_reads_is_said_to_be_unsupported(standalone: Path, tmp_path: Path) -> None:
    """A file that the package classifies and the example cannot is an error row that says so."""
    galaxy().save(tmp_path / "a.gif")
    galaxy().save(tmp_path / "a.tif")
    galaxy().convert("CMYK").save(tmp_path / "cmyk.jpg")
    galaxy().save(tmp_path / "animated.png", save_all=True, append_images=[galaxy().rotate(90)])
    (tmp_path / "a.zip").write_bytes(b"PK\3\4")
    done = run_node("classify.mjs", "-m", standalone, ".", cwd=tmp_path)
    rows = rows_of(done.stdout)
    assert (len(rows), done.returncode) == (5, 1)
    for row in rows:
        assert (row["status"], row["label"]) == ("error", "")
        assert row["message"].startswith(NOT_SUPPORTED)


@pytest.mark.usefixtures("without_traces")
def test_paths_are_read_from_standard_input(standalone: Path, drawn_images: Path) -> None:
    """A list on standard input is classified in its order."""
    names = [f"{kind}.jpg" for kind in reversed(KINDS)]
    done = run_node("classify.mjs", "-m", standalone, "-", cwd=drawn_images, stdin="\n".join([*names, "", "none"]))
    assert [row["path"] for row in rows_of(done.stdout)] == [*names, "none"]
    assert done.stderr.endswith("5 images: 4 classified (0 of them uncertain), 0 unfamiliar, 1 failed\n")


@pytest.mark.slow
def test_errors_are_one_line_and_an_exit_code(standalone: Path, tmp_path: Path, tiny_model: Path) -> None:
    """A wrong command line ends with 2, and a model that is missing or none with 3, the remedy and no output."""
    (tmp_path / "text.onnx").write_text("not a model")
    cases = [
        ((), 2, "nothing to classify"),
        (("--threads", "2", "a.jpg"), 2, "--threads"),
        (("a.jpg",), 3, "galaxy-classify standalone galaxy-cnn-standalone.onnx"),
        (("-m", tiny_model, "a.jpg"), 3, "not standalone; write one with: galaxy-classify standalone"),
        (("-m", "text.onnx", "a.jpg"), 3, "text.onnx: not a usable ONNX model"),
    ]
    for arguments, code, message in cases:
        done = run_node("classify.mjs", *arguments, cwd=tmp_path)
        assert (done.returncode, done.stdout) == (code, ""), done
        assert re.fullmatch(rf"error: .*{re.escape(message)}.*\n", done.stderr), done.stderr


def test_the_self_test_passes(standalone: Path) -> None:
    """The golden images beside the model have the recorded pixels and probabilities."""
    done = run_node("self-test.mjs", "-m", standalone)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("passed\n")


@pytest.mark.slow
def test_the_self_test_finds_what_differs(standalone: Path, tmp_path: Path) -> None:
    """A self-test fails with exit code 3 and says what differs: pixels, probabilities, familiarity, or the model."""
    model = Path(shutil.copy(standalone, tmp_path))
    file = model.with_suffix(".golden.json")
    golden = json.loads(standalone.with_suffix(".golden.json").read_text(encoding="utf-8"))
    first, second, third = golden["images"][:3]
    pixels = bytearray(base64.b64decode(first["pixels"]))
    pixels[len(pixels) // 2] ^= 2
    first["pixels"] = base64.b64encode(pixels).decode()
    second["probabilities"][0] += 2 * golden["probability_tolerance"]
    third["familiarity"] -= 2 * golden["probability_tolerance"]
    file.write_text(json.dumps(golden), encoding="utf-8")
    done = run_node("self-test.mjs", "-m", model)
    assert done.returncode == 3
    found = done.stderr.removeprefix(f"error: {model}: ").split("; ")
    assert [difference.rpartition(" by ")[0] for difference in found] == [
        f"{first['name']}: pixels differ",
        f"{second['name']}: probabilities differ",
        f"{third['name']}: familiarity differs",
    ]
    file.write_text(json.dumps(golden | {"model_sha256": "0" * 64}), encoding="utf-8")
    done = run_node("self-test.mjs", "-m", model)
    assert (done.returncode, done.stdout) == (3, "")
    assert "belongs to another model" in done.stderr


@pytest.mark.usefixtures("without_traces")
def test_ten_lines_classify_an_image(standalone: Path, drawn_images: Path) -> None:
    """The shortest program, which needs nothing of the example, gives the package's numbers."""
    image = drawn_images / "smooth_round.jpg"
    done = run_node("ten-lines.mjs", standalone, image)
    assert done.returncode == 0, done.stderr
    (row,) = rows_of(run_classify("--exact", "-f", "csv", "-m", standalone, image).stdout)
    numbers = {name: float(number) for name, number in (line.rsplit(" ", 1) for line in done.stdout.splitlines())}
    wanted = {name.removeprefix("prob_"): float(row[name]) for name in row if name.startswith(("prob_", "fam"))}
    assert numbers == pytest.approx(wanted, abs=tolerance_of(standalone))
