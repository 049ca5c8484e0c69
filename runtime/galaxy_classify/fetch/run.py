"""A run: from the rows of a catalogue to cutouts and a table of them, one row for each, in order."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from galaxy_classify.errors import UsageError
from galaxy_classify.fetch.client import Client
from galaxy_classify.fetch.fetcher import Fetcher, Outcome
from galaxy_classify.fetch.framing import Framing
from galaxy_classify.fetch.log import LOG_NAME, Log
from galaxy_classify.fetch.pace import Pace, Stop
from galaxy_classify.fetch.services import Service
from galaxy_classify.fetch.targets import Targets
from galaxy_classify.fetch.whole_image import check_image
from galaxy_classify.inputs.catalog import free_names
from galaxy_classify.inputs.names import make_folders
from galaxy_classify.parallel import ordered_map
from galaxy_classify.results.csv_rows import csv_line
from galaxy_classify.results.file_names import check_folder
from galaxy_classify.results.safe_writing import RecordFile, only_writer, write_errors, written_aside

TABLE_NAME: Final = "cutouts.csv"
#: Columns that a row has besides the catalogue's.
COLUMNS: Final = ("file", "status", "message", "url", "pixel_scale", "bytes", "sha256", "fetched_at")
#: Bytes that an answer may have for each pixel: four bands of doubles; and besides, for headers.
BYTES_PER_PIXEL: Final = 32
BYTES_BESIDES: Final = 1 << 20
REMEDY: Final = "; what was fetched is kept, run the same command again to go on"


@dataclass
class Counts:
    """How many rows came to what."""

    fetched: int = 0
    kept: int = 0
    errors: Counter[str] = field(default_factory=Counter)

    @property
    def failed(self) -> int:
        """Number of rows without a cutout."""
        return self.errors.total()

    @property
    def total(self) -> int:
        """Number of rows."""
        return self.fetched + self.kept + self.failed

    def add(self, outcome: Outcome) -> None:
        """Count a row."""
        if outcome.fetched is None:
            self.errors[outcome.message] += 1
        elif outcome.kept:
            self.kept += 1
        else:
            self.fetched += 1


@dataclass
class FetchRun:
    """A run.

    Parameters
    ----------
    targets : Targets
        The objects.
    service : Service
        Who is asked.
    framing : Framing
        How the cutouts are framed.
    folder : str
        Where they go.
    catalog : str or None
        Name of the catalogue, if its row numbers name the files.
    rate : float
        Requests per second.
    parallel : int
        Requests at once.
    agent : str
        The user agent.
    force : bool
        Whether to replace cutouts of another service or framing.
    """

    targets: Targets
    service: Service
    framing: Framing
    folder: str
    catalog: str | None
    rate: float
    parallel: int
    agent: str
    force: bool = False
    counts: Counts = field(default_factory=Counts)

    def __post_init__(self) -> None:
        check_folder(self.folder)

    @property
    def table(self) -> str:
        """Path of the table."""
        return os.path.join(self.folder, TABLE_NAME)

    def settings(self) -> dict[str, Any]:
        """Return what all cutouts of the folder have in common."""
        found = {
            "service": self.service.template,
            "layer": self.service.layer,
            "format": str(self.service.format),
            "framing": str(self.framing),
        }
        return found if self.catalog is None else found | {"catalog": self.catalog}

    def plan(self, shown: int) -> tuple[list[str], int]:
        """Ask nothing: return the first addresses that would be asked, and how many there are, and count the rows."""
        log = Log(self.folder)
        log.check_settings(self.settings(), force=self.force)
        fetcher = Fetcher(self.folder, log, _ask_nothing)
        first: list[str] = []
        urls: set[str] = set()
        for target in self.targets:
            if target.reason:
                self.counts.errors[target.reason] += 1
            elif fetcher.is_there(target):
                self.counts.kept += 1
            elif target.url not in urls:
                urls.add(target.url)
                first += [target.url] if len(urls) <= shown else []
        return first, len(urls)

    def run(self, advance: Callable[[], None]) -> None:
        """Fetch what is missing, and write the table; `advance` is called after each row.

        Raises
        ------
        UsageError
            If the folder cannot be written to, is another run's, or has other cutouts.
        GalaxyClassifyError
            If the disk is full, or the service does not answer any more.
        """
        settings = self.settings()
        stop = Stop()
        with self._writing() as stack:
            log = Log(self.folder)
            log.check_settings(settings, force=self.force)
            stack.enter_context(log.begin(settings))
            fetcher = Fetcher(self.folder, log, self._client(stop))
            rows = stack.enter_context(RecordFile(stack.enter_context(written_aside(self.table))))
            columns = [column.name for column in self.targets.columns]
            rows.write(csv_line([*free_names(columns, COLUMNS), *COLUMNS]))
            for outcome in ordered_map(fetcher.fetch, self.targets, self.parallel, on_stop=stop.set):
                rows.write(csv_line(row_of(outcome)))
                self.counts.add(outcome)
                advance()

    @contextmanager
    def _writing(self) -> Iterator[ExitStack]:
        with write_errors(self.table, remedy=REMEDY), ExitStack() as stack:
            make_folders(self.folder)
            stack.enter_context(only_writer(self.table))
            yield stack

    def _client(self, stop: Stop) -> Callable[[str], bytes]:
        pixels = self.framing.pixels
        client = Client(Pace(self.rate, stop.sleep), self.agent, BYTES_PER_PIXEL * pixels**2 + BYTES_BESIDES)
        expected = pixels if self.service.sends_what_is_asked else None
        return lambda url: client.get(url, lambda content: check_image(content, self.service.format, expected))


def row_of(outcome: Outcome) -> Sequence[Any]:
    """Return the row of an object: the catalogue's values, and what came of it."""
    target, fetched = outcome.target, outcome.fetched
    if fetched is None:
        return [*target.row, None, "error", outcome.message, target.url or None, target.scale, None, None, None]
    of_file = (fetched.bytes, fetched.sha256, fetched.fetched_at)
    return [*target.row, target.name, "ok", None, target.url, target.scale, *of_file]


def check_catalog(path: str, folder: str) -> None:
    """Check that the catalogue is none of the files that are written."""
    for name in (TABLE_NAME, LOG_NAME):
        written = os.path.join(folder, name)
        if os.path.realpath(path) == os.path.realpath(written):
            raise UsageError(f"{path}: would be written by this run, which reads it; choose another --output")


def duration(requests: int, rate: float) -> str:
    """Say how long requests take at a rate.

    Examples
    --------
    >>> duration(900, 3), duration(4, 2)
    ('00:05:00', '00:00:02')
    """
    hours, rest = divmod(round(requests / rate), 3600)
    return f"{hours:02d}:{time.strftime('%M:%S', time.gmtime(rest))}"


def _ask_nothing(url: str) -> bytes:
    raise AssertionError(f"{url}: a dry run asks nothing")
