"""Every option of ``galaxy-classify fetch``, declared once: name, type, default and help text."""

from dataclasses import MISSING, dataclass, field, fields
from typing import Annotated, Final

from galaxy_classify.cli.declare import argument, declared, flag, number, one_of, option, whole_number
from galaxy_classify.fetch.framing import MOST_ARCSEC, PIXELS
from galaxy_classify.fetch.services import CutoutFormat

CATALOG: Final = "Catalogue"
FRAMING: Final = "Framing"
SERVICE: Final = "Service"
OUTPUT: Final = "Output"

#: Requests per second, and at once: what a person with a browser asks for, about. The services are shared.
RATE: Final = 2.0
MOST_RATE: Final = 20.0
PARALLEL: Final = 2
MOST_PARALLEL: Final = 8


@dataclass(frozen=True, slots=True)
class FetchOptions:
    """The options of one run. The help shows them in this order."""

    catalogs: Annotated[list[str], argument("CATALOG")] = field(default_factory=list)
    ra: Annotated[str, option(panel=CATALOG, metavar="NAME", help="Column of right ascensions, in degrees.")] = "ra"
    dec: Annotated[str, option(panel=CATALOG, metavar="NAME", help="Column of declinations, in degrees.")] = "dec"
    id_column: Annotated[
        str | None, option(panel=CATALOG, metavar="NAME", help="Column to name files by. Default: the row's number.")
    ] = None
    size_column: Annotated[
        str | None,
        option(panel=FRAMING, metavar="NAME", help="Column of radii that hold half of the light, in arcsec."),
    ] = None
    size90_column: Annotated[
        str | None,
        option(panel=FRAMING, metavar="NAME", help="Column of radii that hold 90 % of the light, in arcsec."),
    ] = None
    arcsec: Annotated[
        float | None,
        option(
            panel=FRAMING,
            metavar="N",
            parser=number(1, MOST_ARCSEC),
            help="Width of all cutouts on the sky, in arcsec.",
        ),
    ] = None
    pixels: Annotated[
        int, option(panel=FRAMING, metavar="N", parser=whole_number(16), help="Edge of a cutout in pixels.")
    ] = PIXELS
    service: Annotated[
        str | None,
        option(panel=SERVICE, metavar="NAME|URL", help="legacy, sdss, or an address with {ra}, {dec}, {scale}."),
    ] = None
    layer: Annotated[
        str | None, option(panel=SERVICE, metavar="NAME", help="Layer or data release. Default: ls-dr10, dr18.")
    ] = None
    format: Annotated[
        CutoutFormat,
        option("--format", "-f", panel=SERVICE, metavar="NAME", parser=one_of(CutoutFormat), help="jpg or fits."),
    ] = CutoutFormat.JPG
    rate: Annotated[
        float,
        option(panel=SERVICE, metavar="N", parser=number(0.001, MOST_RATE), help="Requests per second, at most."),
    ] = RATE
    parallel: Annotated[
        int,
        option(panel=SERVICE, metavar="N", parser=whole_number(1, MOST_PARALLEL), help="Requests at once, at most."),
    ] = PARALLEL
    contact: Annotated[
        str | None, option(panel=SERVICE, metavar="EMAIL", help="Your address, for the service to write to.")
    ] = None
    output: Annotated[
        str | None, option("--output", "-o", panel=OUTPUT, metavar="DIR", help="Folder for cutouts and cutouts.csv.")
    ] = None
    dry_run: Annotated[
        bool, flag("--dry-run", panel=OUTPUT, help="Print the first addresses and the count; request nothing.")
    ] = False
    force: Annotated[bool, flag("--force", panel=OUTPUT, help="Replace cutouts of another service or framing.")] = False
    quiet: Annotated[bool, flag("--quiet", "-q", panel=OUTPUT, help="No progress bar, no summary on stderr.")] = False
    no_progress: Annotated[bool, flag("--no-progress", panel=OUTPUT, help="No progress bar.")] = False

    def empty(self) -> list[str]:
        """Return the options whose value is empty text."""
        return [
            declared(FetchOptions, each.name).names_for(each.name)[0]
            for each in fields(self)
            if each.default is not MISSING and getattr(self, each.name) == ""
        ]
