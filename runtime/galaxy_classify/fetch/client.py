"""Ask a service for one cutout over HTTP: retries with pauses, what the service asks to wait, limits on the answer."""

from __future__ import annotations

import http.client
import random
import ssl
import time
import urllib.request
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from typing import IO, Any, Final
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit

from galaxy_classify.errors import GalaxyClassifyError
from galaxy_classify.fetch.failures import NoCutoutError, OverloadedError, TemporaryError
from galaxy_classify.fetch.pace import Pace
from galaxy_classify.text import one_line, printable
from galaxy_classify.version import __version__

#: Requests for one cutout, the first included.
ATTEMPTS: Final = 5
#: Seconds to wait before the second request; twice as long before each further one.
FIRST_PAUSE: Final = 1.0
#: Longest wait that a service may ask for, in seconds. If it asks for more, the cutout is left to a later run.
MOST_WAIT: Final = 120.0
#: Seconds without a byte after which a connection is given up, and seconds that a whole answer may take.
SILENCE: Final = 30.0
WHOLE_ANSWER: Final = 300.0
CHUNK: Final = 1 << 16
#: Answers that may be others a little later, and those that are not about the one object.
TEMPORARY: Final = (429, 500, 502, 503, 504)
OVERLOADED: Final = (429, 502, 503, 504)
NOT_FOUND: Final = 404
#: Characters of a server's own words on why it refuses.
MOST_REASON: Final = 100


def user_agent(contact: str | None = None) -> str:
    """Return how the client introduces itself, so that a service can tell who asks, and whom to write to.

    Examples
    --------
    >>> user_agent("me@observatory.org").endswith(" (me@observatory.org)")
    True
    """
    return f"galaxy-classify/{__version__}" + (f" ({contact})" if contact else "")


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follow redirects to web servers only; urllib would also follow one to FTP."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        """Return the request that follows."""
        scheme = urlsplit(newurl).scheme
        if scheme not in ("http", "https"):
            fp.close()
            raise NoCutoutError(f"the server redirects to {scheme}://, which is not followed")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _opener() -> urllib.request.OpenerDirector:
    """Return what opens addresses of web servers, through the proxies of the environment, and no others."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        _Redirects(),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.UnknownHandler(),
    ):
        opener.add_handler(handler)
    return opener


class Client:
    """Asks for cutouts, from several threads.

    Parameters
    ----------
    pace : Pace
        Says when a request may be made.
    agent : str
        The user agent.
    most_bytes : int
        Size of the largest answer.
    jitter : callable, optional
        Returns a number between 0 and 1, which makes pauses differ: clients that failed together do not return
        together.
    """

    def __init__(self, pace: Pace, agent: str, most_bytes: int, jitter: Callable[[], float] = random.random) -> None:
        self._pace = pace
        self._agent = agent
        self._most_bytes = most_bytes
        self._jitter = jitter
        self._opener = _opener()

    def get(self, url: str, check: Callable[[bytes], None]) -> bytes:
        """Return the answer of an address once it passes a check.

        Raises
        ------
        NoCutoutError
            If there is none, after some attempts: `TemporaryError` if another one may help.
        GalaxyClassifyError
            If the server is not the one that it says.
        """
        pause = FIRST_PAUSE
        for attempt in range(1, ATTEMPTS + 1):
            self._pace.wait()
            try:
                content = self._ask(url)
                check(content)
            except TemporaryError as error:
                if error.wait is not None and error.wait > MOST_WAIT:
                    raise type(error)(f"{error}, and asks to wait {error.wait:,.0f} s: try later") from None
                if attempt == ATTEMPTS:
                    raise type(error)(f"{error}, {attempt} times") from None
                # Whoever is short of breath is not asked by the other threads either.
                self._pace.hold(max(pause * (0.5 + self._jitter()), error.wait or 0.0))
                pause *= 2
            else:
                return content
        raise AssertionError  # the last attempt returns or raises

    def _ask(self, url: str) -> bytes:
        request = urllib.request.Request(url, headers={"User-Agent": self._agent})  # noqa: S310 - by _check_template
        try:
            with self._opener.open(request, timeout=SILENCE) as response:
                return self._read(response)
        except HTTPError as error:
            with error:
                raise _refusal(error) from None
        except URLError as error:
            reason = error.reason
            if isinstance(reason, ssl.SSLCertVerificationError):
                host = urlsplit(url).hostname
                raise GalaxyClassifyError(f"{host}: its certificate is not trusted: {reason.verify_message}") from None
            text = getattr(reason, "strerror", None) or reason
            raise OverloadedError(f"the server cannot be reached ({printable(str(text))})") from None
        except (http.client.HTTPException, OSError) as error:
            raise OverloadedError(f"the connection broke off ({printable(one_line(error))})") from None

    def _read(self, response: Any) -> bytes:
        """Read an answer, within limits of size and time."""
        length = response.headers.get("Content-Length", "")
        expected = int(length) if length.isdecimal() else None
        end = time.monotonic() + WHOLE_ANSWER
        content = bytearray()
        while chunk := response.read1(CHUNK):
            content += chunk
            if len(content) > self._most_bytes:
                raise NoCutoutError(f"the answer has more than {self._most_bytes:,} bytes")
            if time.monotonic() > end:
                raise TemporaryError(f"the answer was not whole after {WHOLE_ANSWER:.0f} s")
        if expected is not None and len(content) != expected:
            raise TemporaryError(f"the connection broke off after {len(content):,} of {expected:,} bytes")
        return bytes(content)


def _refusal(error: HTTPError) -> NoCutoutError:
    text = f"the server answers {error.code} {printable(str(error.reason)[:MOST_REASON])}".rstrip()
    if error.code in TEMPORARY:
        kind = OverloadedError if error.code in OVERLOADED else TemporaryError
        return kind(text, _wait(error.headers.get("Retry-After")))
    return NoCutoutError(f"{text}: it has no cutout here" if error.code == NOT_FOUND else text)


def _wait(text: str | None) -> float | None:
    """Return the seconds that a ``Retry-After`` asks to wait, which is a number or a date; None if it is neither."""
    if text is None:
        return None
    if text.strip().isdecimal():
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except ValueError:
        return None
