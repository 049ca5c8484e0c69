"""Read images from archives and Parquet files, for `GalaxyClassifier.classify`."""

from galaxy_classify.inputs.containers.open import read_container, read_member

__all__ = ["read_container", "read_member"]
