"""The exceptions that galaxy-classify raises on purpose, and the exit codes of its commands.

::

    GalaxyClassifyError          exit code 4: the command stopped before its end
    ├── UsageError               2   options or inputs that make no sense together
    ├── MissingExtraError        2   a command or function whose optional dependencies are not installed
    ├── DataError                2   a data set or run folder that cannot be used
    ├── ModelError               3   a model that is missing, corrupt or breaks the contract
    ├── ImageError               4   an image that cannot be classified (on the command line a row, no error)
    ├── ClusterError             4   a Dask cluster that cannot be reached or used, or lost a partition
    └── ParityError              1   an exported model that is not the trained one, by the check that failed:
        ├── GraphError               the ONNX checker refuses the graph
        ├── ContractError            a clause of the model contract is broken, or the metadata describe another model
        ├── LogitError               logits differ
        ├── ProbabilityError         probabilities differ
        ├── ClassError               classes differ
        ├── FamiliarityError         familiarities differ
        ├── EmbeddingError           embeddings differ
        ├── QuantizationError        int8 loses too much accuracy
        └── OutputError              another project's model does not give its reference's outputs

The commands print the message on one line of stderr and end with the exit code.
"""

from typing import Final

#: The command has come to its end, and some of it failed: rows are errors, shards are missing, a model has no parity.
EXIT_FAILURES: Final = 1
#: The command line, the inputs or the installation must change before anything can be done.
EXIT_USAGE: Final = 2
#: The model cannot be used, or does not give its recorded predictions here.
EXIT_MODEL: Final = 3
#: The command stopped before its end, as on a full disk. What is not written is missing.
EXIT_STOPPED: Final = 4
#: Ctrl-C, as shells have it: 128 and the number of SIGINT.
EXIT_INTERRUPTED: Final = 130
#: The reader of standard output has ended, as in ``galaxy-classify images | head``: 128 and the number of SIGPIPE.
EXIT_BROKEN_PIPE: Final = 141


class GalaxyClassifyError(Exception):
    """Base of all errors that galaxy-classify raises on purpose."""

    exit_code = EXIT_STOPPED


class UsageError(GalaxyClassifyError):
    """Options or arguments are wrong, or do not go together."""

    exit_code = EXIT_USAGE


class ModelError(GalaxyClassifyError):
    """A model is missing, corrupt, or breaks a clause of the model contract."""

    exit_code = EXIT_MODEL


class ImageError(GalaxyClassifyError):
    """An image cannot be classified; the message is a short, stable reason."""


class DataError(GalaxyClassifyError):
    """A data set or a run folder is missing, damaged or of the wrong form."""

    exit_code = EXIT_USAGE


class ClusterError(GalaxyClassifyError):
    """A Dask cluster cannot be reached, is not set up as the client is, or has lost a partition."""


class ParityError(GalaxyClassifyError):
    """An exported model does not give the predictions of the trained one."""

    exit_code = EXIT_FAILURES


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


class FamiliarityError(ParityError):
    """The familiarity of an exported model differs from the trained model's."""


class EmbeddingError(ParityError):
    """The embedding of an exported model differs from the trained model's."""


class QuantizationError(ParityError):
    """An int8 model loses too much accuracy, or moves too many predictions, against the float model."""


class OutputError(ParityError, AssertionError):
    """A model of another project does not give the outputs of its reference; in a test it counts as a failure."""


class MissingExtraError(GalaxyClassifyError):
    """A command or function needs an optional dependency that is not installed."""

    exit_code = EXIT_USAGE
