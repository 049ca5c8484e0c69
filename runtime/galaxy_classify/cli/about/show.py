"""Do and print what does not classify: version, models, model card, self-test, standalone model, check of shards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from galaxy_classify.cli.about.words import WORDS
from galaxy_classify.cli.options import Options
from galaxy_classify.errors import EXIT_FAILURES, EXIT_MODEL, ModelError, UsageError
from galaxy_classify.extras import load_turbo, require_extra
from galaxy_classify.inference.embedded import embedded_models, find_model
from galaxy_classify.text import printable, printable_lines
from galaxy_classify.version import __version__

if TYPE_CHECKING:
    from galaxy_classify.inference.contract import ModelDescription

#: Options that print something and classify nothing; --model may stand beside them.
ALONE: Final = ("--version", "--list-models", "--model-card", "--self-test", "--check-shards", "--write-standalone")


def check_alone(options: Options) -> None:
    """Refuse inputs and options beside one that would ignore them.

    Raises
    ------
    UsageError
        If there are any.
    """
    given = list(options.given())
    asked = next((name for name in given if name in ALONE), None)
    beside = ("--model", "--force") if asked == "--write-standalone" else ("--model",)
    others = [name for name in given if name not in (asked, *beside)]
    if asked is not None and others:
        word = next((word for word, meant in WORDS.items() if meant.option == asked), asked)
        raise UsageError(f"{word} classifies nothing: leave out {', '.join(others)}, or {word}")


def show_version(model: str | None) -> None:
    """Print the package's version, the model's name and the SHA-256 of its file."""
    source = find_model(model)
    name, sha256 = source.name, source.sha256
    if name is None or sha256 is None:
        from galaxy_classify.inference.model import OnnxModel  # only the file itself knows its name

        loaded = OnnxModel(source)
        name, sha256 = loaded.description.name, loaded.sha256
    print(f"galaxy-classify {__version__}")
    print(f"model {name}")
    print(f"sha256 {sha256}")
    turbo, _ = load_turbo()
    name = "pillow" if turbo is None else f"turbo {turbo.__version__}, with libjpeg-turbo {turbo.LIBJPEG_TURBO_VERSION}"
    print(f"decoder of JPEGs {name}")


def show_models() -> None:
    """Print a line per embedded model, the default first: size, training set, test metrics, outputs and classes."""
    from galaxy_classify.inference.model import OnnxModel

    head = ("model", "version", "MB", "input", "trained on", "test accuracy", "macro recall", "familiarity", "classes")
    rows = [head]
    for source in embedded_models().values():
        loaded = OnnxModel(source)
        about = loaded.description
        height, width = loaded.input_size
        rows.append(
            (
                about.name,
                about.version,
                f"{source.path.stat().st_size / 1e6:.2f}",
                f"{height} x {width}",
                _images(about.training),
                _percentage(about, "accuracy"),
                _percentage(about, "macro_recall"),
                "yes" if loaded.has_familiarity else "no",
                ", ".join(about.classes),
            )
        )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print(printable("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()))


def show_card(model: str | None) -> None:
    """Print the model card that a model file carries.

    Raises
    ------
    ModelError
        If it carries none.
    """
    from galaxy_classify.inference.model import OnnxModel

    loaded = OnnxModel(find_model(model))
    if not loaded.description.card:
        raise ModelError(f"{loaded.source.path}: carries no model card; export it again with galaxy-export convert")
    print(printable_lines(loaded.description.card), end="")


def show_self_test(model: str | None) -> int:
    """Classify the model's golden images, print how far pixels and probabilities agree, and return the exit code."""
    from galaxy_classify.cli.about.self_test import run_self_test
    from galaxy_classify.inference.model import OnnxModel

    loaded = OnnxModel(find_model(model))
    result = run_self_test(loaded)
    exact = result.images - len(result.changed_pixels)
    print(f"model {loaded.identity}")
    print(f"preprocessing: the pixels of {exact} of {result.images} golden images are exact")
    for name in result.changed_pixels:
        print(f"preprocessing: {printable(name)} has other pixels, or none")
    differences = {"probability": result.largest_difference, "familiarity": result.familiarity_difference}
    for what, difference in differences.items():
        if difference is not None:
            limit = f"(limit {result.tolerance:.0e})"
            print(f"inference: the largest difference of a {what} is {difference:.1e} {limit}")
    if result.preprocessing_holds and result.inference_holds:
        print("self-test passed")
        return 0
    print("self-test failed: do not trust results of this installation")
    return EXIT_MODEL


def write_and_show_standalone(path: str, model: str | None, *, force: bool) -> None:
    """Write the standalone model and its golden images, and print which files these are."""
    from galaxy_classify.cli.about.standalone import write_standalone

    loaded, golden = write_standalone(path, model, force=force)
    print(printable(f"{path}: {loaded.identity}, sha256 {loaded.sha256}"))
    print(printable(f"{golden}: golden images, to test a program that runs it"))


def show_shards(folder: str) -> int:
    """Print whether the shards in a folder are a complete result, and return the exit code."""
    require_extra("parquet", ("pyarrow",))
    from galaxy_classify.runs.shard_check import check_shards

    result = check_shards(folder)
    print(f"{result.shards:,} of {result.count:,} shards, {result.rows:,} rows, {result.failed:,} of them failed")
    for fault in result.faults:
        print(printable(fault))
    print("not whole: do not use it yet" if result.faults else "whole")
    return EXIT_FAILURES if result.faults else 0


def _images(training: dict[str, Any]) -> str:
    """Describe the training set, if the model's metadata name it."""
    try:
        train = training["data"]["train"]
        return f"{train['shape'][0]:,} of {train['file']}"
    except (KeyError, TypeError, IndexError, ValueError):
        return "-"


def _percentage(about: ModelDescription, name: str) -> str:
    """Return a test metric of the file itself: of an int8 file, that is not its float network's."""
    try:
        measured = about.parity.get("int8") or about.training["test"]
        return f"{measured[name]:.1%}"
    except (KeyError, TypeError, ValueError):
        return "-"
