"""Standalone files: crop and resize in the graph are the package's, and a file that differs is never written."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import helper, numpy_helper
from PIL import Image

from galaxy_classify.errors import ContractError, DataError, ParityError
from galaxy_classify.images.crop import seen_box
from galaxy_classify.images.resize import Resizer
from galaxy_classify.inference.contract import Preprocessing
from galaxy_classify.inference.embedded import ModelSource, embedded_models, embedded_standalone, find_model
from galaxy_classify.inference.golden import golden_file
from galaxy_classify.inference.model import OnnxModel
from galaxy_export.cli import main as galaxy_export
from galaxy_export.embed import embed_model
from galaxy_export.standalone import check
from galaxy_export.standalone.check import check_standalone
from galaxy_export.standalone.graph import standalone_graph
from galaxy_export.standalone.preprocessing import SIZE_CHECK
from galaxy_export.standalone.write import write_standalone
from galaxy_painter import KINDS, paint
from in_process import run_in_process
from simulated_galaxies import change_held_out, held_out
from tiny_model import description, save_tiny_model

FEW_EDGES = (16, 43, 63, 64, 65, 100, 424)


@pytest.fixture(autouse=True)
def _few_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compare at seven sizes instead of twenty, which takes a tenth of the time."""
    monkeypatch.setattr(check, "EDGES", FEW_EDGES)


def tiny(path: Path, preprocessing: Preprocessing | None = None, **changes: Any) -> OnnxModel:
    """Write a tiny model with familiarity and embedding, and load it."""
    metadata = description(contract="2", preprocessing=preprocessing or Preprocessing()).to_metadata()
    file = save_tiny_model(path, familiarity=True, embedding=True, metadata=metadata, **changes)
    return OnnxModel(ModelSource(file))


def graph_of(model: OnnxModel, *, batched: bool = False) -> onnx.ModelProto:
    """Return the standalone graph of a model file."""
    proto = onnx.load_from_string(model.source.path.read_bytes())
    return standalone_graph(proto, model.description, model.sha256, batched=batched)


def session_of(proto: onnx.ModelProto) -> onnxruntime.InferenceSession:
    """Open a session that prints nothing when it fails."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])


def pictures() -> list[tuple[str, Image.Image]]:
    """Return a drawn galaxy of each kind."""
    return [(kind, paint(kind, seed, 120 + 40 * seed).convert("RGB")) for seed, kind in enumerate(KINDS)]


@pytest.mark.parametrize("batched", [False, True])
@pytest.mark.parametrize(
    ("preprocessing", "size"),
    [
        (Preprocessing(), (64, 64)),
        (Preprocessing(margin=8), (64, 64)),
        (Preprocessing(crop_fraction=1.0), (64, 64)),
        (Preprocessing(crop_fraction=0.34, margin=3), (41, 41)),
        (Preprocessing(margin=5), (48, 80)),
    ],
)
def test_pixels_and_outputs_are_the_packages(
    tmp_path: Path, preprocessing: Preprocessing, size: tuple[int, int], batched: bool
) -> None:
    """Whatever a model's crop, margin and size, no colour value and no output differs, alone or in a batch."""
    model = tiny(tmp_path / "m.onnx", preprocessing, size=size)
    parity = check_standalone(graph_of(model, batched=batched), model, pictures())
    assert parity.images == len(KINDS) + 2 * 3 * len(FEW_EDGES)
    assert (parity.changed_values, parity.output_difference) == (0, 0.0)


def test_noise_of_many_sizes_comes_out_as_from_pillow(tmp_path: Path) -> None:
    """Sums that lie near a half are where a resize in floating point goes wrong; noise has many of them."""
    model = tiny(tmp_path / "m.onnx")
    session = session_of(graph_of(model))
    resizer = Resizer((64, 64), Preprocessing())
    random = np.random.default_rng(7)
    changed = 0
    for edge in (*range(60, 92), 200, 318, 700):
        noise = random.integers(0, 256, (edge, edge + 3, 3), np.uint8)
        (pixels,) = session.run(["pixels"], {"image": noise})
        picture = Image.fromarray(noise)
        changed += int((pixels[0] != resizer(picture, seen_box(*picture.size, (64, 64), 0.75))).sum())
    assert changed == 0


