"""Tables: digits, intervals, dashes."""

import pytest

from seq2seq.base.console import TABLE_WIDTH, output
from seq2seq.metrics.table import METRICS
from seq2seq.reports.tables import Difference, ScorePair, build_comparison_table, build_score_table, tabulate_scores


def test_scores_have_the_digits_of_their_metric_and_dashes_where_missing():
    header, rows = tabulate_scores({"a": {"exact_match": 12.345, "bleu": 3.14159}, "b": {"bleu": 2.0}})
    assert header == ["", "exact_match", "bleu"]
    assert rows == [["a", "12.3", "3.14"], ["b", "-", "2.00"]]


def test_intervals_stand_behind_the_values_that_have_them():
    rows = {"a": {"exact_match": 12.345, "length_ratio": 0.98765}, "b": {"exact_match": 2.0}}
    intervals = {"a": {"exact_match": [10.04, 14.96], "length_ratio": (0.9, 1.1)}}
    assert tabulate_scores(rows, intervals)[1] == [
        ["a", "12.3 [10.0, 15.0]", "0.988 [0.900, 1.100]"],
        ["b", "2.0", "-"],
    ]


def test_intervals_stand_below_the_values_on_the_console():
    table = build_score_table({"a [x]": {"bleu": 3.0}}, "Scores", {"a [x]": {"bleu": [2.5, 3.5]}})
    assert [[str(cell) for cell in column.cells] for column in table.columns] == [["a [x]"], ["3.00\n[2.50, 3.50]"]]


def test_comparison_shows_values_difference_interval_and_p():
    pair = ScorePair(30.0, 28.25, Difference(1.75, 0.5, 3.0, 0.00123))
    table = build_comparison_table({"bleu": pair}, "A against B")
    cells = [str(cell) for column in table.columns for cell in column.cells]
    assert cells == ["bleu", "30.00", "28.25", "+1.75", "[0.50, 3.00]", "0.0012"]


def test_p_below_the_last_digit_is_never_zero():
    table = build_comparison_table({"bleu": ScorePair(30.0, 28.25, Difference(1.75, 0.5, 3.0, 0.00001))}, "A against B")
    assert [str(cell) for cell in table.columns[-1].cells] == ["< 0.0001"]


# The longest rows that a run has, and the widest figures.
NAMES = ["bert2bert", "first 25 words of the source", "references through the target tokenizer"]


@pytest.mark.parametrize("count", range(1, len(METRICS) + 1))
def test_nothing_is_cut_however_many_metrics_there_are(capsys, count):
    metrics = list(METRICS)[:count]
    rows = {name: dict.fromkeys(metrics, 100.0) for name in NAMES}
    intervals = {name: dict.fromkeys(metrics, (100.0, 100.0)) for name in NAMES}
    output().print(build_score_table(rows, "Scores", intervals))
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= TABLE_WIDTH
    shown = "\n".join(lines).split()
    assert set(metrics) <= set(shown)
    assert shown.count("[100.00,") + shown.count("[100.000,") + shown.count("[100.0,") == count * len(NAMES)
    assert {"bert2bert", "tokenizer"} <= set(shown)


@pytest.mark.parametrize(("count", "header"), [(4, ["", *list(METRICS)[:4]]), (len(METRICS), ["", *NAMES])])
def test_metrics_are_rows_where_they_are_too_many_for_columns(count, header):
    metrics = list(METRICS)[:count]
    rows = {name: dict.fromkeys(metrics, 1.0) for name in NAMES}
    intervals = {name: dict.fromkeys(metrics, (0.5, 1.5)) for name in NAMES}
    table = build_score_table(rows, "Scores", intervals)
    assert [str(column.header) for column in table.columns] == header
    assert str(next(iter(table.columns[1].cells))) == "1.00\n[0.50, 1.50]"
