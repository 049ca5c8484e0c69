"""Result files: whole under their final name, continued after an interruption, never mixed."""

from __future__ import annotations

import csv
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from forked_commands import ForkedCommand, ForkedCommands
from galaxy_classify import GalaxyClassifier
from galaxy_classify.errors import GalaxyClassifyError, UsageError
from galaxy_classify.inference.contract import GALAXY_MNIST_CLASSES
from galaxy_classify.inputs.source import Source
from galaxy_classify.results.counts import RunCounts
from galaxy_classify.results.formats import OutputFormat
from galaxy_classify.results.layout import RowLayout
from galaxy_classify.results.output_file import OutputFile
from galaxy_classify.results.resume import Existing, done_rows
from galaxy_classify.results.safe_writing import FLUSH_RECORDS, RecordFile
from galaxy_classify.runs.job import Job
from galaxy_classify.runs.result_file import ResultFile
from galaxy_painter import paint_set
from in_process import run_classify as run

COMMAND = [sys.executable, "-m", "galaxy_classify"]
FORMATS = (OutputFormat.CSV, OutputFormat.JSONL)
NAMES = ["a b.png", "a,b.png", 'a"b.png', "a\nb.png", "a\rb.png", "a\r\nb.png", "ü_🌌.png", os.fsdecode(b"g\xff.png")]


