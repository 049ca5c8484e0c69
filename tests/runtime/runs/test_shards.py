"""Jobs that share one set of inputs: each input in exactly one part, and a whole that is known to be whole."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from galaxy_classify.errors import UsageError
from galaxy_classify.inputs.source import Source
from galaxy_classify.runs.shard_check import check_shards
from galaxy_classify.runs.shards import Shards, inputs_by_shard, parse_shards, shard_of
from galaxy_painter import paint
from in_process import run_classify as run

PARTS = 3


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with thirty small galaxies in two subfolders, and one file that is no image."""
    folder = tmp_path_factory.mktemp("sharded") / "images"
    for field in ("f1", "f2"):
        (folder / field).mkdir(parents=True)
        for number in range(15):
            paint("smooth_round", seed=number, size=64).save(folder / field / f"{number}.png")
    (folder / "bad.png").write_text("no image")
    return folder


@pytest.fixture(scope="module")
def whole(images: Path) -> Path:
    """Folder with the results of all parts."""
    results = images.parent / "results"
    for part in range(1, PARTS + 1):
        assert run(images, "--shard", f"{part}/{PARTS}", "-o", f"{results}/", "-q").returncode in (0, 1)
    return results


@pytest.fixture
def results(whole: Path, tmp_path: Path) -> Path:
    """Copy of these results that a test may spoil."""
    return Path(shutil.copytree(whole, tmp_path / "results"))


def test_the_parts_are_the_whole(images: Path, whole: Path) -> None:
    """Every input has one row in the data set that the folder is, the same as without parts."""
    run(images, "-o", images.parent / "plain.parquet", "-q", "--force")
    plain = pd.read_parquet(images.parent / "plain.parquet")
    together = pd.read_parquet(whole).sort_values("path", ignore_index=True)
    pd.testing.assert_frame_equal(together, plain.sort_values("path", ignore_index=True))
    result = run("--check-shards", whole)
    assert (result.returncode, result.stdout) == (0, "3 of 3 shards, 31 rows, 1 of them failed\nwhole\n")


def test_the_mount_point_and_the_order_do_not_matter(images: Path, tmp_path: Path) -> None:
    """Another machine with the same folder elsewhere takes the same files, and new files do not move old ones."""
    shutil.copytree(images, tmp_path / "elsewhere")
    paint("smooth_round", seed=1, size=64).save(tmp_path / "elsewhere" / "000.png")
    taken = []
    for folder in (images, tmp_path / "elsewhere"):
        result = run(folder, "--shard", f"2/{PARTS}", "-q", "-f", "csv")
        names = {line.split(",")[0].removeprefix(f"{folder}/") for line in result.stdout.splitlines()[1:]}
        taken.append(names - {"000.png"})
    assert taken[0] == taken[1]


def test_parts_are_of_about_the_same_size() -> None:
    """No job waits for another that got most of the work."""
    counts = [0] * 10
    for number in range(100_000):
        counts[shard_of(f"field/{number}.jpg", 10) - 1] += 1
    assert max(counts) < 1.05 * min(counts)


@pytest.mark.parametrize(
    "text", ["0/3", "4/3", "1", "a/b", "1/0", "-1/3", "1/2/3", "", "2-1/3", "2-4/3", "0-2/3", "1-/3"]
)
def test_parts_that_are_not_there(text: str) -> None:
    """The message says how it is written."""
    with pytest.raises(UsageError, match="shard"):
        parse_shards(text)


def test_a_missing_part_is_found(results: Path) -> None:
    """It is named, and the exit code says that the result is not whole."""
    (results / "shard-2-of-3.parquet").unlink()
    result = run("--check-shards", results)
    assert result.returncode == 1
    assert "1 of 3 shards missing: 2" in result.stdout
    assert result.stdout.endswith("not whole: do not use it yet\n")


