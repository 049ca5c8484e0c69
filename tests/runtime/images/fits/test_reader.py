"""FITS files: what is read out of them, and why others are refused."""

from __future__ import annotations

import functools
import gzip
import io
import pickle
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from PIL import Image

from fits_galaxies import compressed, fits_bytes, image_hdu, nanomaggies, write_fits
from galaxy_classify import FitsOptions, GalaxyClassifier, Prediction
from galaxy_classify.errors import ImageError, UsageError
from galaxy_classify.images.crop import central_crop_box
from galaxy_classify.images.fits.colour import Colouring, colour
from galaxy_classify.images.fits.names import parse_bands
from galaxy_classify.images.fits.options import parse_hdu
from galaxy_classify.images.fits.units import nanomaggies_per
from galaxy_classify.results.layout import RowLayout
from galaxy_classify.results.provenance import provenance

DECALS = Colouring("galaxy-zoo-decals", ("g", "r", "z"))
NOTE = "g, r, z by galaxy-zoo-decals"
GALAXY = nanomaggies("unbarred_spiral", seed=1)

# A damaged file makes astropy warn before it fails; the command silences that.
pytestmark = pytest.mark.filterwarnings("ignore::astropy.utils.exceptions.AstropyWarning")


@pytest.fixture(scope="module")
def classifier() -> GalaxyClassifier:
    """Classifier with the default model."""
    return GalaxyClassifier(threads=1)


@functools.cache
def classifier_with(options: FitsOptions) -> GalaxyClassifier:
    """Return a classifier with the default model, which is loaded once for all tests with the same options."""
    return GalaxyClassifier(threads=1, fits=options)


@functools.cache
def classifier_of_crop(crop: float | None) -> GalaxyClassifier:
    """Return a classifier that sees so much of an image."""
    return GalaxyClassifier(threads=1, crop=crop)


def row_of(content: Path | bytes, **options: Any) -> Prediction:
    """Return the row of a file or of a file's content, under some FITS options."""
    classifier = classifier_with(FitsOptions(**options))
    (row,) = classifier.classify([content] if isinstance(content, Path) else [("galaxy", content)])
    return row


def reason(content: Path | bytes, **options: Any) -> str:
    """Return why a file is refused."""
    row = row_of(content, **options)
    assert (row.status, row.label, dict(row.probabilities)) == ("error", None, {})
    return row.message


def note(content: Path | bytes, **options: Any) -> str:
    """Return what is said of a file that is classified."""
    row = row_of(content, **options)
    assert row.status != "error", row.message
    return row.message


def cube(**header: Any) -> bytes:
    """Return a file with the galaxy as a cube."""
    return fits_bytes(image_hdu(GALAXY, **header))


@pytest.mark.data
@pytest.mark.parametrize("name", ["decals_a", "decals_b"])
def test_a_real_cutout_is_its_published_picture(name: str, galaxy_data: Path) -> None:
    """FITS and PNG of one galaxy have one picture, within a level, and one class."""
    folder = galaxy_data / "fits"
    whole = classifier_of_crop(1.0)
    with Image.open(folder / f"{name}.png") as published:
        expected = np.asarray(published.convert("RGB")).astype(int)
    assert np.abs(np.asarray(whole.picture(str(folder / f"{name}.fits"))) - expected).max() <= 1
    by_fits, by_png = whole.classify([folder / f"{name}.fits", folder / f"{name}.png"])
    assert (by_fits.label, by_fits.message, by_png.message) == (by_png.label, NOTE, "")
    assert by_fits.confidence == pytest.approx(by_png.confidence, abs=1e-3)


@pytest.mark.data
def test_a_real_truncated_cutout_is_refused(galaxy_data: Path) -> None:
    """Half a download has no class."""
    expected = "damaged or incomplete image: 1,389,044 bytes of 2,162,880"
    assert reason(galaxy_data / "fits" / "decals_truncated.fits") == expected


