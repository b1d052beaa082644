"""Reports from the files of a run folder: cards, samples, pictures, paired tests; and from real runs."""

import json
import re
import shutil
import subprocess
import sys

import pytest
import yaml
from transformers import AutoTokenizer, EncoderDecoderModel

import seq2seq
from seq2seq.base.errors import CheckpointError, ScoringError
from seq2seq.base.mappings import flatten
from seq2seq.recipe.recipe import load_recipe
from seq2seq.reports.tables import Difference
from seq2seq.run_folder.folder import RunFolder
from seq2seq.verbs.report.card import choose_samples, list_defaults, load_evaluation, measure_badness, write_report
from seq2seq.verbs.report.compared_runs import compare_runs, write_comparison
from tests.families import save_family
from tests.reports.made_up_run import SCORES, build_record, write_run


def build_rows(*predictions: str) -> list[dict]:
    """Test rows whose reference is always the same."""
    return [{"source": "a b", "prediction": prediction, "references": ["a b c d"]} for prediction in predictions]


def test_samples_are_ranked_by_the_metrics_in_turn(tmp_path):
    # Exact match puts the second first; SARI, the only other, tells the rest apart: more right words are better.
    record = build_record(tmp_path / "mine", predictions=build_rows("x y", "a b c d", "a b c"))
    samples = choose_samples(record)
    assert [(sample.standing, sample.row) for sample in samples] == [("best", 2), ("median", 3), ("worst", 1)]
    assert samples[0].scores == {"exact_match": 100.0, "sari": pytest.approx(100.0)}
    assert samples[0].prediction == "a b c d"


def test_samples_of_equal_scores_keep_their_order(tmp_path):
    recipe = {"evaluation": {"metrics": ["exact_match"]}}
    record = build_record(tmp_path / "mine", recipe=recipe, predictions=build_rows(*["x"] * 12))
    assert [sample.row for sample in choose_samples(record)] == [1, 2, 3, 5, 6, 7, 8, 10, 11, 12]


def test_metrics_of_which_less_is_better_rank_the_other_way():
    assert sorted([3.0, 1.0, 2.0], key=lambda value: measure_badness(value, "lower")) == [1.0, 2.0, 3.0]
    assert sorted([3.0, 1.0, 2.0], key=lambda value: measure_badness(value, "higher")) == [3.0, 2.0, 1.0]
    assert sorted([2.0, 0.9, 1.2], key=lambda value: measure_badness(value, "near_one")) == [0.9, 1.2, 2.0]
    assert measure_badness(float("nan"), "higher") == float("inf")


def test_metrics_that_only_describe_rank_nothing(tmp_path):
    recipe = {"evaluation": {"metrics": ["copied_words"]}}
    assert choose_samples(build_record(tmp_path / "mine", recipe=recipe)) == []


def test_run_without_outputs_has_no_samples(tmp_path):
    assert choose_samples(build_record(tmp_path / "mine", predictions=None)) == []


def test_evaluation_of_another_version_is_refused_by_name(tmp_path):
    record = build_record(tmp_path / "mine", recipe={"evaluation": {"colour": "red"}})
    with pytest.raises(ScoringError, match=r"cannot be scored again.*\n  colour: unknown key"):
        load_evaluation(record)


def test_defaults_are_those_of_the_task_and_of_the_options():
    defaults = list_defaults("summarization")
    assert defaults["data.max_source_tokens"] == 512
    assert defaults["evaluation.metrics"] == ["rouge1", "rouge2", "rougeL"]
    assert defaults["seed"] == 1
    assert defaults["training.adam_betas"] == [0.9, 0.999]
    assert "data.train" not in defaults


def test_every_option_of_a_recipe_has_a_default_or_is_required():
    settings = flatten(load_recipe("recipes/quickstart.yaml").model_dump(mode="json"))
    assert settings.keys() - list_defaults("sentence_fusion").keys() == {"task", "output", "data.train"}


