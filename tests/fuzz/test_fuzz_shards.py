"""Folders of shards that something has happened to: whole by their content, or said not to be; never a traceback."""

from __future__ import annotations

import random
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fuzzing import FUZZ
from galaxy_classify.inputs.source import Source
from galaxy_classify.results.layout import RowLayout
from galaxy_classify.results.resume import Existing
from galaxy_classify.runs.shard_check import check_shards
from galaxy_classify.runs.shard_folder import ShardFolder
from galaxy_classify.runs.shards import Shards
from galaxy_classify.tables.columns import Column
from stand_in_job import CLASSES, StandInJob

COUNT = 4
LAYOUT = RowLayout(CLASSES, carried=[Column("z", "float"), Column("note")])

pytestmark = pytest.mark.slow

Change = Callable[[Path, random.Random], None]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with all shards of a run."""
    folder = tmp_path_factory.mktemp("whole")
    sources = [Source(f"{number}.png", f"{number}.png", (number / 7, f"note {number}" * 9)) for number in range(60)]
    shards = ShardFolder(str(folder), Shards(1, COUNT, COUNT), Existing.REFUSE)
    for shard in shards.shards:
        job = StandInJob(LAYOUT)
        job.shard = str(shard)
        shards.file(shard).write(job, filter(shard.holds, sources))
    assert check_shards(str(folder)).faults == []
    return folder


def one_of(folder: Path, chance: random.Random) -> Path:
    """Choose a shard."""
    return chance.choice(sorted(folder.glob("shard-*")) or [folder / "none"])


def flip(folder: Path, chance: random.Random) -> None:
    """Change bytes anywhere in a shard."""
    path = one_of(folder, chance)
    content = bytearray(path.read_bytes())
    for _ in range(chance.randint(1, 4) if content else 0):
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    path.write_bytes(content)


def flip_at_the_end(folder: Path, chance: random.Random) -> None:
    """Change bytes of a shard's footer, where its columns, sizes and metadata are."""
    path = one_of(folder, chance)
    content = bytearray(path.read_bytes())
    for _ in range(chance.randint(1, 3) if content else 0):
        content[-chance.randint(1, min(len(content), 3000))] = chance.randrange(256)
    path.write_bytes(content)


def cut(folder: Path, chance: random.Random) -> None:
    """End a shard too early, or fill its end with zeros."""
    path = one_of(folder, chance)
    content = path.read_bytes()
    end = chance.randint(0, len(content))
    path.write_bytes(content[:end] + b"\0" * chance.choice([0, len(content) - end]))


def swap(folder: Path, chance: random.Random) -> None:
    """Let two shards change names."""
    one, other = one_of(folder, chance), one_of(folder, chance)
    if one != other:
        one.rename(folder / "aside")
        other.rename(one)
        (folder / "aside").rename(other)


def rename(folder: Path, chance: random.Random) -> None:
    """Give a shard another name."""
    path = one_of(folder, chance)
    name = chance.choice(["shard-9-of-9.parquet", "shard-01-of-4.parquet", "shard-2-of-999999999.parquet", "a.parquet",
                          "_hidden", "shard-1-of-4.parquet.partial", f"shard-1-of-{'9' * 99}.parquet"])  # fmt: skip
    path.rename(folder / name)


def remove(folder: Path, chance: random.Random) -> None:
    """Remove a shard."""
    one_of(folder, chance).unlink()


def duplicate(folder: Path, chance: random.Random) -> None:
    """Copy a shard under a name of another one."""
    path = one_of(folder, chance)
    copy = folder / chance.choice(["shard-2-of-4.parquet", "shard-5-of-5.parquet", "copy.parquet"])
    if copy != path:
        shutil.copy(path, copy)


def foreign(folder: Path, chance: random.Random) -> None:
    """Put something else there."""
    name = folder / chance.choice(["shard-3-of-4.parquet", "other.parquet", "notes.txt", "shard-1-of-1.parquet"])
    if chance.random() < 0.3:
        name.unlink(missing_ok=True)
        name.mkdir()
    elif chance.random() < 0.5:
        columns = {"path": ["a"], "status": ["ok"], "label": [1]}
        schema = pa.table(columns).schema.with_metadata({"galaxy_classify": chance.choice(PROVENANCES)})
        name.unlink(missing_ok=True)
        pq.write_table(pa.table(columns, schema=schema), name)
    else:
        name.write_text("not ours")


def without_rows(folder: Path, chance: random.Random) -> None:
    """Write a shard again with fewer rows or another value, its metadata as they were."""
    path = one_of(folder, chance)
    try:
        table = pq.read_table(path)
    except Exception:  # one that was damaged before
        return
    changed = table.slice(0, len(table) // 2)
    if chance.random() < 0.5:
        labels = pa.array(["spiral"] * len(table), pa.string())
        changed = table.set_column(table.column_names.index("label"), table.schema.field("label"), labels)
    file = pq.read_metadata(path)
    extra = {key: value for key, value in (file.metadata or {}).items() if key != b"ARROW:schema"}
    with pq.ParquetWriter(path, changed.schema) as writer:
        writer.write_table(changed)
        writer.add_key_value_metadata(extra)


PROVENANCES = ["{}", "[]", "1", "{", '{"options": {"shard": "1/4"}}', '{"options": {"shard": "1-4/4"}}',
               '{"options": {"shard": [1]}}', '{"options": {"shard": "9/4"}}', '{"options": 3}', "\\ud800"]  # fmt: skip
CHANGES: list[Change] = [
    flip, flip_at_the_end, cut, swap, rename, remove, duplicate, foreign, without_rows,
]  # fmt: skip


def rows_of(folder: Path) -> list[tuple[Any, ...]]:
    """Read all rows of a folder as its readers do."""
    files = [path for path in folder.iterdir() if path.name.endswith(".parquet") and not path.name.startswith("_")]
    rows = [row for path in files for row in pq.ParquetFile(path).read().to_pylist()]
    return sorted(tuple(sorted(row.items())) for row in rows)


@pytest.fixture
def folder() -> Iterator[Path]:
    """Folder that is filled anew for each example."""
    with tempfile.TemporaryDirectory() as name:
        yield Path(name) / "shards"


def test_a_changed_folder_is_whole_by_content_or_said_not_to_be(whole: Path, folder: Path) -> None:
    """No row is missing, doubled or other than it was written where the check finds no fault."""
    expected = rows_of(whole)

    @FUZZ
    @given(st.lists(st.sampled_from(CHANGES), min_size=1, max_size=3), st.integers(0, 2**32))
    def check(changes: list[Change], number: int) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(whole, folder)
        chance = random.Random(number)
        for change in changes:
            with suppress(OSError, ValueError):  # nothing is left that could be changed in this way
                change(folder, chance)
        found = check_shards(str(folder))
        assert all("\n" not in fault for fault in found.faults)
        if not found.faults:
            assert rows_of(folder) == expected

    check()
