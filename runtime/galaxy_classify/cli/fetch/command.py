"""One run of ``galaxy-classify fetch``: check the options, fetch, summarise."""

from __future__ import annotations

import os
import re
import sys
import time
from typing import Final

from galaxy_classify.cli.fetch.options import FetchOptions
from galaxy_classify.cli.progress import progress
from galaxy_classify.errors import EXIT_FAILURES, EXIT_INTERRUPTED, UsageError
from galaxy_classify.fetch.client import user_agent
from galaxy_classify.fetch.framing import Framing
from galaxy_classify.fetch.run import FetchRun, check_catalog, duration
from galaxy_classify.fetch.services import NAMES, Service, find_service
from galaxy_classify.fetch.targets import Targets
from galaxy_classify.text import printable

#: What is said of cutouts of one width.
ALIKE: Final = "note: the models were trained on cutouts framed by each galaxy's size (documentation: Framing)"
#: Addresses that ``--dry-run`` prints.
SHOWN_URLS: Final = 10
#: Kinds of errors that the summary names.
SHOWN_ERRORS: Final = 3
#: The finest pixel scale that can be asked for, in arcsec: SkyServer's limit, and far below any survey's pixels.
FINEST_SCALE: Final = 0.015
CONTACT: Final = re.compile(r"[^\s()<>]+@[^\s()<>]+", re.ASCII)


class FetchCommand:
    """One run.

    Raises
    ------
    UsageError
        If the options make no sense, or the catalogue cannot be used.
    """

    def __init__(self, options: FetchOptions) -> None:
        self.options = options
        catalog, folder = _check(options)
        self.service = _service(options)
        self.framing = _framing(options, self.service)
        check_catalog(catalog, folder)
        targets = Targets(catalog, options.ra, options.dec, options.id_column, self.framing, self.service)
        self.fetch = FetchRun(
            targets,
            self.service,
            self.framing,
            folder,
            catalog=None if options.id_column else os.path.basename(catalog),
            rate=options.rate,
            parallel=options.parallel,
            agent=user_agent(options.contact),
            force=options.force,
        )

    def run(self) -> int:
        """Fetch, and return the exit code."""
        if self.options.dry_run:
            return self._show_plan()
        started = time.monotonic()
        targets = self.fetch.targets
        enabled = not (self.options.quiet or self.options.no_progress)
        try:
            with progress(enabled=enabled, total=lambda: len(targets)) as advance:
                self.fetch.run(advance)
        except KeyboardInterrupt:
            done = f"interrupted after {self.fetch.counts.total:,} of {len(targets):,} rows"
            print(f"{done}; what was fetched is kept, run the same command again to go on", file=sys.stderr)
            return EXIT_INTERRUPTED
        self._summarise(time.monotonic() - started)
        return EXIT_FAILURES if self.fetch.counts.failed else 0

    def _show_plan(self) -> int:
        """Print what would be asked for."""
        first, count = self.fetch.plan(SHOWN_URLS)
        for url in first:
            print(url)
        if not self.options.quiet:
            counts = self.fetch.counts
            more = f", these {len(first)} first" if count > len(first) else ""
            took = duration(count, self.options.rate)
            self._say(f"would ask for {count:,} cutouts{more}: {took} or longer at {self.options.rate:g} per second")
            self._say_asked()
            self._say(f"there already: {counts.kept:,}, errors: {counts.failed:,}")
            self._say_errors()
        return EXIT_FAILURES if self.fetch.counts.failed else 0

    def _say_asked(self) -> None:
        layer = f" {self.service.layer}" if self.service.layer else ""
        self._say(f"asked: {self.service.name}{layer}, {self.service.format}, {self.framing}")
        if self.framing.arcsec is not None:
            self._say(ALIKE)

    def _summarise(self, seconds: float) -> None:
        if self.options.quiet:
            return
        counts = self.fetch.counts
        self._say_asked()
        kept = f"there already: {counts.kept:,}, " if counts.kept else ""
        self._say(f"fetched: {counts.fetched:,}, {kept}errors: {counts.failed:,} ({seconds:.1f} s)")
        self._say_errors()
        self._say(f"table: {self.fetch.table}")

    def _say_errors(self) -> None:
        for message, number in self.fetch.counts.errors.most_common(SHOWN_ERRORS):
            self._say(f"  {number:,} x {message}")
        if (rest := len(self.fetch.counts.errors) - SHOWN_ERRORS) > 0:
            self._say(f"  and {rest:,} other message{'s' if rest > 1 else ''}")

    def _say(self, line: str) -> None:
        print(printable(line), file=sys.stderr)


def _check(options: FetchOptions) -> tuple[str, str]:
    """Check the options that stand alone, and return the catalogue and the folder."""
    for name in options.empty():
        raise UsageError(f"{name}: its value is empty; give one, or leave it out")
    if len(options.catalogs) != 1:
        raise UsageError(f"fetch takes one CATALOG, a table of sky positions, not {len(options.catalogs)}")
    if options.output is None:
        raise UsageError("--output names the folder for the cutouts: -o cutouts")
    if options.contact is not None and not CONTACT.fullmatch(options.contact):
        raise UsageError(f"--contact {options.contact!r}: is no email address")
    return options.catalogs[0], options.output


def _service(options: FetchOptions) -> Service:
    if options.service is None:
        raise UsageError(f"--service says whom to ask: {', '.join(NAMES)}, or an address; nothing is asked without it")
    service = find_service(options.service, options.format, options.layer)
    least, most = service.pixels
    if not least <= options.pixels <= most:
        raise UsageError(f"--pixels {options.pixels}: {service.name} sends {least} to {most:,}")
    return service


def _framing(options: FetchOptions, service: Service) -> Framing:
    by_size = options.size_column is not None or options.size90_column is not None
    if by_size == (options.arcsec is not None):
        problem = "--arcsec does not go with --size-column or --size90-column" if by_size else "how large is a cutout?"
        raise UsageError(
            f"{problem}: frame galaxies by their size with --size-column (radius of half of the light) or "
            "--size90-column, or all alike with --arcsec"
        )
    if options.arcsec is not None and options.arcsec / options.pixels < FINEST_SCALE:
        raise UsageError(
            f"--arcsec {options.arcsec:g}: {options.pixels} pixels below {FINEST_SCALE} arcsec; use fewer --pixels"
        )
    columns = (options.size_column, options.size90_column)
    return Framing(options.pixels, service.least_scale, options.arcsec, *columns)
