"""Readers: rows and their places from every format, and errors that name file and line."""

import csv
import gzip
import json
from pathlib import Path

import pyarrow
import pytest
from pyarrow import parquet

from seq2seq.base.errors import DataError
from seq2seq.data.options import TableOptions
from seq2seq.data.readers import read_rows, resolve_path
from seq2seq.embedded.corpus import load_pairs

ROWS = [{"source": "a, b", "target": 'say "ä"'}, {"source": "c", "target": "d"}]


def write(path: Path, content: bytes) -> str:
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return str(path)


def write_parquet(path: Path, rows: list[dict]) -> str:
    parquet.write_table(pyarrow.Table.from_pylist(rows, schema=pyarrow.schema([("a", pyarrow.int64())])), path)
    return str(path)


def read_values(name: str) -> list[dict]:
    return [row.values for row in read_rows(name)]


def read_places(name: str) -> list[str]:
    return [row.where.removeprefix(str(Path(name).parent)).lstrip("/") for row in read_rows(name)]


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_jsonl_gives_objects_and_their_lines(tmp_path, suffix):
    content = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS).encode()
    name = write(tmp_path / f"a.jsonl{suffix}", content)
    assert read_values(name) == ROWS
    assert read_places(name) == [f"a.jsonl{suffix} line 1", f"a.jsonl{suffix} line 2"]


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_csv_gives_cells_by_header_and_their_lines(tmp_path, suffix):
    name = write(tmp_path / f"a.csv{suffix}", 'source,target\n"a, b","say ""ä"""\nc,d\n'.encode())
    assert read_values(name) == ROWS
    assert read_places(name) == [f"a.csv{suffix} line 2", f"a.csv{suffix} line 3"]


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_tsv_takes_quotation_marks_as_text(tmp_path, suffix):
    name = write(tmp_path / f"a.tsv{suffix}", 'source\ttarget\na, b\tsay "ä"\r\nc\td'.encode())
    assert read_values(name) == ROWS
    assert read_places(name) == [f"a.tsv{suffix} line 2", f"a.tsv{suffix} line 3"]


@pytest.mark.parametrize(("name", "content"), [("a.csv", b'x,"y, z"\nu,v\n'), ("a.tsv", b"x\ty, z\nu\tv\n")])
def test_header_of_the_recipe_names_cells_from_the_first_line_on(tmp_path, name, content):
    rows = list(read_rows(write(tmp_path / name, content), TableOptions(header=["source", "target"])))
    assert [row.values for row in rows] == [{"source": "x", "target": "y, z"}, {"source": "u", "target": "v"}]
    assert [row.where.rpartition("/")[2] for row in rows] == [f"{name} line 1", f"{name} line 2"]


def test_header_of_the_recipe_is_for_files_without_names_of_their_own(tmp_path):
    name = write(tmp_path / "a.jsonl", b'{"a": "x"}\n')
    assert [row.values for row in read_rows(name, TableOptions(header=["source", "target"]))] == [{"a": "x"}]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"x\ty\tz\n", r"a\.tsv line 1: expected 2 cells \(data\.header names 'source', 'target'\), found 3\."),
        (b"x\ty\nu\n", r"a\.tsv line 2: expected 2 cells \(data\.header names 'source', 'target'\), found 1\."),
        (b"source\ttarget\nx\ty\n", r"a\.tsv line 1: this is the header that data\.header repeats\. Remove data\."),
    ],
)
def test_file_that_does_not_fit_the_header_of_the_recipe_is_refused(tmp_path, content, message):
    with pytest.raises(DataError, match=message):
        list(read_rows(write(tmp_path / "a.tsv", content), TableOptions(header=["source", "target"])))


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_parquet_gives_rows_and_their_numbers(tmp_path, suffix):
    rows = [{"source": "a", "list": ["b", "c"]}, {"source": "d", "list": ["e"]}]
    parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "plain")
    name = write(tmp_path / f"a.parquet{suffix}", (tmp_path / "plain").read_bytes())
    assert read_values(name) == rows
    assert read_places(name) == [f"a.parquet{suffix} row 1", f"a.parquet{suffix} row 2"]


def test_quoted_line_breaks_stay_in_the_cell_and_the_row_is_named_by_its_first_line(tmp_path):
    name = write(tmp_path / "a.csv", b'source,target\n"one\ntwo\n\nthree",x\ny,z\n')
    assert [row["source"] for row in read_values(name)] == ["one\ntwo\n\nthree", "y"]
    # The first row fills lines 2 to 5.
    assert read_places(name) == ["a.csv line 2", "a.csv line 6"]


