"""Compare our command with Keras, tf.data and a plain ONNX Runtime loop on a folder of JPEGs: speed and peak memory.

Run ``python benchmarks/folder.py`` (about ten minutes on two cores). Each candidate is a new process, and start-up
counts. The candidates take turns, and medians over the turns are printed. ``--size 64`` uses images that need no
resize; ``--scaling`` runs our command and Keras on 1,000, 10,000 and 100,000 files and draws a plot.

The images are synthetic; ``--images`` uses real ones. Keras runs the network of the embedded model's recipe, untrained,
as the weights do not change the speed.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve()
#: Different images in the generated folder; the rest are copies, which are read and decoded all the same.
PICTURES = 100
COMMAND = [sys.executable, "-m", "galaxy_classify"]
#: Images per batch for TensorFlow.
BATCH = 64


def make_folder(folder: Path, files: int, size: int, images: Path | None) -> None:
    """Fill a folder with JPEGs, synthetic or copies of real ones, in a subfolder as Keras expects it."""
    target = folder / "all"
    target.mkdir(parents=True)
    if images is not None:
        originals = sorted(images.glob("*.jpg"))[:PICTURES]
    else:
        sys.path.insert(0, str(HERE.parents[1] / "tests" / "helpers"))
        from galaxy_painter import KINDS, paint

        originals = []
        for number in range(PICTURES):
            path = folder / f"original_{number}.jpg"
            paint(KINDS[number % len(KINDS)], seed=number, size=size).save(path, quality=85)
            originals.append(path)
    for number, original in zip(range(files), itertools.cycle(originals), strict=False):
        shutil.copyfile(original, target / f"{number:06}.jpg")
    for path in folder.glob("original_*.jpg"):
        path.unlink()


def decode_only(folder: Path, threads: int, *, exact: bool) -> None:
    """Read, decode, crop and resize as our command does, without running the model: the speed limit for any model."""
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
    batches = batched(Discovery().paths([str(folder)], ()), BATCH_SIZE)
    for _ in ordered_map(lambda batch: [decoder.read(path) for path in batch], batches, threads):
        pass


def naive_onnxruntime(folder: Path) -> None:
    """Classify one image at a time with ONNX Runtime's default options, as a simple script would."""
    import numpy as np
    from PIL import Image

    from galaxy_classify.inference.embedded import find_model
    from galaxy_classify.inference.onnx_runtime import load_onnxruntime

    session = load_onnxruntime().InferenceSession(find_model().path, providers=["CPUExecutionProvider"])
    for path in sorted(folder.rglob("*.jpg")):
        image = Image.open(path).convert("RGB")
        edge = round(0.75 * min(image.size))
        left, top = (image.width - edge) // 2, (image.height - edge) // 2
        pixels = image.crop((left, top, left + edge, top + edge)).resize((64, 64), Image.Resampling.LANCZOS)
        session.run(None, {"images": np.asarray(pixels)[np.newaxis]})


def keras_folder(folder: Path, network: Path) -> None:
    """Classify with Keras' image_dataset_from_directory and predict."""
    import keras

    import galaxy_train.networks.symmetric  # noqa: F401 - the network's layers

    images = keras.utils.image_dataset_from_directory(
        folder, labels=None, image_size=(64, 64), batch_size=BATCH, shuffle=False, verbose=False
    )
    keras.models.load_model(network).predict(images, verbose=0)


def tensorflow_exact(folder: Path, network: Path) -> None:
    """Classify with tf.data, an exact decoder and GalaxyMNIST's crop."""
    import keras
    import tensorflow as tf

    import galaxy_train.networks.symmetric  # noqa: F401 - the network's layers

    def read(path: Any) -> Any:
        image = tf.io.decode_jpeg(tf.io.read_file(path), channels=3, dct_method="INTEGER_ACCURATE")
        crop = tf.image.central_crop(image, 0.75)
        resized = tf.image.resize(crop, (64, 64), "lanczos3", antialias=True)
        return tf.cast(tf.clip_by_value(tf.round(resized), 0, 255), tf.uint8)

    paths = tf.data.Dataset.list_files(str(folder / "*" / "*.jpg"), shuffle=False)
    images = paths.map(read, num_parallel_calls=tf.data.AUTOTUNE).batch(BATCH).prefetch(tf.data.AUTOTUNE)
    keras.models.load_model(network).predict(images, verbose=0)


def build_network(path: Path) -> None:
    """Save an untrained network of the embedded model's recipe to a Keras file."""
    from galaxy_classify import GalaxyClassifier
    from galaxy_train.networks.recipes import RECIPES

    recipe = GalaxyClassifier().model.description.training["recipe"]
    RECIPES[recipe].build(64, 4).save(path)


def ways(folder: Path, network: Path, threads: int) -> dict[str, list[str]]:
    """Return the command line of each candidate."""

    def ours(*options: str) -> list[str]:
        return [*COMMAND, str(folder), "-q", "-f", "csv", *options]

    def here(way: str, *arguments: object) -> list[str]:
        return [sys.executable, str(HERE), "--way", way, str(folder), *map(str, arguments)]

    return {
        "galaxy-classify": ours("--threads", str(threads)),
        "galaxy-classify, 1 thread": ours("--threads", "1"),
        "galaxy-classify --exact": ours("--threads", str(threads), "--exact"),
        "galaxy-classify --exact, 1 thread": ours("--threads", "1", "--exact"),
        "decoding and resize only": here("decode", threads),
        "decoding and resize only, --exact": here("decode-exact", threads),
        "naive ONNX Runtime loop": here("naive"),
        "Keras image_dataset_from_directory": here("keras", network),
        "tf.data, exact decoder": here("tensorflow", network),
    }


