"""Jobs that share one set of inputs: each input in exactly one part, and a whole that is known to be whole."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pandas as pd
import pytest

from galaxy_classify.errors import UsageError
from galaxy_classify.shards import check_shards, parse_shard, shard_of
from galaxy_painter import paint

COMMAND = [sys.executable, "-m", "galaxy_classify"]
PARTS = 3


def run(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command and return what it did."""
    command = [*COMMAND, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=os.environ | environment, check=False)


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


@pytest.mark.parametrize("text", ["0/3", "4/3", "1", "a/b", "1/0", "-1/3", "1/2/3", ""])
def test_parts_that_are_not_there(text: str) -> None:
    """The message says how it is written."""
    with pytest.raises(UsageError, match="shard"):
        parse_shard(text)


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


@pytest.fixture
def scripts(repository: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folder with the examples for clusters, and the command on the path."""
    monkeypatch.setenv("PATH", sysconfig.get_path("scripts"), prepend=os.pathsep)
    return repository / "examples" / "cluster"


def test_the_slurm_script_runs_an_array(scripts: Path, images: Path, tmp_path: Path) -> None:
    """As Slurm runs it: one process a task, with the task's number in the environment; killed tasks run again."""
    text = (scripts / "classify.slurm").read_text()
    assert re.search(r"#SBATCH --array=1-100\n", text)
    assert "PARTS:-100" in text
    results = tmp_path / "results"
    for task in (1, 2, 2, 3):
        environment = {"SLURM_ARRAY_TASK_ID": str(task), "SLURM_CPUS_PER_TASK": "1", "SLURM_SUBMIT_DIR": str(scripts)}
        subprocess.run(
            ["/bin/bash", str(scripts / "classify.slurm"), str(images), str(results)],
            env=os.environ | environment | {"PARTS": str(PARTS)},
            check=True,
        )
    assert check_shards(str(results)).faults == []


def test_the_condor_file_runs_all_processes(scripts: Path, images: Path, tmp_path: Path) -> None:
    """With its macros expanded as HTCondor does, each process classifies its part."""
    macros = {"images": str(images), "results": str(tmp_path / "results"), "parts": str(PARTS)}
    lines = [line for line in (scripts / "classify.sub").read_text().splitlines() if line and line[0] != "#"]
    given = {name.strip(): value.strip() for name, value in (line.split("=", 1) for line in lines if "=" in line)}
    given |= macros
    assert lines[-1] == "queue $(parts)"
    for process in range(PARTS):
        part = eval(given["part"].replace("$(Process)", str(process)))  # noqa: S307
        arguments = given["arguments"].replace("$INT(part)", str(part))
        arguments = re.sub(r"\$\((\w+)\)", lambda found: given[found[1]], arguments)
        subprocess.run([str(scripts / given["executable"]), *arguments.split()], check=True)
    assert check_shards(str(tmp_path / "results")).faults == []
