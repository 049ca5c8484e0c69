"""What ``galaxy-train evaluate`` prints of images of no class and of changed images."""

from __future__ import annotations

import pytest

from galaxy_train.printing import show_out_of_class, show_status, show_stress
from galaxy_train.run_metrics.evaluations import OutOfClassMetrics, StatusMetrics, StressMetrics

KEPT = {"0.50": 0.75, "0.95": 0.25}
STATUS = StatusMetrics(ok=0.875, uncertain=0.1, unfamiliar=0.025, ok_accuracy=0.95)


def test_images_of_no_class_without_familiarity(capsys: pytest.CaptureFixture[str]) -> None:
    """Exactly what earlier versions printed."""
    show_out_of_class({"merger": OutOfClassMetrics(1055, 0.7654, KEPT)}, "out")
    assert capsys.readouterr().out == (
        "\nout: images of no class; share that reaches a confidence of\n"
        "kind    images   AUROC    0.50    0.95\n"
        "merger   1,055  0.7654   75.0%   25.0%\n"
    )


def test_images_of_no_class_with_familiarity(capsys: pytest.CaptureFixture[str]) -> None:
    """Its AUROC and the shares that are unfamiliar or ok follow; what a folder is called cannot harm a terminal."""
    show_out_of_class({"a\x1b[2J": OutOfClassMetrics(5, 0.5, KEPT, familiarity_auroc=0.9, unfamiliar=0.8, ok=0.1)}, "o")
    head, row = capsys.readouterr().out.splitlines()[2:]
    assert head.endswith("    0.50    0.95  AUROC of familiarity  unfamiliar      ok")
    assert row.endswith("5  0.5000   75.0%   25.0%                0.9000       80.0%   10.0%")
    assert "\x1b" not in row


def test_the_statuses_of_a_labelled_set(capsys: pytest.CaptureFixture[str]) -> None:
    """All three, and how often those that are ok are right."""
    show_status(STATUS)
    assert capsys.readouterr().out == (
        "\nstatus at a confidence of 0.6 and a familiarity of 0.5\n"
        "ok                         87.5%\n"
        "uncertain                  10.0%\n"
        "unfamiliar                  2.5%\n"
        "accuracy of ok rows        95.0%\n"
    )


def test_rows_that_break_the_rule_are_marked_and_counted(capsys: pytest.CaptureFixture[str]) -> None:
    """Where more than a tenth is ok and too many of those are wrong; no row that is ok breaks nothing."""
    stress = {
        "unchanged": StressMetrics(0.9, 0.8, 0.02, 0.85, STATUS),
        "blur 3": StressMetrics(0.5, 0.4, 0.2, 0.8, StatusMetrics(0.5, 0.25, 0.25, 0.84)),
        "zoom x4": StressMetrics(0.25, 0.25, 0.5, 0.95, StatusMetrics(0.0, 0.0, 1.0, None)),
    }
    show_stress(stress, "test.hdf5")
    assert capsys.readouterr().out == (
        "\ntest.hdf5, images changed; status at a confidence of 0.6 and a familiarity of 0.5\n"
        "change     accuracy  macro recall     ECE  confidence  uncertain  unfamiliar      ok  accuracy of ok\n"
        "unchanged    0.9000        0.8000  0.0200      0.8500      10.0%        2.5%   87.5%          0.9500\n"
        "blur 3       0.5000        0.4000  0.2000      0.8000      25.0%       25.0%   50.0%          0.8400  X\n"
        "zoom x4      0.2500        0.2500  0.5000      0.9500       0.0%      100.0%    0.0%               -\n"
        "X in 1 of 3 rows: less than 85% of the ok rows are right, and more than 10% of all are ok\n"
    )
