"""Rows from JSON: a line each or one array, whatever the ending says; an object that holds them all is refused."""

import json

import pytest

from seq2seq.base.errors import DataError
from seq2seq.data import json_rows
from seq2seq.data.plain_text import count_texts, read_texts
from seq2seq.data.readers import read_rows

ROWS = [{"source": "the cat", "target": "die Katze"}, {"source": "a dog", "target": "ein Hund"}]


def read(path) -> list[tuple[str, dict]]:
    return [(row.where.rpartition("/")[2], row.values) for row in read_rows(str(path))]


@pytest.mark.parametrize("name", ["a.json", "a.jsonl", "a.ndjson"])
@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("start", ["", "\ufeff", " \n\n"], ids=["bare", "mark of byte order", "blank lines"])
def test_array_gives_its_objects_and_their_numbers(tmp_path, name, indent, start):
    (tmp_path / name).write_text(start + json.dumps(ROWS, indent=indent), encoding="utf-8")
    assert read(tmp_path / name) == [(f"{name} item 1", ROWS[0]), (f"{name} item 2", ROWS[1])]


def test_array_over_lines_equals_the_same_rows_a_line_each(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps(ROWS, indent=1))
    (tmp_path / "b.json").write_text("\n".join(map(json.dumps, ROWS)))
    assert [values for _, values in read(tmp_path / "a.json")] == [values for _, values in read(tmp_path / "b.json")]


@pytest.mark.parametrize("end", ["", "\n", "\n\n", "\n \r\n\n"])
def test_blank_lines_at_the_end_are_none(tmp_path, end):
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, ROWS)) + end)
    assert [values for _, values in read(tmp_path / "a.jsonl")] == ROWS


def test_blank_line_between_rows_is_a_row_without_values(tmp_path):
    (tmp_path / "a.jsonl").write_text("\n\n".join(map(json.dumps, ROWS)))
    assert read(tmp_path / "a.jsonl") == [
        ("a.jsonl line 1", ROWS[0]),
        ("a.jsonl line 2", {}),
        ("a.jsonl line 3", ROWS[1]),
    ]
    with pytest.raises(DataError, match=r"a\.jsonl line 2: the row is empty\. Remove it\."):
        list(read_texts(str(tmp_path / "a.jsonl"), ["source"]))


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("name", ["a.json", "a.jsonl"])
def test_object_with_the_rows_in_it_is_refused_by_the_name_of_its_key(tmp_path, name, indent):
    (tmp_path / name).write_text(json.dumps({"version": "1.1", "examples": ROWS}, indent=indent))
    with pytest.raises(
        DataError, match=r"one object with lists of rows under 'examples'\. .* jq -c '\.examples\[\]' FILE"
    ):
        read(tmp_path / name)


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize(
    "columns",
    [
        {"source": {"0": "a", "1": "b"}, "target": {"0": "c", "1": "d"}},  # as pandas' to_json writes it unasked
        {"source": ["a", "b"], "target": ["c", "d"]},
    ],
)
def test_object_of_columns_is_refused_with_how_pandas_writes_rows(tmp_path, columns, indent):
    (tmp_path / "a.json").write_text(json.dumps(columns, indent=indent))
    with pytest.raises(DataError, match=r"one object in all \('source', 'target'\)\. .*orient='records', lines=True"):
        read(tmp_path / "a.json")


@pytest.mark.parametrize(
    "row",
    [
        {"source": "a", "references": ["b"]}, {"translation": {"de": "a", "en": "b"}},
        {"moments": [[1.0]], "target": "a"}, {"source": "a", "target": "b"},
    ],
)  # fmt: skip
def test_file_of_a_single_row_is_that_row(tmp_path, row):
    (tmp_path / "a.json").write_text(json.dumps(row))
    assert read(tmp_path / "a.json") == [("a.json line 1", row)]


def test_row_with_a_list_of_objects_is_one_where_another_follows(tmp_path):
    rows = [{"turns": [{"text": "a"}], "target": "b"}, {"turns": [{"text": "c"}], "target": "d"}]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, rows)))
    assert [values for _, values in read(tmp_path / "a.jsonl")] == rows


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('["a", "b"]', r"a\.json item 1: expected a JSON object, found str\."),
        ('[{"a": 1}, 3]', r"a\.json item 2: expected a JSON object, found int\."),
        ('[{"a": 1},\n{"b" 1}]', r"a\.json line 2: not valid JSON \(Expecting ':' delimiter at column 6\)"),
        ('[{"a": 1}', r"a\.json line 1: not valid JSON .* Write a JSON object a line, or one array of objects"),
        ("[]", r"a\.json: the file has no rows\."),
        ('{\n "a": 1\n}\n{\n "a": 2\n}\n', r"a\.json line 4: not valid JSON \(Extra data"),  # as jq writes objects
        ('{\n "a": 1\n', r"a\.json line 2: not valid JSON"),
        ("[" * 100_000, r"a\.json: not readable JSON"),
        ('{"a": "x', r"a\.json line 1: not valid JSON \(Unterminated string"),
        ("", r"a\.json: the file has no rows\."),
        ("\n\n", r"a\.json: the file has no rows\."),
    ],
)
def test_what_is_neither_lines_nor_an_array_is_named_where_it_breaks(tmp_path, content, message):
    (tmp_path / "a.json").write_text(content)
    with pytest.raises(DataError, match=message):
        read(tmp_path / "a.json")


def test_array_that_is_not_utf8_is_refused_by_its_line(tmp_path):
    (tmp_path / "a.json").write_bytes(b'[\n{"source": "caf\xe9"}]')
    with pytest.raises(DataError, match=r"a\.json line 2: expected UTF-8, found byte 0xe9 at column 16"):
        read(tmp_path / "a.json")


def test_array_too_large_to_be_read_at_once_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(json_rows, "MAX_ARRAY_BYTES", 20)
    (tmp_path / "a.json").write_text(json.dumps(ROWS))
    with pytest.raises(
        DataError, match=r"a\.json: the JSON value is larger than 20 bytes\. Write a JSON object a line"
    ):
        read(tmp_path / "a.json")


def test_texts_of_an_array_are_not_counted_before_they_are_read(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps(ROWS, indent=1))
    (tmp_path / "a.ndjson").write_text("\n".join(map(json.dumps, ROWS)))
    assert [count_texts(str(tmp_path / name)) for name in ("a.json", "a.ndjson")] == [None, 2]
