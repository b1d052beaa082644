"""Texts for generation: nothing lost, nothing shifted, lines end at line feeds alone."""

import gzip
import io
import sys

import pytest

from seq2seq.base.errors import DataError
from seq2seq.data.file_kinds import is_row_format
from seq2seq.data.plain_text import (
    count_texts,
    load_intact_texts,
    load_references,
    load_texts_if_any,
    name_texts,
    read_texts,
)


def read(name: object, columns: list[str] | None = None) -> list[tuple[str, bool]]:
    return [(text.text, text.replaced) for text in read_texts(str(name), columns or ["source"])]


@pytest.mark.parametrize(
    ("content", "texts"),
    [
        (b"a\n\nb\r\n", ["a", "", "b"]),
        (b"a\nb", ["a", "b"]),
        (b"", []),
        (b"\n", [""]),
        (b"a\rb\n", ["a\rb"]),
        (b"a\r\r\n", ["a\r"]),
        ("a\u2028b\x85c\x0bd\x0ce\x1cf\n".encode(), ["a\u2028b\x85c\x0bd\x0ce\x1cf"]),
        (b" a \n", [" a "]),
        (b"\xef\xbb\xbfa\n", ["a"]),
        (b"\xef\xbb\xbf", []),
        (b"\xef\xbb\xbf\n", [""]),
        (b"a\0b\n", ["a\0b"]),
    ],
)
def test_line_ends_at_line_feed_or_carriage_return_and_line_feed(tmp_path, content, texts):
    (tmp_path / "a.txt").write_bytes(content)
    assert read(tmp_path / "a.txt") == [(text, False) for text in texts]


def test_texts_with_bytes_that_are_not_utf8_are_marked(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"a\n\xff\xfeb\nc\xe4\n\xed\xa0\x80\n")  # the last is half a surrogate pair
    expected = [("a", False), ("\ufffd\ufffdb", True), ("c\ufffd", True), ("\ufffd\ufffd\ufffd", True)]
    assert read(tmp_path / "a.txt") == expected


def test_replacement_character_of_the_text_itself_is_not_marked(tmp_path):
    (tmp_path / "a.txt").write_text("a\ufffd\n", encoding="utf-8")
    assert read(tmp_path / "a.txt") == [("a\ufffd", False)]


def test_texts_know_their_place(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"a\nb\n")
    assert [text.where for text in read_texts(str(tmp_path / "a.txt"))] == [
        f"{tmp_path / 'a.txt'} line 1", f"{tmp_path / 'a.txt'} line 2",
    ]  # fmt: skip


@pytest.mark.parametrize(("name", "pack"), [("a.txt", bytes), ("a.en", bytes), ("a.txt.gz", gzip.compress)])
def test_plain_file_is_a_text_a_line(tmp_path, name, pack):
    (tmp_path / name).write_bytes(pack("ä\nb c\n".encode()))
    assert read(tmp_path / name) == [("ä", False), ("b c", False)]


@pytest.mark.parametrize(
    ("name", "content"), [("a.jsonl", '{"source": "ä"}\n{"source": ""}\n'), ("a.tsv", "x\tsource\n1\tä\n2\t\n")]
)
def test_row_format_gives_the_texts_of_the_column(tmp_path, name, content):
    (tmp_path / name).write_text(content, encoding="utf-8")
    assert read(tmp_path / name) == [("ä", False), ("", False)]


def test_what_is_no_text_in_rows_is_replaced_in_its_place_and_marked(tmp_path):
    rows = [
        b'{"source": "a\\ud800b"}',
        b'{"source": "\xff"}',
        b'{"source": "\\ud83d\\ude00"}',
        b'{"source": "c\\u0000"}',
    ]
    (tmp_path / "a.jsonl").write_bytes(b"\n".join(rows))
    expected = [("a\ufffdb", True), ("\ufffd", True), ("\U0001f600", False), ("c\0", False)]
    assert read(tmp_path / "a.jsonl") == expected
    (tmp_path / "a.csv").write_bytes(b'source\na\n"b\xff\nc"\nd\n')
    assert read(tmp_path / "a.csv") == [("a", False), ("b\ufffd\nc", True), ("d", False)]


def test_inner_columns_are_mended_too(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"translation": {"en": "a\\udfff", "de": "b"}}\n')
    assert read(tmp_path / "a.jsonl", ["translation.en"]) == [("a\ufffd", True)]


def test_row_without_the_column_is_named(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"source": "a"}\n{"text": "b"}\n', encoding="utf-8")
    with pytest.raises(DataError, match=r"a\.jsonl line 2: column 'source' is missing"):
        read(tmp_path / "a.jsonl")


def test_dash_is_standard_input(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"a\n\xff\n")))
    assert list(read_texts("-", ["source"])) == [
        ("standard input line 1", "a", False), ("standard input line 2", "\ufffd", True),
    ]  # fmt: skip


def test_texts_of_a_list_are_named_by_their_number():
    assert list(name_texts(["a", "\ud800"])) == [("text 1", "a", False), ("text 2", "\ufffd", True)]


