"""Tables: digits, dashes, and several runs side by side."""

import json

import pytest

from seq2seq.errors import ScoringError
from seq2seq.reports.comparison import collect_samples, collect_scores
from seq2seq.reports.run_folder import RunFolder
from seq2seq.reports.tables import build_comparison_table, build_score_table, score_rows


def test_scores_have_the_digits_of_their_metric_and_dashes_where_missing():
    header, rows = score_rows({"a": {"exact_match": 12.345, "bleu": 3.14159}, "b": {"bleu": 2.0}})
    assert header == ["", "exact_match", "bleu"]
    assert rows == [["a", "12.3", "3.14"], ["b", "-", "2.00"]]


def test_intervals_stand_behind_the_values_that_have_them():
    rows = {"a": {"exact_match": 12.345, "length_ratio": 0.98765}, "b": {"exact_match": 2.0}}
    intervals = {"a": {"exact_match": [10.04, 14.96], "length_ratio": (0.9, 1.1)}}
    assert score_rows(rows, intervals)[1] == [
        ["a", "12.3 [10.0, 15.0]", "0.988 [0.900, 1.100]"],
        ["b", "2.0", "-"],
    ]


def test_intervals_stand_below_the_values_on_the_console():
    table = build_score_table({"a [x]": {"bleu": 3.0}}, "Scores", {"a [x]": {"bleu": [2.5, 3.5]}})
    assert [[str(cell) for cell in column.cells] for column in table.columns] == [["a [x]"], ["3.00\n[2.50, 3.50]"]]


def test_comparison_shows_values_difference_interval_and_p():
    table = build_comparison_table({"bleu": (30.0, 28.25, 1.75, (0.5, 3.0), 0.00123)}, "A against B")
    cells = [str(cell) for column in table.columns for cell in column.cells]
    assert cells == ["bleu", "30.00", "28.25", "+1.75", "[0.50, 3.00]", "0.0012"]


def write_run(path, plan, value, examples=2, signature="mean") -> RunFolder:
    path.mkdir(parents=True)
    run = RunFolder(path)
    rows = {plan: {"sari": value}, "copy of the source": {"sari": 50.0}}
    run.scores.write_text(json.dumps({"examples": examples, "rows": rows, "signatures": {"sari": signature}}))
    texts = [{"source": f"s{i}", "prediction": f"{plan} {i}", "references": [f"r{i}"]} for i in range(examples)]
    run.write_predictions("test", texts)
    return run


def test_runs_stand_side_by_side_behind_the_baselines(tmp_path):
    runs = [write_run(tmp_path / "warm", "bert2bert", 90.0), write_run(tmp_path / "cold", "rnd2rnd", 20.0)]
    assert collect_scores(runs) == {
        "copy of the source": {"sari": 50.0},
        "warm (bert2bert)": {"sari": 90.0},
        "cold (rnd2rnd)": {"sari": 20.0},
    }


def test_samples_are_spread_over_the_test_rows(tmp_path):
    runs = [write_run(tmp_path / "warm", "bert2bert", 90.0, 6), write_run(tmp_path / "cold", "rnd2rnd", 20.0, 6)]
    samples = collect_samples(runs, 3)
    assert [sample["source"] for sample in samples] == ["s0", "s2", "s4"]
    assert samples[1] == {"source": "s2", "reference": "r2", "warm": "bert2bert 2", "cold": "rnd2rnd 2"}


def test_runs_of_different_data_are_refused(tmp_path):
    runs = [write_run(tmp_path / "a", "bert2bert", 1.0), write_run(tmp_path / "b", "rnd2rnd", 1.0, 3)]
    with pytest.raises(ScoringError, match=r"b was tested on other data than .*a\. Only like can be compared"):
        collect_scores(runs)


def test_runs_scored_in_different_ways_are_refused(tmp_path):
    runs = [write_run(tmp_path / "a", "bert2bert", 1.0), write_run(tmp_path / "b", "rnd2rnd", 1.0, signature="lower")]
    with pytest.raises(ScoringError, match="b was scored in another way than"):
        collect_scores(runs)


def test_runs_of_the_same_name_go_by_their_paths(tmp_path):
    runs = [write_run(tmp_path / seed / "run", "bert2bert", 1.0) for seed in ("1", "2")]
    rows = [f"{tmp_path / seed / 'run'} (bert2bert)" for seed in ("1", "2")]
    assert list(collect_scores(runs)) == ["copy of the source", *rows]
    assert len(collect_samples(runs, 1)[0]) == 4  # source, reference, two outputs


def test_run_without_scores_is_refused(tmp_path):
    with pytest.raises(ScoringError, match=r"has no scores\.json"):
        collect_scores([RunFolder(tmp_path)])


def test_ceiling_of_another_tokenizer_has_its_own_row(tmp_path):
    runs = [write_run(tmp_path / "a", "bert2bert", 1.0), write_run(tmp_path / "b", "rnd2rnd", 2.0)]
    changed = runs[1].load_scores()
    changed["rows"]["copy of the source"]["sari"] = 40.0
    runs[1].scores.write_text(json.dumps(changed))
    assert list(collect_scores(runs)) == [
        "copy of the source",
        "copy of the source (b)",
        "a (bert2bert)",
        "b (rnd2rnd)",
    ]
