"""FITS headers that cost astropy minutes or gigabytes are refused at once."""

from __future__ import annotations

import struct
import time
import zlib
from collections.abc import Iterator

import numpy as np
import pytest
from astropy.io import fits

from fits_galaxies import compressed, fits_bytes, image_hdu, nanomaggies
from galaxy_classify.errors import ImageError
from galaxy_classify.images.decode import Decoder
from galaxy_classify.images.fits.tiles import UNCHECKED_BYTES
from galaxy_classify.images.fits.units import nanomaggies_per
from galaxy_classify.images.resize import Resizer
from galaxy_classify.inference.contract import Preprocessing

GALAXY = nanomaggies("unbarred_spiral", seed=1, size=64)

DECODER = Decoder(Resizer((64, 64), Preprocessing()))

pytestmark = pytest.mark.filterwarnings("ignore::astropy.utils.exceptions.AstropyWarning")


@pytest.fixture(autouse=True)
def at_once() -> Iterator[None]:
    """Fail if a test takes longer than a hostile file may."""
    begin = time.process_time()
    yield
    assert time.process_time() - begin < 5


def reason(content: bytes) -> str:
    """Return why a file is refused."""
    with pytest.raises(ImageError) as refused:
        DECODER.decode_picture(content)
    return str(refused.value)


def with_card(content: bytes, keyword: str, value: str) -> bytes:
    """Replace the last card with a keyword."""
    place = content.rindex(f"{keyword:8}=".encode())
    return content[:place] + f"{keyword:8}= {value:>20}".ljust(80).encode() + content[place + 80 :]


@pytest.mark.parametrize(
    "unit",
    ["10**(999999999) Jy", "10**(10**(10**9)) Jy", "((10**99)**99)**99 Jy", "Jy**99999999999", "1e999999999 Jy",
     "dex(10**(999999999) Jy)", "9" * 40 + " Jy", "a b  " * 13, "(" * 30 + "Jy" + ")" * 30, "km/" * 20 + "km"],
)  # fmt: skip
def test_a_unit_is_not_computed(unit: str) -> None:
    """Astropy's parser would keep a core busy for ever with the first ones."""
    assert reason(fits_bytes(image_hdu(GALAXY, BANDS="grz", BUNIT=unit))).startswith("pixels are in ")


@pytest.mark.parametrize(
    ("unit", "janskys"),
    [
        ("10**(-23) erg/(s.cm**2.Hz)", 1.0),
        ("1e-26 W/m2/Hz", 1.0),
        ("erg / (Hz s cm2)", 1e23),
        ("W m**(-2) Hz**(-1)", 1e26),
        ("10^-9 Jy", 1e-9),
        ("3.631e-6Jy", 3.631e-6),
        ("2.5 * uJy", 2.5e-6),
    ],
)
def test_units_as_headers_spell_them_are_read(unit: str, janskys: float) -> None:
    """The grammar that bounds them is no narrower than what surveys write."""
    assert nanomaggies_per(unit) * 3.631e-6 == pytest.approx(janskys)


def test_claims_of_many_axes_and_columns_are_refused() -> None:
    """Astropy looks for a card of each of them."""
    plain = fits_bytes(image_hdu(GALAXY, BANDS="grz"))
    assert "more than 999 axes" in reason(with_card(plain, "NAXIS", "999999999"))
    packed = compressed(GALAXY, "RICE_1", BANDS="grz")
    for keyword in ("TFIELDS", "ZNAXIS"):
        assert "more than 999 axes" in reason(with_card(packed, keyword, "999999999"))
    hierarch = b"HIERARCH naxis   = +00999999999".ljust(80)
    place = plain.index(b"NAXIS   =")
    assert "more than 999 axes" in reason(plain[:place] + hierarch + plain[place + 80 :])


def test_a_long_name_of_bands_is_cut_in_the_message() -> None:
    """A value may go on over thousands of cards."""
    assert len(reason(fits_bytes(image_hdu(GALAXY, BANDS="grz" * 20_000)))) < 300


def gzipped(seed: int, size: int) -> bytes:
    """Return a file whose three planes are one gzipped tile."""
    planes = np.random.default_rng(seed).normal(1, 0.2, (3, size, size)).astype(np.float32)
    header = fits.Header({"BANDS": "grz"})
    image = fits.CompImageHDU(planes, header, compression_type="GZIP_1", tile_shape=planes.shape, quantize_level=0)
    return fits_bytes(fits.HDUList([fits.PrimaryHDU(), image]))


def test_a_tile_that_unpacks_to_more_than_its_size_is_refused() -> None:
    """A file of 1 MB took 2 GB of memory."""
    content = gzipped(1, 100)
    assert len(content) > UNCHECKED_BYTES
    assert DECODER.decode_picture(content).rgb.size == (75, 75)
    packer = zlib.compressobj(9, wbits=31)
    bomb = b"".join([packer.compress(bytes(30_000_000)), packer.flush()]) * 9
    table = content.index(b"END".ljust(80), content.index(b"XTENSION")) + 80
    table += -table % 2880
    row = int(content[content.rindex(b"NAXIS1  =") :][10:30])
    data = struct.pack(">ii", len(bomb), 0) + content[table + 8 : table + row]
    content = with_card(content[:table], "PCOUNT", str(len(bomb))) + data + bomb
    assert "a tile unpacks to more than its size" in reason(content + bytes(-len(content) % 2880))