@pytest.mark.parametrize(
    "shape", [(100, 100), (101, 100), (100, 101), (99, 77), (64, 64), (64, 90), (85, 85), (16, 33)]
)
@pytest.mark.parametrize("crop", [None, 1.0, 0.31])
def test_only_the_crop_is_coloured_and_nothing_else_changes(
    shape: tuple[int, int], crop: float | None, tmp_path: Path
) -> None:
    """Pixels are those of the whole image, coloured, turned over and saved as PNG, for odd sizes as well."""
    height, width = shape
    planes = nanomaggies("unbarred_spiral", seed=5, size=101)[:, :height, :width]
    path = write_fits(tmp_path / "a.fits", planes, BANDS="grz")
    whole = Image.fromarray(colour(DECALS, list(planes))[::-1])
    whole.save(tmp_path / "a.png")
    classifier = classifier_of_crop(crop)
    by_fits, by_png = classifier.classify([path, tmp_path / "a.png"])
    assert by_fits.probabilities == by_png.probabilities
    box = (0, 0, 64, 64) if shape == (64, 64) else central_crop_box(width, height, crop or 0.75)
    for name in ("a.fits", "a.png"):
        assert classifier.picture(str(tmp_path / name)) == whole.crop(box)


def test_the_content_decides_not_the_name(tmp_path: Path) -> None:
    """FITS under any name, packed or not, in a file or in memory, is the same galaxy."""
    content = cube(BANDS="grz")
    forms = {"a.fits": content, "a.fit": content, "a.png": content, "a.fits.gz": gzip.compress(content)}
    forms["a.dat"] = forms["a.fits.gz"]
    rows = [row_of(content)]
    for name, form in forms.items():
        (tmp_path / name).write_bytes(form)
        rows += [row_of(tmp_path / name), row_of(form)]
    assert len({(row.status, row.message, row.confidence) for row in rows}) == 1
    assert rows[0].message == NOTE
    probabilities = GalaxyClassifier(threads=1).predict_proba(content)
    assert probabilities[0].tolist() == list(rows[0].probabilities.values())


@pytest.mark.parametrize("compression", ["RICE_1", "GZIP_1", "GZIP_2", "NOCOMPRESS"])
def test_tile_compressed_files_are_read(compression: str, tmp_path: Path) -> None:
    """fpack's files hold the same galaxy, but for the noise that a lossy compression adds."""
    path = tmp_path / "a.fits.fz"
    path.write_bytes(compressed(GALAXY, compression, BANDS="grz"))
    found, expected = row_of(path), row_of(cube(BANDS="grz"))
    assert (found.label, found.message) == (expected.label, NOTE)
    assert found.confidence == pytest.approx(expected.confidence, abs=0.1)


@pytest.mark.parametrize(
    ("header", "options", "order"),
    [
        ({"BANDS": "grz"}, {}, "grz"),
        ({"BANDS": "z,r,g"}, {}, "zrg"),
        ({"BAND0": "r", "BAND1": "z", "BAND2": "g"}, {}, "rzg"),
        ({}, {"bands": ("r", "g", "z")}, "rgz"),
        ({"BANDS": "zrg"}, {"bands": ("g", "r", "z")}, "grz"),
    ],
)
def test_planes_are_found_by_their_bands(header: dict[str, str], options: dict[str, Any], order: str) -> None:
    """Whatever their order, and whether the header names them or the user, who has the last word."""
    planes = GALAXY[["grz".index(band) for band in order]]
    found = row_of(fits_bytes(image_hdu(planes, **header)), **options)
    assert found.probabilities == row_of(cube(BANDS="grz")).probabilities


def test_bands_that_are_not_needed_are_left_out() -> None:
    """Not even bad pixels in them matter."""
    four = np.insert(GALAXY, 2, np.nan, axis=0)
    found = row_of(fits_bytes(image_hdu(four, BANDS="griz")))
    assert (found.message, found.probabilities) == (NOTE, row_of(cube(BANDS="grz")).probabilities)


