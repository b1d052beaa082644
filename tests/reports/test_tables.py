"""Tables: digits, intervals, dashes."""

from seq2seq.reports.tables import format_interval, score_rows


def test_scores_have_the_digits_of_their_metric_and_dashes_where_missing():
    header, rows = score_rows({"a": {"exact_match": 12.345, "bleu": 3.14159}, "b": {"bleu": 2.0}})
    assert header == ["", "exact_match", "bleu"]
    assert rows == [["a", "12.3", "3.14"], ["b", "-", "2.00"]]


def test_scores_have_their_intervals_where_they_are_known():
    _, rows = score_rows({"a": {"bleu": 3.0}, "b": {"bleu": 2.0}}, {"a": {"bleu": [2.5, 3.456]}})
    assert rows == [["a", "3.00 [2.50, 3.46]"], ["b", "2.00"]]
    assert format_interval("exact_match", (9.0, 11.0)) == "[9.0, 11.0]"
