"""``galaxy-export hub``: a folder for a model hub, in which card, config and files say what the model file says."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import shlex
import subprocess
import sys
from contextlib import chdir, redirect_stdout
from dataclasses import asdict
from io import StringIO
from pathlib import Path
from typing import Any

import onnx
import pytest

from galaxy_classify import GalaxyClassifier
from galaxy_classify.errors import DataError, ModelError
from galaxy_classify.inference.contract import GALAXY_MNIST_CLASSES, Preprocessing
from galaxy_classify.inference.embedded import ModelSource, find_model
from galaxy_classify.inference.golden import golden_file
from galaxy_classify.inference.model import OnnxModel
from galaxy_export.cli import main as galaxy_export
from galaxy_export.hub.files import NAMES
from galaxy_export.hub.licences import hub_licence
from galaxy_export.hub.results import results
from galaxy_export.hub.write import HubFolder, write_hub_folder
from galaxy_export.metadata import AUTHOR, LICENCE, credit_of
from galaxy_export.standalone import check
from galaxy_export.standalone.write import write_standalone
from galaxy_painter import paint
from in_process import run_classify, run_in_process
from tiny_model import description, save_tiny_model

yaml: Any = pytest.importorskip("yaml")

SHIPPED = ("galaxy-cnn", "galaxy-mlp")
TRAINING = {
    "data": {
        "train": {"file": "train", "sha256": "1" * 64},
        "test": {"file": "my galaxies.hdf5", "sha256": "2" * 64},
    },
    "test": {"images": 80, "accuracy": 0.9, "macro_recall": 1, "calibration_error": 1e-5},
}
#: What YAML could take for a comment, a list, a flag, the end of the header, or two lines; or may not hold at all.
HOSTILE = "- a: 'b' \"c\" # d\\\n---\nlicense: mit\r\x85\u2028\x00\x7f\ufeff\U0001f30c {e} [f] &g *h !i %j @k `l |m >n"


@pytest.fixture(autouse=True, scope="module")
def _few_sizes() -> Any:
    """Compare standalone files at three sizes instead of twenty, which takes a tenth of the time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(check, "EDGES", (16, 64, 100))
        yield


def tiny(path: Path, credit: dict[str, str] | None = None, **changes: Any) -> Path:
    """Write a tiny model with these changes to its description."""
    return save_tiny_model(path, metadata=description(**changes).to_metadata() | (credit or {}))


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, HubFolder]]:
    """Folders of both shipped models and of a tiny one, which has neither card nor golden images."""
    root = tmp_path_factory.mktemp("hub")
    own = tiny(root / "own.onnx", {LICENCE: "My licence, 2nd edition"}, training=TRAINING)
    sources = {name: find_model(name) for name in SHIPPED} | {"tiny": ModelSource(own)}
    return {name: (root / name, write_hub_folder(source, root / name, force=False)) for name, source in sources.items()}


