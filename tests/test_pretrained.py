"""BART, mBART, T5 and Marian as published: loss, ids and texts are those of transformers' own classes and tokenizers.

Training on them has its tests in test_pretrained_runs.py.
"""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch.nn import functional
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer, M2M100Config

import seq2seq
from seq2seq.base.errors import CheckpointError, TokenizerError
from seq2seq.checkpoints.folder import Checkpoint, read_checkpoint, write_checkpoint
from seq2seq.data.encoding import EncodedExamples, encode_examples
from seq2seq.data.examples import Example
from seq2seq.modeling.token_loss import IGNORED_LABEL
from seq2seq.sources.padding import pad_rows, pad_sources
from seq2seq.text.tokenizer_files import TARGET_FOLDER
from seq2seq.text.tokenizers import encode_texts
from tests.conftest import build_description, build_source, shake
from tests.published import (
    ENGLISH,
    FAMILIES,
    GERMAN,
    MBART_LIKE,
    draw_sentences,
    save_published,
    train_sentencepiece,
    write_settings,
)

SOURCES = draw_sentences(ENGLISH, 30, 3)
TARGETS = draw_sentences(GERMAN, 30, 4)


@pytest.fixture(scope="module", params=FAMILIES)
def family(request) -> str:
    return request.param


@pytest.fixture(scope="module")
def folder(family, tmp_path_factory) -> Path:
    return save_published(tmp_path_factory.mktemp(family), family)


@pytest.fixture
def loaded(folder) -> Checkpoint:
    return read_checkpoint(folder)


def encode(loaded: Checkpoint, count: int = 30) -> EncodedExamples:
    pairs = zip(SOURCES[:count], TARGETS, strict=False)
    examples = [Example(source, target, (target,), f"pair {index}") for index, (source, target) in enumerate(pairs)]
    source = build_source(loaded.tokenizers.source, loaded.framing, 64, loaded.model.source_pad_id)
    return encode_examples(examples, source, loaded.tokenizers, loaded.framing, max_target_tokens=64)


def build_batch(loaded: Checkpoint, encoded: EncodedExamples, spare: int = 0) -> dict[str, torch.Tensor]:
    """A batch with `spare` columns of padding more than it needs."""
    pad = loaded.model.source_pad_id
    sources, mask = pad_sources([row.tolist() for row in encoded.sources], pad)
    labels = pad_rows([row.tolist() for row in encoded.labels], IGNORED_LABEL)
    return {
        "input_ids": functional.pad(sources, (0, spare), value=pad),
        "attention_mask": functional.pad(mask, (0, spare)),
        "labels": functional.pad(labels, (0, spare), value=IGNORED_LABEL),
    }


def test_loss_is_that_of_transformers_own_class_one_by_one(folder, loaded):
    encoded, plain, expected = encode(loaded, 6), AutoModelForSeq2SeqLM.from_pretrained(folder).eval(), 0.0
    for source, labels in zip(encoded.sources, encoded.labels, strict=True):
        inputs = [loaded.framing.begin_id, *labels[:-1].tolist()]
        logits = plain(input_ids=torch.tensor([source.tolist()]), decoder_input_ids=torch.tensor([inputs])).logits
        expected += functional.cross_entropy(logits[0], torch.tensor(labels.tolist()), reduction="sum").item()
    assert loaded.model(**build_batch(loaded, encoded)).objective.item() == pytest.approx(expected, rel=1e-5)


def test_decoder_inputs_are_those_that_transformers_makes_of_labels(family, folder, loaded):
    batch, plain = build_batch(loaded, encode(loaded, 1)), AutoModelForSeq2SeqLM.from_pretrained(folder).eval()
    labels = batch["labels"]
    if family == "mbart":  # transformers takes the language from behind the labels' end mark to the front
        labels = torch.cat([labels, torch.tensor([[loaded.framing.begin_id]])], dim=1)
    logits = plain(input_ids=batch["input_ids"], labels=labels).logits[0, : batch["labels"].shape[1]]
    expected = functional.cross_entropy(logits, batch["labels"][0], reduction="sum").item()
    assert loaded.model(**batch).objective.item() == pytest.approx(expected, rel=1e-5)


def test_padding_changes_nothing(loaded):
    encoded = encode(loaded, 6)
    first, second = (loaded.model(**build_batch(loaded, encoded, spare)).objective.item() for spare in (0, 7))
    assert first == pytest.approx(second, rel=1e-6)


def test_every_trained_parameter_has_a_gradient(loaded):
    loaded.model(**build_batch(loaded, encode(loaded, 6))).objective.backward()
    assert [name for name, p in loaded.model.named_parameters() if p.requires_grad and p.grad is None] == []


