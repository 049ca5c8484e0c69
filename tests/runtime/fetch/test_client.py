"""What the client makes of a service that answers, or does not, on loopback."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import partial
from urllib.error import URLError
from urllib.request import OpenerDirector

import pytest

from cutout_server import (
    Answer,
    CutoutServer,
    cut_without_length,
    endless,
    hang_up,
    html,
    jpeg,
    redirect,
    right,
    sends,
    serving_cutouts,
    status,
    truncated,
)  # fmt: skip
from fake_clock import Clock
from galaxy_classify.errors import GalaxyClassifyError
from galaxy_classify.fetch.client import ATTEMPTS, Client, user_agent
from galaxy_classify.fetch.failures import NoCutoutError, OverloadedError, TemporaryError
from galaxy_classify.fetch.pace import Pace
from galaxy_classify.fetch.services import CutoutFormat
from galaxy_classify.fetch.whole_image import check_image

CHECK = partial(check_image, wanted=CutoutFormat.JPG, pixels=424)


class Asking:
    """A client whose pauses only move a clock."""

    def __init__(self, server: CutoutServer) -> None:
        self.server = server
        self.clock = Clock()
        self.client = Client(Pace(20, self.clock.sleep, self.clock), user_agent(), 1_000_000, jitter=lambda: 0.5)

    def get(self, *answers: Answer, path: str = "/jpeg-cutout?ra=1&dec=2&size=424") -> bytes:
        """Ask once, for an object that the service has these answers for."""
        self.server.answers["1"] = list(answers)
        return self.client.get(self.server.address + path, lambda content: CHECK(content))


@pytest.fixture(scope="module")
def service() -> Iterator[CutoutServer]:
    """A service for all tests of this file."""
    with serving_cutouts() as found:
        yield found


@pytest.fixture
def asking(service: CutoutServer, monkeypatch: pytest.MonkeyPatch) -> Asking:
    """A client, and the service as it was at first."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    service.answers.clear()
    service.requests.clear()
    return Asking(service)


def test_a_right_answer_comes_at_once(asking: Asking) -> None:
    """One request, by a client that says what it is."""
    assert asking.get() == jpeg(1)
    ((_, path, agent),) = asking.server.requests
    assert path == "/jpeg-cutout?ra=1&dec=2&size=424"
    assert agent.startswith("galaxy-classify/0.")
    assert asking.clock.now == 100


@pytest.mark.parametrize(
    "failure",
    [*(status(code) for code in (429, 500, 502, 503, 504)), hang_up, truncated, cut_without_length, sends(b"")],
    ids=["429", "500", "502", "503", "504", "hang up", "truncated", "cut", "empty"],
)
def test_what_may_be_over_is_asked_again(asking: Asking, failure: Answer) -> None:
    """After a pause that becomes longer each time."""
    assert asking.get(failure, failure, right) == jpeg(1)
    assert len(asking.server.requests) == 3
    assert asking.clock.now == pytest.approx(103)


@pytest.mark.parametrize(
    ("failure", "message", "kind"),
    [
        (status(503), "the server answers 503 Service Unavailable, 5 times", OverloadedError),
        (status(500), "the server answers 500 Internal Server Error, 5 times", TemporaryError),
        (truncated, "the connection broke off after 2,000 of", TemporaryError),
        (cut_without_length, "the image is cut off: it has no end marker, 5 times", TemporaryError),
        (hang_up, "the connection broke off", OverloadedError),
    ],
)
def test_in_the_end_it_is_given_up(asking: Asking, failure: Answer, message: str, kind: type[Exception]) -> None:
    """The row says what the last attempt ended with, and whether the service fares badly as a whole."""
    with pytest.raises(kind, match=message) as caught:
        asking.get(failure)
    assert type(caught.value) is kind
    assert len(asking.server.requests) == ATTEMPTS
    assert asking.clock.now == pytest.approx(100 + 1 + 2 + 4 + 8)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (status(404), "the server answers 404 Not Found: it has no cutout here"),
        (status(400), "the server answers 400 Bad Request"),
        (status(403), "the server answers 403 Forbidden"),
        (html, "the server sent no JPEG but '<html><head><title>Down for maintenance"),
        (sends(b"\x89PNG\r\n\x1a\n"), "the server sent no JPEG but PNG"),
        (sends(jpeg(1, 256)), "the server sent 256 x 256 pixels, not 424 x 424: framed otherwise"),
        (endless, "the answer has more than 1,000,000 bytes"),
        (redirect("ftp://host/a.jpg"), "redirects to ftp://, which is not followed"),
        (
            redirect("file:///etc/passwd"),
            "Redirection to url 'file:///etc/passwd' is not allowed",
        ),
        (redirect("{path}"), "the server answers 302"),
    ],
    ids=["404", "400", "403", "html", "png", "size", "endless", "ftp", "file", "loop"],
)
def test_what_will_not_change_is_asked_once(asking: Asking, answer: Answer, message: str) -> None:
    """To ask again would trouble the service for nothing."""
    with pytest.raises(NoCutoutError, match=message) as caught:
        asking.get(answer)
    assert not isinstance(caught.value, TemporaryError)
    assert asking.clock.now == 100


