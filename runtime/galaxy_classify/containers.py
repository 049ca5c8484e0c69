"""Images in archives and Parquet files, for `GalaxyClassifier.classify`."""

from galaxy_classify.inputs.containers.open import read_container

__all__ = ["read_container"]