def run_way(name: str, folder: Path, rest: list[str]) -> None:
    """Run one of the candidates that are not our command, in this process."""
    runs: dict[str, Callable[[], None]] = {
        "decode": lambda: decode_only(folder, int(rest[0]), exact=False),
        "decode-exact": lambda: decode_only(folder, int(rest[0]), exact=True),
        "naive": lambda: naive_onnxruntime(folder),
        "keras": lambda: keras_folder(folder, Path(rest[0])),
        "tensorflow": lambda: tensorflow_exact(folder, Path(rest[0])),
        "network": lambda: build_network(folder),
    }
    runs[name]()


def measure(command: list[str]) -> tuple[float, float]:
    """Run a command; return its elapsed seconds and its peak memory in MB."""
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert process.stderr is not None
    errors = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    if os.waitstatus_to_exitcode(status):
        sys.exit(f"{' '.join(command)} failed: {errors.decode()}")
    return seconds, usage.ru_maxrss / 1024


def compare(folder: Path, network: Path, files: int, threads: int, repeats: int) -> dict[str, dict[str, float]]:
    """Measure all candidates in turns, and return the medians of speed and memory of each."""
    commands = ways(folder, network, threads)
    results: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
    for turn in range(repeats):
        for name, command in commands.items():
            results[name].append(measure(command))
            print(f"turn {turn + 1}: {name}: {files / results[name][-1][0]:,.0f} images/s", file=sys.stderr)
    return {
        name: {
            "images_per_second": files / statistics.median(seconds for seconds, _ in found),
            "megabytes": statistics.median(memory for _, memory in found),
        }
        for name, found in results.items()
    }


def print_table(results: dict[str, dict[str, float]]) -> None:
    """Print speed, memory, and the ratios to Keras, to the simple loop and to decoding alone."""
    against = {
        "Keras": results["Keras image_dataset_from_directory"]["images_per_second"],
        "naive": results["naive ONNX Runtime loop"]["images_per_second"],
        "decoding": results["decoding and resize only"]["images_per_second"],
    }
    print(f"| {'candidate':36} | images/s | {' | '.join(f'÷ {name}' for name in against)} | peak MB |")
    print(f"| {'-' * 36} | --- | {' | '.join('---' for _ in against)} | --- |")
    for name, found in results.items():
        ratios = " | ".join(f"{found['images_per_second'] / speed:.2f}" for speed in against.values())
        print(f"| {name:36} | {found['images_per_second']:,.0f} | {ratios} | {found['megabytes']:.0f} |")


def scaling(scratch: Path, network: Path, threads: int, size: int, images: Path | None) -> Iterator[dict[str, Any]]:
    """Measure our command and Keras on growing numbers of files."""
    for files in (1_000, 10_000, 100_000):
        folder = scratch / f"files_{files}"
        make_folder(folder, files, size, images)
        commands = ways(folder, network, threads)
        for name in ("galaxy-classify", "Keras image_dataset_from_directory"):
            seconds, memory = measure(commands[name])
            print(f"{files:>7,} files: {name}: {files / seconds:,.0f} images/s, {memory:.0f} MB")
            yield {"way": name, "files": files, "images_per_second": files / seconds, "megabytes": memory}
        shutil.rmtree(folder)


def plot(points: list[dict[str, Any]], path: Path) -> None:
    """Plot speed and memory against the number of files."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4), layout="constrained")
    speed, memory = figure.subplots(1, 2)
    for name in dict.fromkeys(point["way"] for point in points):
        own = [point for point in points if point["way"] == name]
        for axes, key in ((speed, "images_per_second"), (memory, "megabytes")):
            axes.plot([point["files"] for point in own], [point[key] for point in own], "o-", label=name)
    for axes, label in ((speed, "images per second"), (memory, "peak memory in MB")):
        axes.set(xscale="log", xlabel="files", ylabel=label)
        axes.set_ylim(bottom=0)
        axes.grid(alpha=0.3)
    memory.legend(loc="center")
    figure.savefig(path, dpi=120)


def main() -> None:
    """Measure, print the table, and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=2000)
    parser.add_argument("--size", type=int, default=424, help="edge of the synthetic images in pixels")
    parser.add_argument("--images", type=Path, help="folder of JPEGs to use instead of synthetic ones")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--scaling", type=Path, metavar="PLOT", help="measure 1,000 to 100,000 files, and draw PLOT")
    parser.add_argument("--json", type=Path, help="where to write the results")
    parser.add_argument("--way", help=argparse.SUPPRESS)
    parser.add_argument("rest", nargs="*", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.way:
        run_way(arguments.way, Path(arguments.rest[0]), arguments.rest[1:])
        return
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        network = scratch / "network.keras"
        measure([sys.executable, str(HERE), "--way", "network", str(network)])
        if arguments.scaling:
            results: Any = list(scaling(scratch, network, arguments.threads, arguments.size, arguments.images))
            plot(results, arguments.scaling)
        else:
            folder = scratch / "images"
            make_folder(folder, arguments.files, arguments.size, arguments.images)
            what = arguments.images or f"drawn JPEGs of {arguments.size} px"
            print(f"{arguments.files:,} files, {what}, {arguments.threads} threads, {arguments.repeats} turns")
            results = compare(folder, network, arguments.files, arguments.threads, arguments.repeats)
            print_table(results)
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
