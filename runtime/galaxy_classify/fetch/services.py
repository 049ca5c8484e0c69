"""The cutout services: what is asked of each, in one table, or by the user's own template of an address."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from string import Formatter
from typing import Final
from urllib.parse import quote, urlsplit

from galaxy_classify.errors import UsageError
from galaxy_classify.text import did_you_mean


class CutoutFormat(StrEnum):
    """Formats of cutouts."""

    JPG = "jpg"
    FITS = "fits"


#: What a template may hold in braces: degrees, degrees, arcsec per pixel, pixels of an edge, arcsec of an edge, and the
#: value of ``--layer``.
FIELDS: Final = ("ra", "dec", "scale", "pixels", "arcsec", "layer")
#: A template that says nothing of these would leave the framing to the service.
OF_FRAMING: Final = {"scale", "arcsec"}
EXAMPLE: Final = "https://host/cutout?ra={ra}&dec={dec}&pixscale={scale}&size={pixels}"
LAYER: Final = re.compile(r"[\w.+-]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Service:
    """A cutout service, and a format that it has.

    Parameters
    ----------
    name : str
        How ``--service`` and messages call it.
    format : CutoutFormat
        What it sends.
    template : str
        Its address, with `FIELDS` in braces.
    layer : str
        Which images it is to cut: a layer of the Legacy Surveys' viewer, a data release of SDSS.
    pixels : tuple of two int
        The smallest and the largest edge that it sends.
    least_scale : float
        The finest pixel scale to ask for, in arcsec.
    """

    name: str
    format: CutoutFormat
    template: str
    layer: str = ""
    pixels: tuple[int, int] = (16, 10_000)
    least_scale: float = 0.1

    @property
    def sends_what_is_asked(self) -> bool:
        """Whether the size of the image is asked for in pixels, so that it can be checked."""
        return "pixels" in fields_of(self.template)

    def url(self, ra: float, dec: float, scale: float, pixels: int) -> str:
        """Return the address of a cutout."""
        return self.template.format(
            ra=decimal(ra, 7),
            dec=decimal(dec, 7),
            scale=decimal(scale, 6),
            pixels=pixels,
            arcsec=decimal(scale * pixels, 4),
            layer=quote(self.layer, safe=""),
        )


_VIEWER: Final = "https://www.legacysurvey.org/viewer/"
_CENTRE: Final = "ra={ra}&dec={dec}&layer={layer}&pixscale={scale}&size={pixels}"
_SKYSERVER: Final = (
    "https://skyserver.sdss.org/{layer}/SkyServerWS/ImgCutout/getjpeg"
    "?ra={ra}&dec={dec}&scale={scale}&width={pixels}&height={pixels}"
)

#: The viewer of the Legacy Surveys cuts to 3,000 pixels without a word (``get_cutout`` in ``map/views.py`` of
#: https://github.com/legacysurvey/imagine), and its layers called ``-grz`` have the colours of g, r and z, which Galaxy
#: Zoo DECaLS showed, north and south. It has the images of SDSS as FITS, too, for which SkyServer has no service.
#: SkyServer takes 64 to 2,048 pixels of 0.015 to 60 arcsec. Galaxy Zoo DECaLS asked for no pixels below 0.1 arcsec
#: (Walmsley et al. 2022, equation 1), Galaxy Zoo 2 had no limit of its own (Willett et al. 2013).
SERVICES: Final = (
    Service("legacy", CutoutFormat.JPG, f"{_VIEWER}jpeg-cutout?{_CENTRE}", "ls-dr10-grz", (16, 3000), 0.1),
    Service("legacy", CutoutFormat.FITS, f"{_VIEWER}fits-cutout?{_CENTRE}&bands=grz", "ls-dr10", (16, 3000), 0.1),
    Service("sdss", CutoutFormat.JPG, _SKYSERVER, "dr18", (64, 2048), 0.015),
    Service("sdss", CutoutFormat.FITS, f"{_VIEWER}fits-cutout?{_CENTRE}&bands=gri", "sdss", (16, 3000), 0.015),
)
NAMES: Final = tuple(dict.fromkeys(service.name for service in SERVICES))


def decimal(value: float, places: int) -> str:
    """Write a number without exponent and without needless zeros: equal requests are equal addresses.

    Examples
    --------
    >>> decimal(185.0, 7), decimal(-0.00000001, 7), decimal(0.262, 6)
    ('185', '0', '0.262')
    """
    text = f"{value:.{places}f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def fields_of(template: str) -> set[str]:
    """Return the names in braces of a template."""
    return {name for _, name, _, _ in Formatter().parse(template) if name is not None}


def find_service(text: str, wanted: CutoutFormat, layer: str | None) -> Service:
    """Return the service that ``--service``, ``--format`` and ``--layer`` name.

    Raises
    ------
    UsageError
        If there is none, or the template of an address cannot be used.
    """
    if "://" in text:
        _check_template(text)
        found = Service(urlsplit(text).netloc, wanted, text)
    else:
        known = [service for service in SERVICES if service.name == text]
        if not known:
            hint = did_you_mean(text, NAMES)
            raise UsageError(f"--service {text!r}: {hint}it is {', '.join(NAMES)}, or an address such as {EXAMPLE}")
        (found,) = (service for service in known if service.format is wanted)
    has_layer = "layer" in fields_of(found.template)
    if layer is not None and not has_layer:
        raise UsageError(f"--layer {layer!r}: the address of --service has no {{layer}}")
    if layer is None and has_layer and not found.layer:
        raise UsageError(f"--service {text!r}: has {{layer}}, which --layer names")
    if layer is None:
        return found
    if not LAYER.fullmatch(layer):
        raise UsageError(f"--layer {layer!r}: takes letters, digits and . _ + -")
    return Service(found.name, found.format, found.template, layer, found.pixels, found.least_scale)


def _check_template(text: str) -> None:
    problem = _problem(text)
    if problem:
        raise UsageError(f"--service {text!r}: {problem}, as in {EXAMPLE}")


def _problem(text: str) -> str:
    """Say what is wrong with the template of an address; empty if nothing is."""
    try:
        parsed = list(Formatter().parse(text))
        address = urlsplit(text)
        address.port  # noqa: B018 - raises ValueError if it is no number
    except ValueError as error:
        return f"{error}"
    names = [name for _, name, _, _ in parsed if name is not None]
    if address.scheme not in ("http", "https"):
        return f"addresses with {address.scheme}:// are not asked, only http:// and https://"
    if not address.hostname or "{" in address.netloc:
        return "names no host"
    if address.username is not None or address.password is not None:
        return "a name or password before the host would be written into the table"
    if not text.isascii() or not text.isprintable() or " " in text:
        return "an address has no spaces, and other characters than ASCII as %XX"
    unknown = [name for name in names if name not in FIELDS]
    if unknown:
        known = ", ".join(f"{{{name}}}" for name in FIELDS)
        return f"{did_you_mean(unknown[0], FIELDS)}knows no {{{unknown[0]}}}, only {known}"
    if any(spec or conversion for _, _, spec, conversion in parsed):
        return "the fields take no format"
    if not {"ra", "dec"} <= set(names):
        return "needs {ra} and {dec}"
    if not OF_FRAMING & set(names):
        return "needs {scale} or {arcsec}: without, the service would choose the framing"
    return ""