@pytest.mark.parametrize(
    ("header", "options", "expected"),
    [
        ({}, {}, "unknown bands: the header does not name the 3 planes; use --bands"),
        ({"BANDS": "gr"}, {}, "wrong number of bands: 2 (g, r), but the image has 3 planes; name them with --bands"),
        ({"BAND0": "g"}, {}, "wrong number of bands: 1 (g), but the image has 3 planes; name them with --bands"),
        ({}, {"bands": ("g",)}, "wrong number of bands: 1 (g), but the image has 3 planes; name them with --bands"),
        ({"BANDS": "grr"}, {}, "bands 'g,r,r': two of them have the same name (BANDS in the header); "
         "name them with --bands"),
        ({"BANDS": "gri"}, {"recipe": "galaxy-zoo-decals"}, "galaxy-zoo-decals needs the bands g, r, z: z missing"),
    ],
)  # fmt: skip
def test_bands_are_never_guessed(header: dict[str, str], options: dict[str, Any], expected: str) -> None:
    """Wrong colours would make a wrong class; the message names the remedy."""
    assert reason(cube(**header), **options) == expected


@pytest.mark.parametrize(
    ("header", "options", "expected"),
    [
        ({}, {}, "unknown band as grey by lupton"),
        ({"FILTER": "r DECam SDSS c0002 6415.0 1480.0"}, {}, "r as grey by galaxy-zoo-decals"),
        ({"BAND": "z"}, {}, "z as grey by galaxy-zoo-decals"),
        ({"BAND0": "g"}, {}, "g as grey by galaxy-zoo-decals"),
        ({"BANDS": "g"}, {}, "g as grey by galaxy-zoo-decals"),
        ({"FILTER": 5}, {}, "unknown band as grey by lupton"),
        ({"FILTER": "F814W"}, {}, "F as grey by lupton"),
        ({"BAND": "z"}, {"bands": ("i",)}, "i as grey by lupton"),
        ({"BAND": "z"}, {"recipe": "lupton"}, "z as grey by lupton"),
    ],
)
@pytest.mark.parametrize("axes", [2, 3])
def test_one_band_is_grey(axes: int, header: dict[str, Any], options: dict[str, Any], expected: str) -> None:
    """An image, or a cube of one plane."""
    plane = 100 * GALAXY[1]
    content = fits_bytes(image_hdu(plane if axes == 2 else plane[np.newaxis], **header))
    assert note(content, **options) == expected


def several() -> fits.HDUList:
    """Return a file with an empty HDU, a table, two images, and a cube that is no image."""
    table = fits.BinTableHDU.from_columns([fits.Column("x", "E", array=np.zeros(3))])
    first = fits.ImageHDU(100 * GALAXY[0], name="FIRST")
    second = fits.ImageHDU(GALAXY, fits.Header([("BANDS", "grz")]), name="SCI")
    return fits.HDUList([fits.PrimaryHDU(), table, first, second, fits.ImageHDU(np.zeros((2, 2, 8, 8)), name="FOUR")])


@pytest.mark.parametrize(
    ("hdu", "expected"),
    [(None, "unknown band as grey by lupton"), (2, "unknown band as grey by lupton"), (3, NOTE), ("sci", NOTE)],
)
def test_the_first_image_is_taken_or_the_one_asked_for(hdu: int | str | None, expected: str) -> None:
    """By number or by name, in capitals or not."""
    assert note(fits_bytes(several()), hdu=hdu) == expected


@pytest.mark.parametrize(
    ("hdu", "expected"),
    [
        (0, "no image in HDU 0 of the FITS file"),
        (1, "no image in HDU 1 of the FITS file"),
        (4, "no image in HDU 4 of the FITS file"),
        (9, "no HDU 9 in the FITS file"),
        ("WHT", "no HDU WHT in the FITS file"),
    ],
)
def test_an_hdu_without_an_image_is_refused(hdu: int | str, expected: str) -> None:
    """No other one is taken in its stead."""
    assert reason(fits_bytes(several()), hdu=hdu) == expected


def test_a_file_without_an_image_is_refused() -> None:
    """Catalogues come as FITS as well."""
    assert reason(fits_bytes(several()[:2])) == (
        "no image in any HDU of the FITS file, but a table: --catalog reads the images that a table lists"
    )
    assert reason(fits_bytes(fits.PrimaryHDU())) == "no image in any HDU of the FITS file"


