"""A metric and a task from outside go the whole way: training, the best checkpoint, scores, tests, reports."""

import json

import numpy
import pytest

import seq2seq
from seq2seq import Metric
from seq2seq.base.errors import RecipeError, ScoringError
from seq2seq.metrics.options import EvaluationOptions
from seq2seq.metrics.scores import compute_scores
from seq2seq.run_folder.steps import load_best
from tests.extensions.metric import RightLength
from tests.training.runs import read_events, write_pairs, write_recipe

METRIC = "tests.extensions.metric:RIGHT_LENGTH"
TASK = "tests.extensions.task:PARAPHRASING"


class Flat(Metric):
    """Gives one figure in place of a row for each text."""

    name = "flat"

    def compute_statistics(self, sources, predictions, references):
        return numpy.zeros(len(predictions))

    def aggregate(self, sums):
        return sums

    def format_signature(self, references):
        return ""


FLAT = Flat()


@pytest.fixture(scope="module")
def runs(tmp_path_factory, tiny_bert):
    """Two finished runs of the task, of two seeds."""
    folder = tmp_path_factory.mktemp("own")
    data = {
        "validation": write_pairs(folder / "validation.jsonl", 8, start=40),
        "test": write_pairs(folder / "test.jsonl", 8, start=48),
    }
    metrics = {"validation_metrics": [METRIC, "loss"], "validate_every_steps": 3}
    path = write_recipe(folder, tiny_bert, data=data, **metrics)
    overrides = [f"task={TASK}", "generation.max_target_tokens=10"]
    return [seq2seq.train(path, [*overrides, f"output={folder / f'run{seed}'}", f"seed={seed}"]) for seed in (1, 2)]


def test_metric_chooses_the_best_checkpoint(runs):
    events = read_events(runs[0], "validation")
    assert [event["step"] for event in events] == [3, 6]
    values = [event[METRIC] for event in events]
    best = load_best(runs[0])
    assert (best["metric"], best["value"]) == (METRIC, max(values))


def test_tasks_metrics_are_scored_with_intervals_and_signatures(runs):
    scores = json.loads((runs[0] / "scores.json").read_text())
    assert list(scores["rows"]["bert2bert"]) == ["bleu", METRIC]
    low, high = scores["intervals"]["bert2bert"][METRIC]
    assert 0 <= low <= scores["rows"]["bert2bert"][METRIC] <= high <= 100
    assert scores["signatures"][METRIC].startswith("words by white space, any reference; compared after")
    # 2 to 7 words turned round: a copy has as many.
    assert scores["rows"]["copy of the source"][METRIC] == 100


def test_checkpoint_evaluates_by_its_tasks_metrics(runs, tmp_path):
    scores = seq2seq.evaluate(runs[0], [str(runs[0].parent / "test.jsonl")], output=tmp_path / "out")
    assert list(scores["rows"]["bert2bert"]) == ["bleu", METRIC]


def test_two_runs_are_compared_by_it(runs, tmp_path):
    page = seq2seq.report(*runs, output=tmp_path / "compared").read_text()
    assert METRIC in page
    files = [run / "predictions/test.jsonl" for run in runs]
    row = seq2seq.compare(*files, options={"metrics": [METRIC]})[METRIC]
    assert row.test.difference == pytest.approx(row.value_a - row.value_b)
    assert 0 < row.test.p_value <= 1


def test_value_is_the_share_of_texts_of_the_right_length():
    """Of three predictions the first two have as many words as a reference."""
    scores = compute_scores(
        sources=["", "", ""],
        predictions=["a b", "a", "a"],
        references=[["x y"], ["x y", "x"], ["x y"]],
        options=EvaluationOptions(metrics=(METRIC,)),
    )
    assert scores.values == {METRIC: pytest.approx(200 / 3)}
    assert RightLength().better == "higher"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("json:loads", r"metrics: json:loads is a function, expected a seq2seq\.Metric"),
        ("json:METRIC", r"metrics: module 'json' has no 'METRIC'"),
        ("no_such_module_here:METRIC", r"metrics: module 'no_such_module_here' cannot be imported"),
        ("blue", r"unknown metric 'blue'; expected some of rouge1, .*package\.module:OBJECT"),
    ],
)
def test_name_that_leads_to_no_metric_is_refused(name, message):
    with pytest.raises(ScoringError, match=message):
        seq2seq.score("a.txt", "b.txt", options={"metrics": [name]})


def test_recipe_names_a_metric_that_is_none(tmp_path, tiny_bert):
    path = write_recipe(tmp_path, tiny_bert)
    with pytest.raises(RecipeError, match=r"evaluation\.metrics: module 'json' has no 'METRIC'"):
        seq2seq.train(path, ["evaluation.metrics=[json:METRIC]"])


def test_metric_without_a_row_for_each_text_is_refused():
    with pytest.raises(
        ScoringError, match=r"flat: compute_statistics gave the shape \(1,\), expected a row of figures"
    ):
        compute_scores(
            sources=[""],
            predictions=["a"],
            references=[["a"]],
            options=EvaluationOptions(metrics=(f"{__name__}:FLAT",)),
        )
