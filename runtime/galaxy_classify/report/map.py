"""The report's map: each image as a point, close to those that look alike to the model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

#: Up to this number of features, all principal components are computed, which takes milliseconds.
FEW_FEATURES: Final = 256
#: Directions that are tried for the first two components of more features, and how often they are improved.
DIRECTIONS: Final = 16
ITERATIONS: Final = 8


def map_of(vectors: Sequence[NDArray[np.float32] | None]) -> dict[str, Any] | None:
    """Return the map of images with these embeddings for the page's script; None if there is nothing to see.

    ``points`` are two coordinates for each image, at most 1 from the middle, null without an embedding. ``share`` is
    the share of the embeddings' variance that they have. They are spread farther across than up, as the page is wide.
    """
    known = [vector for vector in vectors if vector is not None]
    if len(known) < 2:
        return None
    coordinates, shares = principal_plane(np.stack(known))
    farthest = float(np.abs(coordinates).max())
    if not farthest:
        return None
    if np.ptp(coordinates[:, 1]) > np.ptp(coordinates[:, 0]):
        coordinates = coordinates[:, ::-1]
    places = iter((coordinates / farthest).round(4).tolist())
    return {
        "points": [None if vector is None else next(places) for vector in vectors],
        "share": round(float(shares.sum()), 4),
        "features": len(known[0]),
    }


def principal_plane(vectors: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Project vectors onto the plane in which they are spread most: the first two principal components.

    Parameters
    ----------
    vectors : ndarray of float32, shape (n, features)
        Finite numbers.

    Returns
    -------
    coordinates : ndarray of float64, shape (n, 2)
        Those along the first and the second component, around 0. Distances in the plane are distances of the vectors
        without the components that are perpendicular to it.
    shares : ndarray of float64, shape (2,)
        Share of the variance along each.
    """
    largest = max(float(np.abs(vectors).max()), np.finfo(np.float64).tiny)
    centred = vectors.astype(np.float64) / largest  # so that no square overflows
    centred -= centred.mean(axis=0)
    variance = float(np.square(centred).sum())
    if vectors.shape[1] > FEW_FEATURES:
        centred = centred @ _directions_of_spread(centred)
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    coordinates = np.zeros((len(vectors), 2))
    coordinates[:, : len(axes[:2])] = centred @ axes[:2].T
    # A component's sign is arbitrary: the farthest image is on the right and at the top, whatever the library computes.
    for column in coordinates.T:
        column *= np.sign(column[np.abs(column).argmax()]) or 1.0
    shares = np.square(coordinates).sum(axis=0) / variance if variance else np.zeros(2)
    return coordinates * largest, shares


def _directions_of_spread(centred: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return orthonormal directions, shape (features, `DIRECTIONS`), that hold the first principal components.

    Randomized subspace iteration: Halko, Martinsson & Tropp 2011, algorithm 4.4, https://doi.org/10.1137/090771806.
    """
    start = np.random.default_rng(0).standard_normal((centred.shape[1], DIRECTIONS))
    directions: NDArray[np.float64] = np.linalg.qr(start)[0]
    for _ in range(ITERATIONS):
        directions = np.linalg.qr(centred.T @ (centred @ directions))[0]
    return directions
