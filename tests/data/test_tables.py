"""Tables of others: delimiter and quoting are found where the first rows are clear, told, or said; errors in our words.

Expected rows are those of Python's csv module with the right dialect, or stand beside the content.
"""

import csv
import io
from pathlib import Path

import pytest
from pydantic import ValidationError

from seq2seq.base import console
from seq2seq.base.errors import DataError
from seq2seq.data.examples import load_examples
from seq2seq.data.options import LayoutOptions, TableOptions
from seq2seq.data.plain_text import read_texts
from seq2seq.data.readers import read_rows
from seq2seq.sources.text import build_reader


def write(path: Path, content: str | bytes) -> str:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return str(path)


def read(path: Path, content: str | bytes, **table) -> list[dict]:
    return [row.values for row in read_rows(write(path, content), TableOptions(**table))]


def read_pairs(path: Path, content: str | bytes, **table) -> list[tuple[str, str]]:
    return [(row["source"], row["target"]) for row in read(path, content, **table)]


# What stands between the cells.


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("ending", ["csv", "tsv", "CSV"])
@pytest.mark.parametrize("start", ["", "\ufeff"], ids=["bare", "mark of byte order"])
def test_delimiter_is_found_whatever_the_ending(tmp_path, delimiter, ending, start):
    rows = [("source", "target"), ("Hello you", "Hallo du"), ("no", "nein")]
    content = start + "".join(f"{source}{delimiter}{target}\r\n" for source, target in rows)
    assert read_pairs(tmp_path / f"a.{ending}", content) == rows[1:]


@pytest.mark.parametrize("delimiter", [",", ";", "|"])
def test_cells_may_hold_the_other_delimiters_and_be_quoted(tmp_path, delimiter):
    rows = [["source", "target"], ["a, b; c | d\te", 'say "ä"'], ["one\ntwo", ""], ["x", " y "]]
    written = io.StringIO()
    csv.writer(written, delimiter=delimiter, lineterminator="\n").writerows(rows)
    assert read_pairs(tmp_path / "a.csv", written.getvalue()) == [tuple(row) for row in rows[1:]]


def test_semicolons_of_excel_are_found_beside_decimal_commas(tmp_path):
    content = "source;price;target\nHello, world;1,50;Hallo, Welt\nno;2,00;nein\n"
    assert read_pairs(tmp_path / "a.csv", content) == [("Hello, world", "Hallo, Welt"), ("no", "nein")]


def test_first_line_with_which_excel_names_the_delimiter_is_no_row(tmp_path):
    rows = list(read_rows(write(tmp_path / "a.csv", "sep=;\r\nsource;target\r\na,b;c\r\n")))
    assert [(row.where.rpartition("/")[2], row.values) for row in rows] == [
        ("a.csv line 3", {"source": "a,b", "target": "c"})
    ]


def test_comma_goes_before_what_else_splits_all_rows(tmp_path):
    assert read(tmp_path / "a.csv", "a;b,c;d\n1;2,3;4\n") == [{"a;b": "1;2", "c;d": "3;4"}]


def test_header_tells_where_a_later_row_is_broken(tmp_path):
    with pytest.raises(
        DataError, match=r"a\.csv line 3: expected 2 cells, found 3\. Cells are separated by semicolons"
    ):
        read(tmp_path / "a.csv", "source;target\na;b\nc;d;e\n")
    with pytest.raises(DataError, match=r"b\.csv line 3: expected 2 cells, found 3\. Cells are separated by commas"):
        read(tmp_path / "b.csv", "source,target\na,b\nHello, you,d\n")


def test_one_column_has_no_delimiter(tmp_path):
    assert read(tmp_path / "a.csv", "source\nHello; you\na|b\n") == [{"source": "Hello; you"}, {"source": "a|b"}]
    assert read(tmp_path / "a.csv", "Hello; you\na; b\n", header=["source"]) == [
        {"source": "Hello; you"}, {"source": "a; b"},
    ]  # fmt: skip


def test_header_of_the_recipe_tells_how_many_cells_there_are(tmp_path):
    content = "Hello, you;Hallo, du;1\nno, no;nein;2\n"
    expected = [("Hello, you", "Hallo, du"), ("no, no", "nein")]
    assert read_pairs(tmp_path / "a.csv", content, header=["source", "target", "id"]) == expected


