"""Plan pretrained through the real entry point: runs on published encoder-decoders and on our own checkpoints."""

import hashlib
import json
from pathlib import Path

import pytest
import transformers
import yaml
from transformers import AutoTokenizer

import seq2seq
from seq2seq.base.errors import CheckpointError, RecipeError, TokenizerError, WarmStartError
from seq2seq.checkpoints.folder import read_checkpoint
from seq2seq.engines.options import GenerationOptions
from seq2seq.modeling.sharing import map_shared_names
from seq2seq.run_folder.folder import RunFolder
from seq2seq.text.tokenizer_files import TARGET_FOLDER
from seq2seq.warmstart.options import ModelOptions
from tests.conftest import build_generator
from tests.published import ENGLISH, FAMILIES, GERMAN, draw_sentences, save_published

SOURCES = draw_sentences(ENGLISH, 24, 3)
LANGUAGES = {"source_language": "en_XX", "target_language": "de_DE"}


def write_pairs(path: Path, targets: list[str]) -> str:
    rows = [{"source": source, "target": target} for source, target in zip(SOURCES, targets, strict=True)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def write_recipe(folder: Path, name: str, model: dict, **training) -> Path:
    """A recipe beside its run folder; BART's and T5's tiny vocabularies are English."""
    targets = draw_sentences(GERMAN if LANGUAGES.items() <= model.items() else ENGLISH, 24, 4)
    values = {
        "task": "sentence_fusion",
        "output": str(folder / name),
        "model": model,
        "data": {
            "train": write_pairs(folder / "train.jsonl", targets), "max_source_tokens": 48, "max_target_tokens": 48
        },
        "training": {
            "batch_examples": 8, "max_steps": 20, "log_every_steps": 1, "learning_rate": 2e-3, "precision": "fp32",
        } | training,
        "generation": {"num_beams": 2, "max_target_tokens": 12},
    }  # fmt: skip
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(values))
    return path


def name_model(folder: Path, family: str) -> dict[str, str]:
    languages = LANGUAGES if family.startswith("mbart") else {}
    return {"plan": "pretrained", "checkpoint": str(folder), "dropout": 0.0} | languages


def read_losses(run: Path) -> list[float]:
    return [event["loss"] for event in RunFolder(run).read_progress() if event["event"] == "train"]


def find_weights(run: Path, step: int) -> Path:
    return run / f"checkpoints/step_{step:08d}/model.safetensors"


@pytest.fixture(scope="module", params=FAMILIES)
def published(request, tmp_path_factory) -> tuple[Path, str]:
    return save_published(tmp_path_factory.mktemp(request.param), request.param), request.param


@pytest.fixture(scope="module")
def run(published, tmp_path_factory) -> Path:
    """The folder of a run of 20 steps."""
    folder, family = published
    return seq2seq.train(write_recipe(tmp_path_factory.mktemp("run"), "run", name_model(folder, family)))


def test_loss_goes_down(run):
    losses = read_losses(run)
    assert len(losses) == 20
    assert sum(losses[-3:]) < 0.8 * sum(losses[:3])


def test_every_parameter_comes_from_the_checkpoint(run):
    origin = json.loads((run / "origin.json").read_text())
    assert {row["kind"] for row in origin["parameters"]} == {"copied", "shared"}
    model = seq2seq.load_checkpoint(run).model
    assert origin["totals"]["total"] == sum(parameter.numel() for parameter in model.parameters())


def test_checkpoint_of_a_run_writes_the_same_in_plain_transformers(run):
    folder = find_weights(run, 20).parent
    name = json.loads((folder / "config.json").read_text())["architectures"][0]
    model, source = getattr(transformers, name).from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)
    target = AutoTokenizer.from_pretrained(folder / TARGET_FOLDER) if (folder / TARGET_FOLDER).exists() else source
    ids = model.generate(**source(SOURCES, return_tensors="pt", padding=True))
    texts = [text.strip() for text in target.batch_decode(ids, skip_special_tokens=True)]
    assert seq2seq.generate(run, SOURCES) == texts
    assert any(texts)


def test_resumed_run_equals_the_uninterrupted_one_bit_for_bit(published, tmp_path, monkeypatch):
    folder, family = published
    settings = {"max_steps": 4, "checkpoint_every_steps": 2}
    whole = seq2seq.train(write_recipe(tmp_path, "whole", name_model(folder, family), **settings))
    path = write_recipe(tmp_path, "broken", name_model(folder, family), **settings)

    def crash(self, event, append=RunFolder.append_progress):
        if event["step"] == 3:
            raise KeyboardInterrupt
        append(self, event)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(RunFolder, "append_progress", crash)
        seq2seq.train(path)
    broken = seq2seq.train(path, resume=True)
    first, second = (hashlib.sha256(find_weights(run, 4).read_bytes()).digest() for run in (whole, broken))
    assert first == second
    assert read_losses(whole) == read_losses(broken)


