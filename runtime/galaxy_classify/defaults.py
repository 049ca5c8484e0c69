"""Default values of the command's options and the API. This module imports next to nothing: ``--help`` stays fast."""

from enum import StrEnum
from typing import Final

#: Confidence below which a prediction is uncertain: the highest multiple of 0.1 that at least nine of ten galaxies held
#: out of the default model's training reach (docs/explanation/calibration-and-familiarity.md).
THRESHOLD: Final = 0.6


#: Familiarity below which a row is unfamiliar. The trainer shifts the familiarity of each model so that 2 % of the
#: galaxies that were held out lie below it, so that below 2.5 % of other galaxies of its classes do.
MIN_FAMILIARITY: Final = 0.5


#: Execution provider: the GPU if ONNX Runtime supports one and the machine has one, else the CPU.
AUTO: Final = "auto"


class JpegDecoder(StrEnum):
    """What decodes JPEGs: the package galaxy-classify-turbo if it is installed, or one of the two."""

    AUTO = "auto"
    PILLOW = "pillow"
    TURBO = "turbo"


#: Images that a worker thread decodes and classifies together.
BATCH_SIZE: Final = 16


#: Inputs in a partition of a Dask run: 1,000 keep a worker busy for about 1 s; scheduling takes about 0.01 s.
PARTITION_SIZE: Final = 1000


#: Images with more pixels are refused. It is Pillow's threshold for a possible decompression bomb, where Pillow only
#: warns.
MAX_PIXELS: Final = 89_478_485


#: Column of image paths in a catalogue.
PATH_COLUMN: Final = "file"

#: Label for a galaxy of none of the model's classes, in labels that are given by eye on the page of ``--report``.
NO_CLASS: Final = "none of these"