def test_task_that_is_not_to_be_had_here_has_the_options_defaults():
    assert list_defaults("no.such.module:TASK")["data.max_source_tokens"] == 128


def test_report_needs_nothing_but_files_and_loads_no_torch(tmp_path):
    write_run(tmp_path / "mine")
    code = (
        "import sys; from pathlib import Path; from seq2seq.verbs.report.card import write_report;"
        "from seq2seq.verbs.report.compared_runs import compare_runs; from seq2seq.run_folder.folder import RunFolder;"
        f"write_report(RunFolder(Path({str(tmp_path / 'mine')!r})));"
        "print([name for name in ('torch', 'transformers') if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
    pictures = {path.name for path in (tmp_path / "mine/pictures").iterdir()}
    assert pictures == {"curves.png", "lengths.png", "output_lengths.png"}
    card = (tmp_path / "mine/README.md").read_text()
    assert set(re.findall(r"!\[.*?\]\((.*?)\)", card)) == {f"pictures/{name}" for name in pictures}


def test_picture_that_is_not_drawn_any_more_goes(tmp_path, drawn):
    folder = write_run(tmp_path / "mine", inputs=None, events=[], predictions=None, scores=None)
    (folder.pictures).mkdir()
    (folder.pictures / "curves.png").touch()
    write_report(folder)
    assert list(folder.pictures.iterdir()) == []


def test_folder_that_holds_no_run_is_refused(tmp_path):
    with pytest.raises(CheckpointError, match="is no run folder"):
        write_report(RunFolder(tmp_path))


def test_runs_are_tested_against_the_first_by_pairs(tmp_path):
    right, wrong = build_rows(*["a b c d"] * 20), build_rows(*["x"] * 20)
    names = {"first": wrong, "same": wrong, "better": right}
    comparison = compare_runs([write_run(tmp_path / name, predictions=rows) for name, rows in names.items()])
    assert set(comparison.differences) == {"same", "better"}
    assert comparison.differences["same"]["exact_match"] == Difference(0.0, 0.0, 0.0, 1.0)
    difference = comparison.differences["better"]["exact_match"]
    assert (difference.value, difference.low, difference.high) == (100.0, 100.0, 100.0)
    assert difference.p_value < 0.001  # 20 coins fall alike once in half a million
    assert set(comparison.differences["better"]) == {"exact_match", "sari"}


def test_comparison_of_one_run_has_nothing_to_test(tmp_path):
    assert compare_runs([write_run(tmp_path / "mine")]).differences == {}


def test_comparison_is_written_as_a_page_with_its_picture(tmp_path, drawn):
    rows = SCORES["rows"] | {"bert2bert": {"exact_match": 0.0, "sari": 10.0}}
    runs = [write_run(tmp_path / "a"), write_run(tmp_path / "b", scores=SCORES | {"rows": rows})]
    write_comparison(compare_runs(runs), tmp_path / "compared", samples=2)
    page = (tmp_path / "compared/README.md").read_text()
    assert page.startswith("# a, b\n")
    assert "](pictures/losses.png)" in page
    assert (tmp_path / "compared/pictures/losses.png").read_bytes().startswith(b"\x89PNG")


def test_comparison_of_runs_that_logged_nothing_has_no_picture(tmp_path):
    write_comparison(compare_runs([write_run(tmp_path / "a", events=[])]), tmp_path / "compared", samples=0)
    assert [path.name for path in (tmp_path / "compared").iterdir()] == ["README.md"]


@pytest.fixture(scope="module")
def bert2gpt_run(tmp_path_factory):
    """A run of two steps with two tokenizers, as users would make it, and its test texts."""
    folder = tmp_path_factory.mktemp("bert2gpt")
    encoder, decoder = (str(save_family(folder / family, family, head=True)) for family in ("bert", "gpt2"))
    rows = [
        {"source": "the cat sat", "target": "a dog ran over the mat"},
        {"source": "big fish swam", "target": "birds flew by the red tree"},
    ]
    (folder / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows * 4))
    data = [str(folder / "pairs.jsonl")]
    recipe = {
        "task": "translation",
        "output": str(folder / "run"),
        "model": {"plan": "bert2gpt", "encoder": encoder, "decoder": decoder},
        "data": {"train": data, "validation": data, "test": data, "max_source_tokens": 32, "max_target_tokens": 48},
        "training": {
            "batch_examples": 4,
            "max_steps": 2,
            "validation_metrics": ["loss", "bleu"],
            "learning_rate": 1e-3,
        },
        "generation": {"num_beams": 2, "max_target_tokens": 12},
    }
    (folder / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    return seq2seq.train(folder / "recipe.yaml")


def test_two_tokenizers_go_the_whole_way(bert2gpt_run):
    events = [json.loads(line) for line in (bert2gpt_run / "progress.jsonl").read_text().splitlines()]
    validation = next(event for event in events if event["event"] == "validation")
    assert validation["loss"] > 0
    assert "bleu" in validation
    scores = json.loads((bert2gpt_run / "scores.json").read_text())
    # The ceiling is that of GPT-2's tokenizer, which writes every text back, not of BERT's.
    assert scores["rows"]["references through the target tokenizer"]["bleu"] == pytest.approx(100)
    checkpoint = seq2seq.load_checkpoint(bert2gpt_run)
    assert checkpoint.tokenizers.source.get_vocab() != checkpoint.tokenizers.target.get_vocab()
    inspection = seq2seq.inspect(bert2gpt_run / "recipe.yaml", time=False)
    assert inspection.splits["train"].round_trip.exact == inspection.splits["train"].rows


def test_resumed_run_keeps_both_tokenizers(bert2gpt_run):
    folder = seq2seq.train(bert2gpt_run / "recipe.yaml", resume=True)
    assert (folder / "checkpoints/step_00000002/target_tokenizer/tokenizer.json").exists()


def test_code_of_the_card_runs_and_writes_the_text_of_generate(bert2gpt_run, capsys):
    card = (bert2gpt_run / "README.md").read_text()
    code = re.search(r"```python\n(.*?)```", card, re.DOTALL)[1].replace("A text.", "the cat sat")
    exec(code, {"AutoTokenizer": AutoTokenizer, "EncoderDecoderModel": EncoderDecoderModel})
    [written] = eval(capsys.readouterr().out)
    assert written.strip() == seq2seq.generate(bert2gpt_run, ["the cat sat"])[0]


def test_inputs_of_a_run_tell_its_data_and_its_model(bert2gpt_run):
    inputs = json.loads((bert2gpt_run / "inputs.json").read_text())
    assert set(inputs["splits"]) == {"train", "validation", "test"}
    train = inputs["splits"]["train"]
    assert (train["pairs"], train["source"]["limit"], train["target"]["limit"]) == (8, 32, 48)
    assert sum(train["source"]["lengths"]["counts"]) == 8
    assert inputs["hub_models"] == {}  # both were folders
    model = {"class": "EncoderDecoderModel", "hands_over_t5_encoder": False, "two_tokenizers": True, "pruned": False}
    assert inputs["model"] == model


def test_card_made_again_is_the_card_of_the_run(bert2gpt_run, tmp_path):
    before = (bert2gpt_run / "README.md").read_text()
    (bert2gpt_run / "README.md").unlink()
    seq2seq.report(bert2gpt_run)
    assert (bert2gpt_run / "README.md").read_text() == before


def test_run_begun_without_inputs_gets_them_when_it_goes_on(bert2gpt_run, tmp_path):
    copy = tmp_path / "run"
    shutil.copytree(bert2gpt_run, copy)
    before = (copy / "inputs.json").read_text()
    for name in ("inputs.json", "README.md"):
        (copy / name).unlink()
    seq2seq.train(bert2gpt_run / "recipe.yaml", [f"output={copy}"], resume=True)
    assert (copy / "inputs.json").read_text() == before