def test_a_redirect_to_another_host_is_followed(asking: Asking) -> None:
    """Services move; the other one is asked for the same, with the same user agent."""
    with serving_cutouts() as other:
        assert asking.get(redirect(other.address + "{path}")) == jpeg(1)
        assert [(path, agent) for _, path, agent in other.requests] == [
            ("/jpeg-cutout?ra=1&dec=2&size=424", user_agent())
        ]


@pytest.mark.parametrize("code", [429, 503])
def test_a_service_may_ask_to_wait(asking: Asking, code: int) -> None:
    """In seconds; shorter than the pause that would be made anyway, it changes nothing."""
    asking.get(status(code, wait=77), right)
    assert asking.clock.now == 177
    asking.get(status(code, wait=0), right)
    assert asking.clock.now == pytest.approx(178, abs=0.1)


def test_or_until_a_time(asking: Asking) -> None:
    """As a date of HTTP."""
    later = datetime.now(UTC) + timedelta(seconds=50)
    asking.get(status(503, wait=format_datetime(later, usegmt=True)), right)
    assert 145 < asking.clock.now <= 150
    asking.get(status(503, wait="soon"), right)
    assert asking.clock.now <= 151.5


def test_a_long_wait_is_left_to_a_later_run(asking: Asking) -> None:
    """Neither asked again too early, nor waited for until tomorrow."""
    with pytest.raises(OverloadedError, match="429 Too Many Requests, and asks to wait 86,400 s: try later"):
        asking.get(status(429, wait=86400))
    assert len(asking.server.requests) == 1


def test_a_silent_server_is_given_up(asking: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection without a byte ends; so does one that sends a byte now and then, but not the image."""
    monkeypatch.setattr("galaxy_classify.fetch.client.SILENCE", 0.05)
    monkeypatch.setattr("galaxy_classify.fetch.client.ATTEMPTS", 1)
    with pytest.raises(OverloadedError, match=r"the connection broke off|cannot be reached"):
        asking.get(lambda handler: time.sleep(0.3))

    def trickle(handler: object) -> None:
        handler.send(b"\xff", Content_Length=100)  # type: ignore[attr-defined]
        for _ in range(30):
            handler.wfile.write(b"\xff")  # type: ignore[attr-defined]
            time.sleep(0.01)

    monkeypatch.setattr("galaxy_classify.fetch.client.WHOLE_ANSWER", 0.1)
    with pytest.raises(TemporaryError, match="the answer was not whole after 0 s"):
        asking.get(trickle)


def test_no_server(asking: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its row says that it cannot be reached."""
    monkeypatch.setattr("galaxy_classify.fetch.client.ATTEMPTS", 1)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{unused.getsockname()[1]}/"
        with pytest.raises(OverloadedError, match=r"the server cannot be reached \(Connection refused\), 1 times"):
            asking.client.get(address, lambda content: None)


def test_a_server_that_is_not_the_one_it_says_ends_the_run(asking: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    """All other objects would fare alike, and what it sends might be anything."""
    reason = ssl.SSLCertVerificationError()
    reason.verify_message = "self-signed certificate"

    def refuse(*arguments: object, **options: object) -> None:
        raise URLError(reason)

    monkeypatch.setattr(OpenerDirector, "open", refuse)
    with pytest.raises(GalaxyClassifyError, match=r"127\.0\.0\.1: its certificate is not trusted: self-signed"):
        asking.get(right)
