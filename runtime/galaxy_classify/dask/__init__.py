"""Classify the rows of Dask data frames on any cluster, or without one."""

from galaxy_classify.dask.frame import classify
from galaxy_classify.dask.parquet_folder import read_parquet

__all__ = ["classify", "read_parquet"]
