"""Tables of a run's data and of its parameters' origin. Expected cells are those of the made-up run, by hand."""

from seq2seq.reports.run_tables import list_files, list_left_out, tabulate_data, tabulate_origin
from tests.reports.made_up_run import INPUTS, ORIGIN, SIDE


def test_data_has_a_row_a_split_with_what_was_cut_of_each_side():
    header, rows = tabulate_data(INPUTS["splits"])
    assert header == ["split", "pairs", "source tokens", "cut", "longest", "target tokens", "cut", "longest"]
    assert rows == [["train", "16", "48", "4 (25.0%)", "11 of 8", "48", "0 (0.0%)", "5 of 6"]]


def test_large_counts_are_grouped_and_a_small_share_is_not_rounded_to_none():
    side = SIDE | {"texts": 12000, "tokens": 1234567, "cut": 2, "longest": 1310, "limit": 1024}
    _, (row,) = tabulate_data({"train": {"pairs": 12000, "source": side, "target": side}})
    assert row[1:5] == ["12,000", "1,234,567", "2 (under 0.1%)", "1,310 of 1,024"]


def test_origin_has_a_row_a_part_and_the_totals_in_which_shared_parameters_add_nothing():
    header, rows = tabulate_origin(ORIGIN)
    assert header == ["part", "copied", "converted", "random", "total"]
    assert rows == [
        ["embeddings", "40", "0", "0", "40"],
        ["cross_attention", "0", "0", "10", "10"],
        ["output", "0", "0", "0", "0"],
        ["total", "40", "0", "10", "50"],
    ]


def test_files_that_something_was_read_from_are_listed_once():
    rows = [{"file": "b"}, {"file": None}, {"file": "a"}, {"file": "b"}]
    assert list_files({"parameters": rows}) == ["b", "a"]


def test_rows_that_were_left_out_are_told_by_file_and_by_older_runs_not():
    splits = {"train": {"left_out": {"a.csv": 1200, "b.csv": 1}}, "validation": {"left_out": {}}, "test": {}}
    assert list_left_out(splits) == [
        "data.train: 1,200 rows of a.csv without text left out (data.empty: skip).",
        "data.train: 1 row of b.csv without text left out (data.empty: skip).",
    ]
