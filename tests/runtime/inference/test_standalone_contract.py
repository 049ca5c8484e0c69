"""The contract's clauses for standalone files: each is checked, and a broken one is named."""

from __future__ import annotations

import json
from typing import Any

import pytest

from galaxy_classify.errors import ModelError
from galaxy_classify.inference.contract import STANDALONE, ModelDescription
from galaxy_classify.inference.tensors import check_tensors
from tiny_model import description

ABOUT = description(contract=STANDALONE, made_from={"contract": "2", "sha256": "0" * 64})
ONE: dict[str, tuple[str, list[Any]]] = {"image": ("tensor(uint8)", ["height", "width", 3])}
SEVERAL: dict[str, tuple[str, list[Any]]] = {"images": ("tensor(uint8)", ["batch", "height", "width", 3])}


def outputs(batch: object, **changes: Any) -> dict[str, tuple[str, list[Any]]]:
    """Return the outputs of a standalone file, some of them changed, or left out where None."""
    usual: dict[str, tuple[str, list[Any]]] = {
        "probabilities": ("tensor(float)", [batch, 4]),
        "familiarity": ("tensor(float)", [batch]),
        "embedding": ("tensor(float)", [batch, 36]),
        "pixels": ("tensor(uint8)", [batch, 48, 64, 3]),
    }
    return {name: value for name, value in (usual | changes).items() if value is not None}


@pytest.mark.parametrize(("inputs", "batch"), [(ONE, 1), (SEVERAL, "batch")])
def test_one_image_or_several_are_accepted(inputs: dict[str, Any], batch: object) -> None:
    """What the network sees is read from the output `pixels`, as the input has no fixed size."""
    tensors = check_tensors(inputs, outputs(batch), ABOUT)
    assert (tensors.input_name, tensors.one_image) == (next(iter(inputs)), batch == 1)
    assert (tensors.input_size, tensors.has_familiarity, tensors.embedding_size) == ((48, 64), True, 36)
    tensors = check_tensors(inputs, outputs(batch, familiarity=None, embedding=None), ABOUT)
    assert (tensors.has_familiarity, tensors.embedding_size) == (False, None)


@pytest.mark.parametrize(
    ("inputs", "found", "clause"),
    [
        ({"picture": ONE["image"]}, outputs(1), "inputs are picture; exactly one is allowed, 'image' or 'images'"),
        (ONE | SEVERAL, outputs(1), "inputs are image, images; exactly one"),
        ({"image": ("tensor(float)", ["h", "w", 3])}, outputs(1), r"input 'image' is tensor\(float\)"),
        ({"image": ("tensor(uint8)", ["h", "w", 4])}, outputs(1), r"not \[height, width, 3\], height and "),
        ({"image": ("tensor(uint8)", [64, 64, 3])}, outputs(1), "height and width dynamic"),
        ({"image": SEVERAL["images"]}, outputs(1), r"not \[height, width, 3\]"),
        ({"images": ("tensor(uint8)", [1, "h", "w", 3])}, outputs("batch"), "size of input 'images' is fixed to 1"),
        (ONE, outputs(1, pixels=None), "the last of a standalone file is 'pixels'"),
        (ONE, outputs(1) | {"more": ("tensor(float)", [1])}, "the last of a standalone file is 'pixels'"),
        (ONE, outputs(1, pixels=("tensor(float)", [1, 64, 64, 3])), r"output 'pixels' is tensor\(float\)"),
        (ONE, outputs(1, pixels=("tensor(uint8)", [1, "h", 64, 3])), "output 'pixels' has shape"),
        (ONE, outputs(1, pixels=("tensor(uint8)", [1, 5000, 64, 3])), "output 'pixels' has 5000 x 64 pixels"),
        (ONE, outputs("batch"), "the batch size of output 'pixels' is batch, for one image it must be 1"),
        (ONE, outputs(1, familiarity=("tensor(float)", [2])), "output 'familiarity' is 2, for one image"),
        (SEVERAL, outputs(1), "the batch size of output 'pixels' is fixed to 1"),
        (ONE, outputs(1, probabilities=("tensor(float)", [1, 3])), r"not \[batch, 4\] for 4 classes"),
    ],
)  # fmt: skip
def test_a_broken_clause_is_named(inputs: dict[str, Any], found: dict[str, Any], clause: str) -> None:
    """A file that another program made says what is wrong with it."""
    with pytest.raises(ModelError, match=clause):
        check_tensors(inputs, found, ABOUT)


def test_the_metadata_say_what_it_was_made_from() -> None:
    """They survive being written and read, and a standalone file without that entry is refused."""
    metadata = ABOUT.to_metadata()
    assert ModelDescription.from_metadata(metadata) == ABOUT
    del metadata["galaxy_classify.made_from"]
    with pytest.raises(ModelError, match=r"metadata galaxy_classify\.made_from is missing"):
        ModelDescription.from_metadata(metadata)


def made_from(contract: object) -> str:
    """Return an entry of the metadata with another contract."""
    return json.dumps({"contract": contract, "sha256": "0" * 64})


@pytest.mark.parametrize(
    ("key", "value", "clause"),
    [
        ("made_from", "{}", "made_from does not have contract and sha256"),
        ("made_from", made_from([]), "made_from does not have contract and sha256"),
        ("made_from", made_from("standalone"), "of a model file"),
        ("made_from", '{"contract": "2", "sha256": 5}', "made_from does not have contract and sha256"),
        ("made_from", "[" * 200_000, "made_from is nested too deeply"),
        ("preprocessing", '{"crop_fraction": 0.75, "resample": "box"}', "a standalone file resizes with 'lanczos'"),
    ],
)
def test_metadata_that_a_standalone_file_cannot_have(key: str, value: str, clause: str) -> None:
    """With another filter, this package would see other pixels than the graph makes for everybody else."""
    with pytest.raises(ModelError, match=clause):
        ModelDescription.from_metadata(ABOUT.to_metadata() | {f"galaxy_classify.{key}": value})
