"""Whether the metrics of a run see its references: blind ones choose no checkpoint, and a task's are replaced."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

import seq2seq
from seq2seq.base.errors import ScoringError, TrainingError
from seq2seq.base.files import load_json
from seq2seq.recipe.recipe import load_recipe
from seq2seq.runs.data import complete_evaluation

TARGETS = {
    "hi": ["नमस्ते दुनिया के लोग", "लड़कियों की किताबें यहाँ हैं", "मैं घर जा रहा हूँ"],
    "zh": ["你好世界", "今天天气很好", "我要回家了"],
    "ja": ["東京に行く", "私は学生です", "これはペンです"],
    "en": ["the cat sat on the mat", "a dog ran and swam", "a big red fish swam"],
}
TOLD = (
    "The task's rouge1, rouge2, rougeL count a-z and 0-9 alone and see next to nothing of these references. Scored by "
)
OF_WORDS = ["rouge1_words", "rouge2_words", "rougeL_words"]


@pytest.fixture
def write(tmp_path, tiny_bert):
    def write(language: str, name: str = "run", task: str = "summarization", **training) -> Path:
        """A recipe whose data has targets in a language."""
        data = tmp_path / f"{language}.jsonl"
        rows = [{"source": f"the cat {number}", "target": text} for number, text in enumerate(TARGETS[language])]
        data.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        values = {
            "task": task,
            "output": str(tmp_path / name),
            "model": {"encoder": str(tiny_bert)},
            "data": {"max_source_tokens": 16, "max_target_tokens": 32}
            | dict.fromkeys(("train", "validation", "test"), str(data)),
            "training": {"batch_examples": 2, "max_steps": 2, "validate_every_steps": 1} | training,
            "generation": {"num_beams": 1, "max_target_tokens": 8},
        }
        path = tmp_path / f"{name}.yaml"
        path.write_text(yaml.safe_dump(values), encoding="utf-8")
        return path

    return write


def read_metrics(folder: Path) -> list[str]:
    return list(load_json(folder / "scores.json")["signatures"])


@pytest.mark.parametrize("language", ["hi", "zh"])
def test_tasks_metrics_that_see_nothing_are_replaced_and_told(write, capsys, language):
    path = write(language)
    folder = seq2seq.train(path)
    assert read_metrics(folder) == OF_WORDS
    assert list(load_recipe(folder / "recipe.yaml").evaluation.metrics) == OF_WORDS
    assert capsys.readouterr().err.count(TOLD) == 1
    row = load_json(folder / "scores.json")["rows"]["copy of the source"]
    assert set(row) == set(OF_WORDS)
    # Going on, the run keeps them, and whoever evaluates its checkpoint has them too.
    assert seq2seq.train(path, resume=True) == folder
    assert seq2seq.train(folder / "recipe.yaml", resume=True) == folder
    seq2seq.report(folder)


def test_recipe_that_is_loaded_already_has_its_metrics_replaced_too(write):
    assert read_metrics(seq2seq.train(load_recipe(write("hi")))) == OF_WORDS


def test_tasks_metrics_that_see_the_texts_are_kept(write, capsys):
    assert read_metrics(seq2seq.train(write("en"))) == ["rouge1", "rouge2", "rougeL"]
    assert "of the references" not in capsys.readouterr().err


def test_metrics_of_the_recipe_are_kept_and_told_where_they_see_nothing(write, capsys):
    overrides = ["evaluation.metrics=[rouge1, rouge2, rougeL]"]
    assert read_metrics(seq2seq.train(write("hi"), overrides)) == ["rouge1", "rouge2", "rougeL"]
    err = capsys.readouterr().err
    assert TOLD not in err
    told = "rouge1 sees nothing of the references: against themselves they score 0.00. It counts a-z and 0-9 alone; "
    assert err.count(told) == 2  # as the run begins, and below its scores
    assert f"data.test: {told}" in err


def test_run_that_was_begun_with_the_tasks_metrics_goes_on_with_them(write, monkeypatch):
    # As versions before did.
    monkeypatch.setattr("seq2seq.verbs.train.find_metrics_in_place", lambda recipe: None)
    path = write("hi")
    folder = seq2seq.train(path)
    monkeypatch.undo()
    assert read_metrics(folder) == ["rouge1", "rouge2", "rougeL"]
    assert seq2seq.train(path, resume=True) == folder


@pytest.mark.parametrize(
    ("training", "harm"),
    [({}, "name the best checkpoint, and"), ({"early_stopping": 2}, "name the best checkpoint and end the run, and")],
)
def test_metric_that_sees_nothing_is_refused_as_the_first(write, tmp_path, training, harm):
    path = write("hi", validation_metrics=["rouge1", "loss"], **training)
    message = f"training.validation_metrics: rouge1 would {harm} rouge1 sees nothing of the references: .*rouge1_words"
    with pytest.raises(TrainingError, match=message):
        seq2seq.train(path)
    assert not (tmp_path / "run").exists()


def test_metric_that_sees_nothing_is_told_as_the_second(write, capsys):
    seq2seq.train(write("hi", validation_metrics=["loss", "rouge1"]))
    assert "data.validation: rouge1 sees nothing of the references" in capsys.readouterr().err


def test_metric_of_words_may_be_the_first(write):
    folder = seq2seq.train(write("hi", validation_metrics=["rouge1_words"]))
    events = [json.loads(line) for line in (folder / "progress.jsonl").read_text().splitlines()]
    assert ["rouge1_words" in event for event in events if event["event"] == "validation"] == [True, True]


def test_bleu_of_chinese_is_of_its_tokenizer_and_refused_with_another(write, tmp_path):
    path = write("zh", task="translation", validation_metrics=["bleu"])
    scores = load_json(seq2seq.train(path) / "scores.json")
    assert "|tok:zh|" in scores["signatures"]["bleu"]
    other = [f"output={tmp_path / 'other'}", "evaluation.bleu_tokenizer=13a"]
    with pytest.raises(TrainingError, match="bleu sees nothing of the references: .*such as char, or chrf"):
        seq2seq.train(path, other)
    folder = seq2seq.train(path, [other[0], "evaluation.bleu_tokenizer=char"])
    assert "|tok:char|" in load_json(folder / "scores.json")["signatures"]["bleu"]


def test_run_without_the_tokenizer_that_it_needs_is_refused_before_it_trains(write, tmp_path, monkeypatch):
    monkeypatch.setattr("seq2seq.metrics.bleu_tokenizers.find_spec", lambda name: None)
    path = write("ja", task="translation")
    with pytest.raises(ScoringError, match=r"ja-mecab is the one for Japanese .*pip install 'sacrebleu\[ja\]'"):
        seq2seq.train(path)
    assert not (tmp_path / "run").exists()
    folder = seq2seq.train(path, ["evaluation.bleu_tokenizer=char"])
    assert "|tok:char|" in load_json(folder / "scores.json")["signatures"]["bleu"]


@pytest.mark.parametrize(("own", "language"), [(None, "de_DE"), ("en", "en")])
def test_language_of_stems_is_the_one_that_the_model_is_told_to_write(write, own, language):
    recipe = load_recipe(write("en"))
    model = recipe.model.model_copy(update={"target_language": "de_DE"})
    evaluation = recipe.evaluation.model_copy(update={"language": own})
    told = recipe.model_copy(update={"model": model, "evaluation": evaluation})
    other_process = SimpleNamespace(is_main_process=False)  # nothing of the texts is read there
    assert complete_evaluation(told, None, other_process).language == language


def test_language_reaches_the_signature(write):
    folder = seq2seq.train(write("en"), ["evaluation.metrics=[rouge1_words]", "evaluation.language=en"])
    assert "Snowball's stems of english" in load_json(folder / "scores.json")["signatures"]["rouge1_words"]


# Other verbs.


def test_evaluation_replaces_the_metrics_of_the_task_alone(write, tmp_path, capsys):
    folder = seq2seq.train(write("en"))
    write("hi", "other")
    data = [str(tmp_path / "hi.jsonl")]
    capsys.readouterr()
    assert list(seq2seq.evaluate(folder, data, output=tmp_path / "out")["signatures"]) == OF_WORDS
    assert capsys.readouterr().err.count(TOLD) == 1
    scores = seq2seq.evaluate(folder, data, output=tmp_path / "out", metrics=["rouge1"], overwrite=True)
    assert list(scores["signatures"]) == ["rouge1"]
    err = capsys.readouterr().err
    assert TOLD not in err
    assert err.count("rouge1 sees nothing of the references") == 1


def test_inspection_warns(write, monkeypatch):
    def list_findings(*overrides: str) -> list[str]:
        inspection = seq2seq.inspect(path, overrides, time=False)
        return [finding.text for finding in inspection.warnings if finding.about == "metrics"]

    path = write("hi", validation_metrics=["rouge1"])
    replaced, blind = list_findings()
    assert replaced.startswith(TOLD)
    assert blind.startswith("data.validation: rouge1 sees nothing of the references")
    path = write("ja", task="translation")
    monkeypatch.setattr("seq2seq.metrics.bleu_tokenizers.find_spec", lambda name: None)
    (missing,) = list_findings()
    assert "ja-mecab is the one for Japanese references" in missing
    assert list_findings("evaluation.bleu_tokenizer=char") == []


def test_curve_of_pruning_tells_of_a_metric_that_sees_nothing(write, tmp_path, capsys):
    folder = seq2seq.train(write("en"))
    write("hi", "other")
    data = [str(tmp_path / "hi.jsonl")]
    seq2seq.prune(folder, data, output=tmp_path / "pruned", keep=0.5, metrics=["rouge1"])
    assert capsys.readouterr().err.count("rouge1 sees nothing of the references") == 1