def test_sources_are_encoded_as_by_the_published_tokenizer(folder, loaded):
    assert [row.tolist() for row in encode(loaded).sources] == AutoTokenizer.from_pretrained(folder)(SOURCES).input_ids


def test_labels_are_encoded_as_by_the_published_tokenizer(family, folder, loaded):
    published = AutoTokenizer.from_pretrained(folder)
    if family.startswith("mbart"):
        published.tgt_lang = "de_DE"
    expected = published(text_target=TARGETS).input_ids
    if family == "mbart":  # the last mark, the language, is what the decoder begins with, and no target
        assert {row.pop() for row in expected} == {loaded.framing.begin_id}
    assert [row.tolist() for row in encode(loaded).labels] == expected


def write_plainly(folder: Path, texts: list[str]) -> list[str]:
    """What plain transformers writes from raw texts with the folder's own options."""
    model, tokenizer = AutoModelForSeq2SeqLM.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)
    ids = model.generate(**tokenizer(texts, return_tensors="pt", padding=True))
    target = AutoTokenizer.from_pretrained(folder / TARGET_FOLDER) if (folder / TARGET_FOLDER).exists() else tokenizer
    return [text.strip() for text in target.batch_decode(ids, skip_special_tokens=True)]


def test_published_folder_writes_what_plain_transformers_writes(folder):
    texts = write_plainly(folder, SOURCES)
    assert seq2seq.generate(folder, SOURCES) == texts
    assert len(set(texts)) > 2


def test_checkpoint_writes_what_plain_transformers_writes(folder, tmp_path):
    started = seq2seq.warm_start(plan="pretrained", checkpoint=str(folder))
    shake(started.model, 0.1)
    write_checkpoint(tmp_path / "ckpt", started.model, started.tokenizers, build_description(started, num_beams=2))
    texts = write_plainly(tmp_path / "ckpt", SOURCES)
    assert seq2seq.generate(tmp_path / "ckpt", SOURCES) == texts
    assert len(set(texts)) > 2


HIGHLIGHTED = [f"<hl>{first}<hl> {second} <new>" for first, second in zip(SOURCES[:8], SOURCES[8:16], strict=True)]


@pytest.fixture(scope="module")
def with_added_tokens(family, tmp_path_factory) -> Path:
    """The same with a special token <hl>, which holds no role, an ordinary one, <new>, and a row for each."""
    folder = save_published(tmp_path_factory.mktemp(family), family)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.add_special_tokens({"additional_special_tokens": ["<hl>"]}, replace_extra_special_tokens=False)
    tokenizer.add_tokens(["<new>"])
    tokenizer.save_pretrained(folder)
    model = AutoModelForSeq2SeqLM.from_pretrained(folder)
    model.resize_token_embeddings(max(len(tokenizer), model.config.vocab_size), mean_resizing=False)
    model.save_pretrained(folder)
    return folder


def test_added_tokens_are_read_and_written_as_by_plain_transformers(with_added_tokens, tmp_path):
    folder = with_added_tokens
    texts = write_plainly(folder, HIGHLIGHTED)
    assert seq2seq.generate(folder, HIGHLIGHTED) == texts
    assert len(set(texts)) > 2
    started = seq2seq.warm_start(plan="pretrained", checkpoint=str(folder))
    shake(started.model, 0.1)
    write_checkpoint(tmp_path / "ckpt", started.model, started.tokenizers, build_description(started, num_beams=2))
    assert seq2seq.generate(tmp_path / "ckpt", HIGHLIGHTED) == write_plainly(tmp_path / "ckpt", HIGHLIGHTED)


def test_target_prefix_may_hold_an_added_token(with_added_tokens):
    written = seq2seq.generate(with_added_tokens, SOURCES[:2], target_prefix="<new><hl>", max_target_tokens=6)
    assert all(text.startswith("<new>") and "<hl>" not in text for text in written)
    loaded = seq2seq.load_checkpoint(with_added_tokens)
    tokens = loaded.tokenizers.target.convert_ids_to_tokens(encode_texts(loaded.tokenizers.target, ["<new><hl>"])[0])
    assert tokens == ["<new>", "<hl>"]


def test_reloaded_checkpoint_is_the_same(folder, tmp_path):
    started = seq2seq.warm_start(plan="pretrained", checkpoint=str(folder))
    shake(started.model, 0.1)
    write_checkpoint(tmp_path / "ckpt", started.model, started.tokenizers, build_description(started))
    again = read_checkpoint(tmp_path / "ckpt")
    batch = build_batch(again, encode(again, 6))
    assert again.framing == started.framing
    assert torch.equal(again.model(**batch).objective, started.model.eval()(**batch).objective)


