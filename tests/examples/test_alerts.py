"""Alerts of ZTF and Rubin: every one gets a row, whatever its packet and its stamp are like."""

from __future__ import annotations

import gzip
import importlib
import io
import json
import os
import shutil
import struct
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pandas as pd
import pytest
from astropy.io import fits
from numpy.typing import NDArray

from fits_galaxies import fits_bytes, image_hdu, nanomaggies
from galaxy_classify import GalaxyClassifier
from galaxy_painter import KINDS

EXAMPLES = Path(__file__).parents[2] / "examples" / "embedding"

#: How the message of a stamp begins that is shown in grey.
GREY = "unknown band as grey by lupton with stretch "

MODEL = GalaxyClassifier(threads=1).model.identity


def flux(kind: str = KINDS[0], size: int = 63) -> NDArray[np.float32]:
    """Return a drawn galaxy in one band."""
    plane: NDArray[np.float32] = nanomaggies(kind, seed=0, size=size)[1]
    return plane


def ztf_stamp(plane: NDArray[np.float32], unit: str = "DN") -> bytes:
    """Return a stamp as ZTF's alerts have it: gzipped, with six cards, of which the first breaks the standard."""
    cards = [
        "SIMPLE  =  T",
        "BITPIX  =                  -32",
        "NAXIS   =                    2",
        f"NAXIS1  = {plane.shape[1]:20d}",
        f"NAXIS2  = {plane.shape[0]:20d}",
        f"BUNIT   = '{unit:8s}'",
        "END",
    ]
    header = "".join(f"{card:80s}" for card in cards).encode().ljust(2880)
    data = plane.astype(">f4").tobytes()
    return gzip.compress(header + data + bytes(-len(data) % 2880), mtime=0)


def rubin_stamp(plane: NDArray[np.float32]) -> bytes:
    """Return a stamp as Rubin's alerts have it: in nJy, with its uncertainty and the point spread function."""
    others = [fits.ImageHDU(np.ones_like(plane), name=name) for name in ("UNCERT", "PSFIMAGE")]
    return fits_bytes(fits.HDUList([image_hdu(plane * np.float32(3631), BUNIT="nJy"), *others]))


