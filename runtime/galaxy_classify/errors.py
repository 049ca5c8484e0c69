"""The exceptions that galaxy-classify raises on purpose.

::

    GalaxyClassifyError          exit code 1
    ├── UsageError               2   options or inputs that make no sense together
    ├── ModelError               3   a model that is missing, corrupt or breaks the contract
    ├── ImageError               1   an image that cannot be classified (on the command line a row, no error)
    ├── DataError                1   a data set or run folder that cannot be used
    ├── ClusterError             1   a Dask cluster that cannot be reached or used, or lost a partition
    ├── ParityError              1   an exported model that is not the trained one, by the check that failed:
    │   ├── GraphError               the ONNX checker refuses the graph
    │   ├── ContractError            a clause of the model contract is broken, or the metadata describe another model
    │   ├── LogitError               logits differ
    │   ├── ProbabilityError         probabilities differ
    │   ├── ClassError               classes differ
    │   └── QuantizationError        int8 costs too much
    └── MissingExtraError        1   a command whose optional dependencies are not installed

The commands print the message on one line of stderr and end with the exit code.
"""


class GalaxyClassifyError(Exception):
    """Base of all errors that galaxy-classify raises on purpose."""

    exit_code = 1


class UsageError(GalaxyClassifyError):
    """Options or arguments are wrong, or do not go together."""

    exit_code = 2


class ModelError(GalaxyClassifyError):
    """A model is missing, corrupt, or breaks a clause of the model contract."""

    exit_code = 3


class ImageError(GalaxyClassifyError):
    """An image cannot be classified; the message is a short, stable reason."""


class DataError(GalaxyClassifyError):
    """A data set or a run folder is missing, damaged or of the wrong form."""


class ClusterError(GalaxyClassifyError):
    """A Dask cluster cannot be reached, is not set up as the client is, or has lost a partition."""


class ParityError(GalaxyClassifyError):
    """An exported model does not give the predictions of the trained one."""


class GraphError(ParityError):
    """The ONNX checker refuses an exported graph."""


class ContractError(ParityError):
    """An exported file breaks a clause of the contract, or its metadata describe another model."""


class LogitError(ParityError):
    """The logits of an exported model differ from the trained model's."""


class ProbabilityError(ParityError):
    """The probabilities of an exported model differ from the trained model's."""


class ClassError(ParityError):
    """An exported model gives an image another class than the trained model."""


class QuantizationError(ParityError):
    """An int8 model loses too much against the float one."""


class MissingExtraError(GalaxyClassifyError):
    """A command needs an optional dependency that is not installed."""
