"""Names of the files in a folder for a model hub."""

from __future__ import annotations

from typing import Final

README: Final = "README.md"
CONFIG: Final = "config.json"
MODEL: Final = "model.onnx"
GOLDEN: Final = "model.golden.json"
STANDALONE: Final = "model-standalone.onnx"
STANDALONE_GOLDEN: Final = "model-standalone.golden.json"
#: In the form of ``sha256sum``.
CHECKSUMS: Final = "SHA256SUMS"
#: All of them; a folder's checksums are written last.
NAMES: Final = (MODEL, GOLDEN, STANDALONE, STANDALONE_GOLDEN, CONFIG, README, CHECKSUMS)
