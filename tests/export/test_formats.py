"""The formats of a finished log: nothing lost, the same bytes for the same events, and no formula for a spreadsheet."""

import csv
import errno
import gc
import gzip
import importlib
import json
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from io import BytesIO, StringIO
from pathlib import Path
from random import Random
from typing import Any, get_args

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hubapi import AsyncHub, ConfigurationError, Password
from hubapi.export.formats import FORMATS, FormatName, format_of
from hubapi.export.formats.json_lines import CompressedLineWriter
from hubapi.testing import FakeHub

NAMES: tuple[str, ...] = get_args(FormatName)
TABLES = ("csv", "parquet")
TEXTS = ("timestamp", "account", "action", "name", "actor", "action_description", "event_id")
COLUMNS = (*TEXTS, "data", "other")
USUAL = (
    b'{"account":"acme","action":"repo.tag.push","name":"acme/web","actor":"moby","data":{"tag":"1.0", "size": 1.50},'
    b'"timestamp":"2021-02-19T01:34:35.764760756Z","action_description":"pushed the tag 1.0","event_id":"e1"}'
)


def written(
    name: str, lines: Sequence[bytes], sizes: Iterator[int] | None = None, file: BytesIO | None = None
) -> bytes:
    """Return the file of some lines, written so many at a time."""
    file = file or BytesIO()
    writer = format_of(name).writer(file)
    rest = list(lines)
    while sizes and rest:
        size = next(sizes)
        writer.write(rest[:size])
        del rest[:size]
    writer.write(rest)
    writer.close()
    return file.getvalue()


def csv_rows(content: bytes) -> list[dict[str, str]]:
    """Return the rows as they are in the file."""
    return list(csv.DictReader(StringIO(content.decode(), newline=""), strict=True))


def parquet_rows(content: bytes) -> list[dict[str, Any]]:
    """Return the rows as pyarrow reads them, the time in nanoseconds."""
    table = pq.read_table(BytesIO(content))
    return table.set_column(0, "timestamp", table["timestamp"].cast(pa.int64())).to_pylist()


def events_of_csv(content: bytes) -> list[object]:
    """Return the events, read as the format's documentation describes."""
    return [
        event_of({column: re.sub("^'", "", cell) or None for column, cell in row.items()}) for row in csv_rows(content)
    ]


def events_of_parquet(content: bytes) -> list[object]:
    rows = parquet_rows(content)
    return [event_of({**row, "timestamp": utc_text(row["timestamp"])}) for row in rows]


def utc_text(time_ns: int | None) -> str | None:
    if time_ns is None:
        return None
    seconds, fraction = divmod(time_ns, 10**9)
    return f"{datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%S}.{fraction:09}Z"


def event_of(row: dict[str, Any]) -> object:
    """Return the event of a row. A key without a value is the same as no key."""
    rest = json.loads(row["other"] or "{}")
    if not isinstance(rest, dict):
        return rest
    texts = {column: row[column] for column in TEXTS if row[column] is not None}
    data = {"data": json.loads(row["data"])} if row["data"] else {}
    return {**texts, **data, **rest}


READERS: dict[str, Callable[[bytes], list[object]]] = {"csv": events_of_csv, "parquet": events_of_parquet}