def rows(path: Path) -> list[dict[str, str]]:
    """Read a CSV file, whatever the names in it are."""
    with path.open(encoding="utf-8", errors="surrogateescape", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def pictures() -> NDArray[np.uint8]:
    """Forty small galaxies."""
    return paint_set(per_class=10, seed=6)[0]


@pytest.fixture
def images(tmp_path: Path, pictures: NDArray[np.uint8]) -> Path:
    """Folder with forty small galaxies, some with awkward names, and three files that are no images."""
    folder = tmp_path / "images"
    folder.mkdir()
    for number, picture in enumerate(pictures):
        name = NAMES[number] if number < len(NAMES) else f"{number:02}.png"
        Image.fromarray(picture).save(os.path.join(folder, name), format="PNG")
    for number in (9, 20, 33):
        (folder / f"{number:02}.png").write_text("broken")
    return folder


@pytest.fixture(scope="module")
def classifier() -> GalaxyClassifier:
    """Classifier with the default model."""
    return GalaxyClassifier(threads=2)


def write(
    classifier: GalaxyClassifier,
    output_format: OutputFormat,
    inputs: Iterator[Source],
    output: OutputFile,
    existing: Existing = Existing.REPLACE,
) -> RunCounts:
    """Make a run of the command, without the command, and return its counts."""
    layout = RowLayout(tuple(classifier.classes_.tolist()))
    job = Job(classifier, layout, threshold=0.5, batch_size=4)
    ResultFile(output, output_format, existing).write(job, inputs)
    return job.counts


def paths(folder: Path) -> list[str]:
    """Return the files of a folder in sorted order."""
    return [os.path.join(folder, name) for name in sorted(os.listdir(folder))]


def sources(names: Iterable[str]) -> Iterator[Source]:
    """Return files as inputs of the command."""
    return (Source(name, os.path.basename(name)) for name in names)


@pytest.mark.parametrize("output_format", FORMATS)
def test_any_file_name_survives(
    classifier: GalaxyClassifier, tmp_path: Path, images: Path, output_format: OutputFormat
) -> None:
    """Names with separators, line breaks, emoji and stray bytes come back as they were, byte by byte."""
    output = OutputFile(str(tmp_path / f"out.{output_format}"))
    write(classifier, output_format, sources(paths(images)), output)
    if output_format is OutputFormat.CSV:
        found = [row["path"] for row in rows(Path(output.path))]
    else:
        found = [json.loads(line)["path"] for line in Path(output.path).read_text().splitlines()]
    assert [os.fsencode(path) for path in found] == [os.fsencode(path) for path in paths(images)]


def test_a_file_under_the_final_name_is_whole(tmp_path: Path, classifier: GalaxyClassifier, images: Path) -> None:
    """While a run goes on an older result stays; when it breaks, the rows so far are kept beside it."""
    output = OutputFile(str(tmp_path / "out.csv"))
    Path(output.path).write_text("old")

    def broken() -> Iterator[Source]:
        yield from sources(paths(images)[:32])
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write(classifier, OutputFormat.CSV, broken(), output)
    assert Path(output.path).read_text() == "old"
    assert 0 < len(rows(Path(output.partial))) <= 32
    write(classifier, OutputFormat.CSV, sources(paths(images)), output)
    assert len(rows(Path(output.path))) == 40
    assert sorted(path.name for path in tmp_path.iterdir()) == ["images", "out.csv", "out.csv.meta.json"]


@pytest.mark.parametrize("output_format", FORMATS)
def test_a_result_cut_anywhere_is_continued_byte_for_byte(
    classifier: GalaxyClassifier, tmp_path: Path, images: Path, output_format: OutputFormat
) -> None:
    """Wherever the unfinished file ends, in a header, in a quoted line break or in a row, the result is the same."""
    output = OutputFile(str(tmp_path / f"out.{output_format}"))
    write(classifier, output_format, sources(paths(images)), output)
    whole, sidecar = Path(output.path).read_bytes(), Path(output.path + ".meta.json").read_bytes()
    cuts = [0, 1, 20, len(whole) - 1, len(whole), *random.Random(0).sample(range(len(whole)), 25)]
    cuts += [index + 1 for index, byte in enumerate(whole) if byte in b'"\r'][:20]
    for cut in cuts:
        for path in tmp_path.glob("out.*"):
            path.unlink()
        Path(output.partial).write_bytes(whole[:cut])
        Path(output.partial + ".meta.json").write_bytes(sidecar)
        counts = write(classifier, output_format, sources(paths(images)), output, Existing.RESUME)
        assert Path(output.path).read_bytes() == whole, f"cut at {cut}"
        assert counts.total == 40
        assert counts.failed == 3
        assert not counts.changed
        assert sorted(path.name for path in tmp_path.glob("out.*")) == [
            f"out.{output_format}", f"out.{output_format}.meta.json",
        ]  # fmt: skip


def test_kept_rows_are_not_made_again(tmp_path: Path, images: Path) -> None:
    """What was done stays done; only errors are tried again, each in its place."""
    output = tmp_path / "out.csv"
    assert run(images, "-o", output).returncode == 1
    before = rows(output)
    Image.fromarray(paint_set(per_class=1, seed=9)[0][0]).save(images / "20.png")
    for name in NAMES[:3]:
        (images / name).write_text("would fail now")
    result = run(images, "-o", output, "--resume")
    assert result.returncode == 1
    assert "40 images: 38 classified" in result.stderr
    assert "kept: 40 rows" in result.stderr
    after = rows(output)
    assert [row["path"] for row in after] == [row["path"] for row in before]
    changed = [Path(row["path"]).name for row, old in zip(after, before, strict=True) if row != old]
    assert changed == ["20.png"]


def test_new_inputs_are_added_in_their_place(tmp_path: Path, images: Path) -> None:
    """A folder that has grown since gives a row for every file, in order, and the change is mentioned."""
    output, fresh = tmp_path / "out.csv", tmp_path / "fresh.csv"
    run(images, "-o", output)
    Image.fromarray(paint_set(per_class=1, seed=9)[0][0]).save(images / "155.png")
    result = run(images, "-o", output, "--resume")
    assert "the inputs have changed since" in result.stderr
    run(images, "-o", fresh)
    assert output.read_bytes() == fresh.read_bytes()
    (images / "155.png").unlink()
    (images / "39.png").unlink()
    result = run(images, "-o", output, "--resume")
    run(images, "-o", fresh, "--force")
    assert output.read_bytes() == fresh.read_bytes()


def test_another_model_or_other_options_are_refused(tmp_path: Path, images: Path, tiny_model: Path) -> None:
    """Rows of two models are never mixed in one file; the message says what is different, and nothing is touched."""
    output = tmp_path / "out.csv"
    run(images, "-o", output, "--decoder", "pillow")
    before = output.read_bytes()
    for options, difference in (
        (["-m", tiny_model], "model name was galaxy-cnn, now it is tiny"),
        (["--threshold", "0.9"], "options threshold was 0.6, now it is 0.9"),
        (["--exact"], "options exact was False, now it is True"),
        (["--max-pixels", "1000000"], "options max_pixels was 89478485, now it is 1000000"),
    ):
        result = run(images, "-o", output, "--resume", "--decoder", "pillow", *options)
        assert result.returncode == 2
        assert difference in result.stderr
        assert "Traceback" not in result.stderr
    (tmp_path / "out.csv.meta.json").unlink()
    result = run(images, "-o", output, "--resume")
    assert result.returncode == 2
    assert "it is not known what the rows were made with" in result.stderr
    assert output.read_bytes() == before


def test_threads_and_batches_may_change(tmp_path: Path, images: Path) -> None:
    """They do not change a row, so a run may be continued on another machine."""
    output = tmp_path / "out.csv"
    run(images, "-o", output)
    assert run(images, "-o", output, "--resume", "--threads", "1", "--batch-size", "3").returncode == 1


def test_two_runs_do_not_write_one_file(tmp_path: Path, images: Path) -> None:
    """A job that was queued twice is refused while the first one runs, and goes on after it was killed."""
    output = tmp_path / "out.csv"
    first = subprocess.Popen([*COMMAND, "-", "-o", str(output)], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert first.stdin is not None
    deadline = time.monotonic() + 60
    while not Path(f"{output}.partial").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    second = run(images, "-o", output, "--resume")
    assert second.returncode == 2
    assert "another run is writing it" in second.stderr
    first.kill()
    first.wait()
    first.stdin.close()
    assert run(images, "-o", output, "--resume").returncode == 1
    assert len(rows(output)) == 40
    assert not Path(f"{output}.lock").exists()


def test_nothing_is_overwritten_without_force(tmp_path: Path, images: Path) -> None:
    """Neither a result nor the rows of an interrupted run."""
    output = tmp_path / "out.csv"
    output.write_text("precious")
    result = run(images, "-o", output)
    assert (result.returncode, output.read_text()) == (2, "precious")
    assert "--force replaces it, --resume completes it" in result.stderr
    output.rename(tmp_path / "out.csv.partial")
    result = run(images, "-o", output)
    assert result.returncode == 2
    assert "holds the rows of an interrupted run" in result.stderr
    assert run(images, "-o", output, "--force").returncode == 1
    assert len(rows(output)) == 40


def test_a_result_that_has_come_meanwhile_is_refused(tmp_path: Path, classifier: GalaxyClassifier) -> None:
    """Two runs may both have found no result at their start; the second to write must not replace the first's rows."""
    output = OutputFile(str(tmp_path / "out.csv"))
    destination = ResultFile(output, OutputFormat.CSV, Existing.REFUSE)
    destination.check_existing()
    write(classifier, OutputFormat.CSV, sources(["first.jpg"]), output)
    before = Path(output.path).read_bytes()
    with pytest.raises(UsageError, match="exists already"):
        write(classifier, OutputFormat.CSV, sources(["second.jpg"]), output, Existing.REFUSE)
    assert Path(output.path).read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.csv", "out.csv.meta.json"]


def test_resume_without_anything_to_continue_starts(tmp_path: Path, images: Path) -> None:
    """A job script can always say --resume."""
    output = tmp_path / "out.csv"
    assert run(images, "-o", output, "--resume").returncode == 1
    assert len(rows(output)) == 40


def test_a_file_that_is_no_result_is_not_continued(tmp_path: Path, images: Path) -> None:
    """A catalogue under the result's name is refused, whole."""
    output = tmp_path / "out.csv"
    run(images, "-o", output)
    output.write_text("ra,dec\n1,2\n")
    result = run(images, "-o", output, "--resume")
    assert result.returncode == 2
    assert "is not the header of a result" in result.stderr
    assert output.read_text() == "ra,dec\n1,2\n"
    output.rename(tmp_path / "out.jsonl")
    (tmp_path / "out.csv.meta.json").rename(tmp_path / "out.jsonl.meta.json")
    result = run(images, "-o", tmp_path / "out.jsonl", "--resume")
    assert result.returncode == 2
    assert "is damaged" in result.stderr


def test_the_result_of_other_inputs_is_not_thrown_away(tmp_path: Path, images: Path, drawn_images: Path) -> None:
    """--resume with the wrong folder is refused before anything is touched."""
    output = tmp_path / "out.csv"
    run(images, "-o", output)
    before = output.read_bytes()
    moved = shutil.copytree(images, tmp_path / "moved")
    for wrong in (drawn_images, tmp_path / "none", moved):
        result = run(wrong, "-o", output, "--resume")
        assert result.returncode == 2
        assert "none of its rows would be kept" in result.stderr
        assert output.read_bytes() == before
    assert sorted(path.name for path in tmp_path.glob("out.*")) == ["out.csv", "out.csv.meta.json"]


def test_provenance_stands_beside_the_rows(tmp_path: Path, images: Path, classifier: GalaxyClassifier) -> None:
    """Model, version, checksum, contract, package, preprocessing and options: enough to make it again."""
    run(images, "-o", tmp_path / "out.csv", "--decoder", "pillow")
    run(images, "-o", tmp_path / "out.jsonl", "--decoder", "pillow", "--threshold", "0.6")
    sidecar = json.loads((tmp_path / "out.csv.meta.json").read_text())
    assert sidecar["model"] == {
        "name": "galaxy-cnn", "version": "2.2.0", "sha256": classifier.model.sha256, "contract": "2",
    }  # fmt: skip
    assert sidecar["preprocessing"] == {"crop_fraction": 0.75, "resample": "lanczos", "margin": 8, "size": [64, 64]}
    assert sidecar["options"] == {
        "threshold": 0.6, "top_k": 1, "shard": None, "catalog_columns": [], "image_column": None,
        "max_pixels": 89_478_485, "exact": False, "provider": "cpu", "min_familiarity": 0.5,
        "fits": {"bands": None, "recipe": None, "hdu": None, "pattern": None, "stretch": None, "q": None},
    }  # fmt: skip
    assert sidecar["package_version"]
    assert json.loads((tmp_path / "out.jsonl.meta.json").read_text()) == sidecar


def test_provenance_in_json_lines(tmp_path: Path, images: Path) -> None:
    """It takes two thirds of a row: only rows without a sidecar carry it, unless it is asked for."""
    run(images, "-o", tmp_path / "out.jsonl")
    sidecar = json.loads((tmp_path / "out.jsonl.meta.json").read_text())
    del sidecar["counts"], sidecar["decoder"], sidecar["class_mix"]  # they are written after the rows
    run(images, "-o", tmp_path / "rows.jsonl", "--provenance", "row")
    for text, expected in (
        (run(images, "--json").stdout, sidecar),
        (run(images, "--json", "--provenance", "none").stdout, None),
        ((tmp_path / "out.jsonl").read_text(), None),
        ((tmp_path / "rows.jsonl").read_text(), sidecar),
    ):
        rows = list(map(json.loads, text.splitlines()))
        assert rows
        assert all(row.get("provenance") == expected for row in rows)
    assert run(images, "-f", "csv", "--provenance", "row").returncode == 2


def test_a_killed_process_leaves_whole_rows(tmp_path: Path) -> None:
    """Records reach the file together, so kill -9 cannot tear one."""
    file = RecordFile(str(tmp_path / "a"))
    for number in range(FLUSH_RECORDS + 5):
        file.write(f"{number},{'x' * 300}\n")
    assert (tmp_path / "a").read_text().count("\n") == FLUSH_RECORDS
    assert (tmp_path / "a").read_text().endswith("x\n")
    file.close()
    assert (tmp_path / "a").read_text().count("\n") == FLUSH_RECORDS + 5


def test_a_full_disk_ends_cleanly_and_can_be_continued(tmp_path: Path, images: Path) -> None:
    """Whole rows, one line of error, and --resume once there is room."""
    output, fresh = tmp_path / "out.csv", tmp_path / "fresh.csv"
    run(images, "-o", fresh)

    def little_room() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))

    result = subprocess.run(
        [*COMMAND, str(images), "-o", str(output), "--batch-size", "1"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        preexec_fn=little_room,
    )
    assert result.returncode == 4
    assert "writing failed: File too large; the rows that it holds are whole" in result.stderr
    assert result.stderr.count("\n") == 1
    assert not output.exists()
    kept = Path(f"{output}.partial").read_bytes()
    assert kept in (b"", fresh.read_bytes()[: len(kept)])
    assert kept[-1:] in (b"", b"\n")
    assert run(images, "-o", output, "--resume").returncode == 1
    assert output.read_bytes() == fresh.read_bytes()


def test_a_device_is_written_to_and_never_replaced(classifier: GalaxyClassifier) -> None:
    """Renaming a file onto /dev/null would destroy it."""
    write(classifier, OutputFormat.CSV, iter(()), OutputFile(os.devnull))
    assert not os.path.isfile(os.devnull)
    assert not os.path.exists(os.devnull + ".meta.json")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_device_is_one_clear_error(classifier: GalaxyClassifier) -> None:
    """It is neither a traceback nor silence."""
    with pytest.raises(GalaxyClassifyError, match="/dev/full: writing failed: No space left"):
        write(classifier, OutputFormat.CSV, sources(["none.jpg"]), OutputFile("/dev/full"))


def test_an_output_that_cannot_be_written_is_named(tmp_path: Path, classifier: GalaxyClassifier) -> None:
    """A missing folder is said before any image is classified."""
    with pytest.raises(UsageError, match=r"none/out\.csv.*: cannot be written: No such file"):
        write(classifier, OutputFormat.CSV, iter(()), OutputFile(str(tmp_path / "none" / "out.csv")))


def bad_files(folder: Path) -> list[Path]:
    """Make ten files of different kinds, none of which can be classified, and return their paths."""
    folder.mkdir()
    good = folder / "good.png"
    pixels = paint_set(per_class=1, seed=3)[0]
    Image.fromarray(pixels[0]).save(good)
    whole = good.read_bytes()
    good.unlink()
    (folder / "empty.png").touch()
    (folder / "truncated.png").write_bytes(whole[: len(whole) // 2])
    (folder / "text.png").write_text("<html>")
    (folder / "header.png").write_bytes(whole[:20])
    Image.new("RGB", (100, 100)).save(folder / "blank.png")
    Image.fromarray(pixels[1][:8, :8]).save(folder / "small.png")
    Image.fromarray(np.ones((64, 64), np.float32)).save(folder / "float.tif")
    os.mkfifo(folder / "pipe.png")
    (folder / "folder.png").mkdir()
    (folder / "dangling.png").symlink_to(folder / "nothing")
    return sorted(folder.iterdir())


@pytest.mark.slow
def test_three_thousand_files_killed_a_dozen_times(
    tmp_path: Path, tiny_model: Path, forked_commands: ForkedCommands
) -> None:
    """kill -9 at random moments, --resume each time: every input has its row, in order, as if nothing had happened."""
    pixels, _ = paint_set(per_class=25, seed=7)
    good = [tmp_path / f"{number}.png" for number in range(100)]
    for path, picture in zip(good, pixels, strict=True):
        Image.fromarray(picture).save(path)
    bad = bad_files(tmp_path / "bad")
    listed = [str(bad[number // 20 % 10] if number % 20 == 7 else good[number % 100]) for number in range(3_000)]
    listing = tmp_path / "list.txt"
    listing.write_text("\n".join(listed) + "\n")

    options = ("-", "--resume", "-q", "-m", str(tiny_model))

    def command(output: Path) -> ForkedCommand:
        with listing.open("rb") as stdin:
            return forked_commands.start(*options, "-o", output, stdin=stdin)

    fresh, output = tmp_path / "fresh.csv", tmp_path / "out.csv"
    assert run(*options, "-o", fresh, stdin=listing.read_bytes()).returncode == 1
    layout = RowLayout(GALAXY_MNIST_CLASSES)
    kills = 0
    moments = random.Random(1)
    done = 0
    while kills < 12:
        process = command(output)
        # At the latest when a thirteenth of the rows have been added, so that there is something left to kill.
        enough = min(3_000, done + moments.randint(1, 225))
        deadline = time.monotonic() + 60
        while process.poll() is None and time.monotonic() < deadline:
            partial = Path(f"{output}.partial")
            done = partial.read_bytes().count(b"\n") if partial.exists() else 0
            if done >= enough:
                break
            time.sleep(0.005)
        process.kill()
        if process.wait() == -signal.SIGKILL:
            kills += 1
        assert not output.exists()
        whole = list(done_rows(f"{output}.partial", OutputFormat.CSV, layout))
        assert [row.prediction.path for row in whole] == listed[: len(whole)]
    assert command(output).wait(timeout=300) == 1
    assert output.read_bytes() == fresh.read_bytes()
    result = rows(output)
    assert [row["path"] for row in result] == listed
    assert sum(row["status"] == "error" for row in result) == 150
    assert {row["path"] for row in result if row["status"] == "error"} == {str(path) for path in bad}
    assert len({row["message"] for row in result if row["status"] == "error"}) >= 9
