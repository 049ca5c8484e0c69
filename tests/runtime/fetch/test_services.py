"""The table of services, and addresses of one's own."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from galaxy_classify.errors import UsageError
from galaxy_classify.fetch.services import NAMES, SERVICES, CutoutFormat, Service, find_service

JPG, FITS = CutoutFormat


@pytest.mark.parametrize(
    ("name", "wanted", "address"),
    [
        (
            "legacy",
            JPG,
            "https://www.legacysurvey.org/viewer/jpeg-cutout?ra=185.7287&dec=15.8223&layer=ls-dr10-grz"
            "&pixscale=0.262&size=424",
        ),
        (
            "legacy",
            FITS,
            "https://www.legacysurvey.org/viewer/fits-cutout?ra=185.7287&dec=15.8223&layer=ls-dr10&pixscale=0.262"
            "&size=424&bands=grz",
        ),
        (
            "sdss",
            JPG,
            "https://skyserver.sdss.org/dr18/SkyServerWS/ImgCutout/getjpeg?ra=185.7287&dec=15.8223&scale=0.262"
            "&width=424&height=424",
        ),
        (
            "sdss",
            FITS,
            "https://www.legacysurvey.org/viewer/fits-cutout?ra=185.7287&dec=15.8223&layer=sdss&pixscale=0.262"
            "&size=424&bands=gri",
        ),
    ],
)
def test_the_addresses_are_those_of_the_services(name: str, wanted: CutoutFormat, address: str) -> None:
    """As their own code and pages have them; here, where there is no network, nothing else would notice a change."""
    assert find_service(name, wanted, None).url(185.7287, 15.8223, 0.262, 424) == address


def test_each_service_has_each_format_once() -> None:
    """Whoever names a service and a format gets one address."""
    assert sorted((service.name, service.format) for service in SERVICES) == sorted(
        (name, wanted) for name in NAMES for wanted in CutoutFormat
    )
    assert all(service.sends_what_is_asked for service in SERVICES)


def test_numbers_are_written_plainly_and_layers_are_escaped() -> None:
    """An exponent would be read as something else by some services, and a plus sign as a space."""
    service = find_service("legacy", JPG, "mzls+bass-dr6")
    found = parse_qs(urlsplit(service.url(0.00001, -0.00000001, 0.1, 424)).query)
    assert (found["ra"], found["dec"], found["layer"]) == (["0.00001"], ["0"], ["mzls+bass-dr6"])


def test_an_address_of_ones_own() -> None:
    """Another survey, or another server of the same, is named by its address."""
    text = "http://localhost:8000/{layer}/cut?pos={ra},{dec}&width={arcsec}"
    service = find_service(text, FITS, "v1")
    assert service.url(10.5, -3.25, 0.25, 424) == "http://localhost:8000/v1/cut?pos=10.5,-3.25&width=106"
    assert (service.name, service.sends_what_is_asked) == ("localhost:8000", False)


@pytest.mark.parametrize(
    ("text", "layer", "message"),
    [
        ("legacie", None, "did you mean 'legacy'"),
        ("legacy", "a b", "takes letters"),
        ("legacy", "../x", "takes letters"),
        ("ftp://host/{ra}{dec}{scale}", None, "addresses with ftp:// are not asked"),
        ("file:///etc/{ra}{dec}{scale}", None, "addresses with file:// are not asked"),
        ("https:///{ra}{dec}{scale}", None, "names no host"),
        ("https://{ra}/{dec}{scale}", None, "names no host"),
        ("https://me:secret@host/{ra}{dec}{scale}", None, "name or password"),
        ("https://host:port/{ra}{dec}{scale}", None, "Port could not be cast|invalid literal"),
        ("https://host/{ra} {dec}{scale}", None, "has no spaces"),
        ("https://host/{ra}\n{dec}{scale}", None, "has no spaces"),
        ("https://höst/{ra}{dec}{scale}", None, "has no spaces"),
        ("https://host/{ra}{dec}{pixscal}", None, "knows no {pixscal}, only {ra}"),
        ("https://host/{ra}{dec}{scal}", None, "did you mean 'scale'"),
        ("https://host/{}{dec}{scale}", None, "knows no {}"),
        ("https://host/{ra.real}{dec}{scale}", None, "knows no {ra.real}"),
        ("https://host/{ra:5}{dec}{scale}", None, "take no format"),
        ("https://host/{ra!r}{dec}{scale}", None, "take no format"),
        ("https://host/{ra}{scale}", None, "needs {ra} and {dec}"),
        ("https://host/{ra}{dec}{pixels}", None, "needs {scale} or {arcsec}"),
        ("https://host/{ra{dec}", None, "as in https"),
        ("https://host/{ra}{dec}{scale}", "dr9", "has no {layer}"),
        ("https://host/{layer}{ra}{dec}{scale}", None, "which --layer names"),
    ],
)
def test_a_service_that_cannot_be_asked_is_refused(text: str, layer: str | None, message: str) -> None:
    """Before anything is asked, and with an example."""
    with pytest.raises(UsageError, match=message if "|" in message else re.escape(message)):
        find_service(text, JPG, layer)


def test_the_page_has_the_table(repository: Path) -> None:
    """docs/how-to/cutouts-from-sky-positions.md shows every service as the code has it."""
    page = (repository / "docs" / "how-to" / "cutouts-from-sky-positions.md").read_text(encoding="utf-8")

    def row(service: Service) -> str:
        least, most = service.pixels
        return f"| `{service.name}` | `{service.format}` | `{service.layer}` | {least} to {most:,} px |"

    assert [row(service) for service in SERVICES if row(service) not in page] == []
    assert [service.template for service in SERVICES if service.template not in page] == []
