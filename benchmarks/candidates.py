"""What ``folder.py`` compares: our command with several options, and other ways to classify a folder of JPEGs.

Each runs in a process of its own, and notes when its rows come and what they cost (`steady.Marks`).
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from steady import Marks

HERE = Path(__file__).resolve()
#: Images per batch for TensorFlow.
BATCH = 64
OURS = "galaxy-classify"
KERAS = "Keras image_dataset_from_directory"
NAIVE = "naive ONNX Runtime loop"
DECODING = "decoding and resize only"


@dataclass(frozen=True, slots=True)
class Setting:
    """What all candidates of a comparison share."""

    folder: Path
    files: int
    #: The Keras file of the network.
    network: Path
    #: Where a candidate writes its marks.
    marks: Path
    threads: int


def our_options() -> list[list[str]]:
    """Return the options that our command is compared with; those for the decoder only if it has them."""
    shown = subprocess.run([sys.executable, "-m", "galaxy_classify", "--help"], capture_output=True, check=True)
    if b"--decoder" not in shown.stdout:
        return [[], ["--exact"]]
    options = [[], ["--decoder", "pillow"], ["--decoder", "pillow", "--exact"]]
    if importlib.util.find_spec("galaxy_classify_turbo") is not None:
        options.append(["--decoder", "turbo"])
    return options


def ours(setting: Setting, options: list[str], threads: int) -> list[str]:
    """Return the command line of our command, which runs as ever but notes its rows."""
    watched = [sys.executable, str(HERE.with_name("steady.py")), str(setting.files), str(setting.marks)]
    return [*watched, str(setting.folder), "-q", "-f", "csv", "--threads", str(threads), *options]


def other(setting: Setting, way: str) -> list[str]:
    """Return the command line that runs one of `WAYS`."""
    given = (setting.folder, setting.files, setting.network, setting.marks, setting.threads)
    return [sys.executable, str(HERE), way, *map(str, given)]


def command_lines(setting: Setting) -> dict[str, list[str]]:
    """Return the command line of each candidate."""
    lines = {}
    for options in our_options():
        name = " ".join([OURS, *options])
        lines[name] = ours(setting, options, setting.threads)
        lines[f"{name}, 1 thread"] = ours(setting, options, 1)
    return lines | {
        DECODING: other(setting, "decode"),
        f"{DECODING}, --exact": other(setting, "decode-exact"),
        NAIVE: other(setting, "naive"),
        KERAS: other(setting, "keras"),
        "tf.data, exact decoder": other(setting, "tensorflow"),
    }


def decode_only(setting: Setting, marks: Marks, *, exact: bool) -> None:
    """Read, decode, crop and resize with Pillow as our command does, without running the model."""
    from galaxy_classify.defaults import BATCH_SIZE
    from galaxy_classify.images.decode import Decoder
    from galaxy_classify.images.resize import Resizer
    from galaxy_classify.inference.embedded import find_model
    from galaxy_classify.inference.model import OnnxModel
    from galaxy_classify.inputs.discovery import Discovery
    from galaxy_classify.parallel import batched, ordered_map
    from galaxy_classify.process import keep_freed_memory

    keep_freed_memory()
    model = OnnxModel(find_model())
    decoder = Decoder(Resizer(model.input_size, model.description.preprocessing, fast=not exact))
    batches = batched(Discovery().paths([str(setting.folder)], ()), BATCH_SIZE)
    rows = 0
    for decoded in ordered_map(lambda batch: [decoder.read(path) for path in batch], batches, setting.threads):
        rows += len(decoded)
        marks.note(rows)


def naive_onnxruntime(setting: Setting, marks: Marks) -> None:
    """Classify one image at a time with ONNX Runtime's default options, as a simple script would."""
    import numpy as np
    from PIL import Image

    from galaxy_classify.inference.embedded import find_model
    from galaxy_classify.inference.onnx_runtime import load_onnxruntime

    session = load_onnxruntime().InferenceSession(find_model().path, providers=["CPUExecutionProvider"])
    for number, path in enumerate(sorted(setting.folder.rglob("*.jpg"))):
        image = Image.open(path).convert("RGB")
        edge = round(0.75 * min(image.size))
        left, top = (image.width - edge) // 2, (image.height - edge) // 2
        pixels = image.crop((left, top, left + edge, top + edge)).resize((64, 64), Image.Resampling.LANCZOS)
        session.run(None, {"images": np.asarray(pixels)[np.newaxis]})
        marks.note(number + 1)


def keras_folder(setting: Setting, marks: Marks) -> None:
    """Classify with Keras' image_dataset_from_directory and predict."""
    import keras

    images = keras.utils.image_dataset_from_directory(
        setting.folder, labels=None, image_size=(64, 64), batch_size=BATCH, shuffle=False, verbose=False
    )
    _predict(setting, marks, images)


def tensorflow_exact(setting: Setting, marks: Marks) -> None:
    """Classify with tf.data, an exact decoder and GalaxyMNIST's crop."""
    import tensorflow as tf

    def read(path: Any) -> Any:
        image = tf.io.decode_jpeg(tf.io.read_file(path), channels=3, dct_method="INTEGER_ACCURATE")
        crop = tf.image.central_crop(image, 0.75)
        resized = tf.image.resize(crop, (64, 64), "lanczos3", antialias=True)
        return tf.cast(tf.clip_by_value(tf.round(resized), 0, 255), tf.uint8)

    paths = tf.data.Dataset.list_files(str(setting.folder / "*" / "*.jpg"), shuffle=False)
    images = paths.map(read, num_parallel_calls=tf.data.AUTOTUNE).batch(BATCH).prefetch(tf.data.AUTOTUNE)
    _predict(setting, marks, images)


def _predict(setting: Setting, marks: Marks, images: Any) -> None:
    """Let Keras predict, and note the rows of each batch."""
    import keras

    import galaxy_train.networks.statistics
    import galaxy_train.networks.symmetric  # noqa: F401 - the network's layers

    noted = keras.callbacks.LambdaCallback()
    noted.on_predict_batch_end = lambda batch, logs=None: marks.note((batch + 1) * BATCH)
    keras.models.load_model(setting.network).predict(images, verbose=0, callbacks=[noted])


def build_network(setting: Setting, marks: Marks) -> None:
    """Save an untrained network of the embedded model's recipe to a Keras file."""
    from galaxy_classify import GalaxyClassifier
    from galaxy_train.networks.recipes import RECIPES

    recipe = GalaxyClassifier().model.description.training["recipe"]
    RECIPES[recipe].build(64, 4).save(setting.network)


WAYS: dict[str, Callable[[Setting, Marks], None]] = {
    "decode": lambda setting, marks: decode_only(setting, marks, exact=False),
    "decode-exact": lambda setting, marks: decode_only(setting, marks, exact=True),
    "naive": naive_onnxruntime,
    "keras": keras_folder,
    "tensorflow": tensorflow_exact,
    "network": build_network,
}


def main() -> None:
    """Run one of the candidates that are not our command, in this process."""
    way, folder, files, network, marks_path, threads = sys.argv[1:]
    setting = Setting(Path(folder), int(files), Path(network), Path(marks_path), int(threads))
    marks = Marks(setting.files)
    WAYS[way](setting, marks)
    marks.write(setting.marks)


if __name__ == "__main__":
    main()
