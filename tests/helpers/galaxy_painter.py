"""A painter of galaxies for the tests: colour cutouts of four morphologies, drawn from surface-brightness laws.

Lengths are fractions of the survey frame's width, and surface brightness is in units of the flux at which the asinh
stretch turns from linear to logarithmic, so that one galaxy can be painted on a grid of any size. Run as a script,
it writes the example pictures, ``python tests/helpers/galaxy_painter.py examples/images``, or those of a model's
self-test, ``python tests/helpers/galaxy_painter.py FOLDER --golden``.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

KINDS = ("smooth_round", "smooth_cigar", "edge_on_disk", "unbarred_spiral")

Plane = NDArray[np.float64]

CROPPED_FIELD = 0.75  # part of the survey frame's width that GalaxyMNIST keeps
SKY_PIXEL = CROPPED_FIELD / 64  # pitch of the camera's pixels, on which the noise is independent

SKY_LEVEL = np.array([0.16, 0.14, 0.11])
SKY_NOISE = 0.1
STRETCH_Q = 8.0

# Flux in (i, r, g), shown as (red, green, blue), relative to the mean of the three bands.
OLD_STARS = np.array([1.36, 1.03, 0.61])
YOUNG_STARS = np.array([0.87, 0.97, 1.16])


@dataclass(frozen=True)
class Sky:
    """Positions on the sky of a square grid's pixels, relative to the galaxy's centre.

    Attributes
    ----------
    x, y : ndarray of float64, shape (size, size)
        Offsets to the right and downwards, in widths of the survey frame.
    """

    x: Plane
    y: Plane

    @classmethod
    def covering(cls, field: float, size: int) -> "Sky":
        """Lay `size` pixels across the central `field` of the frame's width."""
        offset = ((np.arange(size) + 0.5) / size - 0.5) * field
        x, y = np.meshgrid(offset, offset)
        return cls(x, y)

    @property
    def pitch(self) -> float:
        """Width of a pixel, in widths of the survey frame."""
        return float(self.x[0, 1] - self.x[0, 0])

    def along_axes(self, position_angle: float, x: float = 0, y: float = 0) -> tuple[Plane, Plane]:
        """Offsets from (`x`, `y`) along the major and the minor axis of a galaxy there; `position_angle` in radians."""
        cos, sin = np.cos(position_angle), np.sin(position_angle)
        right, down = self.x - x, self.y - y
        return right * cos + down * sin, down * cos - right * sin


def sersic(radius: Plane, effective_radius: float, index: float) -> Plane:
    """Sérsic's surface brightness, 1 at the effective radius.

    Sérsic (1963), with b_n = 1.9992 n - 0.3271 as quoted by Graham & Driver (2005, PASA 22, 118).
    """
    b_n = 1.9992 * index - 0.3271
    return np.asarray(np.exp(-b_n * ((radius / effective_radius) ** (1 / index) - 1)))


def elliptical_radius(major: Plane, minor: Plane, axis_ratio: float) -> Plane:
    """Semi-major axis of the ellipse through each pixel, softened so that a cusp is the same on every grid."""
    softening = 0.3 * SKY_PIXEL
    return np.asarray(np.sqrt(major**2 + (minor / axis_ratio) ** 2 + softening**2))


def edge_on_exponential(major: Plane, minor: Plane, scale_length: float, scale_height: float) -> Plane:
    """Surface brightness of an edge-on disk, 1 at the centre: (R/h) K_1(R/h) sech^2(z/z_0).

    Van der Kruit & Searle (1981, A&A 95, 105). sqrt(1 + pi u / 2) exp(-u) stands for u K_1(u), within 2.2 %.
    """
    u = np.abs(major) / scale_length
    return np.asarray(np.sqrt(1 + np.pi * u / 2) * np.exp(-u) / np.cosh(minor / scale_height) ** 2)


def logarithmic_arms(major: Plane, minor: Plane, axis_ratio: float, pitch_angle: float) -> Plane:
    """Light of two logarithmic spiral arms, from 0 between them to 1 on their ridges; `pitch_angle` in radians."""
    radius = elliptical_radius(major, minor, axis_ratio)
    azimuth = np.arctan2(minor / axis_ratio, major)
    phase = 2 * (azimuth - np.log(radius / SKY_PIXEL) / np.tan(pitch_angle))
    return np.asarray(np.exp(2.5 * (np.cos(phase) - 1)))


