"""Real weights on real data, where the machine has them: the WikiSplit recipe up to its first step, and its ceiling."""

import json

import pytest

import seq2seq
from seq2seq.generation.scoring import CEILING_ROW, COPY_ROW, score_outputs, write_baselines
from seq2seq.processes.group import build_accelerator
from seq2seq.recipe.recipe import load_recipe
from seq2seq.runs.data import build_source
from seq2seq.runs.splits import load_split
from seq2seq.runs.start import start_model
from tests.test_recipes_folder import ROOT

RECIPE = ROOT / "recipes/sentence_fusion/wikisplit_reversed/bert2bert.yaml"


@pytest.fixture(scope="module")
def recipe(minilm, real_data):
    return load_recipe(
        RECIPE, [f"model.encoder={minilm}", "data.train=data/sentence_fusion/wikisplit_reversed/validation.jsonl.gz"]
    )


@pytest.fixture(scope="module")
def validation(recipe):
    start = start_model(recipe)
    source = build_source(recipe, start)
    accelerator = build_accelerator(recipe)
    return start, load_split(recipe, "validation", source, start.tokenizers, start.framing, accelerator)


def test_no_text_of_the_split_is_cut_at_the_limits(validation):
    encoded = validation[1].encoded
    assert (len(encoded), encoded.source_truncation.truncated, encoded.target_truncation.truncated) == (1000, 0, 0)


def test_uncased_vocabulary_cannot_write_a_cased_reference(recipe, validation):
    start, data = validation
    examples = data.split.load()
    cased = recipe.evaluation.model_copy(update={"normalization": ("collapse_spaces",)})
    rows = score_outputs(write_baselines(examples, start.tokenizers, cased), examples, cased)
    assert rows[CEILING_ROW].values["exact_match"] == 0.0


def test_declared_comparison_lifts_the_ceiling(recipe, validation):
    start, data = validation
    examples = data.split.load()
    rows = score_outputs(write_baselines(examples, start.tokenizers, recipe.evaluation), examples, recipe.evaluation)
    assert rows[CEILING_ROW].values["exact_match"] > 95
    assert rows[COPY_ROW].values["exact_match"] < 1


def test_one_step_trains_and_the_checkpoint_writes_text(recipe, tmp_path):
    changes = [
        f"model.encoder={recipe.model.encoder}", f"data.train={recipe.data.train[0]}",
        "data.validation=[]", "data.test=[]",
        "training.max_steps=1", "training.warmup_steps=0", "training.batch_examples=4", f"output={tmp_path / 'run'}",
    ]  # fmt: skip
    folder = seq2seq.train(RECIPE, changes)
    event = json.loads((folder / "progress.jsonl").read_text().splitlines()[0])
    assert 8 < event["loss"] < 12  # about ln 30,522 = 10.3: the cross-attention is random
    assert len(seq2seq.generate(folder, ["The man slept .", ""], max_target_tokens=4)) == 2
