"""Samples: which rows are chosen, and how they are shown."""

from seq2seq.reports.samples import Sample, choose_rows, format_sample


def test_ten_of_many_are_the_best_the_median_and_the_worst():
    order = list(range(100, 200))  # best first
    rows = choose_rows(order)
    assert [row for standing, row in rows if standing == "best"] == [100, 101, 102]
    assert [row for standing, row in rows if standing == "median"] == [148, 149, 150, 151]
    assert [row for standing, row in rows if standing == "worst"] == [197, 198, 199]


def test_few_rows_are_shown_once_each():
    assert choose_rows([7, 5, 6]) == [("best", 7), ("median", 5), ("worst", 6)]
    assert choose_rows([4]) == [("median", 4)]
    assert choose_rows([]) == []
    for count in range(15):
        rows = [row for _, row in choose_rows(list(range(count)))]
        assert rows == sorted(set(rows))
        assert len(rows) == min(count, 10)


def test_sample_shows_scores_and_texts_escaped():
    sample = Sample("worst", 12, {"exact_match": 0.0, "sari": 12.345}, "a | b\nc", ("<b>",), "")
    assert format_sample(sample).splitlines() == [
        "**Worst**, row 12: exact_match 0.0, sari 12.35",
        "",
        "- source: a \\| b ⏎ c",
        "- reference: \\<b\\>",
        "- output: *(empty)*",
    ]


def test_long_texts_and_many_references_are_cut_with_a_mark():
    sample = Sample("best", 1, {}, "x" * 700, tuple("abcde"), "y")
    lines = format_sample(sample).splitlines()
    assert lines[2] == f"- source: {'x' * 600} … (100 more characters)"
    assert lines[3:] == ["- reference: a", "- reference: b", "- reference: c", "- 2 more references", "- output: y"]