@pytest.mark.parametrize(
    ("unit", "nanomaggy"),
    [
        ("nanomaggy", 1), ("Nanomaggies", 1), ("nmgy", 1), ("nJy", 3631), ("uJy", 3.631), ("Jy", 3.631e-6),
        ("mJy", 3.631e-3), ("1e-6 Jy", 3.631), ("erg / (s cm2 Hz)", 3.631e-29),
    ],
)  # fmt: skip
def test_flux_densities_are_converted(unit: str, nanomaggy: float) -> None:
    """A nanomaggy is 1e-9 of AB magnitude 0, 3631 Jy."""
    assert nanomaggies_per(unit) == pytest.approx(1 / nanomaggy)
    content = fits_bytes(image_hdu((GALAXY.astype(np.float64) * nanomaggy).astype(">f8"), BANDS="grz", BUNIT=unit))
    found = row_of(content)
    expected = row_of(cube(BANDS="grz"))
    assert found.message == NOTE
    assert found.confidence == pytest.approx(expected.confidence, abs=0.01)


@pytest.mark.parametrize(
    "unit", ["adu", "count", "electron/s", "MJy/sr", "mag(AB)", "mag", "furlong?", "10**(10**9)", 5]
)
def test_other_units_are_refused(unit: Any) -> None:
    """Counts without a zero point have no colours."""
    assert reason(cube(BANDS="grz", BUNIT=unit)) == f"pixels are in {unit}, not in nanomaggies or another flux density"


@pytest.mark.parametrize("unit", ["", None])
def test_without_a_unit_pixels_are_nanomaggies(unit: str | None) -> None:
    """As in the cutouts of the Legacy Surveys."""
    assert note(cube(BANDS="grz", BUNIT=unit)) == NOTE


@pytest.mark.parametrize("kind", [">f8", ">i2", ">i4"])
def test_scaled_integers_and_doubles_are_read(kind: str) -> None:
    """BSCALE and BZERO apply, and a BLANK pixel is not finite."""
    hdu = image_hdu(GALAXY.astype(np.float64), BANDS="grz")
    if kind != ">f8":
        hdu.scale({">i2": "int16", ">i4": "int32"}[kind], bscale=0.001, bzero=0.5)
    found, expected = row_of(fits_bytes(hdu)), row_of(cube(BANDS="grz"))
    assert (found.label, found.message) == (expected.label, NOTE)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e30])
def test_a_few_bad_pixels_are_black_and_said(value: float) -> None:
    """A dead pixel does not cost the galaxy, but the row says so."""
    planes = GALAXY.copy()
    planes[0, :3] = value
    zero = GALAXY.copy()
    zero[0, :3] = 0
    found = row_of(fits_bytes(image_hdu(planes, BANDS="grz")))
    assert found.message == f"{NOTE}; 1.0 % of the pixels are not finite: set to 0"
    assert found.probabilities == row_of(fits_bytes(image_hdu(zero, BANDS="grz"))).probabilities
    planes[0, 50, 50] = value
    planes[0, :3] = 0
    assert note(fits_bytes(image_hdu(planes, BANDS="grz"))).endswith("; less than 0.1 % of the pixels are not finite: "
                                                                    "set to 0")  # fmt: skip


def test_many_bad_pixels_are_an_error() -> None:
    """From 5 % of the planes that are used."""
    planes = GALAXY.copy()
    planes[1, :14] = np.nan
    assert note(fits_bytes(image_hdu(planes, BANDS="grz"))).startswith(f"{NOTE}; 4.7 % of the pixels")
    planes[1, :15] = np.nan
    assert reason(fits_bytes(image_hdu(planes, BANDS="grz"))) == "5.0 % of the pixels are not finite, the limit is 5 %"