def bad_stamps(stamp: Callable[[NDArray[np.float32]], bytes]) -> dict[str, bytes]:
    """Return stamps that no alert should have, by the beginning of their row's message.

    Parameters
    ----------
    stamp : callable
        Writes one of ZTF's or Rubin's.
    """
    whole = stamp(flux())
    empty_corner = flux()
    empty_corner[:20] = np.nan
    return {
        "not an image (": b"poison",
        "unsupported format: gzip": gzip.compress(b"no FITS file"),
        "damaged or incomplete image: ": whole[: len(whole) // 4],
        "too many pixels: the file unpacks to more": gzip.compress(b"SIMPLE  =  T".ljust(80) + bytes(80_000_000), 1),
        "too many pixels: 2000 x 2000": fits_bytes(image_hdu(np.zeros((2000, 2000), np.uint8))),
        "100.0 % of the pixels are not finite": stamp(np.full((63, 63), np.nan, np.float32)),
        "31.7 % of the pixels are not finite": stamp(empty_corner),
        "the only band is blank": stamp(np.ones((63, 63), np.float32)),
    }


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    """Import a file of the examples."""
    monkeypatch.syspath_prepend(EXAMPLES)
    return importlib.import_module


@pytest.fixture
def stamps(example: Callable[[str], Any]) -> Any:
    """Import the part of the science module that needs no Spark."""
    return example("fink_stamps")


def test_every_stamp_has_a_row(stamps: Any) -> None:
    """Broken, missing, hostile and blank stamps are error rows, in their place among the others."""
    bad = {"no stamp: the alert has none": None, "no stamp: ": b""} | bad_stamps(ztf_stamp)
    rows = stamps.classify_stamps(pd.Series([ztf_stamp(flux()), *bad.values(), bytearray(rubin_stamp(flux()))]))
    assert list(rows.columns) == list(stamps.COLUMNS)
    assert list(rows["model"]) == [MODEL] * (len(bad) + 2)
    assert list(rows["status"][1:-1]) == ["error"] * len(bad)
    for message, beginning in zip(rows["message"][1:-1], bad, strict=True):
        assert message.startswith(beginning)
    assert all(probabilities == {} for probabilities in rows["probabilities"][1:-1])
    for row in (rows.iloc[0], rows.iloc[-1]):
        assert row["status"] != "error", row["message"]
        assert row["label"] == KINDS[0]
        assert row["message"].startswith(GREY)
        assert sum(row["probabilities"].values()) == pytest.approx(1)


def test_a_batch_without_alerts_has_no_rows(stamps: Any) -> None:
    """Spark may hand over an empty batch."""
    rows = stamps.classify_stamps(pd.Series([], dtype=object))
    assert list(rows.columns) == list(stamps.COLUMNS)
    assert rows.empty


@pytest.mark.parametrize("kind", KINDS)
def test_a_stamp_is_never_ok(stamps: Any, kind: str) -> None:
    """One band is not what the models were trained on, so even a confident prediction is no better than uncertain."""
    (status,) = stamps.classify_stamps(pd.Series([ztf_stamp(flux(kind))]))["status"]
    assert status in ("uncertain", "unfamiliar")


def test_neither_the_unit_nor_the_sky_matters(stamps: Any) -> None:
    """A stamp in counts on a bright sky is shown as the same one in nanomaggies on a dark sky."""
    (counts, dark) = stamps.classify_stamps(pd.Series([ztf_stamp(flux() * 40 + 200), ztf_stamp(flux(), unit="nmgy")]))[
        "probabilities"
    ]
    assert counts == pytest.approx(dark, abs=0.01)


def test_batches_share_the_classifier_and_nothing_else(stamps: Any) -> None:
    """A batch gives the same rows after a hostile one, and a worker loads the model once."""
    batch = pd.Series([ztf_stamp(flux(kind)) for kind in KINDS[:2]])
    stamps.classifier.cache_clear()
    first = stamps.classify_stamps(batch)
    stamps.classify_stamps(pd.Series([b"poison", None]))
    again = stamps.classify_stamps(batch[::-1])[::-1].reset_index(drop=True)
    pd.testing.assert_frame_equal(first, again)
    assert stamps.classifier.cache_info().misses == 1


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(gzip.decompress(ztf_stamp(flux())), id="as ZTF writes it"),
        pytest.param(fits_bytes(image_hdu(flux(), BUNIT="DN", OBJECT="m51")), id="as astropy writes it"),
        pytest.param(fits_bytes(image_hdu(flux(), OBJECT="BUNIT")), id="without a unit"),
    ],
)
@pytest.mark.filterwarnings("ignore::astropy.io.fits.verify.VerifyWarning")
def test_only_the_unit_is_taken_out_of_a_stamp(stamps: Any, content: bytes) -> None:
    """The pixels and the other cards stay as they are."""
    mended = stamps.mended(gzip.compress(content))
    with fits.open(io.BytesIO(content)) as before, fits.open(io.BytesIO(mended)) as after:
        after.verify("exception")
        np.testing.assert_array_equal(before[0].data, after[0].data)
        cards = [(card.keyword, card.value) for card in before[0].header.cards if card.keyword != "BUNIT"]
        assert [(card.keyword, card.value) for card in after[0].header.cards if card.keyword != "COMMENT"] == cards
    assert len(mended) == len(content)


@pytest.mark.parametrize(
    "content",
    [b"", b"poison", ztf_stamp(flux())[:-9], gzip.compress(b"SIMPLE", mtime=0), b"\x1f\x8b"],
    ids=["nothing", "no gzip", "cut off", "no card", "two bytes"],
)
def test_what_cannot_be_mended_stays_as_it_is(stamps: Any, content: bytes) -> None:
    """The classifier then says what is wrong with it."""
    assert stamps.mended(content) == content