def header_of(folder: Path) -> dict[str, Any]:
    """Read the header as the hub does: YAML between the first two lines of three dashes."""
    found = re.match(r"---\n(.*?)\n---\n", (folder / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    content: dict[str, Any] = yaml.safe_load(found[1])
    return content


@pytest.mark.parametrize("name", [*SHIPPED, "tiny"])
def test_the_files_are_whole_and_load(folders: dict[str, tuple[Path, HubFolder]], name: str) -> None:
    """The checksums hold, config.json has the same, both ONNX files load, and the golden images pass."""
    folder, written = folders[name]
    has_golden = name in SHIPPED
    golden = {"model.golden.json", "model-standalone.golden.json"}
    assert sorted(path.name for path in folder.iterdir()) == sorted(written.files)
    assert set(NAMES) - set(written.files) == (set() if has_golden else golden)
    lines = (folder / "SHA256SUMS").read_text().splitlines()
    checksums = {file: checksum for checksum, file in (line.split("  ") for line in lines)}
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}
    assert checksums == {file: checksum for file, checksum in found.items() if file != "SHA256SUMS"}
    files = json.loads((folder / "config.json").read_text())["files"]
    assert {file: entry["sha256"] for file, entry in files.items()}.items() <= checksums.items()
    assert set(checksums) - set(files) == {"README.md", "config.json"}
    model, standalone = (OnnxModel(ModelSource(folder / file)) for file in ("model.onnx", "model-standalone.onnx"))
    assert model.sha256 == written.model.sha256
    assert standalone.description.made_from == {"contract": model.description.contract, "sha256": model.sha256}
    for file in ("model.onnx", "model-standalone.onnx") if has_golden else ():
        assert "self-test passed" in run_classify("--self-test", "--model", folder / file).stdout
    assert any("left out: there are no golden images" in remark for remark in written.remarks) != has_golden


@pytest.mark.parametrize("name", [*SHIPPED, "tiny"])
def test_header_config_and_metadata_agree(folders: dict[str, tuple[Path, HubFolder]], name: str) -> None:
    """Field by field: what the page of a hub shows is what the model file says of itself."""
    folder, _ = folders[name]
    header, config = header_of(folder), json.loads((folder / "config.json").read_text())
    model = OnnxModel(ModelSource(folder / "model.onnx"))
    about, credit = model.description, credit_of(onnx.load(folder / "model.onnx"))
    assert hub_licence(credit.get(LICENCE)).items() <= header.items()
    assert header.get(AUTHOR) == credit.get(AUTHOR)
    assert (header["library_name"], header["pipeline_tag"]) == ("onnx", "image-classification")
    assert config["id2label"] == {str(number): label for number, label in enumerate(about.classes)}
    assert config["label2id"] == {label: number for number, label in enumerate(about.classes)}
    assert config["image_size"] == list(model.input_size)
    own = config["galaxy_classify"]
    stated = (about.contract, about.name, about.version, credit.get(AUTHOR), credit.get(LICENCE), about.source_sha256)
    assert tuple(own[key] for key in ("contract", "name", "version", AUTHOR, LICENCE, "source_sha256")) == stated
    assert own["preprocessing"] == asdict(about.preprocessing)
    outputs = {output.name for output in onnx.load(folder / "model.onnx").graph.output}
    assert set(own["outputs"]) == outputs
    (index,) = header["model-index"]
    assert index["name"] == about.name
    (result,) = index["results"]
    test = about.training["data"]["test"]
    assert result["dataset"]["args"] == {
        "file": test["file"],
        "images": about.training["test"]["images"],
        "sha256": test["sha256"],
    }
    assert result["task"]["type"] == header["pipeline_tag"]
    measured = about.training["test"] | about.parity.get("int8", {})  # of an int8 file, its own come first
    assert {metric["type"]: metric["value"] for metric in result["metrics"]} == {
        "accuracy": measured["accuracy"],
        "recall": measured["macro_recall"],
        "expected_calibration_error": measured["calibration_error"],
    }
    assert header["metrics"] == [metric["type"] for metric in result["metrics"]]
    train = about.training["data"]["train"]
    assert header["datasets"] == [f"{Path(train['file']).stem}-{train['sha256'][:12]}"]


def test_the_shipped_models_claim_no_data_set_that_they_have_not_seen(
    folders: dict[str, tuple[Path, HubFolder]],
) -> None:
    """They learned SDSS images with Galaxy Zoo's labels, in files that are called as GalaxyMNIST's are."""
    for name in SHIPPED:
        folder, _ = folders[name]
        header = header_of(folder)
        assert "mnist" not in json.dumps(header).lower()
        assert "SDSS" in (folder / "README.md").read_text(encoding="utf-8")
    names = {metric["type"]: metric["name"] for metric in header["model-index"][0]["results"][0]["metrics"]}
    assert names["recall"] == "Macro recall before int8"  # which the file of galaxy-mlp has of no other
    assert names["accuracy"] == "Accuracy"


@pytest.mark.parametrize("name", [*SHIPPED, "tiny"])
def test_the_lines_of_the_card_run(folders: dict[str, tuple[Path, HubFolder]], name: str, tmp_path: Path) -> None:
    """Commands and programs run as they stand there, in the folder, and give the package's answer."""
    folder, written = folders[name]
    text = (folder / "README.md").read_text(encoding="utf-8")
    usage = text[text.index("## How to use it") :]
    for file in written.files:
        (tmp_path / file).symlink_to(folder / file)
    paint("edge_on_disk", 1, 200).convert("RGB").save(tmp_path / "galaxy.jpg", quality=95)
    (expected,) = GalaxyClassifier(tmp_path / "model.onnx", exact=True).classify(tmp_path / "galaxy.jpg")
    commands = re.findall(r"^galaxy-classify (.+)$", usage, re.MULTILINE)
    assert len(commands) == 1 + (name in SHIPPED)
    for command in commands:
        run = run_classify(*shlex.split(command), cwd=tmp_path)
        assert run.returncode == 0, run.stderr
        assert (expected.label or "") in run.stdout or "self-test passed" in run.stdout
    package, alone = re.findall(r"```python\n(.*?)```", usage, re.DOTALL)
    assert "import galaxy_classify" not in alone
    assert len(alone.partition("\n\n")[2].splitlines()) <= 6
    for code in (package, alone):
        with chdir(tmp_path), redirect_stdout(StringIO()) as printed:
            exec(code, {})  # noqa: S102
        label, confidence, *_ = printed.getvalue().split()
        assert label == expected.label
        assert abs(float(confidence) - (expected.confidence or 0)) < 1e-3


def test_the_card_is_the_one_that_the_file_carries(folders: dict[str, tuple[Path, HubFolder]]) -> None:
    """Nothing of it is lost or changed; how to use the files stands before its first section."""
    folder, written = folders["galaxy-cnn"]
    text = (folder / "README.md").read_text(encoding="utf-8")
    start, end = (text.index(part) for part in ("## How to use it", "## Where the data come from"))
    without = text[:start] + text[end:]
    assert without.endswith(written.model.description.card.strip() + "\n")
    assert "carries no model card" in (folders["tiny"][0] / "README.md").read_text(encoding="utf-8")


def test_hostile_names_stay_text(tmp_path: Path) -> None:
    """Whatever a file says of itself, it adds no key to the header, and comes out of YAML and JSON as it went in."""
    name, version = "- 'a' \"b\" #c, {d} &e *f", 'no: [1]\\ "2" # - \U0001f30c'
    classes = ("---", "yes", "null", "- `x`")
    training = TRAINING | {"data": {"train": {"file": HOSTILE}, "test": {"file": HOSTILE + "\ud800"}}}
    model = tiny(
        tmp_path / "m.onnx",
        {AUTHOR: HOSTILE, LICENCE: HOSTILE, "galaxy_classify.training": json.dumps(training)},
        name=name,
        version=version,
        classes=classes,
    )
    written = write_hub_folder(ModelSource(model), tmp_path / "out", force=False)
    assert any("cannot be written: 'utf-8' codec can't encode" in remark for remark in written.remarks)
    header = header_of(tmp_path / "out")
    assert set(header) == {
        "license", "license_name", AUTHOR, "library_name", "pipeline_tag", "tags", "datasets", "metrics", "model-index",
    }  # fmt: skip
    assert (header["license"], header[AUTHOR]) == ("other", HOSTILE)
    assert re.fullmatch(r"[a-z0-9][a-z0-9.-]*", header["license_name"])
    assert all(re.fullmatch(r"[\w-]+", each, re.ASCII) for each in header["datasets"])
    (index,) = header["model-index"]
    assert index["name"] == name
    assert index["results"][0]["dataset"]["args"]["file"] == HOSTILE + "\\ud800"
    config = json.loads((tmp_path / "out" / "config.json").read_text())
    assert list(config["id2label"].values()) == list(classes)
    assert config["galaxy_classify"]["version"] == version
    assert config["galaxy_classify"][AUTHOR] == config["galaxy_classify"][LICENCE] == HOSTILE


def test_results_are_those_of_the_images_that_they_were_measured_on() -> None:
    """The int8 figures of an export with other images are no results on the test set; nonsense is left out."""
    parity = {"images": 9, "images_from": "mine", "int8": {"accuracy": 0.8, "calibration_error": 0.1}}
    own, test = results(description(training=TRAINING, parity=parity))
    assert own["dataset"] == {"name": "mine, 9 images", "type": "mine", "args": {"file": "mine", "images": 9}}
    assert [metric["value"] for metric in own["metrics"]] == [0.8, 0.1]
    assert test["dataset"]["type"] == "my-galaxies-222222222222"
    assert [metric["name"] for metric in test["metrics"]] == ["Macro recall before int8"]
    for nonsense in (
        {},
        {"test": 1, "data": []},
        {"test": {"accuracy": True, "macro_recall": float("nan"), "calibration_error": "0.1"}, "data": {"test": {}}},
    ):
        assert results(description(training=nonsense, parity={"int8": 8})) == []
    (unnamed,) = results(description(training={"test": {"accuracy": 0.5}}))
    assert unnamed["dataset"] == {"name": "not recorded", "type": "unknown"}


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        ("BSD-3-Clause", {"license": "bsd-3-clause"}),
        (" CC-BY-4.0 ", {"license": "cc-by-4.0"}),
        ("LGPL-2.1-only", {"license": "lgpl-2.1"}),
        ("GPL-3.0+", {"license": "gpl-3.0"}),
        ("ODbL-1.0", {"license": "odbl"}),
        ("", {"license": "unknown"}),
        ("(c) me", {"license": "other", "license_name": "c-me"}),
        ("??", {"license": "other", "license_name": "other"}),
    ],
)
def test_licences_have_the_names_that_the_hub_knows(stated: str, expected: dict[str, str]) -> None:
    """The hub refuses or hides a card whose licence is not in its list."""
    assert hub_licence(stated) == expected