def test_csv_equals_what_the_standard_library_reads(tmp_path):
    rows = [{"a": text, "b": "x"} for text in ["plain", "with, comma", 'with "marks"', "with\nbreak", "", " space "]]
    with (tmp_path / "a.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, ["a", "b"], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    assert read_values(str(tmp_path / "a.csv")) == rows


def test_csv_cell_may_be_longer_than_the_default_limit_of_the_standard_library(tmp_path):
    name = write(tmp_path / "a.csv", b"a,b\n" + b"x" * 200_000 + b",y\n")
    assert len(read_values(name)[0]["a"]) == 200_000


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.jsonl", b'{"a": "x"}\n'), ("a.csv", b"a\nx\n"), ("a.tsv", b"a\nx\n"), ("a.jsonl.gz", b'{"a": "x"}')],
)
def test_byte_order_mark_is_no_part_of_the_text(tmp_path, name, content):
    assert read_values(write(tmp_path / name, b"\xef\xbb\xbf" + content)) == [{"a": "x"}]


def test_line_ends_at_line_feeds_alone(tmp_path):
    text = "x\u2028y\x85z\x0b\x0c\x1cw"
    name = write(tmp_path / "a.tsv", f"a\tb\n{text}\t1\r\n{text}\t2\n".encode())
    assert read_values(name) == [{"a": text, "b": "1"}, {"a": text, "b": "2"}]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.jsonl", b'{"a": 1}\n{"a" 1}\n', r"a\.jsonl line 2: not valid JSON \(Expecting ':' delimiter at column 6\)"),
        ("a.jsonl", b'{"a": 1}\n}\n', r"a\.jsonl line 2: not valid JSON"),
        ("a.jsonl", b'{"a": 1}\n[1]\n', r"a\.jsonl line 2: expected a JSON object, found list\."),
        (
            "a.jsonl",
            b'{"a": 1}\n{"a": "\xff"}',
            r"line 2: expected UTF-8, found byte 0xff at column 8\. Convert the file",
        ),
        ("a.jsonl", b'\xef\xbb\xbf{"a": "\xff"}', r"a\.jsonl line 1: expected UTF-8, found byte 0xff"),
        ("a.jsonl", b"", r"a\.jsonl: the file has no rows\."),
        ("a.jsonl.gz", b"", r"a\.jsonl\.gz: the file has no rows\."),
        ("a.csv", b"", r"a\.csv: the file has no rows\."),
        ("a.csv", b"a,b\n", r"a\.csv: the file has no rows\."),
        ("a.csv", b"a,b\n1,2\n3\n", r"a\.csv line 3: expected 2 cells, found 1\."),
        ("a.csv", b'a,b\n"1\n2",3\n4,5,6\n', r"a\.csv line 4: expected 2 cells, found 3\."),
        ("a.csv", b"a,b,a,b,c\n1,2,3,4,5\n", r"a\.csv line 1: the header names 'a', 'b' more than once\."),
        ("a.csv", b'a,b\n1,2\n"3,4\n5,6\n', r"a\.csv line 3: a quotation mark opens a cell here, and none closes it"),
        ("a.csv", b'a,b\n"x"y,1\n', r"a\.csv line 2: in this row a cell in quotation marks goes on behind"),
        ("a.csv", b"a,b\n1,\xe4\n", r"a\.csv line 2: expected UTF-8, found byte 0xe4 at column 3\."),
        ("a.tsv", b"a\tb\n1\n", r"a\.tsv line 2: expected 2 cells, found 1\."),
        ("a.parquet", b"no parquet here", r"a\.parquet: not a readable Parquet file"),
        ("a.parquet.gz", b"no parquet here", r"a\.parquet\.gz: not a readable Parquet file"),
        ("a.xlsx", b"x", r"a\.xlsx: the format is unknown\. Expected \.jsonl, \.csv, \.tsv or \.parquet"),
        ("a.gz", b"x", r"a\.gz: the format is unknown"),
        ("a", b"x", r"a: the format is unknown"),
    ],
)
def test_reader_names_file_and_line_when_content_is_broken(tmp_path, name, content, message):
    with pytest.raises(DataError, match=message):
        list(read_rows(write(tmp_path / name, content)))


