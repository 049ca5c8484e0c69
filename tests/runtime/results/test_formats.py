"""What the outputs look like, byte by byte."""

from __future__ import annotations

import io
import json
import pickle

import pytest
from rich.console import Console
from rich.text import Text

from galaxy_classify.errors import UsageError
from galaxy_classify.prediction import Prediction
from galaxy_classify.results.csv_rows import CsvWriter, csv_line
from galaxy_classify.results.formats import OutputFormat, choose_format
from galaxy_classify.results.jsonl_rows import JsonlWriter
from galaxy_classify.results.layout import RowLayout
from galaxy_classify.results.terminal_table import CLASS_COLOURS, TableWriter, fit
from galaxy_classify.tables.columns import Column

LAYOUT = RowLayout(("round", "spiral"))
OK = Prediction("a.jpg", "ok", "m@0", "spiral", 0.75, {"round": 0.25, "spiral": 0.75})
UNCERTAIN = Prediction("b.jpg", "uncertain", "m@0", "round", 0.51, {"round": 0.51, "spiral": 0.49})
ERROR = Prediction("c.jpg", "error", "m@0", message="no such file")


def test_csv_has_exactly_these_columns() -> None:
    """Pipelines read the columns by position and by name."""
    stream = io.StringIO()
    writer = CsvWriter(stream, LAYOUT)
    writer.start()
    for row in (OK, UNCERTAIN, ERROR):
        writer.write(row)
    assert stream.getvalue() == (
        "path,status,label,confidence,prob_round,prob_spiral,message,model\n"
        "a.jpg,ok,spiral,0.750000,0.250000,0.750000,,m@0\n"
        "b.jpg,uncertain,round,0.510000,0.510000,0.490000,,m@0\n"
        "c.jpg,error,,,,,no such file,m@0\n"
    )


def test_jsonl_has_the_same_columns_with_null_for_nothing() -> None:
    """Every line is an object with the CSV's names."""
    stream = io.StringIO()
    writer = JsonlWriter(stream, LAYOUT, {"package": "x"})
    writer.write(OK)
    writer.write(ERROR)
    first, second = map(json.loads, stream.getvalue().splitlines())
    expected = ["path", "status", "label", "confidence", "prob_round", "prob_spiral", "message", "model", "provenance"]
    assert list(first) == expected
    assert first["prob_spiral"] == 0.75
    assert second["label"] is second["confidence"] is second["prob_round"] is None


ODD_TEXTS = ("", "a,b", 'a"b', "a\nb", "a\rb", "%s", "100 %", "m\udcff.jpg", "\x1b[31m", "\u2028", "☃", "{0}\\", " ")
ODD_LAYOUT = RowLayout(("ro%und", 'a"b'), 2, [Column("id"), Column("z%"), Column("provenance")], "id", familiarity=True)
ODD_VALUES = (None, 7, 0.1, 1e-7, 1e300, True, "Infinity", *ODD_TEXTS)
ODD_ROWS = [
    (prediction, (value, text, value))
    for text in ODD_TEXTS
    for value in ODD_VALUES
    for prediction in (
        Prediction(text, "ok", "m@0", 'a"b', 2e-7, {"ro%und": 2 / 3, 'a"b': 1 / 3}, text, 0.0),
        Prediction("a.jpg", "error", text, message=text),
    )
]


def test_odd_rows_are_what_the_modules_csv_and_json_write() -> None:
    """Most rows are formatted without these modules, so quotes, escapes and signs of a format must not slip through."""
    own = {column.name for column in ODD_LAYOUT.own_columns}
    for prediction, carried in ODD_ROWS:
        row = ODD_LAYOUT.row(prediction, carried)
        assert list(row) == ODD_LAYOUT.names
        texts, lines = io.StringIO(newline=""), io.StringIO(newline="")
        CsvWriter(texts, ODD_LAYOUT).write(prediction, carried)
        JsonlWriter(lines, ODD_LAYOUT, {"package": "100 %s"}).write(prediction, carried)
        cells = [f"{v:.6f}" if name in own and isinstance(v, float) else v for name, v in row.items()]
        assert texts.getvalue() == csv_line(cells)
        rounded = {name: round(v, 6) if name in own and isinstance(v, float) else v for name, v in row.items()}
        assert lines.getvalue() == json.dumps(rounded | {"provenance": {"package": "100 %s"}}) + "\n"


def test_a_layout_in_use_can_be_sent_to_another_process() -> None:
    """Dask sends it to its workers, with what it remembers or without."""
    sent = pickle.loads(pickle.dumps(ODD_LAYOUT))  # noqa: S301
    assert (sent, sent.names, sent.row(*ODD_ROWS[0])) == (ODD_LAYOUT, ODD_LAYOUT.names, ODD_LAYOUT.row(*ODD_ROWS[0]))


