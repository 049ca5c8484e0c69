"""Everything that galaxy-classify raises on purpose.

::

    GalaxyClassifyError          exit code 1
    ├── UsageError               2   options or inputs that make no sense together
    ├── ModelError               3   a model that is missing, corrupt or breaks the contract
    ├── ImageError               1   an image that cannot be classified (a row, on the command line)
    ├── DataError                1   a data set or run folder that cannot be used
    ├── ParityError              1   an exported model that is not the trained one
    └── MissingExtraError        1   a command whose optional dependencies are not installed

The commands print the message on one line of stderr and end with the exit code.
"""


class GalaxyClassifyError(Exception):
    """Base of all errors that galaxy-classify raises on purpose."""

    exit_code = 1


class UsageError(GalaxyClassifyError):
    """The command line asks for something that cannot be done."""

    exit_code = 2


class ModelError(GalaxyClassifyError):
    """A model is missing, corrupt, or breaks a clause of the model contract."""

    exit_code = 3


class ImageError(GalaxyClassifyError):
    """An image cannot be classified; the message is a short, stable reason."""


class DataError(GalaxyClassifyError):
    """A data set or a run folder is missing, damaged or of the wrong form."""


class ParityError(GalaxyClassifyError):
    """An exported model does not answer as the trained one does."""


class MissingExtraError(GalaxyClassifyError):
    """A command needs an optional dependency that is not installed."""