def test_a_folder_with_files_needs_force_and_keeps_what_is_not_ours(tmp_path: Path) -> None:
    """Files of a clone stay, those of an earlier model go, unless somebody has changed them."""
    folder = tmp_path / "out"
    with_standalone = tiny(tmp_path / "m.onnx")
    without = tiny(tmp_path / "box.onnx", preprocessing=Preprocessing(resample="box"))
    first = run_in_process(galaxy_export, "hub", with_standalone, folder)
    assert (first.returncode, first.stdout.startswith(f"{folder}: tiny@")) == (0, True)
    assert [line.partition(" ")[0] for line in first.stderr.splitlines()] == ["model.golden.json", "README.md"]
    (folder / "LICENSE").write_text("mine")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    run = run_in_process(galaxy_export, "hub", without, folder)
    assert (run.returncode, run.stdout, run.stderr.count("\n")) == (2, "", 1)
    assert "out: is not empty; choose another folder" in run.stderr
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    (folder / "README.md").write_text("changed")
    run = run_in_process(galaxy_export, "hub", without, folder, "--force")
    assert run.returncode == 0, run.stderr
    assert "model-standalone.onnx left out: a standalone model can resize with lanczos only" in run.stderr
    assert (folder / "LICENSE").read_text() == "mine"
    assert {path.name for path in folder.iterdir()} == {
        "model.onnx",
        "config.json",
        "README.md",
        "SHA256SUMS",
        "LICENSE",
    }
    assert "model-standalone" not in (folder / "README.md").read_text()
    (folder / "model-standalone.onnx").write_text("somebody's")
    assert run_in_process(galaxy_export, "hub", without, folder, "--force").returncode == 0
    assert (folder / "model-standalone.onnx").read_text() == "somebody's"


