"""Classify the rows of Dask data frames, where Dask computes their partitions.

Needs ``pip install 'galaxy-classify[dask]'``.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from galaxy_classify.classifier import GalaxyClassifier
from galaxy_classify.dask.cluster import check_processes
from galaxy_classify.dask.partitions import FramePlan, classify_partition
from galaxy_classify.dask.worker import ClassifierSpec, model_content
from galaxy_classify.defaults import AUTO, MAX_PIXELS, THRESHOLD, JpegDecoder
from galaxy_classify.errors import UsageError
from galaxy_classify.extras import require_extra
from galaxy_classify.images.fits.options import FitsOptions
from galaxy_classify.inference.session import CPU
from galaxy_classify.inputs.catalog import free_names
from galaxy_classify.results.layout import RowLayout
from galaxy_classify.text import did_you_mean

if TYPE_CHECKING:
    import dask.dataframe as dd


def classify(
    frame: dd.DataFrame,
    *,
    path_column: str | None = None,
    image_column: str | None = None,
    name_column: str | None = None,
    root: str | os.PathLike[str] | None = None,
    model: str | os.PathLike[str] | None = None,
    threshold: float | Mapping[str, float] = THRESHOLD,
    top_k: int = 1,
    threads: int = 1,
    max_pixels: int = MAX_PIXELS,
    exact: bool = False,
    provider: str = AUTO,
    crop: float | None = None,
    fits: FitsOptions | None = None,
    min_familiarity: float | None = None,
    decoder: str = JpegDecoder.AUTO,
    prior: str | Mapping[str, float] | None = None,
    sets: float | None = None,
    coarse: bool = False,
) -> dd.DataFrame:
    """Classify the images in the rows of a Dask data frame, given by their paths or as bytes.

    The result is lazy: partitions are classified when it is computed or written.

    Parameters
    ----------
    frame : dask.dataframe.DataFrame
        One row for each image, for example from `read_parquet`, ``dask.dataframe.read_parquet`` or LSDB's
        ``to_dask_dataframe``.
    path_column : str, optional
        Column of paths that the workers can open. This or `image_column` must be given.
    image_column : str, optional
        Column of encoded images (bytes, as a file holds them).
    name_column : str, optional
        Column of names for the images of an `image_column`, which become `path` in the result; by default the index.
    root : str or path-like, optional
        Folder that relative paths start from; by default this process's working folder.
    model : str or path-like, optional
        Name of an embedded model, or an ONNX file, which the workers need not see: its content is sent to each once.
    threshold : float or mapping of str to float, optional
        Confidence below which a row's status is ``uncertain``, for all classes or some.
    top_k : int, optional
        Number of most probable classes in each row.
    threads : int, optional
        Number of threads for one partition. Workers classify several partitions at once, so one is enough.
    max_pixels, exact, provider, crop, fits, min_familiarity, decoder, prior, sets, coarse
        As `GalaxyClassifier` takes them; the provider must be available to the workers, not here.

    Returns
    -------
    dask.dataframe.DataFrame
        The frame's rows, in order, with its index, divisions and columns, followed by the columns of a result file
        (``path``, ``status``, ``label``, …) with the same values. A column of the frame that has the name of one of
        these, in upper or lower case, becomes ``catalog_…``. An image that cannot be classified is a row with the
        status ``error``.

    Raises
    ------
    UsageError
        If a column is missing or has the wrong type, or an option makes no sense.
    ModelError
        If the model is missing, damaged, or breaks the contract.
    ClusterError
        If there is a current ``distributed.Client``, and a process of its cluster lacks galaxy-classify or has another
        version. When the result is computed, if a worker has another version.
    MissingExtraError
        If Dask is not installed.

    Notes
    -----
    A worker process loads one classifier for all its threads and partitions. Of an embedded model, the name and
    SHA-256 are sent, so that a worker uses the client's very model or fails.

    Examples
    --------
    >>> import dask.dataframe as dd, pandas as pd
    >>> frame = dd.from_pandas(pd.DataFrame({"file": ["no_such_galaxy.jpg"], "z": [0.1]}), npartitions=1)
    >>> classify(frame, path_column="file")[["status", "message"]].compute().iloc[0].tolist()
    ['error', 'no such file']
    """
    require_extra("dask", ("dask", "distributed", "pandas", "pyarrow"))
    from dask import delayed

    classifier = GalaxyClassifier(
        model,
        threads,
        max_pixels,
        exact=exact,
        provider=CPU,
        crop=crop,
        fits=fits,
        min_familiarity=min_familiarity,
        decoder=decoder,
        prior=prior,
        sets=sets,
        coarse=coarse,
    )
    classifier.classify((), threshold=threshold)  # checks the threshold now
    classes = classifier.model.description.classes
    if not 1 <= top_k <= len(classes):
        raise UsageError(f"top_k is {top_k}, it must be 1 to {len(classes)}: the model has {len(classes)} classes")
    _check_columns(frame, path_column, image_column, name_column)
    layout = RowLayout.of(classifier, top_k)
    plan = FramePlan(
        path_column,
        image_column,
        name_column,
        os.path.abspath(os.fspath(root or os.curdir)),
        threshold,
        layout,
        dict(zip(frame.columns, free_names(list(frame.columns), layout.names), strict=True)),
    )
    _check_current_cluster()
    content = model_content(classifier)
    spec = ClassifierSpec.of(classifier, provider)
    return frame.map_partitions(
        classify_partition,
        # A task of its own, named by the model: Dask sends its result to each worker once, and computes it again if all
        # workers that had it are lost.
        None if content is None else delayed(content, name=f"galaxy-classify-model-{spec.sha256}", traverse=False),
        spec,
        plan,
        meta=plan.with_predictions(frame._meta, ()),
    )


def _check_columns(
    frame: dd.DataFrame, path_column: str | None, image_column: str | None, name_column: str | None
) -> None:
    if (path_column is None) == (image_column is None):
        raise UsageError("give either path_column or image_column")
    if name_column is not None and image_column is None:
        raise UsageError("name_column names the images of an image_column")
    names: Sequence[str] = list(frame.columns)
    if not all(isinstance(name, str) for name in names) or len(set(names)) < len(names):
        raise UsageError("the columns of the frame must have names, each its own")
    for column in filter(None, (path_column, image_column, name_column)):
        if column not in names:
            hint = did_you_mean(column, names)
            raise UsageError(f"the frame has no column {column!r}; {hint}it has {', '.join(names) or 'none'}")
    kind = "" if image_column is None else str(frame.dtypes[image_column])
    if kind == "str" or "string" in kind:
        raise UsageError(
            f"column {image_column!r} is text, not bytes; Dask makes text of the bytes of a pandas frame unless "
            "dataframe.convert-string is off: see 'Dask' in the documentation"
        )


def _check_current_cluster() -> None:
    """Check the cluster of the current client, if there is one, instead of failing on it later."""
    if "distributed" not in sys.modules:
        return
    from distributed import default_client

    try:
        client = default_client()
    except ValueError:
        return
    if not client.asynchronous:
        check_processes(client, "pandas")
