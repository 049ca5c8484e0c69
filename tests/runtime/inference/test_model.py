"""The model contract, clause by clause, and the integrity of model files."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import shutil
import subprocess
import sys
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper

from galaxy_classify import GalaxyClassifier
from galaxy_classify.dask.worker import model_content
from galaxy_classify.errors import ModelError
from galaxy_classify.inference import embedded
from galaxy_classify.inference.contract import ModelDescription
from galaxy_classify.inference.embedded import ModelSource, embedded_models, embedded_standalone, find_model
from galaxy_classify.inference.golden import golden_file
from galaxy_classify.inference.model import OnnxModel
from in_process import run_classify
from ordinary_user import ordinary_user
from tiny_model import description, output_info, save_tiny_model


def changed_metadata(key: str, value: str | None) -> dict[str, str]:
    """Return valid metadata with one key changed or, for None, left out."""
    metadata = description().to_metadata()
    if value is None:
        del metadata[f"galaxy_classify.{key}"]
    else:
        metadata[f"galaxy_classify.{key}"] = value
    return metadata


def test_a_foreign_model_that_keeps_the_contract_works(tiny_model: Path) -> None:
    """Any model can be dropped in, wherever it came from."""
    model = OnnxModel(ModelSource(tiny_model))
    pixels = np.zeros((3, 64, 64, 3), np.uint8)
    for channel in range(3):
        pixels[channel, ..., channel] = 255
    outputs = model.run(pixels, embedding=True)
    probabilities = outputs.probabilities
    assert probabilities.dtype == np.float32
    assert probabilities.argmax(axis=1).tolist() == [0, 1, 2]
    assert probabilities.sum(axis=1) == pytest.approx(1)
    assert model.input_size == (64, 64)
    assert (model.has_familiarity, model.embedding_size) == (False, None)
    assert (outputs.familiarity, outputs.embedding) == (None, None)
    assert model.identity == f"tiny@{hashlib.sha256(tiny_model.read_bytes()).hexdigest()[:12]}"


def test_a_description_survives_the_file() -> None:
    """What the exporter writes is what the runtime reads."""
    written = description(training={"epochs": 3}, classes=("a", "ü"))
    assert ModelDescription.from_metadata(written.to_metadata()) == written


@pytest.mark.parametrize("embedding", [False, True])
@pytest.mark.parametrize("familiarity", [False, True])
def test_a_model_may_have_two_more_outputs(tmp_path: Path, familiarity: bool, embedding: bool) -> None:
    """In any combination; the embedding, which is large, only on request."""
    file = save_tiny_model(tmp_path / "a.onnx", familiarity=familiarity, embedding=embedding)
    model = OnnxModel(ModelSource(file))
    assert model.description.contract == ("2" if familiarity or embedding else "1")
    assert (model.has_familiarity, model.embedding_size) == (familiarity, 3 if embedding else None)
    pixels = np.zeros((2, 64, 64, 3), np.uint8)
    pixels[1, ..., 0] = 255
    outputs = model.run(pixels)
    assert outputs.probabilities.argmax(axis=1).tolist() == [0, 0]
    if familiarity:
        assert outputs.familiarity is not None
        assert outputs.familiarity.dtype == np.float32
        assert outputs.familiarity == pytest.approx([0, 1 / 3])
    else:
        assert outputs.familiarity is None
    assert outputs.embedding is None
    outputs = model.run(pixels, embedding=True)
    if embedding:
        assert outputs.embedding is not None
        assert outputs.embedding.dtype == np.float32
        assert outputs.embedding.tolist() == [[0, 0, 0], [1, 0, 0]]
    else:
        assert outputs.embedding is None


def test_a_file_may_state_the_second_contract_without_its_outputs(tmp_path: Path) -> None:
    """They are optional there."""
    file = save_tiny_model(tmp_path / "a.onnx", metadata=description(contract="2").to_metadata())
    assert OnnxModel(ModelSource(file)).description == description(contract="2")


def further(name: str, shape: list[int | str], kind: int = TensorProto.FLOAT, of: str = "brightness") -> dict[str, Any]:
    """Return what makes a tiny model have one more output."""
    node = helper.make_node("Cast", [of], [name], to=kind)
    return {"further": [node], "further_outputs": [output_info(name, shape, kind)]}


#: Models that break a clause on the optional outputs, and what is said of them.
OPTIONAL_OUTPUTS_BROKEN: list[tuple[dict[str, Any], str]] = [
    (
        {"familiarity": True, "metadata": changed_metadata("contract", "1")},
        "outputs are probabilities, familiarity; a file that states version '1' may have only 'probabilities'",
    ),
    (
        {"embedding": True, "metadata": changed_metadata("contract", "1")},
        "outputs are probabilities, embedding; a file that states version '1' may have only 'probabilities'",
    ),
    (
        {"embedding": True} | further("familiarity", ["batch"]),
        "outputs are probabilities, embedding, familiarity; .* in this order",
    ),
    ({"familiarity": True, "embedding": True} | further("logits2", ["batch"]), "familiarity, embedding, logits2; the "),
    (further("familiarity", ["batch"], TensorProto.DOUBLE), r"output 'familiarity' is tensor\(double\), not "),
    (further("familiarity", ["batch", 3], of="colour"), r"output 'familiarity' has shape .*, not \[batch\]"),
    (further("familiarity", [2]), "the batch size of output 'familiarity' is fixed to 2"),
    (further("embedding", ["batch", 3], TensorProto.FLOAT16, "colour"), r"output 'embedding' is tensor\(float16\)"),
    (further("embedding", ["batch"]), r"output 'embedding' has shape .*, not \[batch, features\]"),
    (
        {
            "further": [helper.make_node("Concat", ["colour"] * 5462, ["embedding"], axis=1)],
            "further_outputs": [output_info("embedding", ["batch", 16_386])],
        },
        r"output 'embedding' has shape .*, not \[batch, features\] with 1 to 16,384 features",
    ),
    (
        {
            "further": [  # the ends are computed, so that ONNX Runtime cannot foresee them
                helper.make_node("Shape", ["colour"], ["shape"]),
                helper.make_node("Sub", ["shape", "shape"], ["zero"]),
                helper.make_node("Sub", ["shape", "zero"], ["ends"]),
                helper.make_node("Slice", ["colour", "zero", "ends"], ["embedding"]),
            ],
            "further_outputs": [output_info("embedding", ["batch", "features"])],
        },
        r"output 'embedding' has shape .*, not \[batch, features\]",
    ),
    (further("embedding", [2, 3], of="colour"), "the batch size of output 'embedding' is fixed to 2"),
]


@pytest.mark.parametrize(
    ("changes", "clause"),
    [
        ({"input_name": "pictures"}, "inputs are pictures; exactly one is allowed, 'images'"),
        ({"input_type": TensorProto.FLOAT}, r"input 'images' is tensor\(float\), not tensor\(uint8\)"),
        ({"batch": 1}, "the batch size of input 'images' is fixed to 1"),
        ({"size": (0, 64)}, r"input 'images' has shape .*, not \[batch, height, width, 3\]"),
        ({"size": (100_000, 100_000)}, "input 'images' has 100000 x 100000 pixels, the limit is 4096 each way"),
        ({"metadata": changed_metadata("classes", str([f"c{n}" for n in range(1001)]).replace("'", '"'))},
         "there are 1,001 classes, the limit is 1,000"),
        ({"metadata": changed_metadata("training", "[" * 100_000)}, "training is nested too deeply"),
        ({"size": ("height", "width")}, r"input 'images' has shape .*, not \[batch, height, width, 3\]"),
        ({"output_name": "scores"}, "outputs are scores; the first must be 'probabilities'"),
        ({"double_output": True}, r"output 'probabilities' is tensor\(double\)"),
        ({"extra_output": True}, "outputs are probabilities, logits; .* only 'familiarity' and 'embedding' may follow"),
        ({"metadata": {}}, r"metadata galaxy_classify\.contract is missing"),
        ({"metadata": changed_metadata("contract", "3")}, "version is '3', .* '1', '2' and 'standalone'; install a "),
        *OPTIONAL_OUTPUTS_BROKEN,
        ({"metadata": changed_metadata("classes", '["a", "b", "c"]')}, r"not \[batch, 3\] for 3 classes"),
        ({"metadata": changed_metadata("classes", '["a", "b", "b", "c"]')}, "two or more different names are needed"),
        ({"metadata": changed_metadata("classes", "round")}, "classes is not JSON"),
        ({"metadata": changed_metadata("classes", '[1, 2, 3, 4]')}, "classes is not a JSON list of names"),
        ({"metadata": changed_metadata("preprocessing", '{"crop_fraction": 0.75}')}, "preprocessing has the keys"),
        (
            {"metadata": changed_metadata("preprocessing", '{"crop_fraction": 2, "resample": "lanczos"}')},
            "crop_fraction is 2, not in",
        ),
        (
            {"metadata": changed_metadata("preprocessing", '{"crop_fraction": "1", "resample": "lanczos"}')},
            "crop_fraction is '1', not a number",
        ),
        (
            {"metadata": changed_metadata("preprocessing", '{"crop_fraction": 1, "resample": "magic"}')},
            "resample is 'magic'",
        ),
        ({"metadata": changed_metadata("training", "[]")}, "training is not a JSON object"),
        ({"metadata": changed_metadata("source_sha256", "abc")}, "source_sha256 is not a SHA-256"),
        *(
            ({"metadata": changed_metadata(key, None)}, rf"metadata galaxy_classify\.{key} is missing")
            for key in (
                "name", "version", "classes", "preprocessing", "training", "parity", "source_sha256", "exported_with",
            )
        ),
    ],
)  # fmt: skip
def test_a_broken_clause_is_refused_by_name(tmp_path: Path, changes: dict[str, Any], clause: str) -> None:
    """A model that breaks the contract says which clause, and which file."""
    path = save_tiny_model(tmp_path / "broken.onnx", **changes)
    with pytest.raises(ModelError, match=clause) as refused:
        OnnxModel(ModelSource(path))
    assert str(refused.value).startswith(f"{path}: contract: ")


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("../../round", "contains a separator of folders or drives, /"),
        ("/round", "contains a separator of folders or drives, /"),
        ("a\\b", r"contains a separator of folders or drives, \\"),
        ("C:round", "contains a separator of folders or drives, :"),
        ("..", "ends with a dot"),
        (".", "ends with a dot"),
        ("round.", "ends with a dot"),
        ("", "is not a JSON list of names"),
        (" ", "begins or ends with a space"),
        ("a\0b", r"contains a character that cannot be seen, U\+0000"),
        ("a\nb", r"contains a character that cannot be seen, U\+000A"),
        ("\x1b[31mred", r"contains a character that cannot be seen, U\+001B"),
        ("\u202egnp", r"contains a character that cannot be seen, U\+202E"),
        ("a\u200bb", r"contains a character that cannot be seen, U\+200B"),
        ("a\u00a0b", r"contains a character that cannot be seen, U\+00A0"),
        ("a\u3164", r"contains a character that cannot be seen, U\+3164"),
        ("a\ufe0f", r"contains a character that cannot be seen, U\+FE0F"),
        ("a\ud800", r"contains a character that cannot be seen, U\+D800"),
        ("NUL", "is the name of a device on Windows"),
        ("com1.round", "is the name of a device on Windows"),
        ("lpt\u00b9", "is the name of a device on Windows"),
        ("a" * 101, "has more than 100 characters"),
        ("\U00020000" * 61, "or 240 bytes"),
    ],
)
def test_names_that_are_no_folders_or_text_are_refused(tmp_path: Path, name: str, fault: str) -> None:
    """Class names become folders and columns, model names text; the error says which name of which file it is."""
    classes = json.dumps(["round", name, "disk", "spiral"])
    path = save_tiny_model(tmp_path / "a.onnx", metadata=changed_metadata("classes", classes))
    with pytest.raises(ModelError, match=rf"a\.onnx: contract: .*{fault}") as refused:
        OnnxModel(ModelSource(path))
    assert str(refused.value).isprintable()
    if name and "\ud800" not in name:  # the metadata of a file are UTF-8
        path = save_tiny_model(tmp_path / "a.onnx", metadata=changed_metadata("name", name))
        with pytest.raises(ModelError, match=rf"a\.onnx: contract: name .*{fault}"):
            OnnxModel(ModelSource(path))


@pytest.mark.parametrize(
    ("other", "fault"),
    [
        ("Round", "class 'Round' differs from 'round' in upper and lower case only"),
        ("ro\u00fcnd", "class 'roünd' differs from 'roünd' in the spelling in Unicode only"),
    ],
)
def test_classes_that_a_file_system_takes_for_one_are_refused(tmp_path: Path, other: str, fault: str) -> None:
    """Of two such folders one would hold the images of both classes."""
    classes = json.dumps(["round", "rou\u0308nd", other, "spiral"])
    path = save_tiny_model(tmp_path / "a.onnx", metadata=changed_metadata("classes", classes))
    with pytest.raises(ModelError, match=r"a\.onnx: contract: class ") as refused:
        OnnxModel(ModelSource(path))
    assert unicodedata.normalize("NFC", fault) in unicodedata.normalize("NFC", str(refused.value))


@pytest.mark.parametrize("name", ["smooth round", "Sbc", "E-S0", "spirale barrée", "棒旋", "a" * 100])
def test_ordinary_names_are_accepted(tmp_path: Path, name: str) -> None:
    """Words, types of galaxies, and other languages; a version may be a date."""
    metadata = description(name=name, version="2026-11-26T13:00", classes=(name, "b", "c", "d")).to_metadata()
    model = OnnxModel(ModelSource(save_tiny_model(tmp_path / "a.onnx", metadata=metadata)))
    assert (model.description.name, model.description.classes[0]) == (name, name)


@pytest.mark.parametrize("content", [b"", b"not a model", None])
def test_a_damaged_file_is_refused(tmp_path: Path, tiny_model: Path, content: bytes | None) -> None:
    """Empty, foreign and truncated files are no models."""
    path = tmp_path / "damaged.onnx"
    path.write_bytes(tiny_model.read_bytes()[:200] if content is None else content)
    with pytest.raises(ModelError, match=r"damaged\.onnx: "):
        OnnxModel(ModelSource(path))


def test_an_embedded_model_that_was_changed_is_refused(
    tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One flipped bit in an installed model is found before it answers."""
    content = bytearray(tiny_model.read_bytes())
    manifest = {
        "default": "tiny",
        "models": {"tiny": {"file": "tiny.onnx", "version": "1", "sha256": hashlib.sha256(content).hexdigest()}},
    }
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    content[len(content) // 2] ^= 1
    (tmp_path / "tiny.onnx").write_bytes(content)
    with pytest.raises(ModelError, match=r"was changed or damaged: its SHA-256 is .*; install galaxy-classify again"):
        OnnxModel(embedded_models(tmp_path)["tiny"])


def test_an_installation_without_manifest_says_so(tmp_path: Path) -> None:
    """A half-installed package names the remedy."""
    with pytest.raises(ModelError, match="install galaxy-classify again"):
        embedded_models(tmp_path)


def test_every_embedded_model_is_whole() -> None:
    """What is shipped is what the manifest lists, and keeps the contract."""
    models = embedded_models()
    assert list(models) == ["galaxy-cnn", "galaxy-mlp"]
    for name, source in models.items():
        assert OnnxModel(source).description.name == name
    files = {file.name for source in models.values() for file in (source.path, golden_file(source.path))}
    cards = {f"{name}.MODEL_CARD.md" for name in models}
    source, _ = embedded_standalone()
    assert OnnxModel(source).description.is_standalone
    files.add(source.path.name)
    assert files | cards | {"manifest.json"} == {path.name for path in embedded.MODELS_FOLDER.iterdir()}


def test_a_renamed_model_is_found_by_its_old_name_and_says_so_once() -> None:
    """Scripts of an earlier version go on, and a person learns the new name."""
    code = "from galaxy_classify.inference.embedded import find_model\n"
    code += "print([find_model('seed-mlp').name for _ in range(2)])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "['galaxy-mlp', 'galaxy-mlp']\n"
    assert found.stderr == "the model seed-mlp is now called galaxy-mlp; the old name will go in a later version\n"


def test_a_model_is_found_by_name_or_file(tiny_model: Path) -> None:
    """Names come from the manifest; anything else is a file."""
    assert find_model().name == next(iter(embedded_models()))
    assert find_model("galaxy-mlp").sha256 is not None
    assert find_model(tiny_model) == find_model(str(tiny_model)) == ModelSource(tiny_model)
    with pytest.raises(
        ModelError, match=r"nonsense: neither an ONNX file nor an embedded model; embedded: .*galaxy-mlp"
    ):
        find_model("nonsense")


def test_a_relative_path_is_kept_for_later(tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A classifier can be pickled, and sent to workers, after the program has changed its working folder."""
    shutil.copy(tiny_model, tmp_path / "a.onnx")
    monkeypatch.chdir(tmp_path)
    classifier = GalaxyClassifier("a.onnx")
    monkeypatch.chdir("/")
    again = pickle.loads(pickle.dumps(classifier))  # noqa: S301 - our own
    assert again.model.identity == classifier.model.identity
    assert model_content(classifier) == tiny_model.read_bytes()


@pytest.mark.parametrize("name", ["a" * 256, "a" * 5000, "b/" * 3000, "a\0b", "/dev/zero", "fifo", ".", "empty.onnx"])
def test_a_path_that_leads_to_no_model_is_an_error(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 3 on one line; a pipe is not waited for, and a device not read for ever."""
    monkeypatch.chdir(tmp_path)
    os.mkfifo("fifo")
    Path("empty.onnx").touch()
    result = run_classify("x.jpg", "-m", name)
    assert (result.returncode, result.stdout) == (3, "")
    assert result.stderr.startswith("error: ")
    assert len(result.stderr) < 500
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("closed", ["file", "folder"])
def test_a_model_that_may_not_be_read_is_an_error(tiny_model: Path, tmp_path: Path, closed: str) -> None:
    """For an ordinary user, whom permissions bind."""
    folder = tmp_path / "models"
    folder.mkdir()
    model = Path(shutil.copy(tiny_model, folder / "a.onnx"))
    (model if closed == "file" else folder).chmod(0o000)
    try:
        with ordinary_user():
            result = run_classify("x.jpg", "-m", model)
    finally:
        folder.chmod(0o755)
    assert (result.returncode, result.stderr) == (3, f"error: {model}: cannot be read: Permission denied\n")


def test_texts_of_a_model_do_not_colour_the_terminal(tmp_path: Path) -> None:
    """A model card is text of strangers."""
    metadata = description(card="# Card\n\n\x1b[2J\x1b]0;title\x07\tgone \u202eback\n").to_metadata()
    model = save_tiny_model(tmp_path / "a.onnx", metadata=metadata)
    shown = run_classify("--model-card", "-m", model).stdout
    assert shown == "# Card\n\n\\x1b[2J\\x1b]0;title\\x07\tgone \\u202eback\n"
