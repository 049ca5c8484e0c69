"""Defaults that the command line and the API share; it imports nothing, so that ``--help`` stays fast."""

from typing import Final

#: Confidence below which a prediction is called uncertain: the highest tenth that still keeps nine of ten of the
#: galaxies that were held out of the default model's training (docs/training.md).
THRESHOLD: Final = 0.6


#: Where the model runs: a GPU if the installed ONNX Runtime brings support for one and there is one, else the CPU.
AUTO: Final = "auto"


#: Images that a worker decodes and classifies together.
BATCH_SIZE: Final = 16


#: Inputs that a Dask worker gets at once: a second's work, against a hundredth that handing them out takes.
PARTITION_SIZE: Final = 1000


#: Larger images are refused: this is Pillow's own threshold for a possible decompression bomb, at which it only warns.
MAX_PIXELS: Final = 89_478_485


#: Column of a catalogue that holds the paths.
PATH_COLUMN: Final = "file"
