"""Examples: the chosen columns of a row, checked, and errors that name the row."""

import pytest

from seq2seq.base.errors import DataError
from seq2seq.data.examples import Example, build_example, load_examples
from seq2seq.data.options import ColumnOptions, LayoutOptions
from seq2seq.data.references import find_other_references
from seq2seq.sources.columns import Row, read_text
from seq2seq.sources.text import build_reader

DEFAULT = ColumnOptions()


def build(columns: ColumnOptions = DEFAULT, normalization: tuple[str, ...] = (), **values) -> Example:
    layout = LayoutOptions(columns=columns, normalization=normalization)
    return build_example(Row("a.jsonl line 17", values), layout, build_reader(layout.normalization))


def test_example_has_stripped_texts_and_its_place():
    assert build(source=" a  b\n", target="\tc ") == Example("a  b", "c", ("c",), "a.jsonl line 17")


def test_columns_are_those_of_the_options():
    columns = ColumnOptions(source="article", target="summary", references="all")
    assert build(columns, article="a", summary="b", all=["c"], source="x") == Example(
        "a", "b", ("c",), "a.jsonl line 17"
    )


def test_references_of_a_row_are_read_and_stripped():
    assert build(source="a", target="b", references=[" c ", "d"]).references == ("c", "d")


@pytest.mark.parametrize("nothing", [None, ""], ids=["null", "an empty cell"])
def test_row_without_references_has_its_target(nothing):
    assert build(source="a", target="b", references=nothing).references == ("b",)


def test_references_in_a_text_cell_are_json():
    assert build(source="a", target="b", references='["c", "d"]').references == ("c", "d")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"source": "a", "summary": "b"},
            r"17: column 'target' is missing \(found: 'source', 'summary'\)\. Set data\.columns\.target\.",
        ),
        (
            {"article": "a", "target": "b"},
            r"17: column 'source' is missing \(found: 'article', 'target'\)\. Set data\.columns\.source\.",
        ),
        ({"source": 3, "target": "b"}, r"17: column 'source' holds int, expected text\."),
        ({"source": None, "target": "b"}, r"column 'source' holds NoneType, expected text\."),
        ({"source": "a", "target": " \t\n"}, r"17: column 'target' is empty\. Remove the row or give it a text\."),
        ({"source": "\ud800", "target": "b"}, r"17: column 'source' holds half of a surrogate pair"),
        ({"source": "a", "target": "b", "references": []}, r"17: column 'references' must hold a list of texts"),
        ({"source": "a", "target": "b", "references": "c"}, r"column 'references' must hold a list of texts"),
        ({"source": "a", "target": "b", "references": '"c"'}, r"column 'references' must hold a list of texts"),
        ({"source": "a", "target": "b", "references": "[" * 100_000}, r"column 'references' must hold a list of texts"),
        ({"source": "a", "target": "b", "references": "9" * 5000}, r"column 'references' must hold a list of texts"),
        ({"source": "a", "target": "b", "references": [3]}, r"17: column 'references' holds int, expected text"),
        ({"source": "a", "target": "b", "references": ["c", " "]}, r"17: column 'references' is empty"),
    ],
)  # fmt: skip
def test_example_names_row_and_column_when_a_value_is_wrong(values, message):
    with pytest.raises(DataError, match=message):
        build(**values)


def test_references_column_that_the_options_name_is_required():
    with pytest.raises(DataError, match=r"17: column 'all' is missing .*Set data\.columns\.references\."):
        build(ColumnOptions(references="all"), source="a", target="b")


def test_examples_of_several_files_come_in_the_order_of_the_names(tmp_path):
    for name in "ba":
        (tmp_path / f"{name}.tsv").write_text(f"source\ttarget\n{name}1\tx\n{name}2\tx\n", encoding="utf-8")
    names = [str(tmp_path / "b.tsv"), str(tmp_path / "a.tsv")]
    assert [example.source for example in load_examples(names, LayoutOptions(), build_reader())] == [
        "b1",
        "b2",
        "a1",
        "a2",
    ]


def test_sources_for_generation_may_be_empty_and_stay_as_they_are():
    rows = [Row("line 1", {"text": ""}), Row("line 2", {"text": " a "})]
    assert [read_text(row, ["text"], "") for row in rows] == ["", " a "]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"other": "a"}, r"line 1: column 'text' is missing \(found: 'other'\)"),
        ({"text": 3}, r"line 1: column 'text' holds int, expected text"),
        ({"text": "\ud800"}, r"line 1: column 'text' holds half of a surrogate pair"),
    ],
)
def test_source_for_generation_names_the_row_when_it_holds_no_text(values, message):
    with pytest.raises(DataError, match=message):
        read_text(Row("line 1", values), ["text"], "Name it.")


# A column that is called like the references and is something else, a bibliography for one.


@pytest.mark.parametrize("held", ["Smith 2001", [{"title": "On cats"}], [1999], [], {"a": "b"}, 3])
def test_references_that_are_none_are_refused_with_how_to_switch_them_off(held):
    message = r"17: column 'references' .*If it is something else, set data\.columns\.references to null \(as a flag"
    with pytest.raises(DataError, match=message):
        build(source="a", target="b", references=held)


@pytest.mark.parametrize("held", ["Smith 2001", [{"title": "On cats"}], [1999], [], ["c"], {"a": "b"}, 3])
@pytest.mark.parametrize("off", [None, ""])
def test_column_of_references_that_is_switched_off_is_not_read(held, off):
    columns = ColumnOptions(references=off)
    assert columns.references is None
    assert build(columns, source="a", target="b", references=held).references == ("b",)


def find_other(rows: list[dict], **columns) -> str | None:
    chosen = ColumnOptions(**columns)
    return find_other_references([build(chosen, **row) for row in rows], chosen)


BIBLIOGRAPHY = [
    {"source": "a", "target": "b", "references": ["Smith 2001", "Jones"]},
    {"source": "c", "target": "d", "references": None},
    {"source": "e", "target": "f", "references": ["Smith 2001"]},
]


def test_column_of_the_default_name_that_never_has_the_target_is_told():
    # Two of the three rows have a list.
    assert find_other(BIBLIOGRAPHY) == (
        "column 'references' is used for scores in place of 'target': none of 2 equals its target. If it is something "
        "else, set data.columns.references to null (as a flag: --references-column '')."
    )


@pytest.mark.parametrize(
    ("rows", "columns"),
    [
        ([*BIBLIOGRAPHY, {"source": "a", "target": "b", "references": ["c", "b"]}], {}),  # one row has it
        ([{"source": "a", "target": "b"}], {}),  # no row has a list
        (BIBLIOGRAPHY, {"references": None}),
        ([row | {"all": row["references"]} for row in BIBLIOGRAPHY], {"references": "all"}),  # chosen by name
    ],
)
def test_columns_that_are_references_or_none_are_not_spoken_of(rows, columns):
    assert find_other(rows, **columns) is None