def test_the_same_model_gives_the_same_bytes_and_says_where_it_comes_from(tmp_path: Path) -> None:
    """A rebuilt file can be compared by its checksum, and whoever has one finds the model that it was made from."""
    model = tiny(tmp_path / "m.onnx")
    written, _ = write_standalone(model.source, tmp_path / "s.onnx", None, batched=False)
    again, _ = write_standalone(model.source, tmp_path / "again.onnx", None, batched=False)
    assert written.sha256 == again.sha256
    assert written.description.made_from == {"contract": "2", "sha256": model.sha256}
    assert (written.description.name, written.description.classes) == ("tiny", model.description.classes)
    proto = onnx.load(tmp_path / "s.onnx")
    keys = {entry.key: entry.value for entry in proto.metadata_props}
    assert keys["galaxy_classify.contract"] == "standalone"
    assert keys["Image.BitmapPixelFormat"] == "Rgb8"
    assert (proto.model_version, proto.producer_name) == (1_000_000, "galaxy-export")
    assert "tiny 1.0.0" in proto.doc_string
    assert proto.graph.input[0].type.denotation == "IMAGE"
    assert (tmp_path / "s.onnx").stat().st_size < model.source.path.stat().st_size + 8_000


def test_it_carries_the_predictions_on_held_out_galaxies(tmp_path: Path) -> None:
    """What rests on them is the same with either file."""
    predictions = held_out(galaxies=100)
    tiny(tmp_path / "m.onnx")
    model = change_held_out(tmp_path / "m.onnx", json.dumps(predictions.to_json()))
    written, _ = write_standalone(find_model(model), tmp_path / "s.onnx", None, batched=False)
    assert written.description.held_out == predictions


def test_the_shipped_file_is_made_of_the_shipped_model() -> None:
    """The package's standalone file is what the exporter makes of its default model, to the byte."""
    source, made_from = embedded_standalone()
    assert made_from.name == next(iter(embedded_models()))
    proto = graph_of(OnnxModel(made_from))
    assert proto.SerializeToString(deterministic=True) == source.path.read_bytes()


def test_a_small_image_or_one_of_another_kind_is_an_error(tmp_path: Path) -> None:
    """Other languages get an error, and one that names the size, where the package gives a row that says why."""
    session = session_of(graph_of(tiny(tmp_path / "m.onnx")))
    for shape in ((15, 40, 3), (40, 15, 3)):
        with pytest.raises(Exception, match=SIZE_CHECK):
            session.run(None, {"image": np.zeros(shape, np.uint8)})
    wrong: list[NDArray[Any]] = [
        np.zeros((40, 40, 3), np.float32),
        np.zeros((40, 40), np.uint8),
        np.zeros((40, 40, 4), np.uint8),
    ]
    for image in wrong:
        with pytest.raises(Exception, match=r"INVALID_ARGUMENT"):
            session.run(None, {"image": image})


def constant(proto: onnx.ModelProto, value: float, dtype: type) -> onnx.TensorProto:
    """Return the first constant of this value and dtype."""
    found: list[onnx.TensorProto] = [
        tensor
        for tensor in proto.graph.initializer
        if (array := numpy_helper.to_array(tensor)).dtype == dtype and array.size == 1 and array.ravel()[0] == value
    ]
    return found[0]


def replaced(proto: onnx.ModelProto, old: float, new: float, dtype: type) -> None:
    """Replace a constant's value."""
    tensor = constant(proto, old, dtype)
    shape = numpy_helper.to_array(tensor).shape
    tensor.CopyFrom(numpy_helper.from_array(np.full(shape, new, dtype), tensor.name))


def node_of(proto: onnx.ModelProto, operator: str, place: int = 0) -> onnx.NodeProto:
    """Return one of the nodes with this operator."""
    found: list[onnx.NodeProto] = [node for node in proto.graph.node if node.op_type == operator]
    return found[place]


def other_crop(proto: onnx.ModelProto) -> None:
    """Crop a little more."""
    replaced(proto, 0.75, 0.74, np.float64)


def other_kernel(proto: onnx.ModelProto) -> None:
    """Take a kernel of half the width."""
    replaced(proto, 3.0, 1.5, np.float64)


def no_antialiasing(proto: onnx.ModelProto) -> None:
    """Do not stretch the kernel when the image is made smaller, as OpenCV does not."""
    node = node_of(proto, "Max", 1)
    node.op_type = "Min"