@pytest.mark.parametrize(
    "content", [b'{"a": ' + b"1" * 5000 + b"}", b'{"a": ' + b"[" * 100_000], ids=["number", "nesting"]
)
def test_reader_names_file_and_line_when_json_is_beyond_the_parser(tmp_path, content):
    with pytest.raises(DataError, match=r"a\.jsonl line 1: not readable JSON"):
        list(read_rows(write(tmp_path / "a.jsonl", content)))


def test_rows_before_a_broken_line_are_read(tmp_path):
    rows = read_rows(write(tmp_path / "a.jsonl", b'{"a": 1}\nbroken\n'))
    assert next(rows).values == {"a": 1}


def test_parquet_that_has_a_column_twice_is_refused(tmp_path):
    parquet.write_table(pyarrow.table([["1"], ["2"]], names=["a", "a"]), tmp_path / "a.parquet")
    with pytest.raises(DataError, match=r"a\.parquet: the file names 'a' more than once\."):
        list(read_rows(str(tmp_path / "a.parquet")))


def test_parquet_without_rows_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"a\.parquet: the file has no rows"):
        list(read_rows(write_parquet(tmp_path / "a.parquet", [])))


def test_gzip_name_on_a_plain_file_is_refused(tmp_path):
    (tmp_path / "a.jsonl.gz").write_bytes(b'{"a": 1}\n')
    with pytest.raises(DataError, match=r"a\.jsonl\.gz: reading failed after 0 rows: Not a gzipped file"):
        list(read_rows(str(tmp_path / "a.jsonl.gz")))


def test_truncated_gzip_file_is_refused(tmp_path):
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(b'{"a": 1}\n' * 500)[:-10])
    with pytest.raises(DataError, match=r"a\.jsonl\.gz: reading failed after \d+ rows: Compressed file ended"):
        list(read_rows(str(tmp_path / "a.jsonl.gz")))


def test_damaged_gzip_file_is_refused(tmp_path):
    packed = bytearray(gzip.compress(b'{"a": 1}\n'))
    packed[10] = 0xFF  # the first byte behind the header: a block type that does not exist
    (tmp_path / "a.jsonl.gz").write_bytes(packed)
    with pytest.raises(DataError, match=r"a\.jsonl\.gz: reading failed after 0 rows"):
        list(read_rows(str(tmp_path / "a.jsonl.gz")))


def test_missing_file_is_refused(tmp_path, monkeypatch):
    monkeypatch.delenv("SEQ2SEQ_DATA", raising=False)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=r"^data/a\.jsonl: there is no such file\."):
        list(read_rows("data/a.jsonl"))


def test_missing_file_below_the_data_variable_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("SEQ2SEQ_DATA", str(tmp_path / "elsewhere"))
    message = r"elsewhere/a\.jsonl: there is no such file \(SEQ2SEQ_DATA is set, so data/a\.jsonl means this\)"
    with pytest.raises(DataError, match=message):
        list(read_rows("data/a.jsonl"))


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("data/a/b.jsonl", "/mine/a/b.jsonl"),
        ("./data/a.jsonl", "/mine/a.jsonl"),
        ("database/a.jsonl", "database/a.jsonl"),
        ("other/data/a.jsonl", "other/data/a.jsonl"),
        ("/data/a.jsonl", "/data/a.jsonl"),
    ],
)
def test_data_variable_replaces_a_leading_data_folder(monkeypatch, name, path):
    monkeypatch.setenv("SEQ2SEQ_DATA", "/mine")
    assert resolve_path(name) == Path(path)


@pytest.mark.parametrize("value", [None, ""])
def test_without_the_data_variable_names_stay(monkeypatch, value):
    monkeypatch.delenv("SEQ2SEQ_DATA", raising=False)
    if value is not None:
        monkeypatch.setenv("SEQ2SEQ_DATA", value)
    assert resolve_path("data/a.jsonl") == Path("data/a.jsonl")


def test_rows_are_read_from_below_the_data_variable(tmp_path, monkeypatch):
    write(tmp_path / "a.jsonl", b'{"a": 1}\n')
    monkeypatch.setenv("SEQ2SEQ_DATA", str(tmp_path))
    assert read_values("data/a.jsonl") == [{"a": 1}]


def test_embedded_split_gives_the_quickstart_pairs():
    rows = list(read_rows("embedded:quickstart:validation"))
    assert [row.values["target"] for row in rows] == [pair.target for pair in load_pairs("validation")]
    assert rows[16].where == "embedded:quickstart:validation row 17"