def test_an_unfinished_part_is_found(results: Path) -> None:
    """A job that was killed leaves its rows, and the next one goes on with them."""
    (results / "shard-2-of-3.parquet").rename(results / "shard-2-of-3.parquet.partial")
    assert "shard-2-of-3.parquet.partial: is unfinished" in check_shards(str(results)).faults


def test_a_part_that_is_there_twice_is_found(results: Path) -> None:
    """A copy under another number."""
    shutil.copy(results / "shard-1-of-3.parquet", results / "shard-2-of-3.parquet")
    faults = check_shards(str(results)).faults
    assert "shard-2-of-3.parquet: is shard 1/3, as shard-1-of-3.parquet is" in faults
    assert any("have rows in another shard" in fault for fault in faults)


def test_parts_of_another_run_are_found(results: Path, images: Path) -> None:
    """Another threshold, another number of parts, or no result of ours at all."""
    run(images, "--shard", "2/3", "-o", results / "shard-2-of-3.parquet", "--threshold", "0.9", "--force", "-q")
    faults = check_shards(str(results)).faults
    assert "shard-2-of-3.parquet: is of another run: options threshold was 0.6, now it is 0.9" in faults
    run(images, "--shard", "1/2", "-o", f"{results}/", "-q")
    assert "shard-1-of-2.parquet: is shard 1/2, others are of 3" in check_shards(str(results)).faults
    pd.DataFrame({"path": ["a"]}).to_parquet(results / "shard-3-of-3.parquet")
    assert any(fault.startswith("shard-3-of-3.parquet: cannot be read") for fault in check_shards(str(results)).faults)
    run(images / "f1", "-o", results / "shard-3-of-3.parquet", "-q", "--force")
    assert "shard-3-of-3.parquet: is no shard, but a result of its own" in check_shards(str(results)).faults
    (results / "shard-3-of-3.parquet").write_text("no parquet")
    assert any(fault.startswith("shard-3-of-3.parquet: cannot be read") for fault in check_shards(str(results)).faults)


def test_an_empty_folder_is_no_result(tmp_path: Path) -> None:
    """Neither is a folder that is not there."""
    assert run("--check-shards", tmp_path).returncode == 1
    assert run("--check-shards", tmp_path / "none").returncode == 2


def test_a_part_is_continued_as_itself_only(images: Path, tmp_path: Path) -> None:
    """--resume of another part in the same file is refused."""
    run(images, "--shard", "1/3", "-o", tmp_path / "out.csv", "-q")
    result = run(images, "--shard", "2/3", "-o", tmp_path / "out.csv", "--resume")
    assert (result.returncode, "options shard was 1/3, now it is 2/3" in result.stderr) == (2, True)


def test_one_run_may_make_several_parts(images: Path, whole: Path, tmp_path: Path) -> None:
    """Their files are the same, byte for byte, as if each had a run of its own, and so is what stands beside them."""
    result = run(images, "--shard", "1-3/3", "-o", f"{tmp_path}/")
    assert (result.returncode, "31 images: 30 classified" in result.stderr) == (1, True)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == {
        file.name: file.read_bytes() for file in whole.iterdir()
    }


def test_several_parts_of_a_list(images: Path, whole: Path, tmp_path: Path) -> None:
    """Standard input, which can be read once only, is shared out as well; the images of other parts are left alone."""
    names = "".join(f"{path}\n" for path in sorted(images.rglob("*.png")))
    # In a list a file's place is its whole path, so that other files are in a part.
    run("-", "--shard", "2-3/3", "-o", f"{tmp_path}/", "-q", stdin=names.encode())
    places = [str(path).lstrip("/") for path in sorted(images.rglob("*.png"))]
    for part in (2, 3):
        found = pd.read_parquet(tmp_path / f"shard-{part}-of-3.parquet").path
        assert [path.lstrip("/") for path in found] == [place for place in places if shard_of(place, 3) == part]
    assert not (tmp_path / "shard-1-of-3.parquet").exists()