def corner_pixels(proto: onnx.ModelProto) -> None:
    """Count positions from the corner of a pixel, not from its centre."""
    replaced(proto, 0.5, 0.0, np.float64)


def rounded_down(proto: onnx.ModelProto) -> None:
    """Round sums down, not to the nearest level."""
    replaced(proto, 1024.0, 0.0, np.float32)


def rows_for_columns(proto: onnx.ModelProto) -> None:
    """Exchange rows and columns."""
    for node in proto.graph.node:
        if node.op_type == "Transpose" and list(node.attribute[0].ints) == [0, 3, 1, 2]:
            node.attribute[0].ints[:] = [0, 3, 2, 1]


def crops_everything(proto: onnx.ModelProto) -> None:
    """Crop images of the model's size, too."""
    node_of(proto, "And").op_type = "Xor"


@pytest.mark.parametrize(
    "change",
    [other_crop, other_kernel, no_antialiasing, corner_pixels, rounded_down, rows_for_columns, crops_everything],
)
def test_another_crop_or_resize_is_refused(tmp_path: Path, change: Callable[[onnx.ModelProto], None]) -> None:
    """Each step of the preprocessing is compared: a file with one of them wrong does not pass."""
    model = tiny(tmp_path / "m.onnx")
    proto = graph_of(model)
    change(proto)
    with pytest.raises(ParityError, match=r"^standalone: "):
        check_standalone(proto, model, pictures())


def test_another_network_is_refused(tmp_path: Path) -> None:
    """The outputs are compared as well as the pixels."""
    model = tiny(tmp_path / "m.onnx")
    proto = graph_of(model)
    other = next(tensor for tensor in proto.graph.initializer if list(tensor.dims) == [3, 4])
    other.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(other) * np.float32(1.001), other.name))
    with pytest.raises(ParityError, match="difference of an output"):
        check_standalone(proto, model, pictures())


def test_a_file_that_takes_small_images_is_refused(tmp_path: Path) -> None:
    """A graph that guesses where the package gives an error row does not pass."""
    model = tiny(tmp_path / "m.onnx")
    proto = graph_of(model)
    replaced(proto, 16, 1, np.int64)
    with pytest.raises(ContractError, match="is no error"):
        check_standalone(proto, model, pictures())


def test_what_cannot_be_made_standalone_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    """The message names the file and the remedy; the folder stays as it was."""
    model = tiny(tmp_path / "m.onnx")
    standalone, _ = write_standalone(model.source, tmp_path / "s.onnx", None, batched=False)
    box = tiny(tmp_path / "box.onnx", Preprocessing(resample="box"))
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0")
    before = sorted(tmp_path.iterdir())
    output = tmp_path / "new.onnx"
    for source, target, images, message in (
        (standalone.source, output, None, r"s\.onnx: is a standalone model already"),
        (box.source, output, None, "with lanczos only, the model wants box"),
        (model.source, tmp_path / "none" / "new.onnx", None, "there is no folder"),
        (model.source, model.source.path, None, "is the model itself"),
        (model.source, output, tmp_path / "bad", r"broken\.jpg: .*; leave it out"),
    ):
        with pytest.raises(DataError, match=message):
            write_standalone(source, target, images, batched=False)
    assert sorted(tmp_path.iterdir()) == before