# What is published otherwise: generation options in config.json, the body without its head, a language not told.


def test_generation_options_in_an_old_config_are_kept(tmp_path):
    folder = save_published(tmp_path, "bart")
    options = folder / "generation_config.json"
    change_json(folder / "config.json", **json.loads(options.read_text()))
    options.unlink()
    loaded = read_checkpoint(folder)
    assert loaded.description.generation == {
        "num_beams": 4, "early_stopping": True, "no_repeat_ngram_size": 3, "max_target_tokens": 29
    }  # fmt: skip
    assert loaded.framing.target_prefix == (0,)
    assert seq2seq.generate(loaded, SOURCES) == write_plainly(folder, SOURCES)


def test_body_published_without_its_head_is_read(tmp_path):
    folder = save_published(tmp_path, "bart")
    weights = load_file(folder / "model.safetensors")
    body = {name.removeprefix("model."): tensor for name, tensor in weights.items() if name != "final_logits_bias"}
    save_file(body, folder / "model.safetensors", metadata={"format": "pt"})
    assert seq2seq.generate(folder, SOURCES) == write_plainly(folder, SOURCES)


def test_asked_languages_go_before_those_of_the_config(tmp_path):
    folder = save_published(tmp_path, "mbart")
    french, romanian = AutoTokenizer.from_pretrained(folder).convert_tokens_to_ids(["fr_XX", "ro_RO"])
    framing = read_checkpoint(folder, source_language="fr_XX", target_language="ro_RO").framing
    assert (framing.source_suffix, framing.begin_id, framing.target_prefix) == ((2, french), romanian, ())


def test_asked_languages_of_mbart50_stand_in_front(tmp_path):
    folder = save_published(tmp_path, "mbart50")
    french, romanian = AutoTokenizer.from_pretrained(folder).convert_tokens_to_ids(["fr_XX", "ro_RO"])
    loaded = read_checkpoint(folder, source_language="fr_XX", target_language="ro_RO")
    framing = loaded.framing
    assert (framing.source_prefix, framing.begin_id, framing.target_prefix) == ((french,), 2, (romanian,))
    assert loaded.model.generation_config.forced_bos_token_id == romanian


def test_target_language_of_the_tokenizer_is_taken_where_no_config_names_one(tmp_path):
    folder = save_published(tmp_path, "mbart50", forced_bos_token_id=None)
    change_json(folder / "tokenizer_config.json", tgt_lang="ro_RO")
    romanian = AutoTokenizer.from_pretrained(folder).convert_tokens_to_ids("ro_RO")
    assert read_checkpoint(folder).framing.target_prefix == (romanian,)


@pytest.mark.parametrize("family", ["mbart", "mbart50"])
def test_target_language_that_nobody_names_is_asked_for(family, tmp_path):
    folder = save_published(tmp_path, family, forced_bos_token_id=None, decoder_start_token_id=None)
    change_json(folder / "config.json", decoder_start_token_id=None)
    with pytest.raises(CheckpointError, match="neither config nor tokenizer names one. Set model.target_language"):
        read_checkpoint(folder)


@pytest.mark.parametrize("family", ["mbart", "mbart50"])
@pytest.mark.parametrize("language", ["xx_XX", "\u2581the"], ids=["no code", "a word of the vocabulary"])
def test_unknown_language_is_refused_with_those_that_are_known(family, language, tmp_path):
    folder = save_published(tmp_path, family)
    with pytest.raises(
        TokenizerError, match=r"no language .*\. Set model\.source_language to one of ar_AR, cs_CZ, de_DE"
    ):
        read_checkpoint(folder, source_language=language)


def test_language_for_a_tokenizer_without_any_is_refused(tmp_path):
    with pytest.raises(TokenizerError, match="marks no languages. Leave model.target_language out .found 'de_DE'"):
        read_checkpoint(save_published(tmp_path, "bart"), target_language="de_DE")


def test_tokenizer_that_does_not_run_here_is_told_before_its_languages(tmp_path):
    pieces = train_sentencepiece(tmp_path / "sentencepiece.bpe.model", draw_sentences(ENGLISH, 200))
    (tmp_path / "vocab.json").write_text(json.dumps({piece: index for index, piece in enumerate(pieces)}))
    write_settings(tmp_path, tokenizer_class="M2M100Tokenizer", src_lang="en", tgt_lang="de")
    M2M100Config(vocab_size=300, **MBART_LIKE).save_pretrained(tmp_path)
    with pytest.raises(TokenizerError, match="is a M2M100Tokenizer, which is not backed by the `tokenizers` library"):
        read_checkpoint(tmp_path, source_language="en", target_language="de")


def change_json(path: Path, **values) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | values))