TIMES = st.one_of(
    st.datetimes(datetime(1678, 1, 1), datetime(2262, 1, 1)).map(  # noqa: DTZ001 - hypothesis asks for no zone
        lambda moment: f"{moment:%Y-%m-%dT%H:%M:%S.%f}999Z"
    ),
    st.sampled_from(
        [
            "0001-01-01T00:00:00Z",
            "1677-01-01T00:00:00Z",
            "2021-02-19",
            "2021-02-19 01:34:35.123456789",
            "2021-02-19T01:34:35.123456789+02:00",
            "2021-02-19T01:34:35.12345678901Z",
            "2021-02-19T23:59:60Z",
            "2021-02-19T01:34:35.\u0661Z",
            "2021-W07-5T01:34:35.123456789Z",
            "9999-12-31T23:59:59.999999999Z",
        ]
    ),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
OBJECTS = st.fixed_dictionaries(
    {},
    optional={
        "timestamp": TIMES | JSON,
        **{column: st.text() | JSON for column in TEXTS[1:]},
        "data": JSON,
        "other": JSON,
        "new key": JSON,
    },
)
LINES = st.builds(
    lambda event, ascii_only, compact: json.dumps(
        event, ensure_ascii=ascii_only, separators=(",", ":") if compact else None
    ).encode(),
    OBJECTS | JSON,
    st.booleans(),
    st.booleans(),
)


def test_every_name_has_a_format_and_is_the_suffix_of_its_files() -> None:
    """Type checkers accept the formats that exist."""
    assert list(NAMES) == list(FORMATS)
    assert [f".{name}" for name in NAMES] == [format_of(name).suffix for name in NAMES]


def test_the_error_of_an_unknown_format_names_the_known_ones() -> None:
    """So that the message helps."""
    with pytest.raises(ConfigurationError, match=r"'xml'; the formats are jsonl, jsonl.gz, jsonl.zst, csv, parquet"):
        format_of("xml")


@pytest.mark.anyio
@pytest.mark.parametrize("name", NAMES)
async def test_an_export_is_written_in_any_format(fake: FakeHub, tmp_path: Path, name: FormatName) -> None:
    """From the public method to the file, with the server's events."""
    async with AsyncHub(Password("moby", "hunter2-hunter2"), transport=fake.transport()) as hub:
        report = await hub.audit_logs.export(["acme"], to=tmp_path, format=name)

    lines = fake.raw_events("acme")[::-1]
    assert 200 < report.events <= len(lines)
    assert (tmp_path / f"acme.{name}",) == report.accounts[0].files
    assert written(name, lines[: report.events]) == (tmp_path / f"acme.{name}").read_bytes()


@pytest.mark.anyio
@pytest.mark.parametrize(("name", "extra"), [("jsonl.zst", "zstd"), ("parquet", "parquet")])
async def test_a_missing_library_is_an_error_before_anything_is_done(
    fake: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: FormatName, extra: str
) -> None:
    """With the command to install it; no request is sent, and no folder is created."""
    library = FORMATS[name].library or ""
    for gone in (library, library.partition(".")[0]):  # or even the package around it
        with monkeypatch.context() as patch:
            patch.delitem(sys.modules, library, raising=False)
            patch.setitem(sys.modules, gone, None)
            async with AsyncHub(Password("moby", "hunter2-hunter2"), transport=fake.transport()) as hub:
                with pytest.raises(ConfigurationError, match=re.escape(f'pip install "hubapi-client[{extra}]"')):
                    await hub.audit_logs.export(["acme"], to=tmp_path / "logs", format=name)

    assert ([], []) == (list(fake.requests), list(tmp_path.iterdir()))


@pytest.mark.parametrize("name", NAMES)
def test_the_grouping_of_events_makes_no_difference(name: str) -> None:
    """One by one, all at once or in any pieces: the same bytes, over several blocks and row groups."""
    random = Random(1)  # noqa: S311 - no secret
    noise = [random.randbytes(400).hex() for _ in range(7_000)]
    lines = [b'{"account":"acme","data":"%b"}' % text.encode() for text in noise]
    at_once = written(name, lines)

    for sizes in (iter([1] * 10_000), iter(lambda: 100, 0), iter(lambda: random.randrange(2_000), -1)):
        assert at_once == written(name, lines, sizes)


@pytest.mark.parametrize("size", [1, 100, 30_000])
def test_a_compressor_gets_blocks_of_the_same_size(size: int) -> None:
    """The output of some libraries depends on that."""

    class Counting:
        def __init__(self) -> None:
            self.sizes: list[int] = []

        def compress(self, data: bytes, /) -> bytes:
            self.sizes.append(len(data))
            return b""

        def flush(self) -> bytes:
            return b""

    counting = Counting()
    writer = CompressedLineWriter(BytesIO(), counting)
    for _ in range(30_000 // size):
        writer.write([b"x" * 99] * size)
    writer.close()

    assert [1 << 20, 1 << 20, 3_000_000 - (2 << 20)] == counting.sizes


@pytest.mark.parametrize("name", NAMES)
def test_an_event_larger_than_a_block_is_an_event(name: str) -> None:
    """A buffer that is full is written, even if it holds one event."""
    large = b'{"name":"%b"}' % (b"x" * (5 << 20))

    content = written(name, [USUAL, large, USUAL], iter([1, 1, 1]))

    assert written(name, [USUAL, large, USUAL]) == content


@pytest.mark.parametrize("name", NAMES)
def test_the_file_stays_open(name: str) -> None:
    """Its owner still has to flush it to the disk."""
    file = BytesIO()
    writer = format_of(name).writer(file)
    writer.write([USUAL])
    writer.close()
    del writer
    gc.collect()

    assert not file.closed


@pytest.mark.parametrize("name", NAMES)
def test_a_full_disk_is_an_os_error(name: str) -> None:
    """As from any file."""

    class Full(BytesIO):
        def write(self, data: object, /) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space left on device") as caught:
        written(name, [USUAL], file=Full())

    assert errno.ENOSPC == caught.value.errno


@pytest.mark.parametrize("name", NAMES)
def test_an_abandoned_file_is_not_touched_again(name: str, tmp_path: Path) -> None:
    """On a full disk the file is closed, the writer is not. It writes nothing later, and raises nothing."""
    with (tmp_path / "given-up").open("wb") as file:
        writer = format_of(name).writer(file)
        writer.write([USUAL])
        file.flush()
        size = os.fstat(file.fileno()).st_size
    del writer
    gc.collect()  # what a destructor raises fails this test: warnings are errors

    assert size == (tmp_path / "given-up").stat().st_size


def test_jsonl_is_the_bytes_that_came() -> None:
    """Each on a line of its own; no events are an empty file."""
    assert USUAL + b"\n" + b'{"a" : 1}\n' == written("jsonl", [USUAL, b'{"a" : 1}'])
    assert b"" == written("jsonl", [])


@pytest.mark.parametrize("count", [0, 1, 9_000])
def test_gzip_holds_the_lines_and_neither_a_time_nor_a_name(count: int) -> None:
    """RFC 1952: no flags, so no name; four zeros for the time."""
    content = written("jsonl.gz", [USUAL] * count)

    assert (USUAL + b"\n") * count == gzip.decompress(content)
    assert b"\x1f\x8b\x08\x00\x00\x00\x00\x00" == content[:8]


@pytest.mark.parametrize("count", [0, 1, 9_000])
def test_zstd_holds_the_lines_in_one_frame_with_a_checksum(count: int) -> None:
    """RFC 8878: bit 2 of the frame header's descriptor; a frame has no time."""
    zstd: Any = importlib.import_module(FORMATS["jsonl.zst"].library or "")

    content = written("jsonl.zst", [USUAL] * count)

    frame = zstd.ZstdDecompressor()
    assert (USUAL + b"\n") * count == frame.decompress(content)
    assert (True, b"") == (frame.eof, frame.unused_data)
    assert (b"\x28\xb5\x2f\xfd", 4) == (content[:4], content[4] & 4)


@pytest.mark.parametrize("name", TABLES)
def test_the_columns_are_those_of_an_event_in_order(name: str) -> None:
    """An empty log has them as well."""
    for lines in ([], [USUAL]):
        content = written(name, lines)
        found = (
            pq.read_schema(BytesIO(content)).names if name == "parquet" else content.splitlines()[0].decode().split(",")
        )
        assert [*COLUMNS] == found
        assert [json.loads(line) for line in lines] == READERS[name](content)


@given(st.lists(LINES, max_size=5))
@example([b"5", b"-5", b'"=x"', b"null", b"[1]", b"{}", b'{"timestamp":{},"data":"=1","account":null}', USUAL])
@example([b'{"name":"\\u0000"}', b'{"name":"a\\u0000","actor":"\\\\u0000","new":"\\u0000"}'])
@example([b'{"name":"","new":{}}', b'{"data":null}'])
@pytest.mark.parametrize("name", TABLES)
def test_a_table_loses_nothing(name: str, lines: list[bytes]) -> None:
    """A row holds the whole event: known keys, unknown ones, values of any kind, lines that are not objects."""
    empty = {"csv": (None, ""), "parquet": (None,)}[name]

    def kept(event: object) -> object:
        """Return an event without the values that the format can't tell from a missing one."""
        if not isinstance(event, dict):
            return {} if event is None else event
        known = {key: value for key, value in event.items() if key in TEXTS and value not in empty}
        data = {"data": event["data"]} if event.get("data") is not None else {}
        return {**known, **data, **{key: value for key, value in event.items() if key not in COLUMNS or key == "other"}}

    def same_time(event: object) -> object:
        """Return an event with nine digits in its timestamp's fraction."""
        if isinstance(event, dict) and isinstance(text := event.get("timestamp"), str):
            found = re.fullmatch(r"(.*:\d\d)(?:\.(\d{1,9}))?Z", text, re.ASCII)
            return {**event, "timestamp": f"{found[1]}.{(found[2] or '').ljust(9, '0')}Z"} if found else event
        return event

    read = READERS[name](written(name, lines))

    expected = [{} if event is None else kept(event) for event in map(json.loads, lines)]
    if name == "parquet":
        expected, read = [same_time(event) for event in expected], [same_time(event) for event in read]
    assert expected == [{} if event is None else event for event in read]


@pytest.mark.parametrize("name", TABLES)
def test_json_in_a_cell_is_spelled_as_it_came_without_spaces(name: str) -> None:
    """Numbers above all: none is read as a float in between."""
    line = b'{"data": {"a": 1.50, "b": 1e400, "c": "\\u00e9"}, "new": 12345678901234567890123, "x": [ ]}'

    (row,) = {"csv": csv_rows, "parquet": parquet_rows}[name](written(name, [line]))

    assert ('{"a":1.50,"b":1e400,"c":"\\u00e9"}', '{"new":12345678901234567890123,"x":[]}') == (
        row["data"],
        row["other"],
    )


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize(
    "line",
    [b'{"name":"a\xff"}', b'{"data":"a\xff"}', b'{"data":[{"\xff":1}]}', b'{"name\xff":1}', b'{"new":"\xff"}'],
)
def test_a_line_that_is_not_utf_8_is_whole_in_other(name: str, line: bytes) -> None:
    """A cell can't hold it."""
    (row,) = {"csv": csv_rows, "parquet": parquet_rows}[name](written(name, [line]))

    assert line.decode(errors="backslashreplace") == row["other"]
    assert {"", None} >= {row[column] for column in COLUMNS[:-1]}


@pytest.mark.parametrize("name", TABLES)
def test_a_line_too_deep_to_read_is_whole_in_other(name: str) -> None:
    """Otherwise one event could fail an export."""
    line = b'{"data":' + b"[" * 100_000 + b"]" * 100_000 + b"}"

    csv.field_size_limit(len(line))
    (row,) = {"csv": csv_rows, "parquet": parquet_rows}[name](written(name, [line]))

    assert line.decode() == row["other"]


@pytest.mark.parametrize(
    "value",
    [
        "=cmd|' /C calc'!A0",
        "+1+1",
        "-1+1",
        "@SUM(1,1)",
        "|x",
        "%x",
        "\t=1",
        "\r=1",
        "\n=1",
        " =1",
        "\xa0=1",
        "\u3000=1",
        "\ufeff=1",
        "\u200b=1",
        "＝1",  # noqa: RUF001
        "＋1",  # noqa: RUF001
        "－1",  # noqa: RUF001
        "＠1",  # noqa: RUF001
        "ー1",
        "'=1",
        "''",
        '","=1',
        '"\r\n=1',
    ],
)
@pytest.mark.parametrize("column", TEXTS)
def test_no_cell_of_a_csv_is_a_formula(column: str, value: str) -> None:
    """Whatever a repository is called: an apostrophe in front prevents it, and can be removed again."""
    line = json.dumps({column: value, "data": value, "new": value}).encode()

    (row,) = csv_rows(written("csv", [line]))

    assert value == row[column].removeprefix("'")
    harmless = re.compile(r"['A-Za-z0-9\"{\[]")
    assert [] == [cell for cell in row.values() if cell and not harmless.match(cell)]
    assert value.startswith('"') or row[column].startswith("'")


def test_a_csv_is_as_rfc_4180_has_it() -> None:
    """Ends of rows, quotes, and values with commas, quotes and line breaks."""
    line = (
        b'{"name":"a,b","actor":"a \\"b\\"","action_description":"two\\nlines\\r\\nor three",'
        b'"timestamp":"2021-02-19T01:34:35.0Z"}'
    )

    assert (
        b"timestamp,account,action,name,actor,action_description,event_id,data,other\r\n"
        b'2021-02-19T01:34:35.0Z,,,"a,b","a ""b""","two\nlines\r\nor three",,,\r\n'
    ) == written("csv", [line])


def test_a_csv_has_no_null_characters() -> None:
    """Programs end a cell there, so such a value is in `other`, escaped by JSON."""
    content = written("csv", [b'{"name":"a\\u0000b","actor":"c"}'])

    assert b',,,,c,,,,"{""name"":""a\\u0000b""}"\r\n' == content.splitlines(keepends=True)[1]


@pytest.mark.parametrize(
    ("text", "time_ns", "kept"),
    [
        ("1970-01-01T00:00:01Z", 10**9, False),
        ("1970-01-01T00:00:00.000000001Z", 1, False),
        ("1969-12-31T23:59:59.999999999Z", -1, False),
        ("2262-04-11T23:47:16.854775807Z", 2**63 - 1, False),
        ("2262-04-11T23:47:16.854775808Z", None, True),
        ("0001-01-01T00:00:00Z", None, True),
        ("yesterday", None, True),
        ("1970-01-01T00:00:00.0000000019Z", 1, True),
        ("1970-01-01T01:00:01+01:00", 10**9, True),
        ("1970-01-01 00:00:01", 10**9, True),
    ],
)
def test_a_parquet_time_is_exact_or_its_text_is_in_other(text: str, time_ns: int | None, kept: bool) -> None:
    """Nanoseconds hold what the server is known to send."""
    (row,) = parquet_rows(written("parquet", [json.dumps({"timestamp": text}).encode()]))

    assert (time_ns, {"timestamp": text} if kept else None) == (row["timestamp"], json.loads(row["other"] or "null"))


def test_a_parquet_file_has_the_types_of_its_columns_and_no_time_of_writing() -> None:
    """Times are in UTC, to the nanosecond; the rest is text; pages are compressed by zstd."""
    content = written("parquet", [USUAL])

    metadata = pq.read_metadata(BytesIO(content))
    schema = pq.read_schema(BytesIO(content))
    assert [pa.timestamp("ns", "UTC"), *[pa.string()] * 8] == schema.types
    assert {"ZSTD"} == {metadata.row_group(0).column(n).compression for n in range(9)}
    assert {b"ARROW:schema"} == set(metadata.metadata or ())
    assert content == written("parquet", [USUAL])


def test_a_parquet_file_has_row_groups_by_size() -> None:
    """So that memory stays flat, with few large events or many small ones."""
    lines = [b'{"name":"%d%b"}' % (n, b"x" * 1_000_000) for n in range(11)]

    metadata = pq.read_metadata(BytesIO(written("parquet", lines)))

    assert [5, 5, 1] == [metadata.row_group(n).num_rows for n in range(metadata.num_row_groups)]
