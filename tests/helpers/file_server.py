"""A file server on loopback that can be told to fail in the ways that real ones do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from loopback import running


class FileServer:
    """Serves files from memory and keeps a record of what it was asked.

    Parameters
    ----------
    files : dict of str to bytes
        Content by path.
    """

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files
        #: Path and Range header of each request.
        self.requests: list[tuple[str, str | None]] = []
        #: How many bytes to send of each of the next answers before the connection breaks.
        self.cut_after: list[int] = []
        #: Status codes of the next answers.
        self.refuse_with: list[int] = []
        #: Where a path has moved to.
        self.moved: dict[str, str] = {}
        #: Bytes that are sent after a file that was said to end, again and again until the client has gone.
        self.endless = b""
        self.knows_ranges = True
        self.address = ""


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        state = self.server.state
        asked = self.headers.get("Range")
        state.requests.append((self.path, asked))
        if state.refuse_with:
            self.send_error(state.refuse_with.pop(0))
            return
        if self.path in state.moved:
            self.send_response(302)
            self.send_header("Location", state.moved[self.path])
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        content = state.files.get(self.path)
        if content is None:
            self.send_error(404)
            return
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked and state.knows_ranges else 0
        if start and start >= len(content):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        if not state.endless:
            self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        rest = content[start:]
        if state.cut_after:
            rest = rest[: state.cut_after.pop(0)]
        self.wfile.write(rest)
        with suppress(ConnectionError):
            while state.endless:
                self.wfile.write(state.endless)

    def do_HEAD(self) -> None:
        content = self.server.state.files.get(self.path)
        self.send_response(404 if content is None else 200)
        self.send_header("Content-Length", str(len(content or b"")))
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        """Keep the tests' output clean."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, state: FileServer) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.state = state


@contextmanager
def serving(files: dict[str, bytes]) -> Iterator[FileServer]:
    """Serve files on a free port of loopback until the block ends."""
    state = FileServer(files)
    with running(_Server(state)) as state.address:
        yield state