def test_a_blank_band_is_an_error() -> None:
    """A band that was never observed would give false colours; a few bad pixels do not hide it."""
    planes = GALAXY.copy()
    planes[2] = 0
    assert reason(fits_bytes(image_hdu(planes, BANDS="grz"))) == "band z is blank"
    planes[2] = 7
    planes[2, 40:45, 50] = np.nan
    assert reason(fits_bytes(image_hdu(planes, BANDS="grz"))) == "band z is blank"
    assert reason(fits_bytes(image_hdu(np.ones((32, 32), np.float32)))) == "the only band is blank"


def test_too_many_pixels_are_refused_by_the_header() -> None:
    """Before anything of them is read; planes count as well."""
    wide = fits_bytes(fits.PrimaryHDU(np.zeros((16, 16), np.float32)))
    wide = wide.replace(b"NAXIS1  =                   16", b"NAXIS1  =             16000000")
    assert reason(wide) == "too many pixels: 16000000 x 16, the limit is 89,478,485"
    deep = fits_bytes(fits.PrimaryHDU(np.zeros((17, 16, 16), np.uint8)))
    assert reason(deep) == "too many pixels: 17 planes, the limit is 16"
    small = GalaxyClassifier(threads=1, max_pixels=9_999)
    (row,) = small.classify([("galaxy", cube(BANDS="grz"))])
    assert row.message == "too many pixels: 100 x 100, the limit is 9,999"
    assert reason(fits_bytes(fits.PrimaryHDU(np.zeros((15, 200), np.float32)))).startswith("image too small: 200 x 15")


def test_a_gzip_bomb_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A small file that unpacks to more than the image may be is given up on the way."""
    monkeypatch.setattr("galaxy_classify.images.fits.reader.UNPACKED_BYTES", 1_000_000)
    packed = gzip.compress(cube(BANDS="grz") + bytes(60_000_000))
    (row,) = GalaxyClassifier(threads=1, max_pixels=100_000).classify([("bomb", packed)])
    assert row.message == "too many pixels: the file unpacks to more than 2,200,000 bytes"


def test_a_header_without_an_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would be read into memory to the last byte."""
    monkeypatch.setattr("galaxy_classify.images.fits.reader.HEADER_BYTES", 100_000)
    endless = b"SIMPLE  =                    T".ljust(80) + b"COMMENT".ljust(80) * 20_000
    assert reason(endless) == "damaged or incomplete image: its FITS headers take more than 100,000 bytes"


@pytest.mark.parametrize("form", ["plain", "packed", "compressed"])
def test_any_cut_is_an_error(form: str, classifier: GalaxyClassifier) -> None:
    """Wherever a download stops, be it in the padding, there is no class."""
    whole = {
        "plain": cube(BANDS="grz"),
        "packed": gzip.compress(cube(BANDS="grz")),
        "compressed": compressed(GALAXY, BANDS="grz"),
    }[form]
    for length in (*range(10, len(whole), len(whole) // 40), len(whole) - 100, len(whole) - 1):
        (row,) = classifier.classify([("cut", whole[:length])])
        assert row.status == "error", length
        assert row.message.startswith("damaged or incomplete image: "), (length, row.message)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"NAXIS1  =                  100", b"NAXIS1  =                 -100"),
        (b"NAXIS1  =                  100", b"NAXIS1  =                1e100"),
        (b"NAXIS   =                    3", b"NAXIS   =                  999"),
        (b"BITPIX  =                  -32", b"BITPIX  =                    7"),
        (b"NAXIS1  =                  100", b"NAXIS1  =                 'abc'"),
        (b"END     ", b"FIN     "),
    ],
)  # fmt: skip
def test_a_senseless_header_is_an_error(old: bytes, new: bytes) -> None:
    """Never an exception, and never a class."""
    content = cube(BANDS="grz")
    assert old in content
    found = reason(content.replace(old, new.ljust(len(old))[: len(old)], 1))
    assert found.startswith(("damaged or incomplete image: ", "no image in any HDU")), found


