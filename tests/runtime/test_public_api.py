"""What the package promises, and what it does not load."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import galaxy_classify


def test_the_public_names_are_locked() -> None:
    """A name that disappears breaks pipelines."""
    assert galaxy_classify.__all__ == [
        "ClassMix",
        "ClusterError",
        "DataError",
        "FitsOptions",
        "Flux",
        "GalaxyClassifier",
        "GalaxyClassifyError",
        "ImageError",
        "MissingExtraError",
        "ModelError",
        "ParityError",
        "Prediction",
        "UsageError",
        "find_images",
        "to_pandas",
        "to_table",
    ]
    for name in galaxy_classify.__all__:
        assert getattr(galaxy_classify, name).__name__ == name
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        galaxy_classify.nonsense  # noqa: B018


def test_only_four_modules_are_public(repository: Path) -> None:
    """Everything else may change without notice, and so names nothing in an ``__all__``."""
    public = {}
    for package in ("runtime/galaxy_classify", "trainer/galaxy_train", "exporter/galaxy_export"):
        for file in (repository / package).rglob("*.py"):
            if "__all__" in file.read_text(encoding="utf-8"):
                name = ".".join(file.relative_to((repository / package).parent).with_suffix("").parts)
                public[name.removesuffix(".__init__")] = import_module(name.removesuffix(".__init__"))
    names = {"galaxy_classify", "galaxy_classify.containers", "galaxy_classify.dask", "galaxy_export.parity"}
    assert public.keys() == names
    assert public["galaxy_export.parity"].__all__ == ["assert_parity"]
    assert public["galaxy_classify.containers"].__all__ == ["read_container", "read_member"]
    assert public["galaxy_classify.dask"].__all__ == ["classify", "read_parquet"]
    for module in public.values():
        assert all(hasattr(module, name) for name in module.__all__)


def test_exit_codes_belong_to_the_errors() -> None:
    """Scripts tell failures apart by them."""
    codes = {
        name: getattr(galaxy_classify, name).exit_code for name in galaxy_classify.__all__ if name.endswith("Error")
    }
    assert {name for name, code in codes.items() if code == 2} == {"UsageError", "DataError", "MissingExtraError"}
    assert {name for name, code in codes.items() if code == 3} == {"ModelError"}
    assert all(issubclass(getattr(galaxy_classify, name), galaxy_classify.GalaxyClassifyError) for name in codes)


def loaded_after(code: str) -> set[str]:
    """Return the top-level modules that a fresh interpreter has loaded after some code."""
    result = subprocess.run(
        [
            sys.executable,
            "-c",
            f"import sys\n{code}\nprint(*{{name.split('.')[0] for name in sys.modules}}, file=sys.stderr)",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(result.stderr.split())


def test_importing_the_package_does_no_work() -> None:
    """Neither NumPy nor ONNX Runtime is loaded by an import."""
    assert not loaded_after("import galaxy_classify") & {"numpy", "onnxruntime", "PIL", "typer"}


#: What may be loaded for ``--help`` beyond the standard library: typer, and what it is made of or looks for; for
#: ``--version`` also the compiled decoder, which loads nothing else.
HELP_MODULES = {
    "annotated_doc", "annotated_types", "attr", "click", "colorama", "galaxy_classify", "galaxy_classify_turbo",
    "markdown_it", "mdurl", "pydantic", "pydantic_core", "pygments", "rich", "shellingham", "typer",
    "typing_extensions", "typing_inspection",
}  # fmt: skip


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_help_and_version_start_fast(option: str) -> None:
    """They load nothing but the command line's own modules: no NumPy, no ONNX Runtime, no Pillow."""
    code = f"sys.argv = ['galaxy-classify', '{option}']\nfrom galaxy_classify.cli.main import main\n"
    code += "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code"
    # What the interpreter loads at start-up, such as hooks of editable installations, is not ours.
    loaded = loaded_after(code) - loaded_after("pass") - sys.stdlib_module_names
    assert {name for name in loaded if not name.startswith("_")} <= HELP_MODULES


def test_onnxruntime_is_loaded_with_a_model_only() -> None:
    """Importing the classifier brings NumPy and Pillow; the model brings ONNX Runtime."""
    assert "onnxruntime" not in loaded_after("from galaxy_classify import GalaxyClassifier")
    assert "onnxruntime" in loaded_after("from galaxy_classify import GalaxyClassifier; GalaxyClassifier()")
    assert "tensorflow" not in loaded_after("from galaxy_classify import GalaxyClassifier; GalaxyClassifier()")