def test_a_number_that_json_lacks_is_refused() -> None:
    """No reader of JSON Lines takes NaN, so a row with one is a bug that must be seen."""
    with pytest.raises(ValueError, match="not JSON compliant"):
        JsonlWriter(io.StringIO(), ODD_LAYOUT, None).write(OK, (float("nan"), "", ""))


def test_a_row_lacks_no_value_of_the_catalogue() -> None:
    """A value too few would move all behind it to other columns."""
    with pytest.raises(ValueError, match="shorter"):
        ODD_LAYOUT.row(OK, (1, 2))
    with pytest.raises(ValueError, match="longer"):
        LAYOUT.row(OK, (1,))


def test_the_suffix_chooses_the_format() -> None:
    """What cannot be told from the name must be said."""
    assert choose_format(None, "OUT.CSV", terminal=True) is OutputFormat.CSV
    assert choose_format(OutputFormat.JSONL, "out.csv", terminal=True) is OutputFormat.JSONL
    assert choose_format(None, None, terminal=True) is OutputFormat.TABLE
    assert choose_format(None, "out.parquet", terminal=True) is OutputFormat.PARQUET
    with pytest.raises(UsageError, match=r"out\.xlsx: the suffix '\.xlsx' names no format"):
        choose_format(None, "out.xlsx", terminal=True)
    with pytest.raises(UsageError, match="--format fits needs --output"):
        choose_format(OutputFormat.FITS, None, terminal=False)


def table(*rows: Prediction) -> list[str]:
    """Return the lines of a table."""
    stream = io.StringIO()
    writer = TableWriter(stream, LAYOUT, "m@0")
    writer.start()
    for row in rows:
        writer.write(row)
    writer.finish()
    return stream.getvalue().splitlines()


def test_the_table_shows_rows_and_a_summary() -> None:
    """A reader sees each image, what is doubtful, what failed, and how many of each class there are."""
    lines = table(OK, UNCERTAIN, ERROR)
    assert lines[0].split() == ["image", "class", "confidence"]
    assert lines[1].split() == ["a.jpg", "spiral", "0.750"]
    assert lines[2].split() == ["b.jpg", "round", "0.510", "uncertain"]
    assert lines[3].split(maxsplit=1) == ["c.jpg", "error: no such file"]
    assert lines[5] == "3 images: 2 classified (1 of them uncertain), 1 failed"
    assert [line.split()[:2] for line in lines[6:8]] == [["round", "1"], ["spiral", "1"]]
    assert lines[8] == "model m@0"


@pytest.mark.parametrize(
    "settings",
    [{"TERM": "xterm-256color"}, {"COLORTERM": "truecolor"}, {"TERM": "xterm"}, {"TERM": "dumb"}, {"NO_COLOR": "1"}],
)
def test_styles_are_those_that_rich_prints(monkeypatch: pytest.MonkeyPatch, settings: dict[str, str]) -> None:
    """The table's own, faster way to a line knows as well as rich what a terminal can show."""
    for name in ("COLORTERM", "TERM", "NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in ({"TERM": "xterm-256color"} | settings).items():
        monkeypatch.setenv(name, value)

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    found, expected = Terminal(), Terminal()
    writer = TableWriter(found, LAYOUT, "m@0")
    writer.start()
    writer.write(UNCERTAIN)
    writer.write(ERROR)
    colour = CLASS_COLOURS[LAYOUT.classes.index("round")]
    head, uncertain, error = (f"{text:<44}  " for text in ("image", "b.jpg", "c.jpg"))
    for parts in (
        [(f"{head}class   confidence", "bold")],
        [uncertain, ("round ", colour), "       0.510", ("  uncertain", "yellow")],
        [error, ("error: no such file", "bold red")],
    ):
        Console(file=expected, highlight=False, soft_wrap=True).print(Text.assemble(*parts), no_wrap=True, crop=False)
    assert found.getvalue() == expected.getvalue()
    assert ("\x1b[" in found.getvalue()) == (settings != {"TERM": "dumb"})


def test_a_hostile_name_does_nothing_to_the_terminal() -> None:
    """Escape sequences in a file name are shown, not obeyed."""
    lines = table(Prediction("\x1b[2Jevil\n[red].jpg", "error", "m@0", message="\x1b[31mx"))
    assert lines[1].startswith(r"\x1b[2Jevil\n[red].jpg")
    assert not any("\x1b" in line for line in lines)


def test_a_long_path_is_cut_from_the_left() -> None:
    """The end of a path tells files apart."""
    path = "survey/" * 20 + "m51.jpg"
    assert fit(path, 20).endswith("/m51.jpg")
    assert len(fit(path, 20)) <= 20


def test_an_empty_table_has_a_summary() -> None:
    """No images, no division by zero."""
    assert "0 images: 0 classified (0 of them uncertain), 0 failed" in table()