@pytest.mark.parametrize("said", ["|", "pipe"])
def test_delimiter_that_is_said_is_taken(tmp_path, said):
    # Commas split these rows too, and go first.
    assert read(tmp_path / "a.csv", "a,b|c\n1,2|3\n") == [{"a": "1", "b|c": "2|3"}]
    assert read(tmp_path / "a.csv", "a,b|c\n1,2|3\n", delimiter=said) == [{"a,b": "1,2", "c": "3"}]


@pytest.mark.parametrize("said", ["tab", "\t", "\\t"])
def test_tab_has_a_name_that_a_shell_can_write(said):
    assert TableOptions(delimiter=said).delimiter == "\t"


@pytest.mark.parametrize("wrong", ["", "||", '"', "\n", "\r", "colon"])
def test_delimiter_is_one_character(wrong):
    with pytest.raises(ValidationError, match="name one character, or one of comma, semicolon, tab, pipe"):
        TableOptions(delimiter=wrong)


def test_missing_column_is_told_with_the_delimiter(tmp_path):
    name = write(tmp_path / "a.csv", "source,target\na,b\n")
    message = r"column 'target' is missing \(found: 'source,target', separated by semicolons\)\. Set data\.columns"
    with pytest.raises(DataError, match=message):
        load_examples([name], LayoutOptions(delimiter=";"), build_reader())
    with pytest.raises(DataError, match=r"column 'text' is missing \(found: 'source', 'target', separated by commas\)"):
        list(read_texts(name, ["text"]))


# Quotation marks.


PANDAS = 'source\ttarget\n"He said ""yes""."\tja\nno\tnein\n'  # DataFrame.to_csv(sep="\t", index=False)
RAW = 'source\ttarget\nHe said "yes".\tEr sagte "ja".\n"No\tnein\n"Yes."\t"Ja."\n'


@pytest.mark.parametrize(
    "content",
    [
        PANDAS,
        PANDAS.replace("\n", "\r\n"),
        'source\ttarget\n"one\ntwo"\tja\nno\tnein\n',  # a line break in a cell
        'source\ttarget\n"one\ttwo"\tja\nno\tnein\n',  # a tab in a cell
        '"source"\t"target"\n"Yes."\t"ja"\n"no"\t"nein"\n',  # QUOTE_ALL
        '"id"\t"source"\t"target"\n1\t"Yes."\t"ja"\n-2.5\t"no"\t"nein"\n',  # QUOTE_NONNUMERIC
        'source\ttarget\n"Yes."\t"ja"\n',  # all but the header
    ],
)
def test_tsv_with_marks_around_cells_is_read_as_the_csv_module_does(tmp_path, content):
    expected = list(csv.DictReader(io.StringIO(content), delimiter="\t"))
    assert read(tmp_path / "a.tsv", content) == expected


@pytest.mark.parametrize(
    "content",
    [
        RAW,
        'source\ttarget\n"Yes."\t"Ja."\nno\tnein\n',  # marks that no cell needs belong to the text
        'source\ttarget\n"Hello, he said.\tHallo\nand left."\tund ging.\n',  # a mark here and one there
        'source\ttarget\n""Yes""\tja\nno\tnein\n',
        'source\ttarget\n5" pipe\tRohr\n"a ""b"""\tc\n',  # one mark is text, so all are
        'source\ttarget\n"He said ""yes""."\tja\nno\tnein\n"open\tx\n',
        "source\ttarget\nno marks\tkeine\n",
    ],
)
def test_tsv_with_marks_elsewhere_keeps_them_all(tmp_path, content):
    _, *lines = content.splitlines()
    assert read_pairs(tmp_path / "a.tsv", content) == [tuple(line.split("\t")) for line in lines]


def test_marks_are_judged_by_the_first_thousand_lines(tmp_path):
    plain = "a\tb\n" * 998
    late = read_pairs(tmp_path / "a.tsv", f'source\ttarget\n{plain}"x ""y"""\tz\n')
    assert late[-1] == ('x "y"', "z")
    later = read_pairs(tmp_path / "b.tsv", f'source\ttarget\na\tb\n{plain}"x ""y"""\tz\n')
    assert later[-1] == ('"x ""y"""', "z")


def test_cell_that_the_thousandth_line_breaks_does_not_decide(tmp_path):
    content = "source\ttarget\n" + '"x ""y"""\tz\n' * 998 + '"one\ntwo"\tz\n'
    assert read_pairs(tmp_path / "a.tsv", content)[-1] == ("one\ntwo", "z")