def test_unknown_embedded_split_is_refused():
    with pytest.raises(DataError, match="embedded:quickstart:dev: expected one of embedded:quickstart:train, "):
        list(read_rows("embedded:quickstart:dev"))


# The hub, through folders, which `datasets` loads the same way.


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A folder with a data set of two rows, and a cache of its own."""
    datasets = pytest.importorskip("datasets")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    folder = tmp_path / "set"
    folder.mkdir()
    (folder / "train.jsonl").write_text('{"source": "a", "target": "b"}\n{"source": "c", "target": "d"}\n', "utf-8")
    return folder


def test_hub_data_set_gives_rows_and_their_numbers(hub):
    name = f"hub:{hub}::train"
    assert [(row.where, row.values) for row in read_rows(name)] == [
        (f"{name} row 1", {"source": "a", "target": "b"}),
        (f"{name} row 2", {"source": "c", "target": "d"}),
    ]


@pytest.mark.parametrize(
    ("rest", "message"),
    [
        ("::dev", r'set::dev: the data set cannot be loaded \(Unknown split "dev"'),
        (":french:train", "BuilderConfig 'french' not found"),
        ("-gone::train", r"set-gone::train: the data set cannot be loaded \(Couldn't find any data file"),
    ],
)
def test_unknown_part_of_a_hub_data_set_is_refused(hub, rest, message):
    with pytest.raises(DataError, match=message):
        list(read_rows(f"hub:{hub}{rest}"))


def test_data_set_that_cannot_be_reached_is_named_with_what_to_do():
    with pytest.raises(
        DataError, match=r"hub:nobody/nothing::train: .*Couldn't reach .*Check the name and the connect"
    ):
        list(read_rows("hub:nobody/nothing::train"))


def test_data_set_that_is_a_script_is_refused_with_the_name_of_its_parquet_copy(hub):
    (hub / "set.py").write_text("", "utf-8")
    with pytest.raises(DataError, match=r"scripts are no longer supported, .*hub:NAME@refs/convert/parquet::SPLIT"):
        list(read_rows(f"hub:{hub}::train"))


def test_revision_of_a_data_set_stands_behind_its_name(monkeypatch):
    datasets = pytest.importorskip("datasets")
    asked = []

    def load(*arguments, **options):
        asked.append((*arguments, options))
        return datasets.Dataset.from_list([{"source": "a"}])

    monkeypatch.setattr(datasets, "load_dataset", load)
    list(read_rows("hub:some/set@refs/convert/parquet::train"))
    list(read_rows("hub:some/set:big:test"))
    assert asked == [
        ("some/set", None, {"split": "train", "revision": "refs/convert/parquet"}),
        ("some/set", "big", {"split": "test", "revision": None}),
    ]


def test_folder_whose_name_has_an_at_sign_is_read(hub):
    renamed = hub.rename(hub.with_name("set@home"))
    assert len(list(read_rows(f"hub:{renamed}::train"))) == 2


@pytest.mark.parametrize(
    "name", ["hub:some/set", "hub:some/set:train", "hub:::train", "hub:@main::train", "hub:some/set::"]
)
def test_hub_name_of_another_form_is_refused(name):
    with pytest.raises(DataError, match=r"expected hub:NAME:CONFIG:SPLIT, for instance hub:"):
        list(read_rows(name))


def test_hub_split_without_rows_is_refused(hub, monkeypatch):
    import datasets

    monkeypatch.setattr(datasets, "load_dataset", lambda *args, **options: datasets.Dataset.from_list([]))
    with pytest.raises(DataError, match=r"set::train: the split has no rows\."):
        list(read_rows(f"hub:{hub}::train"))


@pytest.mark.parametrize("empty", ["test.csv", "test.parquet"])
def test_hub_file_without_rows_is_refused(hub, empty):
    if empty.endswith(".csv"):
        (hub / empty).write_text("source,target\n", "utf-8")
    else:
        write_parquet(hub / empty, [])
    (hub / "train.jsonl").unlink()
    with pytest.raises(DataError, match="set::test: "):
        list(read_rows(f"hub:{hub}::test"))


def test_hub_data_set_with_a_broken_file_is_refused(hub):
    (hub / "train.jsonl").write_text('{"source": "a"}\n{"source', "utf-8")
    with pytest.raises(DataError, match="set::train: "):
        list(read_rows(f"hub:{hub}::train"))