def test_no_golden_images_no_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the disk is full after the model, neither it nor a part of the golden images stays."""
    write = Path.write_bytes

    def full(self: Path, content: bytes) -> int:
        if "golden" in self.name:
            write(self, content[:1000])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(self, content)

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(DataError, match=r"s\.golden\.json: cannot be written: No space left on device"):
        write_standalone(find_model("galaxy-cnn"), tmp_path / "s.onnx", None, batched=False)
    assert not list(tmp_path.iterdir())
    with pytest.raises(DataError, match="cannot be written: it is a folder"):
        write_standalone(find_model("galaxy-cnn"), tmp_path, None, batched=False)


def test_models_of_other_tools_are_made_standalone_too(tmp_path: Path) -> None:
    """Weights among the inputs, as in the first IR versions, and large outputs, whose rounding errors are large too."""
    proto = onnx.load_from_string(tiny(tmp_path / "m.onnx").source.path.read_bytes())
    own_input = proto.graph.input.pop()
    for weights in proto.graph.initializer:
        proto.graph.input.append(helper.make_tensor_value_info(weights.name, weights.data_type, list(weights.dims)))
        if weights.name == "white":  # the embedding is the mean colour divided by it: values in the millions
            weights.CopyFrom(numpy_helper.from_array(np.array(1e-5, np.float32), "white"))
    proto.graph.input.append(own_input)
    del proto.graph.output[1]  # the familiarity, which is divided by it too
    proto.ir_version = 3
    (tmp_path / "old.onnx").write_bytes(proto.SerializeToString())
    written, parity = write_standalone(ModelSource(tmp_path / "old.onnx"), tmp_path / "s.onnx", None, batched=False)
    assert written.embedding_size == 3
    assert parity.output_difference >= 0
    small = tiny(tmp_path / "small.onnx", size=(8, 40))
    with pytest.raises(DataError, match="takes images from 16 pixels each way, but the model's input has 8 x 40"):
        write_standalone(small.source, tmp_path / "t.onnx", None, batched=False)


def test_a_standalone_file_is_not_embedded(tmp_path: Path) -> None:
    """It would take the place of the model that it was made from."""
    standalone, _ = write_standalone(tiny(tmp_path / "m.onnx").source, tmp_path / "s.onnx", None, batched=False)
    (tmp_path / "models").mkdir()
    with pytest.raises(DataError, match="is a standalone file; embed the model file"):
        embed_model(standalone.source.path, tmp_path / "models", default=True)
    embed_model(tmp_path / "m.onnx", tmp_path / "models", default=False)
    source, made_from = embedded_standalone(tmp_path / "models")
    assert OnnxModel(source).sha256 == standalone.sha256
    assert made_from.name == "tiny"


def test_a_file_that_fails_the_check_gets_no_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An older file of that name stays as it was, and no partial file is left."""
    model = tiny(tmp_path / "m.onnx")
    (tmp_path / "s.onnx").write_text("older")
    monkeypatch.setattr(check, "PIXEL_TOLERANCE", -1.0)
    with pytest.raises(ParityError):
        write_standalone(model.source, tmp_path / "s.onnx", None, batched=False)
    assert (tmp_path / "s.onnx").read_text() == "older"
    assert {path.name for path in tmp_path.iterdir()} == {"m.onnx", "s.onnx"}


@pytest.mark.slow
def test_the_command_says_what_it_compared(tmp_path: Path) -> None:
    """It takes an embedded model by name, writes the golden images too, and refuses other names of files."""
    (tmp_path / "images").mkdir()
    paint("smooth_round", 1, 200).save(tmp_path / "images" / "a.png")
    run = run_in_process(
        galaxy_export, "standalone", "galaxy-cnn", "-o", tmp_path / "s.onnx", "--images", tmp_path / "images"
    )
    assert run.returncode == 0, run.stderr
    images = 10 + 1 + 2 * 3 * len(FEW_EDGES)
    assert run.stdout.startswith(f"{images} images compared: 0 of ")
    assert golden_file(tmp_path / "s.onnx").exists()
    run = run_in_process(galaxy_export, "standalone", "galaxy-cnn", "-o", tmp_path / "s.onx")
    assert (run.returncode, run.stdout) == (2, "")
    assert "did you mean" in run.stderr
    run = run_in_process(galaxy_export, "standalone", "galaxy-dnn", "-o", tmp_path / "t.onnx")
    assert run.returncode == 3
    assert "did you mean" in run.stderr


@pytest.mark.slow
def test_it_needs_no_tensorflow(tmp_path: Path) -> None:
    """A machine that has only the runtime and onnx can make a standalone file."""
    save_tiny_model(tmp_path / "m.onnx")
    code = (
        "import sys; sys.modules.update(dict.fromkeys(['tensorflow', 'keras', 'h5py', 'tf2onnx']))\n"
        "from galaxy_export.standalone import check; check.EDGES = (16, 64)\n"
        "from galaxy_export.cli import main; main()"
    )
    arguments = ["standalone", str(tmp_path / "m.onnx"), "-o", str(tmp_path / "s.onnx")]
    run = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (0, "")
    assert (tmp_path / "s.onnx").exists()
