"""How the gate measures, and at which batch sizes."""

from __future__ import annotations

import numpy as np
import pytest

from galaxy_classify.errors import OutputError
from galaxy_export.gate.batches import batch_sizes
from galaxy_export.gate.differences import measure_agreement, measure_difference
from galaxy_export.gate.limits import EXACT, Limit
from galaxy_export.parity import assert_parity


def test_the_limit_grows_with_the_largest_value_of_the_sample() -> None:
    """A value near zero in a sample of large ones is a sum of these; a small sample keeps the absolute limit."""
    reference = np.array([[100, 0], [0, 0.001]])
    found = reference + np.array([[0, 0.009], [0, 0.009]])
    difference = measure_difference(reference, found, Limit(rtol=1e-4, atol=1e-3))
    assert (difference.accepted, difference.sample, difference.refused) == (False, 1, 1)
    assert difference.excess == pytest.approx(9)
    assert difference.absolute == pytest.approx(0.009)
    assert difference.relative == pytest.approx(0.009 / 10)  # the floor, 1e-3 / 1e-4
    assert measure_difference(reference, found, Limit(rtol=1e-4, atol=1e-2)).accepted


@pytest.mark.parametrize(
    ("reference", "found", "absolute"),
    [
        ([np.nan], [np.nan], np.inf),
        ([1.0], [np.nan], np.inf),
        ([np.inf], [np.inf], 0),
        ([-np.inf], [np.inf], np.inf),
        ([np.inf], [1.0], np.inf),
        ([2**62], [2**62 + 1], 1),
        ([True], [False], 1),
        (["spiral"], ["spiral"], 0),
        (["spiral"], ["round"], np.inf),
        ([[]], [[]], 0),
    ],
)
def test_values_that_are_no_common_numbers(reference: list[object], found: list[object], absolute: float) -> None:
    """Nothing that differs gets through, whatever subtraction makes of it."""
    difference = measure_difference(np.array(reference), np.array(found), EXACT)
    assert (difference.absolute, difference.accepted) == (absolute, absolute == 0)


def test_agreement_of_scores_and_of_labels() -> None:
    """Only a change with a margin counts; labels have none, so each change does; a map has a class for each pixel."""
    scores = np.array([[0.4, 0.6], [0.50001, 0.49999], [0.9, 0.1]])
    agreement = measure_agreement(scores, scores[:, ::-1])
    assert (agreement.agreement, agreement.sample) == (0, 2)
    assert agreement.changed == pytest.approx(2 / 3)
    assert agreement.widest_margin == pytest.approx(0.8)
    labels = measure_agreement(np.array([1, 2, 3]), np.array([1, 2, 4]))
    assert labels.sample == 2
    assert labels.changed == pytest.approx(1 / 3)
    pixels = measure_agreement(scores.reshape(1, 3, 2), scores[[0, 1, 0]].reshape(1, 3, 2))
    assert (pixels.agreement, pixels.changed) == (0, 1)
    assert measure_agreement(scores, scores).widest_margin is None


@pytest.mark.parametrize("samples", [1, 2, 3, 4, 17, 51, 64, 192, 3 * 17 * 64 * 256])
def test_every_number_of_samples_has_batch_sizes(samples: int) -> None:
    """They start alone, and leave a smaller last batch where there can be one."""
    sizes = batch_sizes(samples)
    assert sizes[0] == 1
    assert min(sizes) > 0
    assert max(sizes) <= samples
    assert samples < 3 or any(samples % size for size in sizes)


def test_a_last_batch_of_another_form_is_refused() -> None:
    """A model that is right in whole batches only would fail on the last one of a run."""

    def whole_batches(x: np.ndarray) -> np.ndarray:
        return x if len(x) != 2 else x + 1

    with pytest.raises(OutputError, match="at batch size 3") as refused:
        assert_parity(whole_batches, lambda x: x, np.arange(5.0))
    assert "sample 3 is 4, the reference gives 3" in str(refused.value)


def test_an_output_that_changes_its_shape_is_refused() -> None:
    """As where an axis of length 1 is squeezed away, which may be that of the batch."""
    x = np.arange(6.0).reshape(6, 1)
    with pytest.raises(OutputError, match=r"its output 'output' has the shape \[\] for a batch of 1"):
        assert_parity(lambda x: np.squeeze(x), lambda x: x[:, 0], x)
    with pytest.raises(OutputError, match="output 'output' has another shape at batch size 3"):
        assert_parity(lambda x: x if len(x) < 3 else x[:, 0], lambda x: x, x, batch_sizes=[1, 3])


def test_scalars_are_the_same_for_all_samples() -> None:
    """Such as a temperature beside the images."""
    inputs = {"x": np.arange(5.0), "factor": np.array(3.0)}
    assert_parity(lambda x, factor: x * factor, lambda factor, x: factor * x, inputs)
    with pytest.raises(OutputError, match="sample 1 is 6, the reference gives 3"):
        assert_parity(lambda x, factor: 2 * x * factor, lambda factor, x: factor * x, inputs)


def test_text_and_tuples() -> None:
    """Outputs in order are matched in order; class names are compared as what they are."""
    names = np.array(["round", "spiral"])

    def candidate(x: np.ndarray) -> dict[str, np.ndarray]:
        return {"class": names[(x > 0.5).astype(int)], "score": x}

    x = np.linspace(0, 1, 10)
    assert_parity(candidate, lambda x: (names[(x > 0.5).astype(int)], x), x)
    with pytest.raises(OutputError, match="output 'class' of sample 9 is 'spiral', the reference gives 'round'"):
        assert_parity(candidate, lambda x: (names[(x > 0.5).astype(int) * (x < 1)], x), x)
