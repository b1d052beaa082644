"""The last lines of a command: what the figures are, and a command that a shell takes as it stands."""

import json
import shlex

import pytest

from seq2seq.metrics.table import METRICS
from seq2seq.run_folder.record import load_run_record
from seq2seq.verbs.report.closing import choose_text, explain_metric, format_next_command, list_closing_lines
from tests.reports.made_up_run import write_run


def test_every_metric_is_told_by_what_it_is_and_which_value_is_better():
    for name in METRICS:
        line = f"{name}: {explain_metric(name)}."
        assert "; " in line
        assert len(line) <= 80
    assert explain_metric("exact_match") == "percent of the outputs that equal the reference; higher is better"
    assert explain_metric("length_ratio").endswith("; best is 1")


def test_metric_of_a_user_is_told_by_its_direction():
    assert explain_metric("tests.extensions.metric:RIGHT_LENGTH") == "higher is better"


def test_closing_names_runs_and_metrics_and_ends_with_the_next_command(tmp_path):
    record = load_run_record(write_run(tmp_path / "warm"))
    lines = list(list_closing_lines({"warm": record}))
    assert f"warm: the model in {tmp_path / 'warm'}." in lines
    assert [line.partition(":")[0] for line in lines if line.endswith("better.")] == list(record.scores["signatures"])
    typed = "\n".join(lines[lines.index("Next, let it write a text of your own:") + 1 :])
    command = shlex.split(typed.replace("\\\n", ""))
    source = record.predictions[0]["source"]
    assert command == ["seq2seq", "generate", str(tmp_path / "warm"), "--text", source]


def test_run_without_a_test_set_takes_a_text_of_its_last_validation(tmp_path):
    run = write_run(tmp_path / "run")
    run.scores.unlink()
    run.predictions("test").unlink()
    samples = [{"source": "ein Haus", "reference": "a house", "output": "a"}]
    with run.progress.open("a") as file:
        file.write(json.dumps({"event": "validation", "step": 1, "samples": samples}) + "\n")
    lines = list(list_closing_lines({"run": load_run_record(run)}))
    assert shlex.split(" ".join(lines).replace("\\", ""))[-2:] == ["--text", "ein Haus"]


def test_run_without_any_text_is_told_with_a_gap(tmp_path):
    run = write_run(tmp_path / "run")
    run.predictions("test").unlink()
    assert "\n".join(format_next_command(load_run_record(run))).endswith('--text "..."')


def test_sources_that_are_no_texts_are_named_by_a_file(tmp_path):
    record = load_run_record(write_run(tmp_path / "run"))
    record.recipe["source"] = {"kind": "my.module:PICTURES"}
    assert "\n".join(format_next_command(record)).endswith("--input FILE")


@pytest.mark.parametrize(
    ("sources", "text"),
    [
        (["it's $HOME `now`"], "it's $HOME `now`"),
        (["x" * 100, "short enough"], "short enough"),
        (["two\nlines\tand \x1b[31mred"], "two lines and [31mred"),
        (["", " \n"], None),
        (["word " * 30], "word " * 12 + "word"),  # 64 of the 67 cells between the quotes, without a space behind
        (["長" * 100], "長" * 33),
    ],
)
def test_text_is_one_that_fits_a_line(sources, text):
    assert choose_text(sources) == text
