"""A cutout service on loopback that behaves as the surveys' services do, and as they should not."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from fits_galaxies import fits_bytes, image_hdu, nanomaggies
from galaxy_painter import KINDS, paint
from loopback import running

#: Sends one answer.
Answer = Callable[["Handler"], None]


@cache
def jpeg(number: int = 0, size: int = 424) -> bytes:
    """Return a drawn galaxy, as a JPEG."""
    content = io.BytesIO()
    paint(KINDS[number % len(KINDS)], number, 64).resize((size, size)).save(content, "JPEG")
    return content.getvalue()


@cache
def fits_cutout(size: int = 424) -> bytes:
    """Return a cube of three bands, as the Legacy Surveys' viewer sends it."""
    return fits_bytes(image_hdu(nanomaggies("smooth_round", 1, size), BANDS="grz", SURVEY="LegacySurvey"))


@dataclass
class CutoutServer:
    """What the service is to answer, and what it was asked."""

    address: str = ""
    #: Answers by the right ascension that is asked for, as it is written in the address: one after another, the last
    #: one again and again. Without any, the service sends the cutout.
    answers: dict[str, list[Answer]] = field(default_factory=dict)
    #: Time, path and user agent of each request.
    requests: list[tuple[float, str, str]] = field(default_factory=list)
    #: Seconds until each answer.
    delay: float = 0.0
    most_at_once: int = 0
    at_once: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def template(self) -> str:
        """Address for ``--service``."""
        return self.address + "/jpeg-cutout?ra={ra}&dec={dec}&pixscale={scale}&size={pixels}"

    @property
    def paths(self) -> list[str]:
        """Paths that were asked for."""
        return [path for _, path, _ in self.requests]


class Handler(BaseHTTPRequestHandler):
    """Answers one request."""

    server: _Server

    def do_GET(self) -> None:
        """Answer as the plan says, or with the cutout."""
        state = self.server.state
        with state.lock:
            state.requests.append((time.monotonic(), self.path, self.headers.get("User-Agent", "")))
            state.at_once += 1
            state.most_at_once = max(state.most_at_once, state.at_once)
            queue = state.answers.get(self.asked("ra"), [])
            answer = queue.pop(0) if len(queue) > 1 else queue[0] if queue else right
        time.sleep(state.delay)
        try:
            with suppress(ConnectionError):
                answer(self)
        finally:
            with state.lock:
                state.at_once -= 1

    def asked(self, name: str) -> str:
        """Return a parameter of the address."""
        return parse_qs(urlsplit(self.path).query).get(name, [""])[0]

    def send(self, content: bytes, status: int = 200, kind: str = "image/jpeg", **headers: object) -> None:
        """Send an answer; a header of None is left out."""
        self.send_response(status)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        for name, value in ({"Content-Type": kind, "Content-Length": len(content)} | named).items():
            if value is not None:
                self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        """Keep the tests' output clean."""


def right(handler: Handler) -> None:
    """Send the cutout in the size that is asked for."""
    size = int(handler.asked("size"))
    if handler.path.startswith("/fits-cutout"):
        handler.send(fits_cutout(size), kind="image/fits")
    else:
        handler.send(jpeg(int(float(handler.asked("ra"))), size))


def status(code: int, wait: object = None) -> Answer:
    """Refuse with a status, and ask to wait."""
    return lambda handler: handler.send(b"<html>no</html>", code, "text/html", Retry_After=wait)


def html(handler: Handler) -> None:
    """Send a web page as if it were the image, as some services do for an error."""
    handler.send(b"<html><head><title>Down for maintenance</title></head></html>", kind="text/html")


def sends(content: bytes) -> Answer:
    """Send something as if it were the image."""
    return lambda handler: handler.send(content)


def truncated(handler: Handler) -> None:
    """Break the connection before the end that was announced."""
    handler.send(jpeg()[:2000], Content_Length=len(jpeg()))


def cut_without_length(handler: Handler) -> None:
    """Break the connection before an end that was not announced."""
    handler.send(jpeg()[:2000], Content_Length=None)


def endless(handler: Handler) -> None:
    """Send bytes until the client has gone."""
    handler.send(jpeg(), Content_Length=None)
    with suppress(OSError):
        while True:
            handler.wfile.write(b"\0" * 65536)


def redirect(target: str) -> Answer:
    """Send the client elsewhere; ``{path}`` is what it asked for."""
    return lambda handler: handler.send(b"", 302, Location=target.replace("{path}", handler.path))


def hang_up(handler: Handler) -> None:
    """Close the connection without an answer."""
    handler.close_connection = True


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, state: CutoutServer) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.state = state

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Keep the tests' output clean."""


@contextmanager
def serving_cutouts() -> Iterator[CutoutServer]:
    """Serve cutouts on a free port of loopback until the block ends."""
    state = CutoutServer()
    with running(_Server(state)) as state.address:
        yield state
