"""Front matter: read back by the hub's own library, offline."""

import pytest
from huggingface_hub import EvalResult, ModelCard, ModelCardData

from seq2seq.reports.front_matter import build_front_matter, find_pipeline
from tests.reports.made_up_run import INPUTS, SCORES, build_record


def read(record) -> ModelCardData:
    return ModelCard(build_front_matter(record) + "\n\n# title\n").data


def test_hub_reads_what_was_written(tmp_path):
    data = read(build_record(tmp_path / "mine"))
    assert data.library_name == "transformers"
    assert data.pipeline_tag == "text-generation"
    assert data.base_model == ["some/bert"]
    assert data.datasets == ["some/pairs"]
    assert data.metrics == ["exact_match", "sari"]
    tags = ["seq2seq", "encoder-decoder", "sentence-fusion", "text2text-generation", "warm-start", "bert2bert"]
    assert data.tags == tags
    assert data.language is None
    assert data.license is None


def test_hub_reads_the_scores_of_the_model_alone(tmp_path):
    data = read(build_record(tmp_path / "mine"))
    assert data.model_name == "mine"
    shared = {
        "task_type": "text-generation", "task_name": "sentence_fusion", "dataset_type": "some/pairs",
        "dataset_name": "some/pairs", "dataset_config": "plain", "dataset_split": "test",
    }  # fmt: skip

    def expect(metric, value, signature, low, high):
        arguments = {"signature": signature, "interval": {"low": low, "high": high, "level": 0.95}}
        return EvalResult(metric_type=metric, metric_name=metric, metric_value=value, metric_args=arguments, **shared)

    assert data.eval_results == [
        expect("exact_match", 50.0, "any reference", 0.0, 100.0),
        expect("sari", 61.2346, "n 1-4", 55.5, 66.6),
    ]


def test_what_the_hub_reads_it_writes_again(tmp_path):
    record = build_record(tmp_path / "mine")
    assert f"---\n{read(record).to_yaml()}\n---" == build_front_matter(record)


def test_scores_without_intervals_are_written_without(tmp_path):
    scores = {key: value for key, value in SCORES.items() if key not in ("intervals", "bootstrap")}
    data = read(build_record(tmp_path / "mine", scores=scores))
    assert data.eval_results[0].metric_args == {"signature": "any reference"}


def test_run_without_scores_has_no_results(tmp_path):
    data = read(build_record(tmp_path / "mine", scores=None))
    assert data.eval_results is None
    assert data.metrics is None


@pytest.mark.parametrize(
    ("task", "pipeline"),
    [
        ("summarization", "summarization"),
        ("translation", "translation"),
        ("sentence_splitting", "text-generation"),
        ("my.module:TASK", "text-generation"),
    ],
)
def test_tasks_have_a_pipeline_that_the_hub_lists(task, pipeline):
    assert find_pipeline(task) == pipeline


def test_local_names_are_no_hub_names(tmp_path):
    recipe = {
        "task": "my.module:TASK",
        "model": {"encoder": "models/bert"},
        "data": {"train": ["home/me/train.jsonl"], "test": ["/home/me/pairs/test.jsonl", "embedded:quickstart:test"]},
    }
    inputs = {"splits": INPUTS["splits"], "hub_models": {}, "model": INPUTS["model"]}
    record = build_record(tmp_path / "mine", recipe=recipe, inputs=inputs)
    data = read(record)
    assert data.base_model is None
    assert data.datasets is None
    assert data.eval_results[0].dataset_type == "local-files"
    assert data.eval_results[0].dataset_name == "pairs/test.jsonl, embedded:quickstart:test"
    assert "/home/me" not in build_front_matter(record)
    assert "my.module" not in "".join(data.tags)


def test_revision_of_a_data_set_stands_apart_from_its_name(tmp_path):
    names = ["hub:some/pairs@refs/convert/parquet::train[:10%]"]
    record = build_record(tmp_path / "mine", recipe={"data": {"train": names, "test": names}})
    data = read(record)
    assert data.datasets == ["some/pairs"]
    result = data.eval_results[0]
    assert (result.dataset_type, result.dataset_revision) == ("some/pairs", "refs/convert/parquet")
    assert (result.dataset_config, result.dataset_split) == (None, "train[:10%]")


def test_model_that_only_lends_its_shape_is_no_base(tmp_path):
    rows = [{"name": "e", "part": "embeddings", "kind": "random", "shape": [2], "file": None}]
    origin = {"parameters": rows, "totals": {"total": 2, "embeddings": 2, "initialised": 0, "random": 2}}
    data = read(build_record(tmp_path / "mine", recipe={"model": {"plan": "rnd2rnd"}}, origin=origin))
    assert data.base_model is None
    assert "warm-start" not in data.tags


def test_encoder_decoder_trained_on_is_the_base(tmp_path):
    inputs = {"splits": INPUTS["splits"], "hub_models": {"checkpoint": "some/bart"}, "model": INPUTS["model"]}
    assert read(build_record(tmp_path / "mine", inputs=inputs)).base_model == ["some/bart"]


def test_metrics_go_by_the_hubs_names(tmp_path):
    values = {"rouge1": 1.0, "rougeL": 2.0, "bleu": 3.0, "repetition": 4.0}
    scores = SCORES | {"rows": {"bert2bert": values}, "signatures": dict.fromkeys(values, "x"), "intervals": {}}
    data = read(build_record(tmp_path / "mine", scores=scores))
    assert data.metrics == ["rouge", "sacrebleu", "repetition"]
    assert [(row.metric_type, row.metric_name) for row in data.eval_results] == [
        ("rouge", "rouge1"), ("rouge", "rougeL"), ("sacrebleu", "bleu"), ("repetition", "repetition"),
    ]  # fmt: skip


def test_run_begun_before_inputs_were_written_names_no_base(tmp_path):
    assert read(build_record(tmp_path / "mine", inputs=None)).base_model is None