def test_the_same_model_gives_the_same_folder(tmp_path: Path) -> None:
    """A folder can be compared with what is on the hub by its checksums; an empty one is as good as none."""
    model = tiny(tmp_path / "m.onnx", training=TRAINING)
    (tmp_path / "b").mkdir()
    for folder in ("a", "b"):
        write_hub_folder(ModelSource(model), tmp_path / folder, force=False)
    assert (tmp_path / "a" / "SHA256SUMS").read_text() == (tmp_path / "b" / "SHA256SUMS").read_text()
    assert {path.name for path in tmp_path.iterdir()} == {"a", "b", "m.onnx"}


def test_what_cannot_be_written_is_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    """The message names the file; no folder is made, and the exit code says whether the model is at fault."""
    (tmp_path / "broken.onnx").write_bytes(b"no model")
    (tmp_path / "file").write_text("")
    model = tiny(tmp_path / "m.onnx")
    write_standalone(ModelSource(model), tmp_path / "s.onnx", None, batched=False)
    tiny(tmp_path / "g.onnx", version="2")
    golden_file(tmp_path / "g.onnx").write_bytes(golden_file(find_model().path).read_bytes())
    (tmp_path / "taken" / "README.md").mkdir(parents=True)
    before = sorted(tmp_path.rglob("*"))
    for arguments, code, message in (
        (["broken.onnx", "out"], 3, "broken.onnx: "),
        (["galaxy-dnn", "out"], 3, "did you mean 'galaxy-cnn'?"),
        (["s.onnx", "out"], 2, "s.onnx: is a standalone file; name the model file that it was made from"),
        (["g.onnx", "out"], 3, "g.golden.json: belongs to another model"),
        (["m.onnx", "file"], 2, "file: cannot be written: Not a directory"),
        (["m.onnx", "none/out"], 2, "none/out: cannot be written: there is no folder none"),
        (["m.onnx", "taken", "--force"], 2, "README.md: cannot be written: it is a folder"),
    ):
        run = run_in_process(galaxy_export, "hub", *arguments, cwd=tmp_path)
        assert (run.returncode, run.stdout, run.stderr.count("\n")) == (code, "", 1), run.stderr
        assert message in run.stderr
    assert sorted(tmp_path.rglob("*")) == before


