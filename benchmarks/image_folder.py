"""Fill a folder with images to measure on: drawn ones, or copies of real ones."""

from __future__ import annotations

import itertools
import shutil
import sys
import tempfile
from pathlib import Path

#: Different images in a folder; the rest are copies, which are read and decoded all the same.
PICTURES = 100
#: Suffixes of the files of each format; the first is that of drawn ones.
SUFFIXES = {"jpeg": (".jpg", ".jpeg"), "png": (".png",), "fits": (".fits",)}


def make_folder(
    folder: Path,
    files: int,
    size: int,
    images: Path | None,
    *,
    file_format: str = "jpeg",
    pictures: int = PICTURES,
) -> None:
    """Fill a folder with images, drawn ones or copies of those in a folder, in a subfolder as Keras expects it."""
    target = folder / "all"
    target.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as drawn:
        if images is None:
            originals = [_draw(Path(drawn), number, size, file_format) for number in range(pictures)]
        else:
            originals = sorted(path for path in images.iterdir() if path.suffix in SUFFIXES[file_format])[:pictures]
            if not originals:
                sys.exit(f"{images}: no {file_format.upper()} files")
        for number, original in zip(range(files), itertools.cycle(originals), strict=False):
            shutil.copyfile(original, target / f"{number:06}{original.suffix}")


def _draw(folder: Path, number: int, size: int, file_format: str) -> Path:
    """Draw a galaxy; as FITS, its fluxes in three bands and noise, as in the cutout of a survey."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "helpers"))
    from galaxy_painter import KINDS, paint

    picture = paint(KINDS[number % len(KINDS)], seed=number, size=size)
    path = folder / f"{number}{SUFFIXES[file_format][0]}"
    if file_format != "fits":
        picture.save(path, quality=85)  # which PNG does not know
        return path
    import numpy as np
    from astropy.io import fits

    rng = np.random.default_rng(number)
    levels = np.asarray(picture, np.float32).transpose(2, 0, 1)[::-1, ::-1]
    fluxes = 0.02 * np.sinh(levels / 50) + 0.004 * rng.standard_normal(levels.shape)
    fits.PrimaryHDU(fluxes.astype(np.float32), fits.Header({"BANDS": "grz"})).writeto(path)
    return path