def tint(light: Plane, old: float) -> Plane:
    """Colour `light` (size, size) as stars whose age `old` runs from 0 (young) to 1; (3, size, size)."""
    colour = old * OLD_STARS + (1 - old) * YOUNG_STARS
    return np.asarray(colour[:, np.newaxis, np.newaxis] * light)


def smooth_round(sky: Sky, rng: np.random.Generator) -> Plane:
    """Paint an elliptical galaxy close to de Vaucouleurs' law; (3, size, size)."""
    major, minor = sky.along_axes(rng.uniform(0, np.pi))
    radius = elliptical_radius(major, minor, axis_ratio=rng.uniform(0.85, 1))
    profile = sersic(radius, effective_radius=rng.uniform(0.042, 0.065), index=rng.uniform(2.5, 4))
    return tint(rng.uniform(6, 10) * profile, old=rng.uniform(0.8, 1.15))


def smooth_cigar(sky: Sky, rng: np.random.Generator) -> Plane:
    """Paint an elongated, featureless galaxy; (3, size, size)."""
    major, minor = sky.along_axes(rng.uniform(0, np.pi))
    radius = elliptical_radius(major, minor, axis_ratio=rng.uniform(0.39, 0.46))
    profile = sersic(radius, effective_radius=rng.uniform(0.06, 0.08), index=rng.uniform(2, 2.8))
    return tint(rng.uniform(9, 18) * profile, old=rng.uniform(1.04, 1.18))


def edge_on_disk(sky: Sky, rng: np.random.Generator) -> Plane:
    """Paint a thin disk seen edge-on, with a small bulge and, in half of them, a dust lane; (3, size, size)."""
    major, minor = sky.along_axes(rng.uniform(0, np.pi))
    scale_length = rng.uniform(0.04, 0.07)
    scale_height = rng.uniform(0.08, 0.18) * 1.678 * scale_length
    disk = rng.uniform(20, 45) * edge_on_exponential(major, minor, scale_length, scale_height)
    bulge = rng.uniform(4, 10) * sersic(elliptical_radius(major, minor, 0.8), 0.25 * scale_length, 2)
    dust = rng.choice([0, 0.6]) * np.exp(-0.5 * (minor / (0.4 * scale_height)) ** 2)
    reddening = np.array([0.7, 0.85, 1])[:, np.newaxis, np.newaxis]
    return np.asarray((tint(disk, old=rng.uniform(0.5, 1)) + tint(bulge, old=1)) * (1 - reddening * dust))


def unbarred_spiral(sky: Sky, rng: np.random.Generator) -> Plane:
    """Paint an inclined exponential disk with two clumpy blue arms and a yellowish bulge; (3, size, size)."""
    major, minor = sky.along_axes(rng.uniform(0, np.pi))
    axis_ratio = rng.uniform(0.6, 1)
    radius = elliptical_radius(major, minor, axis_ratio)
    effective_radius = rng.uniform(0.055, 0.085)
    disk = rng.uniform(4, 7) * sersic(radius, effective_radius, 1)
    bulge = rng.uniform(5, 11) * sersic(elliptical_radius(major, minor, 0.9), 0.18 * effective_radius, 2)
    winding = rng.choice([-1, 1])
    arms = logarithmic_arms(major, winding * minor, axis_ratio, np.radians(rng.uniform(15, 28)))
    knots = rng.uniform(0, 2 * np.pi, 2)
    clumps = 1 + 0.5 * np.sin(140 * major + knots[0]) * np.sin(140 * minor + knots[1])
    arms *= clumps * radius / (radius + 0.5 * effective_radius)
    return tint(0.5 * disk, old=rng.uniform(0.2, 0.5)) + tint(2 * disk * arms, old=0) + tint(bulge, old=0.9)


def neighbours(sky: Sky, rng: np.random.Generator) -> Plane:
    """Paint a few faint stars and small galaxies away from the centre; (3, size, size)."""
    light = np.zeros((3, *sky.x.shape))
    for _ in range(rng.poisson(5)):
        distance, bearing = rng.uniform(0.25, 0.7), rng.uniform(0, 2 * np.pi)
        major, minor = sky.along_axes(bearing, x=distance * np.cos(bearing), y=distance * np.sin(bearing))
        radius = elliptical_radius(major, minor, axis_ratio=rng.uniform(0.5, 1))
        faint = rng.uniform(1, 15) * sersic(radius, rng.uniform(0.003, 0.009), 1)
        light += tint(faint, old=rng.uniform(-0.5, 1.3))
    return light