def test_quoting_that_is_said_is_taken(tmp_path):
    content = 'source\ttarget\n"a"\tb\nc\td\n'
    assert read_pairs(tmp_path / "a.tsv", content)[0] == ('"a"', "b")
    assert read_pairs(tmp_path / "a.tsv", content, quoting="quoted")[0] == ("a", "b")
    assert read_pairs(tmp_path / "a.tsv", PANDAS, quoting="none")[0] == ('"He said ""yes""."', "ja")
    content = 'source,target\n"a",b"\n'
    assert read_pairs(tmp_path / "a.csv", content, quoting="none") == [('"a"', 'b"')]


def test_names_alone_decide_where_earlier_versions_are_asked_for(tmp_path):
    assert read_pairs(tmp_path / "a.tsv", PANDAS, quoting="by_ending")[0] == ('"He said ""yes""."', "ja")
    assert read_pairs(tmp_path / "a.csv", 'source,target\n"a",b\n', quoting="by_ending") == [("a", "b")]
    assert read(tmp_path / "a.csv", "source;target\na;b\n", quoting="by_ending") == [{"source;target": "a;b"}]


def test_tabs_under_csv_may_stand_beside_marks_of_either_sort(tmp_path):
    assert read_pairs(tmp_path / "a.csv", PANDAS)[0] == ('He said "yes".', "ja")
    assert read_pairs(tmp_path / "b.csv", RAW)[1] == ('"No', "nein")


def test_mark_that_breaks_what_the_first_lines_showed_is_refused(tmp_path):
    content = PANDAS + "a\tb\n" * 1000 + '"c" d\te\n'
    with pytest.raises(DataError, match=r"a\.tsv line 1004: in this row a cell in quotation marks goes on behind"):
        read(tmp_path / "a.tsv", content)


# What was found is told.


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.csv", "source;target\na;b\n", "cells are separated by semicolons, as its first rows show"),
        ("a.tsv", "source|target\na|b\n", "cells are separated by vertical bars, as its first rows show"),
        ("a.tsv", PANDAS, "quotation marks stand around cells and are no text, as its first rows show"),
        ("a.csv", RAW, "quotation marks are text, as its first rows show"),
        ("a.csv", "source,target\na,b\n", None),
        ("a.tsv", RAW, None),
    ],
)
def test_what_the_ending_does_not_say_is_told_once(tmp_path, capsys, monkeypatch, name, content, told):
    monkeypatch.setattr(console, "_noted", set())
    read(tmp_path / name, content)
    read(tmp_path / name, content)
    said = capsys.readouterr().err
    assert said.count(f"{name}: ") == (told is not None) + (told == "quotation marks are text, as its first rows show")
    assert told is None or told in said


def test_what_is_said_is_not_told(tmp_path, capsys):
    read(tmp_path / "a.csv", "source;target\na;b\n", delimiter=";")
    read(tmp_path / "a.tsv", PANDAS, quoting="quoted")
    assert capsys.readouterr().err == ""