@pytest.mark.parametrize("compression", ["RICE_1", "GZIP_1", "GZIP_2"])
def test_corrupt_tiles_are_an_error_or_a_picture(compression: str, classifier: GalaxyClassifier) -> None:
    """A flipped bit in a compressed tile may go unnoticed, but never ends the process."""
    whole = bytearray(compressed(GALAXY, compression, BANDS="grz"))
    rng = np.random.default_rng(0)
    for _ in range(30):
        damaged = whole.copy()
        for place in rng.integers(len(whole) // 2, len(whole), 20):
            damaged[place] = rng.integers(256)
        (row,) = classifier.classify([("damaged", bytes(damaged))])
        assert row.message


@pytest.mark.parametrize("compression", ["HCOMPRESS_1", "PLIO_1"])
def test_tile_compressions_that_may_end_the_process_are_refused(compression: str) -> None:
    """Astropy's decoder of HCOMPRESS_1 corrupts the memory of the process where a tile is damaged."""
    planes = (1000 * GALAXY).clip(0).astype(np.int32)
    expected = "unsupported tile compression: not one of RICE_1, GZIP_1, GZIP_2, NOCOMPRESS"
    assert reason(compressed(planes, compression, BANDS="grz")) == expected


def test_tiles_beyond_the_image_are_refused() -> None:
    """They would be unpacked into memory that no picture needs."""
    content = compressed(GALAXY, BANDS="grz")
    old = b"ZTILE2  =                    1"
    assert old in content
    assert reason(content.replace(old, b"ZTILE2  =             99999999")) == (
        "damaged or incomplete image: its tiles are larger than itself"
    )


def test_gzip_that_holds_something_else_is_named() -> None:
    """A packed text is no FITS file, and a damaged one no mystery."""
    assert reason(gzip.compress(b"<html>404 Not Found</html>")).startswith("unsupported format: gzip")
    assert reason(b"\x1f\x8bnonsense").startswith("damaged or incomplete image: ")
    packed = gzip.compress(cube(BANDS="grz"))
    wrong = packed[:-8] + (zlib.crc32(b"another") or 1).to_bytes(4, "little") + packed[-4:]
    assert reason(wrong).startswith("damaged or incomplete image: CRC check failed")


def test_without_astropy_the_message_is_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    """FITS is an extra; other images do without it."""
    content = cube(BANDS="grz")
    for name in [name for name in sys.modules if name.startswith("astropy")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "astropy", None)
    assert reason(content) == "FITS needs astropy: pip install 'galaxy-classify[fits]'"


def test_an_astropy_that_does_not_fit_is_not_blamed_on_the_image(monkeypatch: pytest.MonkeyPatch) -> None:
    """An old one beside a new NumPy fails while it is imported."""

    def fail(name: str) -> None:
        raise AttributeError("module 'numpy' has no attribute 'in1d'")

    monkeypatch.setattr("galaxy_classify.extras.import_module", fail)
    assert reason(cube(BANDS="grz")) == "astropy cannot be loaded: module 'numpy' has no attribute 'in1d'"


def test_many_threads_read_fits_alike(tmp_path: Path) -> None:
    """Astropy is loaded by one of them, and no row depends on the others."""
    paths = [
        write_fits(tmp_path / f"{seed}.fits", nanomaggies("edge_on_disk", seed), BANDS="grz") for seed in range(12)
    ]
    alone = list(GalaxyClassifier(threads=1).classify(paths))
    assert len({row.confidence for row in alone}) == 12
    assert list(GalaxyClassifier(threads=4).classify(paths, batch_size=2)) == alone


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: FitsOptions(recipe="luptn"),
            r"recipe 'luptn' is not known; did you mean 'lupton'\? there are galaxy-zoo",
        ),
        (lambda: FitsOptions(recipe="x"), "recipe 'x' is not known; there are galaxy-zoo-decals, lupton$"),
        (lambda: FitsOptions(bands=()), "bands '': name each"),
        (lambda: FitsOptions(bands=("g", "")), "bands 'g,': name each"),
        (lambda: FitsOptions(bands=("g", "g")), "bands 'g,g': two of them"),
        (lambda: FitsOptions(hdu=-1), "HDU -1 is neither"),
        (lambda: FitsOptions(hdu=""), "HDU '' is neither"),
        (lambda: FitsOptions(pattern="{id}.fits"), "pattern '{id}.fits' must hold"),
        (lambda: parse_bands("g-r"), "bands 'g,-,r': name each"),
        (lambda: parse_bands(""), "bands '': name each"),
        (lambda: parse_bands("grg"), "bands 'g,r,g': two of them"),
        (lambda: GalaxyClassifier(crop=0.0), "crop is 0.0"),
        (lambda: GalaxyClassifier(crop=1.01), "crop is 1.01"),
        (lambda: GalaxyClassifier(crop=float("nan")), "crop is nan"),
    ],
)
def test_senseless_options_are_refused_at_once(make: Callable[[], object], message: str) -> None:
    """Not only when the first file is read."""
    with pytest.raises(UsageError, match=message):
        make()