def blur(light: Plane, psf_sigma: float) -> Plane:
    """Convolve (3, size, size) with a Gaussian point-spread function of `psf_sigma` pixels."""
    pixel = np.arange(light.shape[-1])
    psf = np.exp(-0.5 * ((pixel - pixel[:, np.newaxis]) / psf_sigma) ** 2)
    psf /= psf.sum(axis=1, keepdims=True)
    return np.asarray(psf @ light @ psf.T)


def sky_noise(sky: Sky, rng: np.random.Generator) -> Plane:
    """Draw the sky's noise on the camera's pixels and resample it to the grid; (3, size, size)."""
    size = len(sky.x)
    camera = round(size * sky.pitch / SKY_PIXEL)
    noise = rng.normal(0, SKY_NOISE, (3, camera, camera)).astype(np.float32)
    bands = [Image.fromarray(band).resize((size, size), Image.Resampling.BICUBIC) for band in noise]
    return np.stack([np.asarray(band, np.float64) for band in bands])


def asinh_stretch(light: Plane) -> NDArray[np.uint8]:
    """Show fluxes (3, size, size) as RGB (size, size, 3), keeping their colour: Lupton et al. (2004, PASP 116, 133)."""
    mean = light.mean(axis=0).clip(1e-6)
    rgb = light * np.arcsinh(mean) / (STRETCH_Q * mean)
    rgb /= rgb.max(axis=0).clip(1)
    return np.asarray(rgb.clip(0) * 255 + 0.5).astype(np.uint8).transpose(1, 2, 0)


PAINTERS = dict(zip(KINDS, (smooth_round, smooth_cigar, edge_on_disk, unbarred_spiral), strict=True))


def expose(kind: str, rng: np.random.Generator, sky: Sky) -> NDArray[np.uint8]:
    """Take the picture of one random galaxy of `kind`; uint8 (size, size, 3)."""
    light = PAINTERS[kind](sky, rng) + neighbours(sky, rng)
    seen = blur(light, psf_sigma=rng.uniform(0.7, 1.1) * SKY_PIXEL / sky.pitch)
    return asinh_stretch(seen + SKY_LEVEL[:, np.newaxis, np.newaxis] + sky_noise(sky, rng))


def paint(kind: str, seed: int, size: int = 424) -> Image.Image:
    """Draw a galaxy in the survey's framing.

    Parameters
    ----------
    kind : str
        One of `KINDS`.
    seed : int
        Not negative; the same seed gives the same picture.
    size : int
        Width and height, in pixels.

    Returns
    -------
    PIL.Image.Image
        RGB, `size` x `size`.
    """
    rng = np.random.default_rng([seed, KINDS.index(kind)])
    return Image.fromarray(expose(kind, rng, Sky.covering(1, size)))


def paint_set(per_class: int, seed: int, size: int = 64) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Draw a shuffled training set in GalaxyMNIST's framing, the central 75 % of the frame.

    Parameters
    ----------
    per_class : int
        Pictures of each kind.
    seed : int
        Not negative; the same seed gives the same set.
    size : int
        Width and height, in pixels.

    Returns
    -------
    images : ndarray of uint8, shape (4 * per_class, size, size, 3)
    labels : ndarray of uint8, shape (4 * per_class,)
        Positions in `KINDS`.
    """
    rng = np.random.default_rng(seed)
    sky = Sky.covering(CROPPED_FIELD, size)
    labels = rng.permutation(np.repeat(np.arange(len(KINDS), dtype=np.uint8), per_class))
    return np.stack([expose(KINDS[label], rng, sky) for label in labels]), labels


def main(folder: Path) -> None:
    """Write three example pictures of each kind to `folder`, as 424-pixel JPEGs."""
    folder.mkdir(parents=True, exist_ok=True)
    for kind in KINDS:
        for number in (1, 2, 3):
            paint(kind, seed=number).save(folder / f"{kind}_{number}.jpg", quality=90)


def draw_golden(folder: Path) -> None:
    """Write the pictures of a model's self-test to `folder`: PNG and JPEG, of several sizes and shapes."""
    folder.mkdir(parents=True, exist_ok=True)
    for kind in KINDS:
        paint(kind, seed=4).save(folder / f"{kind}_424.jpg", quality=90)
        paint(kind, seed=5, size=64).save(folder / f"{kind}_64.png")
    paint("smooth_round", seed=6, size=120).convert("L").save(folder / "grey_120.png")
    paint("edge_on_disk", seed=6, size=300).crop((0, 50, 300, 250)).save(folder / "oblong_300x200.jpg", quality=85)


if __name__ == "__main__":
    (draw_golden if "--golden" in sys.argv[2:] else main)(Path(sys.argv[1]))