def test_a_model_that_does_not_run_gets_no_folder(tmp_path: Path) -> None:
    """It loads, but answers for the first image of a batch only."""
    ending = [
        onnx.helper.make_node("Constant", [], ["from"], value_ints=[0]),
        onnx.helper.make_node("Constant", [], ["to"], value_ints=[1]),
        onnx.helper.make_node("Slice", ["softmax", "from", "to"], ["probabilities"]),
    ]
    source = ModelSource(save_tiny_model(tmp_path / "m.onnx", ending=ending))
    OnnxModel(source)
    with pytest.raises(ModelError, match="probabilities"):
        write_hub_folder(source, tmp_path / "out", force=False)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("full_at", ["model.onnx", "model-standalone.onnx", "config.json", "SHA256SUMS"])
def test_on_a_full_disk_the_folder_stays_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, full_at: str
) -> None:
    """Neither a part of the folder stays, nor is a file of an older one replaced."""
    model = tiny(tmp_path / "m.onnx")
    write_hub_folder(ModelSource(tiny(tmp_path / "old.onnx", version="0")), tmp_path / "old", force=False)
    before = {path: path.is_file() and path.read_bytes() for path in tmp_path.rglob("*")}
    write = Path.write_bytes

    def full(self: Path, content: bytes) -> int:
        if self.name.startswith(full_at):
            write(self, content[:10])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(self, content)

    monkeypatch.setattr(Path, "write_bytes", full)
    for folder in ("new", "old"):
        with pytest.raises(DataError, match="cannot be written: No space left on device"):
            write_hub_folder(ModelSource(model), tmp_path / folder, force=True)
    assert {path: path.is_file() and path.read_bytes() for path in tmp_path.rglob("*")} == before


def test_it_needs_neither_tensorflow_nor_the_network(tmp_path: Path) -> None:
    """A machine that has only the runtime and onnx can write a folder."""
    tiny(tmp_path / "m.onnx")
    missing = [
        "tensorflow",
        "keras",
        "h5py",
        "tf2onnx",
        "yaml",
        "matplotlib",
        "platformdirs",
        "huggingface_hub",
        "requests",
    ]
    code = (
        f"import sys, socket; sys.modules.update(dict.fromkeys({missing})); socket.socket.connect = None\n"
        "from galaxy_export.standalone import check; check.EDGES = (16, 64)\n"
        "from galaxy_export.cli import main; main()"
    )
    arguments = ["hub", str(tmp_path / "m.onnx"), str(tmp_path / "out")]
    run = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert (tmp_path / "out" / "model-standalone.onnx").exists()
    assert (OnnxModel(ModelSource(tmp_path / "out" / "model.onnx"))).description.classes == GALAXY_MNIST_CLASSES