def test_missing_plain_file_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"gone\.txt: there is no such file\."):
        read(tmp_path / "gone.txt")


def test_gzip_name_on_a_plain_file_of_texts_is_refused(tmp_path):
    (tmp_path / "a.txt.gz").write_bytes(b"a\n")
    with pytest.raises(DataError, match=r"a\.txt\.gz"):
        read(tmp_path / "a.txt.gz")


def test_files_of_lines_are_counted_and_others_are_not(tmp_path):
    names = ("a.txt", "a.en", "a.jsonl", "a.csv", "a.txt.gz")
    for name in names:
        (tmp_path / name).write_text("a\n\nb")
    assert [count_texts(str(tmp_path / name)) for name in names] == [3, 3, 3, None, None]
    assert count_texts("-") is None


def test_broken_bytes_are_refused_where_nothing_may_be_replaced(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"a\n\xff\n\xfe\n")
    with pytest.raises(DataError, match=r"a\.txt: 2 lines hold bytes that are not UTF-8"):
        load_intact_texts(str(tmp_path / "a.txt"))
    (tmp_path / "a.jsonl").write_text('{"source": "\\ud800"}\n')
    with pytest.raises(DataError, match=r"line 1: column 'source' holds half of a surrogate pair"):
        load_intact_texts(str(tmp_path / "a.jsonl"), ["source"])


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
    assert load_references(str(tmp_path / "a.txt")) == [("a",), ("",), ("b",)]


def test_references_of_rows_are_the_list_or_the_target(tmp_path):
    rows = '{"target": "a", "references": ["b", "c"]}\n{"target": " d "}\n{"references": ["e"]}\n'
    (tmp_path / "a.jsonl").write_text(rows, encoding="utf-8")
    assert load_references(str(tmp_path / "a.jsonl")) == [("b", "c"), ("d",), ("e",)]


def test_row_without_references_and_target_is_refused(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"source": "a"}\n', encoding="utf-8")
    with pytest.raises(DataError, match=r"a\.jsonl line 1: column 'target' is missing"):
        load_references(str(tmp_path / "a.jsonl"))


def test_texts_of_a_column_are_found_where_a_file_has_it(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"source": "b", "prediction": "c"}\n{"source": "", "prediction": "d"}\n')
    (tmp_path / "a.txt").write_text("b\n")
    assert load_texts_if_any(str(tmp_path / "a.jsonl"), "source") == ["b", ""]
    assert load_texts_if_any(str(tmp_path / "a.jsonl"), "references") is None
    assert load_texts_if_any(str(tmp_path / "a.txt"), "source") is None


def test_column_that_only_some_rows_have_is_refused(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"source": "b"}\n{"prediction": "d"}\n')
    with pytest.raises(DataError, match=r"a\.jsonl line 2: column 'source' is missing"):
        load_texts_if_any(str(tmp_path / "a.jsonl"), "source")


def test_what_cannot_be_read_is_one_message(tmp_path, monkeypatch):
    (tmp_path / "a.txt").write_text("a\n")

    def refuse(path, *arguments, **options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.open", refuse)
    with pytest.raises(DataError, match=r"a\.txt: reading failed: .*Permission denied"):
        count_texts(str(tmp_path / "a.txt"))


def test_standard_input_that_cannot_be_read_is_one_message(monkeypatch):
    class Folder:
        buffer = property(lambda self: self)

        def __iter__(self):
            raise IsADirectoryError(21, "Is a directory")

    monkeypatch.setattr(sys, "stdin", Folder())
    with pytest.raises(DataError, match=r"Standard input: reading failed: .*Is a directory"):
        list(read_texts("-"))


def write_bibliography(path):
    """Rows whose column of that name holds no references."""
    path.write_text('{"target": "a", "references": ["Smith"]}\n{"target": "b", "references": ["Jones", "Smith"]}\n')
    return str(path)


def test_references_are_the_targets_where_the_column_is_switched_off(tmp_path):
    assert load_references(write_bibliography(tmp_path / "a.jsonl"), None) == [("a",), ("b",)]


def test_references_may_stand_in_a_column_of_another_name(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"all": ["b", "c"], "references": 3}\n', encoding="utf-8")
    assert load_references(str(tmp_path / "a.jsonl"), "all") == [("b", "c")]


def test_references_beside_targets_that_they_never_equal_are_told(tmp_path, capsys):
    name = write_bibliography(tmp_path / "a.jsonl")
    assert load_references(name) == [("Smith",), ("Jones", "Smith")]
    told = f"{name}: column 'references' is used for scores in place of 'target': none of 2 equals its target."
    assert told in capsys.readouterr().err
    (tmp_path / "b.jsonl").write_text('{"target": "a", "references": ["c"]}\n{"target": "b", "references": ["b"]}\n')
    load_references(str(tmp_path / "b.jsonl"))
    load_references(name, None)
    assert capsys.readouterr().err == ""