def test_several_parts_are_gone_on_with(images: Path, whole: Path, results: Path) -> None:
    """After a kill in the second of three parts the first is kept, the second continued, the third made."""
    (results / "shard-3-of-3.parquet").unlink()
    (results / "_shard-3-of-3.parquet.meta.json").unlink()
    (results / "_shard-2-of-3.parquet.meta.json").rename(results / "_shard-2-of-3.parquet.partial.meta.json")
    # The journal of a killed run: its first rows, as JSON Lines.
    rows = run(images, "--shard", "2/3", "-f", "jsonl", "-q").stdout.splitlines(keepends=True)
    (results / "shard-2-of-3.parquet.partial").write_text("".join(rows[:4]))
    (results / "shard-2-of-3.parquet").unlink()
    refused = run(images, "--shard", "1-3/3", "-o", f"{results}/")
    assert (refused.returncode, "shard-1-of-3.parquet: exists already" in refused.stderr) == (2, True)
    first = len(pd.read_parquet(whole / "shard-1-of-3.parquet"))
    result = run(images, "--shard", "1-3/3", "-o", f"{results}/", "--resume")
    assert f"kept: {first + 4} rows" in result.stderr
    assert {file.name: file.read_bytes() for file in results.iterdir()} == {
        file.name: file.read_bytes() for file in whole.iterdir()
    }


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["-o", "out.parquet"], "--shard 1-2/3 writes a file for each: name a folder for them with --output"),
        ([], "--shard 1-2/3 writes a file for each: name a folder for them with --output"),
        (["-o", "out/", "-f", "csv"], "out/: the shards in a folder are Parquet files; --format names another one"),
        (["-o", "out/", "--labels", "labels.csv"], "it goes with one shard only"),
    ],
)
def test_several_parts_that_make_no_sense(
    options: list[str], message: str, images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line says what to do instead, before anything is written."""
    monkeypatch.chdir(tmp_path)
    result = run(images, "--shard", "1-2/3", *options)
    assert (result.returncode, message in result.stderr, os.listdir()) == (2, True, [])


@pytest.mark.parametrize(("held", "listings"), [(None, 1), (1000, 1), (120, 3), (65, 6), (10, 7)])
def test_few_inputs_are_remembered(held: int | None, listings: int) -> None:
    """Where the inputs of all parts are too many to be remembered, they are listed again, and none is lost."""
    places = [f"field/{number}.jpg" for number in range(300)]
    listed = 0

    def listing() -> Iterator[Source]:
        nonlocal listed
        listed += 1
        return (Source(f"/survey/{place}", place) for place in places)

    found = {
        shard.index: [source.place for source in sources]
        for shard, sources in inputs_by_shard(listing, Shards(2, 7, 7), held)
    }
    assert found == {part: [place for place in places if shard_of(place, 7) == part] for part in range(2, 8)}
    assert listed == listings


@pytest.fixture
def scripts(repository: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folder with the examples for clusters, and the command on the path."""
    monkeypatch.setenv("PATH", sysconfig.get_path("scripts"), prepend=os.pathsep)
    return repository / "examples" / "cluster"


@pytest.mark.slow
def test_the_slurm_script_runs_an_array(scripts: Path, images: Path, tmp_path: Path) -> None:
    """As Slurm runs it: one process a task, with the task's number in the environment; killed tasks run again."""
    text = (scripts / "classify.slurm").read_text()
    assert re.search(r"#SBATCH --array=1-100\n", text)
    assert "PARTS:-100" in text
    results = tmp_path / "results"
    for task in (1, 2, 2):
        environment = {"SLURM_ARRAY_TASK_ID": str(task), "SLURM_CPUS_PER_TASK": "1", "SLURM_SUBMIT_DIR": str(scripts)}
        subprocess.run(
            ["/bin/bash", str(scripts / "classify.slurm"), str(images), str(results)],
            env=os.environ | environment | {"PARTS": "2"},
            check=True,
        )
    assert check_shards(str(results)).faults == []


@pytest.mark.slow
def test_the_script_takes_several_parts(scripts: Path, images: Path, tmp_path: Path) -> None:
    """A job that is killed between two of its parts has the first one whole, and goes on with the second."""
    results = tmp_path / "results"
    for parts in ("1", "1-2", "3-3"):
        command = [str(scripts / "classify_shard.sh"), parts, "3", str(images), str(results)]
        subprocess.run(command, check=True, env=os.environ)
    assert check_shards(str(results)).faults == []


@pytest.mark.parametrize(("code", "ended"), [(0, 4), (1, 4), (2, 2), (130, 130)])
def test_the_script_believes_only_its_file(
    scripts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, ended: int
) -> None:
    """A scheduler never takes a part for done whose file is not there, whatever the command ended with."""
    command = tmp_path / "galaxy-classify"
    command.write_text(f"#!/bin/sh\nexit {code}\n")
    command.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    results = tmp_path / "results"
    results.mkdir()
    (results / "shard-08-of-10.parquet").write_bytes(b"PAR1")
    script = str(scripts / "classify_shard.sh")
    result = subprocess.run([script, "8-9", "10", "in", results], capture_output=True, text=True, check=False)
    assert result.returncode == ended
    assert ("shard-09-of-10.parquet: missing" in result.stderr) == (code in (0, 1))
    whole = subprocess.run([script, "8", "10", "in", results], capture_output=True, check=False)
    assert whole.returncode == (0 if code in (0, 1) else code)


@pytest.mark.slow
def test_the_condor_file_runs_all_processes(scripts: Path, images: Path, tmp_path: Path) -> None:
    """With its macros expanded as HTCondor does, each process classifies its part."""
    macros = {"images": str(images), "results": str(tmp_path / "results"), "parts": "2"}
    lines = [line for line in (scripts / "classify.sub").read_text().splitlines() if line and line[0] != "#"]
    given = {name.strip(): value.strip() for name, value in (line.split("=", 1) for line in lines if "=" in line)}
    given |= macros
    assert lines[-1] == "queue $(parts)"
    for process in range(2):
        part = eval(given["part"].replace("$(Process)", str(process)))  # noqa: S307
        arguments = given["arguments"].replace("$INT(part)", str(part))
        arguments = re.sub(r"\$\((\w+)\)", lambda found: given[found[1]], arguments)
        subprocess.run([str(scripts / given["executable"]), *arguments.split()], check=True)
    assert check_shards(str(tmp_path / "results")).faults == []


def test_a_damaged_shard_is_no_traceback(results: Path) -> None:
    """A cell that has changed, whatever the column, and a label column that cannot be read: the shard is not whole."""
    shard = results / "shard-2-of-3.parquet"
    whole = shard.read_bytes()
    position = whole.index(b"smooth_round")
    shard.write_bytes(whole[:position] + b"smooth_rounb" + whole[position + 12 :])
    for end in (0, 7, len(whole) // 2, len(whole) - 1):
        (results / "shard-3-of-3.parquet").write_bytes(whole[:end])
        faults = check_shards(str(results)).faults
        assert any(fault.startswith("shard-3-of-3.parquet: cannot be read") for fault in faults)
    assert (
        "shard-2-of-3.parquet: cannot be read: its rows are not those that were written: the file has been damaged"
        in (faults)
    )
    (results / "shard-2-of-3.parquet").unlink()
    (results / "shard-2-of-3.parquet").mkdir()
    assert run("--check-shards", results).returncode == 1


def test_names_that_no_run_gives_are_found(results: Path) -> None:
    """A number of shards that would take memory to count, and a file that readers of the folder would read too."""
    (results / "shard-2-of-3.parquet").rename(results / "shard-2-of-999999999.parquet")
    shutil.copy(results / "shard-1-of-3.parquet", results / "backup.parquet")
    faults = check_shards(str(results)).faults
    assert "backup.parquet: is no shard, but readers of the folder take it for one" in faults
    assert any("999,999,999 shards missing: 1-999999999" in fault for fault in faults)
