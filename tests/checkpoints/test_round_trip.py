"""Checkpoints of ours that plain transformers has loaded and saved again, as its Trainer and push_to_hub do.

Expected texts are those of the checkpoint before the trip, and those of plain transformers behind it.
"""

import json
import shutil
from pathlib import Path

import pytest
from datasets import Dataset
from transformers import (
    AutoModelForSeq2SeqLM,
    AutoTokenizer,
    DataCollatorForSeq2Seq,
    Seq2SeqTrainer,
    Seq2SeqTrainingArguments,
)

import seq2seq
from seq2seq.base.errors import CheckpointError
from seq2seq.checkpoints.description import CARRIED_KEY
from seq2seq.checkpoints.folder import read_checkpoint, write_checkpoint
from seq2seq.modeling.sharing import Sharing, map_shared_names
from seq2seq.text.tokenizer_files import TARGET_FOLDER
from seq2seq.text.tokenizers import DROPPED_TOKENS
from seq2seq.warmstart.start import WarmStart
from tests.conftest import build_description, save_bert, shake
from tests.families import save_family
from tests.published import ENGLISH, FAMILIES, draw_sentences, save_published

TEXTS = [
    "the cat sat on the mat.", "a dog, and a bird!", "the un##ed sea", "fish swam", "a small red cat ran",
    "the red bird flew but the fish swam", "don't", "a big big sea . the road",
]  # fmt: skip
SOURCES = draw_sentences(ENGLISH, 12, 3)
LANGUAGES = {"source_language": "cs_CZ", "target_language": "fr_XX"}


def train_a_little(started: WarmStart, amount: float = 0.5) -> None:
    """Moves what training would: position tables of Marian are computed, and stay."""
    frozen = {name: p.clone() for name, p in started.model.named_parameters() if not p.requires_grad}
    shake(started.model, amount)
    for name, parameter in started.model.named_parameters():
        if name in frozen:
            parameter.data.copy_(frozen[name])


def write(started: WarmStart, folder: Path, **generation) -> Path:
    train_a_little(started)
    write_checkpoint(folder, started.model, started.tokenizers, build_description(started, **generation))
    return folder


def save_again(folder: Path, output: Path, **options) -> Path:
    """What transformers makes of a checkpoint without knowing this project."""
    AutoModelForSeq2SeqLM.from_pretrained(folder).save_pretrained(output, **options)
    AutoTokenizer.from_pretrained(folder).save_pretrained(output)
    return output


def write_plainly(folder: Path, texts: list[str]) -> list[str]:
    model, tokenizer = AutoModelForSeq2SeqLM.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)
    ids = model.generate(**tokenizer(texts, return_tensors="pt", padding=True))
    target = AutoTokenizer.from_pretrained(folder / TARGET_FOLDER) if (folder / TARGET_FOLDER).exists() else tokenizer
    return [text.strip() for text in target.batch_decode(ids, skip_special_tokens=True)]


def change_json(path: Path, **values) -> None:
    """Sets keys of a JSON file; those that are to be None are taken out."""
    changed = json.loads(path.read_text()) | values
    path.write_text(json.dumps({name: value for name, value in changed.items() if value is not None}))


@pytest.fixture(scope="module")
def gpt2(tmp_path_factory) -> Path:
    return save_family(tmp_path_factory.mktemp("gpt2"), "gpt2")


@pytest.fixture(
    scope="module", params=[("bert2bert", True), ("bert2bert", False), ("bertshare", True), ("rnd2bert", True)]
)
def pair(request, tiny_bert, tmp_path_factory) -> tuple[Path, Path]:
    """A checkpoint of one vocabulary, and what transformers has made of it."""
    plan, source_marks = request.param
    folder = tmp_path_factory.mktemp(plan)
    started = seq2seq.warm_start(plan=plan, encoder=str(tiny_bert), source_marks=source_marks)
    ours = write(started, folder / "ours", num_beams=3)
    return ours, save_again(ours, folder / "again")