def test_of_several_processes_the_first_tells(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("RANK", "1")
    read(tmp_path / "a.csv", "source;target\na;b\n")
    assert capsys.readouterr().err == ""


# Rows that are odd, and rows that are broken.


@pytest.mark.parametrize(("name", "delimiter"), [("a.csv", ","), ("a.csv", ";"), ("a.tsv", "\t")])
def test_carriage_return_inside_a_cell_is_kept(tmp_path, name, delimiter):
    content = "source,target\r\na\rb,c\r\nd,\re\nf,g\n".replace(",", delimiter)
    assert read_pairs(tmp_path / name, content) == [("a\rb", "c"), ("d", "\re"), ("f", "g")]


def test_carriage_return_in_a_quoted_cell_is_kept(tmp_path):
    assert read_pairs(tmp_path / "a.csv", 'source,target\n"a\rb","c\r\nd"\n') == [("a\rb", "c\nd")]


@pytest.mark.parametrize("name", ["a.csv", "a.tsv"])
def test_lines_that_end_in_carriage_returns_alone_are_refused(tmp_path, name):
    with pytest.raises(DataError, match=r"the lines end in carriage returns alone, .*tr '\\r' '\\n' < FILE > NEW_FILE"):
        read(tmp_path / name, "source,target\ra,b\rc,d\r")


def test_zero_bytes_in_a_cell_are_kept(tmp_path):
    assert read_pairs(tmp_path / "a.csv", b"source,target\na\0b,c\n") == [("a\0b", "c")]


def test_header_has_no_spaces_around_its_names(tmp_path):
    assert read_pairs(tmp_path / "a.csv", "source , target\na, b\n") == [("a", " b")]
    with pytest.raises(DataError, match=r"a\.csv line 1: the header names 'a' more than once\."):
        read(tmp_path / "a.csv", "a,b, a\n1,2,3\n")


def test_columns_without_a_name_are_passed_over(tmp_path):
    assert read_pairs(tmp_path / "a.csv", "source;target;;\na;b;;\nc;d;x;y\n") == [("a", "b"), ("c", "d")]


@pytest.mark.parametrize("end", ["\n", "\n\n\r\n", "\n \n", "\n\t\n"])
@pytest.mark.parametrize(("name", "delimiter"), [("a.csv", ","), ("a.tsv", "|")])
def test_blank_lines_at_the_end_are_none(tmp_path, name, delimiter, end):
    assert read_pairs(tmp_path / name, f"source{delimiter}target\na{delimiter}b{end}") == [("a", "b")]


def test_blank_line_between_rows_is_a_row_of_empty_cells(tmp_path):
    rows = list(read_rows(write(tmp_path / "a.csv", "\nsource,target\na,b\n\n \nc,d\n\n")))
    assert [(row.where.rpartition(" ")[2], *row.values.values()) for row in rows] == [
        ("3", "a", "b"), ("4", "", ""), ("5", "", ""), ("6", "c", "d"),
    ]  # fmt: skip


def test_blank_lines_of_one_column_are_rows_up_to_the_last_text(tmp_path):
    assert [text.text for text in read_texts(write(tmp_path / "a.tsv", "source\na\n\nb\n\n"), ["source"])] == [
        "a", "", "b",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ('source,target\na,b\n"c,d\ne,f\n', 3),
        ('source,target\n"a\nb","c\nd,e\n', 3),  # the first cell is whole
        ('source,target\n"a ""b""\nc,d\n"" e\n', 2),  # doubled marks close nothing
        ('sep=,\nsource,target\na,"b\n', 3),
    ],
)
def test_mark_that_nothing_closes_is_named_by_its_line(tmp_path, content, line):
    with pytest.raises(DataError, match=rf"a\.csv line {line}: a quotation mark opens a cell here, and none closes it"):
        read(tmp_path / "a.csv", content)


@pytest.mark.parametrize(
    ("content", "first", "last"),
    [
        ('source,target\n"a" b,c\n', 2, 2),
        ('source,target\n"He said \\"yes\\".",c\n', 2, 2),  # as MySQL writes it
        ('source,target\n"a,b\nc,d\n"e",f\n', 2, 4),  # the mark of line 2 is closed by the one that opens line 4
    ],
)
def test_text_behind_a_closing_mark_is_refused_with_what_to_do(tmp_path, content, first, last):
    message = (
        rf"line {first}: in this row .* goes on behind the closing one \(line {last}\)\. .* written twice, \"\", and"
    )
    with pytest.raises(DataError, match=message):
        read(tmp_path / "a.csv", content)


@pytest.mark.parametrize(
    ("content", "table", "message"),
    [
        ("a,b\n1\n", {}, r"line 2: expected 2 cells, found 1\. Cells are separated by commas, and .* may stand around"),
        (
            "a\tb\n1\t2\t3\n",
            {"quoting": "none"},
            r"found 3\. Cells are separated by tabs, and quotation marks are text;",
        ),
        (
            "a§b\n1\n",
            {"delimiter": "§"},
            r"found 1\. Cells are separated by '§', .* set data\.delimiter and data\.quoti",
        ),
    ],
)
def test_row_of_another_width_tells_how_its_cells_were_told_apart(tmp_path, content, table, message):
    with pytest.raises(DataError, match=message):
        read(tmp_path / "a.csv", content, **table)


def test_cell_beyond_what_the_csv_module_holds_is_named_by_its_line(tmp_path):
    limit = csv.field_size_limit(10)
    try:
        with pytest.raises(DataError, match=r"a\.csv line 2: field larger than field limit \(10\)\."):
            read(tmp_path / "a.csv", "source,target\na,12345678901\n", delimiter=",")
    finally:
        csv.field_size_limit(limit)
