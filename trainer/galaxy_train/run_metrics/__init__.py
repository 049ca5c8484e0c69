"""The record of a training run, as stored in ``metrics.json``: parameters, data sets, metrics, checksums, versions.

Each record is written with ``to_json`` and read with ``from_json``. A key that earlier versions did not write takes the
field's default. A key that this version does not know is ignored, except among the training parameters: two trainings
that differ in an unknown parameter would look alike.
"""