@pytest.fixture(scope="module")
def two_vocabularies(tiny_bert, gpt2, tmp_path_factory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("bert2gpt")
    started = seq2seq.warm_start(plan="bert2gpt", encoder=str(tiny_bert), decoder=str(gpt2))
    ours = write(started, folder / "ours", num_beams=2)
    return ours, save_again(ours, folder / "again")


def test_pair_writes_the_same_texts(pair):
    ours, again = pair
    texts = seq2seq.generate(ours, TEXTS)
    assert seq2seq.generate(again, TEXTS) == texts == write_plainly(again, TEXTS)
    assert len(set(texts)) > 1


def test_pair_is_described_as_before(pair):
    ours, again = (read_checkpoint(folder) for folder in pair)
    assert json.loads(json.dumps(again.description.to_dict())) == ours.description.to_dict()
    assert again.framing == ours.framing
    assert map_shared_names(again.model) == map_shared_names(ours.model)


def test_pair_is_trained_on_with_its_marks(pair):
    ours, again = pair
    started = seq2seq.warm_start(plan="pretrained", checkpoint=str(again))
    assert started.framing == read_checkpoint(ours).framing


@pytest.mark.parametrize("family", FAMILIES)
def test_encoder_decoder_that_was_published_writes_the_same_texts(family, tmp_path):
    save_published(tmp_path, family)
    languages = LANGUAGES if family.startswith("mbart") else {}
    started = seq2seq.warm_start(plan="pretrained", checkpoint=str(tmp_path), **languages)
    train_a_little(started, 0.1)
    ours = tmp_path / "ours"
    write_checkpoint(ours, started.model, started.tokenizers, build_description(started, num_beams=2))
    again = save_again(ours, tmp_path / "again")
    texts = seq2seq.generate(ours, SOURCES)
    assert seq2seq.generate(again, SOURCES) == texts == write_plainly(again, SOURCES)
    assert len(set(texts)) > 1
    assert read_checkpoint(again).framing == started.framing


@pytest.mark.parametrize("options", [{"max_shard_size": "20KB"}, {"push_to_hub": False}])
def test_shards_are_read_too(pair, tmp_path, options):
    ours, _ = pair
    again = save_again(ours, tmp_path / "again", **options)
    assert seq2seq.generate(again, TEXTS) == seq2seq.generate(ours, TEXTS)


def test_model_that_the_trainer_of_transformers_has_trained_on(tiny_bert, tmp_path):
    started = seq2seq.warm_start(plan="bertshare", encoder=str(tiny_bert))
    ours = write(started, tmp_path / "ours", num_beams=2)
    model, tokenizer = AutoModelForSeq2SeqLM.from_pretrained(ours), AutoTokenizer.from_pretrained(ours)
    end = model.config.eos_token_id
    rows = [
        {"input_ids": tokenizer(text).input_ids, "labels": [*tokenizer(text, add_special_tokens=False).input_ids, end]}
        for text in TEXTS
    ]
    again = tmp_path / "again"
    arguments = Seq2SeqTrainingArguments(
        output_dir=str(again), max_steps=5, learning_rate=3e-3, report_to=[], save_strategy="no", use_cpu=True,
        predict_with_generate=True, disable_tqdm=True,
    )  # fmt: skip
    trainer = Seq2SeqTrainer(
        model=model, args=arguments, train_dataset=Dataset.from_list(rows), eval_dataset=Dataset.from_list(rows),
        data_collator=DataCollatorForSeq2Seq(tokenizer, model=model), processing_class=tokenizer,
    )  # fmt: skip
    trainer.train()
    trainer.evaluate()  # writes every default of transformers into the generation config
    trainer.save_model()
    texts = seq2seq.generate(again, TEXTS)
    assert texts == write_plainly(again, TEXTS)
    assert texts != seq2seq.generate(ours, TEXTS)
    assert read_checkpoint(again).model.sharing == Sharing(embeddings=False, layers=False)  # trained apart by now


# What of the folder changes on the way, or is not carried.


def test_what_the_generation_config_says_by_now_holds(pair, tmp_path):
    ours, again = pair
    folder = Path(shutil.copytree(again, tmp_path / "changed"))
    change_json(folder / "generation_config.json", num_beams=1, length_penalty=None, max_new_tokens=5, min_new_tokens=2)
    was, now = read_checkpoint(ours).description.generation, read_checkpoint(folder).description.generation
    changed = {"num_beams": 1, "max_target_tokens": 5, "min_target_tokens": 2}
    assert {name: now[name] for name in changed} == changed
    assert now["target_prefix"] == was["target_prefix"]
    assert seq2seq.generate(folder, TEXTS) == write_plainly(folder, TEXTS)


def test_options_that_transformers_does_not_know_are_kept(tiny_bert, tmp_path):
    options = {"num_beams": 2, "length_penalty": 0.6, "length_penalty_form": "gnmt", "target_prefix": "the"}
    started = seq2seq.warm_start(plan="bert2bert", encoder=str(tiny_bert))
    ours = write(started, tmp_path / "ours", **options)
    again = save_again(ours, tmp_path / "again")
    assert seq2seq.generate(again, TEXTS) == seq2seq.generate(ours, TEXTS)
    kept = read_checkpoint(again).description.generation
    assert {name: kept[name] for name in options} == options


def test_normalization_and_length_of_sources_are_kept(tiny_bert, tmp_path):
    started = seq2seq.warm_start(plan="bert2bert", encoder=str(tiny_bert))
    train_a_little(started)
    description = build_description(started)
    description.layout["normalization"] = ["separate_punctuation"]
    write_checkpoint(tmp_path / "ours", started.model, started.tokenizers, description)
    again = read_checkpoint(save_again(tmp_path / "ours", tmp_path / "again")).description
    assert again.layout["normalization"] == ["separate_punctuation"]
    assert (again.max_source_tokens, again.task) == (32, "sentence_fusion")


def test_prompt_of_the_published_model_is_not_put_in_front_of_a_trained_one(tmp_path):
    save_published(tmp_path, "t5")
    prompts = {"summarization": {"prefix": "summarize: ", "num_beams": 3}}
    change_json(tmp_path / "config.json", task_specific_params=prompts)
    started = seq2seq.warm_start(plan="pretrained", checkpoint=str(tmp_path))
    train_a_little(started, 0.1)
    ours = tmp_path / "ours"
    started.save(ours)
    again = save_again(ours, tmp_path / "again")
    assert seq2seq.summarize(again, SOURCES) == seq2seq.summarize(ours, SOURCES) == seq2seq.generate(ours, SOURCES)


def test_languages_of_a_trained_model_are_not_chosen_again(tmp_path):
    save_published(tmp_path, "mbart50")
    started = seq2seq.warm_start(plan="pretrained", checkpoint=str(tmp_path), **LANGUAGES)
    started.save(tmp_path / "ours")
    again = save_again(tmp_path / "ours", tmp_path / "again")
    with pytest.raises(CheckpointError, match="frames its texts as it was trained to"):
        read_checkpoint(again, target_language="de_DE")


def test_folder_that_carries_nothing_is_bare_as_published_ones_are(pair, tmp_path):
    folder = Path(shutil.copytree(pair[1], tmp_path / "bare"))
    change_json(folder / "config.json", **{CARRIED_KEY: None})
    change_json(folder / "tokenizer_config.json", **{DROPPED_TOKENS: None})
    framing = read_checkpoint(folder).framing
    assert (framing.source_prefix, framing.source_suffix) == ((), ())


def test_our_tokenizer_tells_the_marks_where_a_config_was_made_anew(pair, tmp_path):
    ours, again = pair
    folder = Path(shutil.copytree(again, tmp_path / "anew"))
    change_json(folder / "config.json", **{CARRIED_KEY: None})
    assert read_checkpoint(folder).framing == read_checkpoint(ours).framing
    assert seq2seq.generate(folder, TEXTS) == write_plainly(folder, TEXTS)


def test_one_tokenizer_serves_sides_of_which_one_has_rows_to_spare(tiny_bert, tmp_path):
    grown = save_bert(tmp_path / "grown", vocab_size=96)
    started = seq2seq.warm_start(plan="pair", encoder=str(tiny_bert), decoder=str(grown))
    assert started.tokenizers.source is started.tokenizers.target
    ours = write(started, tmp_path / "ours")
    again = save_again(ours, tmp_path / "again")
    assert seq2seq.generate(again, TEXTS) == seq2seq.generate(ours, TEXTS) == write_plainly(again, TEXTS)


def test_length_penalty_that_was_changed_since_is_in_the_form_of_transformers(tiny_bert, tmp_path):
    options = {"num_beams": 4, "length_penalty": 0.6, "length_penalty_form": "gnmt"}
    started = seq2seq.warm_start(plan="bert2bert", encoder=str(tiny_bert))
    again = save_again(write(started, tmp_path / "ours", **options), tmp_path / "again")
    change_json(again / "generation_config.json", length_penalty=3.0)
    assert seq2seq.generate(again, TEXTS) == write_plainly(again, TEXTS)


@pytest.mark.parametrize("family", ["mbart", "mbart50"])
def test_target_language_holds_where_nothing_is_carried(family, tmp_path):
    save_published(tmp_path, family)
    started = seq2seq.warm_start(plan="pretrained", checkpoint=str(tmp_path), **LANGUAGES)
    started.save(tmp_path / "ours")
    again = save_again(tmp_path / "ours", tmp_path / "again")
    change_json(again / "config.json", **{CARRIED_KEY: None})
    assert read_checkpoint(again).framing == started.framing


def test_another_language_that_is_forced_by_now_is_written(tmp_path):
    save_published(tmp_path, "mbart50")
    german = AutoTokenizer.from_pretrained(tmp_path).convert_tokens_to_ids("de_DE")
    started = seq2seq.warm_start(plan="pretrained", checkpoint=str(tmp_path), **LANGUAGES)
    started.save(tmp_path / "ours")
    again = save_again(tmp_path / "ours", tmp_path / "again")
    change_json(again / "generation_config.json", forced_bos_token_id=german)
    assert read_checkpoint(again).framing.target_prefix == (german,)
    assert seq2seq.generate(again, SOURCES) == write_plainly(again, SOURCES)


def test_checkpoint_of_a_version_that_carried_nothing_carries_from_now_on(pair, tmp_path):
    folder = Path(shutil.copytree(pair[0], tmp_path / "old"))
    (folder / "manifest.json").unlink()
    change_json(folder / "config.json", **{CARRIED_KEY: None})
    loaded = read_checkpoint(folder)
    loaded.model.save_pretrained(tmp_path / "again")
    AutoTokenizer.from_pretrained(folder).save_pretrained(tmp_path / "again")
    assert read_checkpoint(tmp_path / "again").framing == loaded.framing


# Two tokenizers.


def test_target_tokenizer_that_stayed_behind_is_asked_for(two_vocabularies):
    with pytest.raises(CheckpointError, match="a vocabulary each, and there is one tokenizer.*Copy target_tokenizer/"):
        read_checkpoint(two_vocabularies[1])


def test_target_tokenizer_that_lies_there_is_read(two_vocabularies, tmp_path):
    ours, again = two_vocabularies
    folder = Path(shutil.copytree(again, tmp_path / "both"))
    shutil.copytree(ours / TARGET_FOLDER, folder / TARGET_FOLDER)
    texts = seq2seq.generate(ours, TEXTS)
    assert seq2seq.generate(folder, TEXTS) == texts == write_plainly(folder, TEXTS)
    assert len(set(texts)) > 2


def test_vocabularies_of_one_size_are_told_apart_by_what_is_carried(tiny_bert, tmp_path):
    other = save_bert(tmp_path / "other", seed=1)
    tokenizer = json.loads((other / "tokenizer.json").read_text())
    vocabulary = tokenizer["model"]["vocab"]
    vocabulary["cat"], vocabulary["dog"] = vocabulary["dog"], vocabulary["cat"]
    (other / "tokenizer.json").write_text(json.dumps(tokenizer))
    started = seq2seq.warm_start(plan="pair", encoder=str(tiny_bert), decoder=str(other))
    ours = write(started, tmp_path / "ours")
    assert started.model.source_rows == started.model.target_rows
    with pytest.raises(CheckpointError, match="a vocabulary each"):
        read_checkpoint(save_again(ours, tmp_path / "again"))


def test_tokenizer_that_only_breaks_targets_otherwise_is_missed_in_words(tmp_path, capsys):
    save_published(tmp_path, "marian")
    seq2seq.warm_start(plan="pretrained", checkpoint=str(tmp_path)).save(tmp_path / "ours")
    seq2seq.load_checkpoint(save_again(tmp_path / "ours", tmp_path / "again"))
    told = " ".join(capsys.readouterr().err.split())
    assert "target_tokenizer/ stayed behind when transformers saved the folder." in told


def test_target_tokenizer_where_the_sources_belongs_is_refused(two_vocabularies, tmp_path):
    ours, again = two_vocabularies
    folder = Path(shutil.copytree(again, tmp_path / "turned"))
    shutil.copytree(ours / TARGET_FOLDER, folder / TARGET_FOLDER)
    shutil.copy(ours / TARGET_FOLDER / "tokenizer.json", folder / "tokenizer.json")
    shutil.copy(ours / TARGET_FOLDER / "tokenizer_config.json", folder / "tokenizer_config.json")
    with pytest.raises(
        CheckpointError, match=r"trained with '\[CLS\]' as token 2, and the tokenizer there has .* Put back"
    ):
        read_checkpoint(folder)


def test_description_that_is_carried_and_broken_is_refused(pair, tmp_path):
    folder = Path(shutil.copytree(pair[1], tmp_path / "broken"))
    carried = json.loads((folder / "config.json").read_text())[CARRIED_KEY]
    change_json(folder / "config.json", **{CARRIED_KEY: carried | {"description": {"format": 99}}})
    with pytest.raises(CheckpointError, match=r"config\.json: seq2seq\.description: format 99 is unknown"):
        read_checkpoint(folder)
    change_json(folder / "config.json", **{CARRIED_KEY: carried | {"tokenizers": {"count": 1}}})
    with pytest.raises(CheckpointError, match=r"seq2seq\.tokenizers is not what was written there"):
        read_checkpoint(folder)


def test_step_is_not_carried(pair):
    assert read_checkpoint(pair[1]).description.step == 0
