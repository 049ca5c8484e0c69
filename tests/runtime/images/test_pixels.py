"""From decoded images to a model's pixels."""

from __future__ import annotations

import csv
from pathlib import Path

import h5py
import numpy as np
import pytest
from PIL import Image

from galaxy_classify.errors import ImageError
from galaxy_classify.images.crop import central_crop_box
from galaxy_classify.images.decode import Decoder
from galaxy_classify.images.pixels import to_rgb
from galaxy_classify.images.resize import Resizer
from galaxy_classify.inference.contract import Preprocessing
from galaxy_painter import paint

SIZE = (64, 64)


def test_crop_is_cut_out_before_the_resize() -> None:
    """The filter must not see pixels beyond the crop, as GalaxyMNIST's did not."""
    image = paint("unbarred_spiral", seed=3)
    expected = image.crop((53, 53, 371, 371)).resize(SIZE, Image.Resampling.LANCZOS)
    assert np.array_equal(Decoder(Resizer(SIZE, Preprocessing())).decode(image).pixels, np.asarray(expected))


@pytest.mark.parametrize(
    ("width", "height", "box"),
    [
        (424, 424, (53, 53, 371, 371)),
        (423, 423, (53, 53, 370, 370)),
        (425, 500, (53, 90, 372, 409)),
        (100, 60, (27, 7, 72, 52)),
        (60, 101, (7, 28, 52, 73)),
    ],
)
def test_crop_box_follows_the_published_rounding(width: int, height: int, box: tuple[int, ...]) -> None:
    """Odd and oblong sizes are cropped as the formula of the model contract says."""
    assert central_crop_box(width, height, 0.75) == box


def test_an_image_in_the_models_size_is_used_as_it_is() -> None:
    """GalaxyMNIST's own 64 px images are cropped already and must not be cropped again."""
    image = paint("smooth_round", seed=1, size=64)
    assert np.array_equal(Decoder(Resizer(SIZE, Preprocessing())).decode(image).pixels, np.asarray(image))


@pytest.mark.slow
@pytest.mark.data
def test_real_cutouts_give_the_stand_ins_pixels_bit_for_bit(galaxy_data: Path) -> None:
    """Decoding, crop and resize are those by which the 64 px data set was made."""
    with (galaxy_data / "images" / "test" / "labels.csv").open() as file:
        names = [row["file"] for row in csv.DictReader(file)]
    with h5py.File(galaxy_data / "galaxies64" / "test_dataset.hdf5") as file:
        expected = file["images"][()]
    folder = galaxy_data / "images" / "test"
    found = [Decoder(Resizer(SIZE, Preprocessing())).read(str(folder / name)).pixels for name in names]
    assert len(found) == len(expected) == 1008
    assert np.array_equal(np.stack(found), expected)


def test_transparent_pixels_become_sky_not_hidden_colour() -> None:
    """The colour under full transparency is not part of the picture."""
    pixels = np.zeros((32, 32, 4), np.uint8)
    pixels[..., 0] = 200
    pixels[:16, :, 3] = 255
    rgb = np.asarray(to_rgb(Image.fromarray(pixels)))
    assert (rgb[:16] == (200, 0, 0)).all()
    assert (rgb[16:] == 0).all()


def test_sixteen_bit_grey_is_scaled_not_clipped() -> None:
    """Pillow's own conversion would turn everything above 255 into white."""
    ramp = np.linspace(0, 65535, 32 * 32).astype(np.uint16).reshape(32, 32)
    rgb = np.asarray(to_rgb(Image.fromarray(ramp)))
    assert np.array_equal(rgb[..., 0], ramp >> 8)


@pytest.mark.parametrize("mode", ["1", "L", "P", "CMYK", "YCbCr", "LA", "PA"])
def test_every_common_mode_becomes_rgb(mode: str) -> None:
    """Whatever Pillow decodes to 8 bit ends up as three planes."""
    rgb = to_rgb(paint("smooth_cigar", seed=5, size=64).convert("L").convert(mode))
    assert rgb.mode == "RGB"
    assert np.ptp(np.asarray(rgb)) > 50


@pytest.mark.parametrize("mode", ["I", "F"])
def test_pixels_of_unknown_range_are_refused(mode: str) -> None:
    """There is no honest way to scale 32-bit pixels to 8 bit."""
    with pytest.raises(ImageError, match="32-bit grey"):
        Decoder(Resizer(SIZE, Preprocessing())).decode(Image.new(mode, (64, 64)))


def test_exif_orientation_is_applied(tmp_path: Path) -> None:
    """A picture that is stored lying down is classified standing up."""
    upright = paint("edge_on_disk", seed=2, size=200)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees clockwise
    path = tmp_path / "turned.png"
    upright.transpose(Image.Transpose.ROTATE_90).save(path, exif=exif)
    found = Decoder(Resizer(SIZE, Preprocessing())).read(str(path)).pixels
    assert np.array_equal(found, Decoder(Resizer(SIZE, Preprocessing())).decode(upright).pixels)


def test_an_image_that_is_too_small_is_refused() -> None:
    """Fifteen pixels show no galaxy."""
    with pytest.raises(ImageError, match="image too small: 15 x 40 pixels"):
        Decoder(Resizer(SIZE, Preprocessing())).decode(Image.new("RGB", (15, 40)))


@pytest.mark.parametrize("colour", [(0, 0, 0), (255, 255, 255), (10, 20, 30)])
def test_a_constant_image_is_refused(colour: tuple[int, int, int]) -> None:
    """A blank cutout must never get a score."""
    with pytest.raises(ImageError, match="constant image"):
        Decoder(Resizer(SIZE, Preprocessing())).decode(Image.new("RGB", (424, 424), colour))


def test_the_models_own_preprocessing_is_obeyed() -> None:
    """A model that was trained on whole frames gets whole frames."""
    image = paint("smooth_round", seed=4, size=200)
    found = Decoder(Resizer((32, 48), Preprocessing(crop_fraction=1.0, resample="bilinear"))).decode(image).pixels
    assert np.array_equal(found, np.asarray(image.resize((48, 32), Image.Resampling.BILINEAR)))