@pytest.mark.parametrize("plan", ["bert2bert", "bertshare"])
def test_own_run_is_trained_on_as_it_was(plan, tiny_bert, tmp_path):
    first = seq2seq.train(write_recipe(tmp_path, "first", {"plan": plan, "encoder": str(tiny_bert)}, max_steps=2))
    model = {"plan": "pretrained", "checkpoint": str(first)}
    before, started = seq2seq.load_checkpoint(first), seq2seq.warm_start(**model)
    options = GenerationOptions(num_beams=2, max_target_tokens=12)
    generator = build_generator(started, options, 48)
    assert generator.generate(SOURCES).texts == seq2seq.generate(first, SOURCES)
    after = seq2seq.load_checkpoint(seq2seq.train(write_recipe(tmp_path, "second", model, max_steps=2)))
    assert (after.framing, after.model.sharing) == (before.framing, before.model.sharing)
    assert map_shared_names(after.model) == map_shared_names(before.model)
    assert after.description.plan == "pretrained"


def test_options_of_a_published_model_do_not_rule_a_run_that_its_checkpoints_forget(tmp_path):
    started = seq2seq.warm_start(plan="pretrained", checkpoint=str(save_published(tmp_path, "bart", min_length=9)))
    assert (started.model.generation_config.min_length, started.model.generation_config.forced_bos_token_id) == (
        None,
        0,
    )


def test_checkpoint_of_marian_never_writes_the_pad(tmp_path):
    folder = save_published(tmp_path, "marian")
    path = write_recipe(tmp_path, "run", {"plan": "pretrained", "checkpoint": str(folder)}, max_steps=1)
    model = seq2seq.load_checkpoint(seq2seq.train(path)).model
    assert model.generation_config.bad_words_ids == [[model.config.pad_token_id]]


# Mistakes.


def test_languages_for_an_own_checkpoint_are_refused(tmp_path):
    folder = save_published(tmp_path, "mbart")
    first = seq2seq.train(write_recipe(tmp_path, "first", name_model(folder, "mbart"), max_steps=1))
    with pytest.raises(CheckpointError, match="frames its texts as it was trained to. Leave model.source_language"):
        seq2seq.warm_start(plan="pretrained", checkpoint=str(first), target_language="fr_XX")


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ({"plan": "pretrained"}, r"model\.checkpoint: .*plan pretrained needs one"),
        (
            {"plan": "pretrained", "checkpoint": "x", "encoder": "y"},
            r"model\.encoder: .*takes model.checkpoint instead",
        ),
        (
            {"plan": "bert2bert", "encoder": "x", "checkpoint": "y"},
            r"model\.checkpoint: .*is for plan pretrained alone",
        ),
        ({"plan": "bert2bert", "encoder": "x", "source_language": "en_XX"}, "is for plan pretrained alone"),
        (
            {"plan": "pretrained", "checkpoint": "x", "max_positions": 9},
            r"plan pretrained takes its checkpoint as it is\. Leave it out, or set it to null",
        ),
        (
            {"plan": "pretrained", "checkpoint": "x", "cross_attention": "copied"},
            r"takes its checkpoint as it is\. Leave it out, or set it to \"random\"",
        ),
    ],
)
def test_options_that_do_not_fit_are_refused(tmp_path, model, message):
    with pytest.raises(RecipeError, match=message):
        seq2seq.train(write_recipe(tmp_path, "run", model))


def test_options_of_two_sides_may_be_set_back_to_their_defaults():
    options = {"encoder": None, "cross_attention": "random", "source_marks": True, "max_positions": None}
    assert ModelOptions(plan="pretrained", checkpoint="x", **options).checkpoint == "x"


def test_options_that_do_not_fit_are_refused_in_python_too():
    with pytest.raises(WarmStartError, match="plan pretrained needs one"):
        seq2seq.warm_start(plan="pretrained")


def test_one_model_alone_is_no_checkpoint(tiny_bert):
    with pytest.raises(CheckpointError, match="holds one model of type 'bert', no encoder-decoder"):
        seq2seq.warm_start(plan="pretrained", checkpoint=str(tiny_bert))


def test_folder_of_something_else_is_no_checkpoint(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(CheckpointError, match="or the config.json of an encoder-decoder.; it holds notes.txt"):
        seq2seq.warm_start(plan="pretrained", checkpoint=str(tmp_path))


def test_lengths_beyond_the_positions_are_refused(tmp_path):
    folder = save_published(tmp_path, "bart")
    path = write_recipe(tmp_path, "run", {"plan": "pretrained", "checkpoint": str(folder)})
    with pytest.raises(RecipeError, match="A source of 65 tokens was asked for, but the model has 64 positions"):
        seq2seq.train(path, ["data.max_source_tokens=65"])


def test_relative_positions_set_no_limit(tmp_path):
    folder = save_published(tmp_path, "t5")
    path = write_recipe(tmp_path, "run", {"plan": "pretrained", "checkpoint": str(folder)}, max_steps=1)
    seq2seq.train(path, ["data.max_source_tokens=5000"])


@pytest.mark.parametrize("family", ["t5", "bart", "mbart"])
def test_folder_without_vocabulary_is_refused(family, tmp_path):
    # Here transformers 5 makes up a tokenizer of marks alone.
    folder = save_published(tmp_path, family)
    for name in ("spiece.model", "vocab.json", "merges.txt", "sentencepiece.bpe.model"):
        (folder / name).unlink(missing_ok=True)
    assert len(AutoTokenizer.from_pretrained(folder)) < 110
    with pytest.raises(TokenizerError, match="no vocabulary beside the config .expected .* or tokenizer.json"):
        read_checkpoint(folder)
