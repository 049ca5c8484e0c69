"""The report's map: images that look alike to the model lie close together, whatever the numbers."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from galaxy_classify.report.map import FEW_FEATURES, map_of, principal_plane


def clusters(features: int, each: int = 40) -> NDArray[np.float32]:
    """Return vectors around three centres, in a space of so many dimensions."""
    random = np.random.default_rng(5)
    centres = random.normal(size=(3, features)) * 3
    return np.concatenate([centre + random.normal(size=(each, features)) for centre in centres]).astype(np.float32)


@pytest.mark.parametrize("features", [2, 3, 24, FEW_FEATURES, FEW_FEATURES + 1, 2048])
def test_the_plane_is_that_of_the_principal_components(features: int) -> None:
    """As a full decomposition computes it, also for many features, of which it is found without one."""
    vectors = clusters(features)
    found, shares = principal_plane(vectors)
    centred = vectors.astype(np.float64) - vectors.mean(axis=0, dtype=np.float64)
    left, sizes, _ = np.linalg.svd(centred, full_matrices=False)
    expected = left[:, :2] * sizes[:2]
    expected *= np.sign((expected * found).sum(axis=0))
    assert found == pytest.approx(expected, abs=1e-3 * np.abs(expected).max())
    assert shares == pytest.approx(np.square(sizes[:2]) / np.square(sizes).sum(), rel=1e-5)


def test_clusters_are_apart_and_fill_the_page() -> None:
    """Each point's nearest neighbours are of its own cluster, and the map is wider than high."""
    vectors = clusters(24)
    found = map_of(list(vectors))
    assert found is not None
    points = np.array(found["points"])
    assert np.abs(points).max() == 1
    assert np.ptp(points[:, 0]) >= np.ptp(points[:, 1])
    distances = np.linalg.norm(points[:, None] - points[None], axis=2)
    nearest = distances.argsort(axis=1)[:, 1:6] // 40
    assert (nearest == np.arange(120)[:, None] // 40).mean() > 0.95
    assert 0.5 < found["share"] < 1
    assert found["features"] == 24


def test_points_stay_with_their_images() -> None:
    """An image without an embedding, such as one that is gone, has no point."""
    vectors = clusters(3, each=2)
    whole = map_of(list(vectors))
    gaps = map_of([None, *vectors[:4], None, *vectors[4:]])
    assert whole is not None
    assert gaps is not None
    assert gaps["points"] == [None, *whole["points"][:4], None, *whole["points"][4:]]


@pytest.mark.parametrize(
    "vectors",
    [[], [None, None], [[1, 2]], [[1, 2], None], [[1, 2], [1, 2]], [[0, 0], [0, 0], [0, 0]]],
)
def test_there_is_no_map_of_one_point(vectors: list[list[float] | None]) -> None:
    """Nothing can be read off it."""
    assert map_of([None if vector is None else np.array(vector, np.float32) for vector in vectors]) is None


@pytest.mark.parametrize("factor", [1e-38, 1, 3e38])
def test_any_finite_numbers_have_a_map(factor: float) -> None:
    """The squares of the largest float32 are none; a page with NaN would not be read."""
    vectors = (np.array([[1, 0], [-1, 0.5], [0, -0.5]]) * factor).astype(np.float32)
    found = map_of(list(vectors))
    assert found is not None
    assert np.isfinite(found["points"]).all()
    assert found["share"] == pytest.approx(1, abs=1e-3)


def test_one_feature_is_a_line() -> None:
    """A model may have a single one."""
    found = map_of([np.array([value], np.float32) for value in (0, 1, 3)])
    assert found is not None
    assert [point[1] for point in found["points"]] == [0, 0, 0]


def test_a_map_that_would_be_high_lies_on_its_side() -> None:
    """A few images far away along the second component leave no empty page beside the others."""
    vectors = [(1, 0), (-1, 0)] * 20 + [(0, 3), (0, -3)]
    found = map_of([np.array(vector, np.float32) for vector in vectors])
    assert found is not None
    assert np.ptp(found["points"], axis=0) == pytest.approx([2, 2 / 3], abs=1e-3)
