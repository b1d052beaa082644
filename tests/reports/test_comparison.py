"""Several runs side by side: the table, what may be compared, what of the recipes differs, the page."""

from dataclasses import replace

import pytest

from seq2seq.base.errors import ScoringError
from seq2seq.reports.comparison import (
    build_comparison,
    check_comparable,
    collect_samples,
    list_differing_settings,
    name_runs,
)
from seq2seq.reports.comparison_page import build_comparison_page
from seq2seq.reports.tables import Difference
from seq2seq.run_folder.folder import RunFolder
from tests.reports.made_up_run import PREDICTIONS, SCORES, build_record

BEST = {"step": 4, "metric": "loss", "value": 2.25}
DIFFERENCES = {"cold": {"sari": Difference(-20.5, -25.0, -16.0, 0.00009)}}


@pytest.fixture
def warm(tmp_path):
    return build_record(tmp_path / "warm")


@pytest.fixture
def cold(tmp_path):
    """A run from a random start, with another rate for its new parameters and other scores."""
    recipe = {"model": {"plan": "rnd2rnd"}, "training": {"learning_rates": {"random": 0.002}}}
    rows = {"rnd2rnd": {"exact_match": 0.0, "sari": 40.73456}, "copy of the source": {"sari": 20.0}}
    return build_record(tmp_path / "cold", recipe=recipe, scores=SCORES | {"rows": rows, "intervals": {}})


def build(warm, cold, **best):
    return build_comparison({"warm": warm, "cold": cold}, {"warm": BEST, "cold": None} | best, DIFFERENCES)


def test_runs_stand_behind_the_baselines_with_their_settings_and_scores(warm, cold):
    table = build(warm, cold)
    rows = table.rows
    assert table.header == [
        "run", "plan", "parameters", "learning rate", "steps", "minutes", "best validation", "exact_match", "sari",
    ]  # fmt: skip
    assert rows[0] == [("copy of the source",), *[("-",)] * 6, ("-",), ("20.00",)]
    assert rows[1] == [
        ("warm",), ("bert2bert",), ("50",), ("0.001",), ("4",), ("1.0",), ("loss", "2.2500"),
        ("50.0", "[0.0, 100.0]"), ("61.23", "[55.50, 66.60]"),
    ]  # fmt: skip
    assert rows[2] == [
        ("cold",), ("rnd2rnd",), ("50",), ("0.001", "random 0.002"), ("4",), ("1.0",), ("-",),
        ("0.0",), ("40.73", "-20.50", "p < 0.0001"),
    ]  # fmt: skip
    assert len(rows) == 3


def test_ceiling_of_another_tokenizer_has_its_own_row(warm, cold):
    rows = cold.scores["rows"] | {"copy of the source": {"sari": 30.0}}
    table = build(warm, replace(cold, scores=cold.scores | {"rows": rows}))
    assert [row[0][0] for row in table.rows] == ["copy of the source", "copy of the source (cold)", "warm", "cold"]


def test_runs_without_scores_are_compared_by_settings_and_validation(warm, cold):
    untested = [replace(record, scores=None, predictions=None) for record in (warm, cold)]
    check_comparable(untested)
    table = build(*untested)
    assert table.header[-1] == "best validation"
    assert [row[0] for row in table.rows] == [("warm",), ("cold",)]


def test_runs_of_which_one_lacks_scores_are_refused(warm, cold):
    with pytest.raises(ScoringError, match=r"cold has no test scores, and .*warm has\. Train it to its end"):
        check_comparable([warm, replace(cold, scores=None)])


def test_runs_whose_outputs_are_gone_are_not_compared(warm, cold):
    with pytest.raises(ScoringError, match=r"cold/predictions/test\.jsonl is missing, so nobody can tell"):
        check_comparable([warm, replace(cold, predictions=None)])
    check_comparable([replace(cold, predictions=None)])  # of one run there is nothing to tell


def test_runs_of_different_data_are_refused(warm, cold):
    with pytest.raises(ScoringError, match=r"cold was tested on other data than .*warm\. Only like can be compared"):
        check_comparable([warm, replace(cold, predictions=PREDICTIONS[:1])])