def test_bands_and_hdus_are_read_from_text() -> None:
    """A letter each, or names with commas; digits are a number."""
    assert parse_bands("grz") == parse_bands("g,r,z") == parse_bands(" g, r ,z") == ("g", "r", "z")
    assert parse_bands("F606W,F814W") == ("F606W", "F814W")
    assert [parse_hdu(text) for text in ("0", "12", "-1", "SCI", "1a")] == [0, 12, -1, "SCI", "1a"]


def test_options_survive_pickling_and_are_on_record(tmp_path: Path) -> None:
    """Another process sees what this one sees, and a result tells with what it was made."""
    path = write_fits(tmp_path / "a.fits", GALAXY)
    given = GalaxyClassifier(threads=1, crop=0.5, fits=FitsOptions(("g", "r", "z"), "lupton", 0, "{id}-{band}.fits"))
    layout = RowLayout(("round", "spiral"))
    copy = pickle.loads(pickle.dumps(given))  # noqa: S301
    assert list(copy.classify(path)) == list(given.classify(path))
    assert provenance(copy, layout, threshold=0.6) == provenance(given, layout, threshold=0.6)
    made_with = provenance(given, layout, threshold=0.6)
    assert made_with["preprocessing"]["crop_fraction"] == 0.5
    assert made_with["options"]["fits"] == {
        "bands": ["g", "r", "z"], "recipe": "lupton", "hdu": 0, "pattern": "{id}-{band}.fits",
    }  # fmt: skip
    default = provenance(GalaxyClassifier(threads=1), layout, threshold=0.6)
    assert default["preprocessing"]["crop_fraction"] == 0.75
    assert set(default["options"]["fits"].values()) == {None}


def test_a_picture_is_what_the_model_sees_before_the_resize(classifier: GalaxyClassifier, tmp_path: Path) -> None:
    """For thumbnails of a report: RGB, the central crop, or all of an image in the model's size."""
    image = Image.fromarray(colour(DECALS, list(GALAXY)))
    image.save(tmp_path / "a.png")
    assert classifier.picture(str(tmp_path / "a.png")) == image.crop((12, 12, 87, 87))
    image.resize((64, 64)).convert("L").save(tmp_path / "b.png")
    small = classifier.picture(str(tmp_path / "b.png"))
    assert (small.mode, small.size) == ("RGB", (64, 64))
    with pytest.raises(ImageError, match="no such file"):
        classifier.picture(str(tmp_path / "none.png"))


def test_a_file_that_shrinks_meanwhile_is_an_error(classifier: GalaxyClassifier) -> None:
    """What is not mapped into memory cannot end the process."""

    class Shrinking(io.BytesIO):
        """File that loses its end as soon as its length has been taken."""

        def seek(self, offset: int, whence: int = 0) -> int:
            position = super().seek(offset, whence)
            if whence == io.SEEK_END and offset == 0:
                self.ends = getattr(self, "ends", 0) + 1
                if self.ends == 2:  # astropy looks first
                    self.truncate(20_000)
            return position

    from galaxy_classify.images.decode import Decoder
    from galaxy_classify.images.resize import Resizer

    with pytest.raises(ImageError, match="damaged or incomplete image: "):
        Decoder(Resizer((64, 64), classifier.preprocessing)).decode_file(Shrinking(cube(BANDS="grz")))
