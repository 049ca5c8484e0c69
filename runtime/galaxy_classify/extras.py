"""Optional dependencies: check that they are installed, and import them when they are needed."""

from __future__ import annotations

import logging
import threading
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Final

from galaxy_classify.errors import ImageError, MissingExtraError

LOGGER = logging.getLogger("galaxy_classify")

#: Version of galaxy-classify-turbo that fits, up to the first point.
TURBO_VERSION: Final = "1"

# astropy imports itself in circles: of two threads that start at once, each may see a half-imported module.
# One at a time is safe.
_IMPORTING: Final = threading.Lock()


def astropy_module(name: str) -> Any:
    """Import a module of astropy by its name below ``astropy``, for example ``io.fits``.

    Raises
    ------
    ImageError
        If astropy is not installed, or its version does not work with that of NumPy.
    """
    with _IMPORTING:
        try:
            return import_module(f"astropy.{name}")
        except ImportError:
            raise ImageError("FITS needs astropy: pip install 'galaxy-classify[fits]'") from None
        except Exception as error:
            # An old astropy beside a new NumPy raises AttributeError. The image is not to blame.
            raise ImageError(f"astropy cannot be loaded: {error}") from None


def require_extra(extra: str, modules: tuple[str, ...]) -> None:
    """Check that an extra's top-level modules are installed, without importing them.

    Raises
    ------
    MissingExtraError
        If one is missing; the message names the command that installs it.
    """
    missing = [module for module in modules if find_spec(module) is None]
    if missing:
        raise MissingExtraError(f"{', '.join(missing)} not installed: run  pip install 'galaxy-classify[{extra}]'")


def load_turbo() -> tuple[Any, str]:
    """Return the package galaxy_classify_turbo, or None and why it cannot be used."""
    try:
        module = import_module("galaxy_classify_turbo")
    except ModuleNotFoundError:
        return None, "galaxy-classify-turbo is not installed"
    except ImportError as error:  # built for another machine, or with another libjpeg-turbo than the system's
        reason = f"galaxy-classify-turbo cannot be loaded ({error})"
    else:
        if str(module.__version__).partition(".")[0] == TURBO_VERSION:
            return module, ""
        reason = f"galaxy-classify-turbo {module.__version__} does not fit, {TURBO_VERSION}.x is needed"
    LOGGER.warning("%s: JPEGs are decoded by Pillow", reason)
    return None, reason