def test_runs_scored_in_different_ways_are_refused(warm, cold):
    scores = cold.scores | {"signatures": {"sari": "lower"}}
    with pytest.raises(ScoringError, match="cold was scored in another way than"):
        check_comparable([warm, replace(cold, scores=scores)])


def test_like_runs_may_be_compared(warm, cold):
    check_comparable([warm, cold])


def test_runs_of_the_same_name_go_by_their_paths(tmp_path):
    folders = [RunFolder(tmp_path / seed / "run") for seed in ("1", "2")]
    assert name_runs(folders) == [str(folder.path) for folder in folders]
    assert name_runs([*folders[:1], RunFolder(tmp_path / "other")]) == ["run", "other"]


def test_run_named_twice_is_refused(tmp_path):
    with pytest.raises(ScoringError, match=r"run is named twice\. Name every run once"):
        name_runs([RunFolder(tmp_path / "run"), RunFolder(tmp_path / "other" / ".." / "run")])


def test_settings_that_differ_are_found_but_for_the_output():
    settings = {"a": {"seed": 1, "output": "x", "rate": 0.1}, "b": {"seed": 1, "output": "y", "ema": 0.9}}
    assert list_differing_settings(settings) == {"rate": [0.1, None], "ema": [None, 0.9]}


def test_samples_are_spread_over_the_test_rows(warm, cold):
    rows = [{"source": f"s{i}", "prediction": f"p{i}", "references": [f"r{i}"]} for i in range(6)]
    other = [row | {"prediction": "x"} for row in rows]
    records = {"warm": replace(warm, predictions=rows), "cold": replace(cold, predictions=other)}
    samples = collect_samples(records, 3)
    assert [sample[0] for sample in samples] == [("source", "s0"), ("source", "s2"), ("source", "s4")]
    assert samples[1] == [("source", "s2"), ("reference", "r2"), ("warm", "p2"), ("cold", "x")]
    assert [sample[0][1] for sample in collect_samples(records, 10)] == ["s0", "s1", "s2", "s3", "s4", "s5"]


def test_run_may_be_called_like_what_stands_beside_it(warm):
    assert collect_samples({"reference": warm}, 1) == [
        [("source", "a b. c d."), ("reference", "a b and c d."), ("reference", "a b and c d.")]
    ]


def build_page(records, table, **changes) -> str:
    options = {"differences": DIFFERENCES, "settings": {}, "picture": "pictures/losses.png", "samples": 1}
    return build_comparison_page(records, table, **(options | changes))


def test_page_shows_table_differences_picture_settings_and_samples(warm, cold):
    settings = {"warm": {"model.plan": "bert2bert"}, "cold": {"model.plan": "rnd2rnd"}}
    page = build_page({"warm": warm, "cold": cold}, build(warm, cold), settings=settings)
    assert page.startswith("# warm, cold\n\n| run | plan |")
    assert "| 0.0 | 40.73<br>-20.50<br>p \\< 0.0001 |" in page
    assert "2 test pairs. In brackets 95% confidence intervals" in page
    assert "| less warm | sari |\n| --- | ---: |\n| cold | -20.50 \\[-25.00, -16.00\\], p \\< 0.0001 |" in page
    assert "](pictures/losses.png)" in page
    assert '|  | warm | cold |\n| --- | ---: | ---: |\n| model.plan | "bert2bert" | "rnd2rnd" |' in page
    assert "- source: a b. c d.\n- reference: a b and c d.\n- warm: a b and c d.\n- cold: a b and c d." in page
    assert f"- `{warm.folder.path}`\n- `{cold.folder.path}`" in page


def test_page_of_a_run_whose_outputs_are_gone_has_its_scores_alone(warm):
    record = replace(warm, predictions=None)
    page = build_page({"warm": record}, build_comparison({"warm": record}, {"warm": None}, {}), differences={})
    assert "61.23" in page
    assert "## Samples" not in page


def test_page_of_runs_without_scores_has_neither_differences_nor_samples(warm, cold):
    records = {
        name: replace(record, scores=None, predictions=None) for name, record in (("warm", warm), ("cold", cold))
    }
    page = build_page(records, build(*records.values()), differences={}, picture=None)
    assert "## Differences" not in page
    assert "## Samples" not in page
    assert "![" not in page
