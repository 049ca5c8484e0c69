"""Coarse classes: smooth galaxies and galaxies with a disk, each the sum of two of GalaxyMNIST's classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from galaxy_classify.errors import UsageError

#: By the first question that Galaxy Zoo asks: smooth, or with features or a disk (Willett et al. 2013, figure 1,
#: https://doi.org/10.1093/mnras/stt1458).
COARSE_CLASSES: Final = {
    "smooth": ("smooth_round", "smooth_cigar"),
    "disk": ("edge_on_disk", "unbarred_spiral"),
}


def coarse_places(classes: Sequence[str]) -> dict[str, tuple[int, ...]]:
    """Return the places of each coarse class's classes among a model's.

    Raises
    ------
    UsageError
        If the model has other classes.
    """
    members = [name for names in COARSE_CLASSES.values() for name in names]
    if sorted(members) != sorted(classes):
        raise UsageError(
            f"coarse classes are known for {', '.join(members)} only, and the model has {', '.join(classes)}; "
            "sum the columns prob_… of the result instead"
        )
    return {coarse: tuple(map(classes.index, names)) for coarse, names in COARSE_CLASSES.items()}