CUTOUT: dict[str, Any] = {
    "type": "record",
    "namespace": "ztf.alert",
    "name": "cutout",
    "fields": [{"name": "fileName", "type": "string"}, {"name": "stampData", "type": "bytes"}],
}

#: Fields of ZTF's alerts, among them some that the example does not read, with their names and types.
ZTF: dict[str, Any] = {
    "type": "record",
    "namespace": "ztf",
    "name": "alert",
    "fields": [
        {"name": "schemavsn", "type": "string"},
        {"name": "objectId", "type": "string"},
        {"name": "candid", "type": "long"},
        {
            "name": "candidate",
            "type": {
                "type": "record",
                "namespace": "ztf.alert",
                "name": "candidate",
                "fields": [
                    {"name": "jd", "type": "double"},
                    {"name": "fid", "type": "int"},
                    {"name": "ra", "type": "double"},
                    {"name": "dec", "type": "double"},
                    {"name": "magpsf", "type": "float"},
                ],
            },
        },
        {"name": "cutoutScience", "type": ["null", CUTOUT], "default": None},
        {"name": "cutoutTemplate", "type": ["null", "ztf.alert.cutout"], "default": None},
        {"name": "cutoutDifference", "type": ["null", "ztf.alert.cutout"], "default": None},
    ],
}


def ztf_alert(number: int, template: bytes | None) -> dict[str, Any]:
    """Return an alert whose template is the given stamp, and whose other stamps are none."""
    return {
        "schemavsn": "4.02",
        "objectId": f"ZTF26aaaaaa{number}",
        "candid": 2 * 10**18 + number,
        "candidate": {"jd": 2461371.5, "fid": 2, "ra": 10.0 + number, "dec": -5.0, "magpsf": 18.5},
        "cutoutScience": {"fileName": "a_sci.fits.gz", "stampData": b"science"},
        "cutoutTemplate": None if template is None else {"fileName": "a_ref.fits.gz", "stampData": template},
        "cutoutDifference": {"fileName": "a_diff.fits.gz", "stampData": b"difference"},
    }


def ztf_file(alerts: list[dict[str, Any]]) -> bytes:
    """Return an Avro file of ZTF's alerts, with a block for each."""
    fastavro = pytest.importorskip("fastavro", reason="fastavro is not installed")
    content = io.BytesIO()
    fastavro.writer(content, ZTF, alerts, sync_interval=1)
    return content.getvalue()


def test_ztf_s_alerts_are_read_from_avro_files(example: Callable[[str], Any]) -> None:
    """A file that is damaged, or is no alert, has a row without an id behind those of its readable alerts."""
    whole = ztf_file([ztf_alert(0, b"zero"), ztf_alert(1, None)])
    files = [whole, whole[: whole.index(b"zero") + 60], b"poison", b""]
    frame = pd.DataFrame({"path": ["whole", "torn", "poison", "empty"], "content": files})
    found = list(example("ztf_alerts").read_alerts(iter([frame, frame[:0]])))
    assert [len(alerts) for alerts in found] == [6, 0]
    rows = found[0].astype(object).where(found[0].notna(), None)
    zero, one = (
        [f"ZTF26aaaaaa{number}", 2 * 10**18 + number, 10.0 + number, -5.0, b"science", template]
        for number, template in enumerate((b"zero", None))
    )
    nothing = [None] * 6
    assert rows.values.tolist() == [
        ["whole", *zero],
        ["whole", *one],
        ["torn", *zero],
        ["torn", *nothing],
        ["poison", *nothing],
        ["empty", *nothing],
    ]


