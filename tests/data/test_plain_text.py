"""Texts in and out of generation: nothing lost, nothing shifted, lines end at line feeds alone."""

import gzip
import io
import sys

import pytest

from seq2seq.data.plain_text import (
    ReadTexts,
    find_texts,
    is_row_format,
    read_references,
    read_texts,
    split_lines,
    write_texts,
)
from seq2seq.errors import DataError


@pytest.mark.parametrize(
    ("content", "texts"),
    [
        (b"a\n\nb\r\n", ["a", "", "b"]),
        (b"a\nb", ["a", "b"]),
        (b"", []),
        (b"\n", [""]),
        (b"a\rb\n", ["a\rb"]),
        ("a\u2028b\x85c\x0bd\n".encode(), ["a\u2028b\x85c\x0bd"]),
        (b" a \n", [" a "]),
    ],
)
def test_line_ends_at_line_feed_or_carriage_return_and_line_feed(content, texts):
    assert split_lines(content) == ReadTexts(texts, 0)


def test_texts_with_bytes_that_are_not_utf8_are_counted():
    assert split_lines(b"a\n\xff\xfeb\nc\xe4\n") == ReadTexts(["a", "\ufffd\ufffdb", "c\ufffd"], 2)


def test_replacement_character_of_the_text_itself_is_not_counted():
    assert split_lines("a\ufffd\n".encode()) == ReadTexts(["a\ufffd"], 0)


@pytest.mark.parametrize(("name", "pack"), [("a.txt", bytes), ("a.en", bytes), ("a.txt.gz", gzip.compress)])
def test_plain_file_is_a_text_a_line(tmp_path, name, pack):
    (tmp_path / name).write_bytes(pack("ä\nb c\n".encode()))
    assert read_texts(str(tmp_path / name), ["source"]).texts == ["ä", "b c"]


@pytest.mark.parametrize(
    ("name", "content"), [("a.jsonl", '{"source": "ä"}\n{"source": ""}\n'), ("a.tsv", "x\tsource\n1\tä\n2\t\n")]
)
def test_row_format_gives_the_texts_of_the_column(tmp_path, name, content):
    (tmp_path / name).write_text(content, encoding="utf-8")
    assert read_texts(str(tmp_path / name), ["source"]) == ReadTexts(["ä", ""], 0)


def test_row_without_the_column_is_named(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"source": "a"}\n{"text": "b"}\n', encoding="utf-8")
    with pytest.raises(DataError, match=r"a\.jsonl line 2: column 'source' is missing"):
        read_texts(str(tmp_path / "a.jsonl"), ["source"])


def test_dash_is_standard_input(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"a\n\xff\n")))
    assert read_texts("-", ["source"]) == ReadTexts(["a", "\ufffd"], 1)


def test_missing_plain_file_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"gone\.txt: there is no such file\."):
        read_texts(str(tmp_path / "gone.txt"), ["source"])


def test_gzip_name_on_a_plain_file_of_texts_is_refused(tmp_path):
    (tmp_path / "a.txt.gz").write_bytes(b"a\n")
    with pytest.raises(DataError, match=r"a\.txt\.gz"):
        read_texts(str(tmp_path / "a.txt.gz"), ["source"])


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("a.jsonl", True), ("a.jsonl.gz", True), ("a.v1.csv", True), ("a.parquet", True), ("a.tsv", True),
        ("a.txt", False), ("a.gz", False), ("jsonl", False), ("a.csv/b.txt", False), ("a.jsonl.txt", False),
    ],
)  # fmt: skip
def test_last_suffix_decides_whether_a_file_has_columns(name, rows):
    assert is_row_format(name) is rows


def test_references_of_a_plain_file_are_one_a_line(tmp_path):
    (tmp_path / "a.txt").write_text("a\n\nb\n", encoding="utf-8")
    assert read_references(str(tmp_path / "a.txt")) == [("a",), ("",), ("b",)]


def test_references_of_rows_are_the_list_or_the_target(tmp_path):
    rows = '{"target": "a", "references": ["b", "c"]}\n{"target": " d "}\n{"references": ["e"]}\n'
    (tmp_path / "a.jsonl").write_text(rows, encoding="utf-8")
    assert read_references(str(tmp_path / "a.jsonl")) == [("b", "c"), ("d",), ("e",)]


def test_row_without_references_and_target_is_refused(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"source": "a"}\n', encoding="utf-8")
    with pytest.raises(DataError, match=r"a\.jsonl line 1: column 'target' is missing"):
        read_references(str(tmp_path / "a.jsonl"))


def test_outputs_are_written_one_a_line(tmp_path):
    assert write_texts(tmp_path / "a.txt", ["ä", ""]) == 0
    assert (tmp_path / "a.txt").read_bytes() == b"\xc3\xa4\n\n"


def test_line_breaks_of_outputs_become_spaces_and_are_counted(tmp_path):
    assert write_texts(tmp_path / "a.txt", ["a\nb\r\nc", "d\re", "f"]) == 2
    assert (tmp_path / "a.txt").read_bytes() == b"a b c\nd e\nf\n"


def test_written_outputs_are_read_back_in_place(tmp_path):
    outputs = ["a\u2028b", "", "c\x85", "ä"]
    write_texts(tmp_path / "a.txt", outputs)
    assert read_texts(str(tmp_path / "a.txt")) == ReadTexts(outputs, 0)


def test_outputs_without_a_path_go_to_standard_output(capsys):
    assert write_texts(None, ["a", "b\nc"]) == 1
    assert capsys.readouterr().out == "a\nb c\n"


def test_texts_of_a_column_are_found_where_a_file_has_it(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"source": "b", "prediction": "c"}\n{"source": "", "prediction": "d"}\n')
    (tmp_path / "a.txt").write_text("b\n")
    assert find_texts(str(tmp_path / "a.jsonl"), "source") == ["b", ""]
    assert find_texts(str(tmp_path / "a.jsonl"), "references") is None
    assert find_texts(str(tmp_path / "a.txt"), "source") is None


def test_column_that_only_some_rows_have_is_refused(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"source": "b"}\n{"prediction": "d"}\n')
    with pytest.raises(DataError, match=r"a\.jsonl line 2: column 'source' is missing"):
        find_texts(str(tmp_path / "a.jsonl"), "source")
