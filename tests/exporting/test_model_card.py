"""The model card: what it says of origin, use and scores."""

import json
import re

import pytest
import yaml
from seq2seq.exporting.model_card import build_markdown_table, build_model_card
from transformers import AutoTokenizer, EncoderDecoderModel

from seq2seq import api
from seq2seq.warmstart.origin import OriginReport, ParameterOrigin
from tests.families import save_family

ORIGIN = OriginReport(
    "bert2gpt",
    (
        ParameterOrigin("encoder.table", "embeddings", "copied", (10, 4), "some/bert/model.safetensors", ("table",)),
        ParameterOrigin("decoder.cross", "cross_attention", "random", (2, 3), note="normal"),
    ),
    ("pooler",),
    ("source vocabulary: 10 of 20 tokens kept, those that the data needs",),
)
RECIPE = {
    "task": "translation",
    "seed": 3,
    "model": {"plan": "bert2gpt", "encoder": "some/bert", "decoder": "some/gpt2"},
    "data": {"train": ["pairs.jsonl"], "validation": []},
    "training": {"max_steps": 7, "batch_tokens": None},
    "generation": {"num_beams": 4},
}


def build(**changes) -> str:
    options = {
        "model_class": "EncoderDecoderModel",
        "encoder_type": "bert",
        "checkpoint": "runs/x",
        "two_tokenizers": True,
    }
    return build_model_card(RECIPE, ORIGIN, **(options | changes))


def test_card_names_plan_checkpoints_and_data():
    assert "Plan `bert2gpt`, encoder some/bert and decoder some/gpt2; trained on pairs.jsonl." in build()


def test_card_tells_where_the_parameters_came_from():
    card = build()
    assert "| embeddings | 40 | 0 | 0 | 40 |" in card
    assert "| total | 40 | 0 | 6 | 46 |" in card
    assert "Read from `some/bert/model.safetensors`. 1 tensors of these files found no use." in card
    assert "source vocabulary: 10 of 20 tokens kept" in card


def test_card_lists_the_settings_that_are_set():
    card = build()
    assert "- training.max_steps: 7" in card
    assert "batch_tokens" not in card


def test_card_has_scores_once_there_are_some():
    scores = {"split": "test", "examples": 9, "rows": {"bert2gpt": {"bleu": 12.345}}}
    assert "| bert2gpt | 12.35 |" in build(scores=scores)
    assert "## Scores" not in build()


def test_card_of_a_t5_encoder_hands_it_over():
    card = build(encoder_type="t5")
    assert "EncoderDecoderModel(config, encoder=T5EncoderModel(config.encoder))" in card
    assert "print(target_tokenizer.batch_decode(model.generate(**inputs)" in card


def test_markdown_table_aligns_figures_right():
    assert build_markdown_table(["a", "b"], [["x", "1"]]) == "| a | b |\n| --- | ---: |\n| x | 1 |"


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
    return api.train(folder / "recipe.yaml")


def test_two_tokenizers_go_the_whole_way(bert2gpt_run):
    events = [json.loads(line) for line in (bert2gpt_run / "progress.jsonl").read_text().splitlines()]
    validation = next(event for event in events if event["event"] == "validation")
    assert validation["loss"] > 0
    assert "bleu" in validation
    scores = json.loads((bert2gpt_run / "scores.json").read_text())
    # The ceiling is that of GPT-2's tokenizer, which writes every text back, not of BERT's.
    assert scores["rows"]["references through the target tokenizer"]["bleu"] == pytest.approx(100)
    checkpoint = api.load_checkpoint(bert2gpt_run)
    assert checkpoint.tokenizers.source.get_vocab() != checkpoint.tokenizers.target.get_vocab()
    assert api.inspect(bert2gpt_run / "recipe.yaml") is None


def test_resumed_run_keeps_both_tokenizers(bert2gpt_run):
    folder = api.train(bert2gpt_run / "recipe.yaml", resume=True)
    assert (folder / "checkpoints/step_00000002/target_tokenizer/tokenizer.json").exists()


def test_code_of_the_card_runs_and_writes_the_text_of_generate(bert2gpt_run, capsys):
    card = (bert2gpt_run / "README.md").read_text()
    code = re.search(r"```python\n(.*?)```", card, re.DOTALL)[1].replace("A text.", "the cat sat")
    exec(code, {"AutoTokenizer": AutoTokenizer, "EncoderDecoderModel": EncoderDecoderModel})
    [written] = eval(capsys.readouterr().out)
    assert written.strip() == api.generate(bert2gpt_run, ["the cat sat"])[0]