@pytest.mark.slow
def test_spark_classifies_avro_alerts(tmp_path: Path) -> None:
    """The science module as a program on local Spark: a row for every alert, and for a file that cannot be read."""
    pytest.importorskip("pyspark", reason="pyspark is not installed")
    if shutil.which("java") is None:
        pytest.skip("Java is not installed")
    bad = {"no stamp: the alert has none": None, "no stamp: ": b""} | bad_stamps(ztf_stamp)
    good = [ztf_stamp(flux(kind)) for kind in KINDS]
    (tmp_path / "alerts").mkdir()
    alerts = [ztf_alert(number, stamp) for number, stamp in enumerate([*good, *bad.values()])]
    (tmp_path / "alerts" / "a.avro").write_bytes(ztf_file(alerts))
    (tmp_path / "alerts" / "b.avro").write_bytes(b"poison")
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(EXAMPLES), *filter(None, sys.path)]),
        "PYSPARK_PYTHON": sys.executable,
        "PYSPARK_SUBMIT_ARGS": "--master local[2] --conf spark.ui.enabled=false pyspark-shell",
        "SPARK_LOCAL_IP": "127.0.0.1",
    }
    arguments: list[str | Path] = [
        sys.executable,
        EXAMPLES / "fink_processor.py",
        tmp_path / "alerts",
        tmp_path / "results",
    ]
    done = subprocess.run(
        arguments, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    import pyarrow.parquet as pq

    rows = sorted(pq.read_table(tmp_path / "results").to_pylist(), key=lambda row: row["objectId"] or "z" * 20)
    by_id = {row["candid"]: row["morphology"] for row in rows}
    assert sorted(by_id, key=str) == sorted([None, *(alert["candid"] for alert in alerts)], key=str)
    assert {row["model"] for row in by_id.values()} == {MODEL}
    for alert, kind in zip(alerts, KINDS, strict=False):
        assert by_id[alert["candid"]]["status"] in ("uncertain", "unfamiliar")
        assert by_id[alert["candid"]]["label"] == kind
        assert set(dict(by_id[alert["candid"]]["probabilities"])) == set(KINDS)
    for alert, beginning in zip(alerts[len(KINDS) :], bad, strict=True):
        assert by_id[alert["candid"]]["status"] == "error"
        assert by_id[alert["candid"]]["message"].startswith(beginning)
    assert by_id[None]["message"].startswith("no stamp: ")
    assert [row["file"].rpartition("/")[2] for row in rows if row["candid"] is None] == ["b.avro"]


@pytest.fixture
def rubin(example: Callable[[str], Any]) -> Any:
    """Import the consumer of Rubin's alerts."""
    pytest.importorskip("fastavro", reason="fastavro is not installed")
    return example("rubin_stream")


#: Fields of Rubin's alerts, among them some that the example does not read, with their names and types; the version
#: stands for ``v11_0``. Version 7 had ``alertId`` in the place of the first.
RUBIN: dict[str, Any] = {
    "alert": [
        {"name": "diaSourceId", "type": "long"},
        {"name": "target_name", "type": ["null", "string"], "default": None},
        {"name": "diaSource", "type": "lsst.VERSION.diaSource"},
        {
            "name": "prvDiaSources",
            "type": ["null", {"type": "array", "items": "lsst.VERSION.diaSource"}],
            "default": None,
        },
        {"name": "cutoutDifference", "type": ["null", "bytes"], "default": None},
        {"name": "cutoutScience", "type": ["null", "bytes"], "default": None},
        {"name": "cutoutTemplate", "type": ["null", "bytes"], "default": None},
    ],
    "diaSource": [
        {"name": "diaSourceId", "type": "long"},
        {"name": "visit", "type": "long"},
        {"name": "diaObjectId", "type": ["null", "long"], "default": None},
        {"name": "midpointMjdTai", "type": "double"},
        {"name": "ra", "type": "double"},
        {"name": "raErr", "type": ["null", "float"], "default": None},
        {"name": "dec", "type": "double"},
        {"name": "snr", "type": ["null", "float"], "default": None},
        {"name": "band", "type": ["null", "string"], "default": None},
    ],
}


def write_schema(folder: Path, version: str = "11_0", first: str = "diaSourceId") -> None:
    """Write a version of the schemas as Rubin's repository has them: a file for each record, in a folder of its own."""
    place = folder.joinpath(*version.split("_"))
    place.mkdir(parents=True)
    for name, fields in RUBIN.items():
        schema = {"type": "record", "namespace": f"lsst.v{version}", "name": name, "fields": fields}
        text = json.dumps(schema).replace("VERSION", f"v{version}")
        if name == "alert":
            text = text.replace("diaSourceId", first)
        (place / f"lsst.v{version}.{name}.avsc").write_text(text)


@pytest.fixture
def schemas(rubin: Any, tmp_path: Path) -> Any:
    """Return schemas of versions 11.0 and 7.4."""
    write_schema(tmp_path / "schema")
    write_schema(tmp_path / "schema", "7_4", "alertId")
    return rubin.Schemas(tmp_path / "schema")


def packet(schemas: Any, template: bytes | None, number: int = 1100) -> bytes:
    """Return an alert in Confluent's wire format whose template is the given stamp."""
    import fastavro

    source = {
        "diaSourceId": 169813006680588318,
        "visit": 2026112600012,
        "diaObjectId": 169813006680588319,
        "midpointMjdTai": 61371.0,
        "ra": 59.98,
        "raErr": None,
        "dec": -48.25,
        "snr": 12.5,
        "band": "i",
    }
    alert = {"alertId": 7, "diaSourceId": 7, "diaSource": source, "prvDiaSources": [source, source]}
    content = io.BytesIO(struct.pack(">bI", 0, number))
    content.seek(5)
    fastavro.schemaless_writer(content, schemas[number], alert | {"cutoutTemplate": template})
    return content.getvalue()


def rows_of(rubin: Any, schemas: Any, packets: list[bytes], stamp: str = "cutoutTemplate") -> list[dict[str, Any]]:
    """Return the rows of packets in one partition."""
    message = importlib.import_module("kafka_microbatch").Message
    batch = [message("lsst-alerts", 3, offset, f"key-{offset}", value) for offset, value in enumerate(packets)]
    with GalaxyClassifier(threads=1, max_pixels=rubin.MOST_PIXELS, fits=rubin.STAMPS) as classifier:
        rows: list[dict[str, Any]] = rubin.rows_of(schemas, stamp, classifier, batch)
    assert [(row["topic"], row["partition"], row["offset"]) for row in rows] == [
        ("lsst-alerts", 3, offset) for offset in range(len(packets))
    ]
    assert {row["model"] for row in rows} == {MODEL}
    assert len({tuple(row) for row in rows}) == 1, "all rows have the same columns"
    return rows


@pytest.mark.parametrize("number", [1100, 704])
def test_a_rubin_alert_has_a_row_with_its_ids_and_its_place(rubin: Any, schemas: Any, number: int) -> None:
    """The schema is the one that the packet names, and what the example does not know of it is passed over."""
    (row,) = rows_of(rubin, schemas, [packet(schemas, rubin_stamp(flux(size=30)), number)])
    assert row["path"] == "169813006680588318"
    assert [row[name] for name in rubin.COLUMNS] == ["169813006680588319", 59.98, -48.25, "i"]
    assert row["status"] in ("uncertain", "unfamiliar")
    assert row["message"].startswith(GREY)


def test_a_broken_rubin_alert_has_a_row_that_says_why(rubin: Any, schemas: Any) -> None:
    """Packets that are damaged, of an unknown schema or no alerts are error rows under the key of their message."""
    whole = packet(schemas, rubin_stamp(flux(size=30)))
    packets = {
        "not an alert in Confluent's wire format": b"",
        "not an alert in Confluent's": b"\x00\x00\x00\x04\x4c",
        "not an alert in": b"poison" + whole,
        "no schema 9999: version 99.99 is not in ": b"\x00" + struct.pack(">I", 9999) + whole[5:],
        "damaged alert, or not of schema 1100: EOFError": whole[:200],
        "damaged alert, or not of schema 1100: it is too long": whole + b"\x00",
    }
    rows = rows_of(rubin, schemas, [whole, *packets.values(), whole])
    assert rows[0]["label"] == rows[-1]["label"] == KINDS[0]
    for number, (row, beginning) in enumerate(zip(rows[1:-1], packets, strict=True), start=1):
        assert row["path"] == f"key-{number}"
        assert row["status"] == "error"
        assert row["message"].startswith(beginning)
        assert row["ra"] is None


def test_a_broken_stamp_of_rubin_has_a_row_that_says_why(rubin: Any, schemas: Any) -> None:
    """An alert without the stamp, or with one that is no image, keeps its ids."""
    bad = {"no cutoutTemplate in the alert": None, "no cutoutTemplate": b""} | bad_stamps(rubin_stamp)
    rows = rows_of(rubin, schemas, [packet(schemas, stamp) for stamp in bad.values()])
    for row, beginning in zip(rows, bad, strict=True):
        assert row["status"] == "error"
        assert row["message"].startswith(beginning)
        assert (row["path"], row["ra"]) == ("169813006680588318", 59.98)
    (row,) = rows_of(rubin, schemas, [packet(schemas, rubin_stamp(flux()))], "cutoutScience")
    assert row["message"] == "no cutoutScience in the alert"


def test_a_schema_that_comes_later_is_found(rubin: Any, schemas: Any, tmp_path: Path) -> None:
    """A new version of the schemas needs no restart."""
    with pytest.raises(rubin.AlertError, match=r"version 11\.1 is not in"):
        schemas[1101]
    write_schema(tmp_path / "schema", "11_1")
    assert schemas[1101]["name"] == "lsst.v11_1.alert"


def test_a_damaged_schema_ends_the_run(rubin: Any, schemas: Any, tmp_path: Path) -> None:
    """It is not the alert's fault, which then comes again after a restart: nothing was committed."""
    whole = packet(schemas, None)
    (tmp_path / "schema" / "11" / "0" / "lsst.v11_0.alert.avsc").write_text("{")
    with pytest.raises(Exception, match=r"Failed to parse 'lsst\.v11_0\.alert' schema"):
        rows_of(rubin, rubin.Schemas(tmp_path / "schema"), [whole])


class Stream:
    """A topic in memory that ends itself."""

    def __init__(self, messages: list[Any], stop: Event) -> None:
        self.messages = messages
        self.stop = stop
        self.committed: list[int] = []

    def poll(self, timeout: float) -> Any:
        """Return the next message."""
        if not self.messages:
            self.stop.set()
            return None
        return self.messages.pop(0)

    def commit(self, message: Any) -> None:
        """Remember an offset."""
        self.committed.append(message.offset)


def test_a_rubin_stream_is_written_and_committed(rubin: Any, schemas: Any, tmp_path: Path) -> None:
    """The rows of alerts go through the loop of the other consumer, and bad packets do not stop it."""
    kafka = importlib.import_module("kafka_microbatch")
    values = [packet(schemas, rubin_stamp(flux(size=30))), b"poison", packet(schemas, None)]
    stop = Event()
    stream = Stream([kafka.Message("lsst", 0, offset, "", value) for offset, value in enumerate(values)], stop)
    output = kafka.JsonLinesFile(tmp_path / "rows.jsonl")
    with GalaxyClassifier(threads=1) as classifier:
        to_rows = partial(rubin.rows_of, schemas, "cutoutTemplate")
        kafka.run(stream, classifier, output.write, stop, batch_size=2, to_rows=to_rows)
    output.close()
    rows = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
    assert [row["status"] == "error" for row in rows] == [False, True, True]
    assert stream.committed == [1, 2]


def test_a_folder_without_schemas_is_refused(
    rubin: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Else every alert would be an error row, and committed."""
    arguments = ["rubin_stream.py", "localhost:9092", "lsst", "group", str(tmp_path / "rows.jsonl"), str(tmp_path)]
    monkeypatch.setattr(sys, "argv", arguments)
    with pytest.raises(SystemExit) as ended:
        rubin.main()
    assert ended.value.code == 2
    assert f"no lsst.v*.alert.avsc in a folder like 11/0 of {tmp_path}" in capsys.readouterr().err
    assert not (tmp_path / "rows.jsonl").exists()
