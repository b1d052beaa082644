"""Tokenizers that go beyond the model's embeddings, and one tokenizer where there are two vocabularies.

Folders are those of plain transformers, to which plain tokenizers were added or from which they were taken.
"""

import json
import shutil
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer, EncoderDecoderModel

import seq2seq
from seq2seq.base.errors import CheckpointError, WarmStartError
from seq2seq.checkpoints.folder import read_checkpoint
from seq2seq.text.tokenizer_files import TARGET_FOLDER
from tests.conftest import save_bert, shake
from tests.families import save_family
from tests.published import save_published

TEXTS = ["the cat sat on the mat.", "a dog, and a bird!", "the un##ed sea", "fish swam"]
FAST = ("bart", "mbart", "t5")  # those whose saved tokenizer has what was added to it


def add_tokens(folder: Path, count: int) -> int:
    """Adds words to a folder's tokenizer and nothing to its model; how many tokens it then has."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.add_tokens([f"added{number}" for number in range(count)])
    tokenizer.save_pretrained(folder)
    return len(tokenizer)


def save_plain_pair(folder: Path, encoder: Path, decoder: Path) -> Path:
    """As transformers' documentation has it, with the encoder's tokenizer alone."""
    torch.manual_seed(0)
    model = EncoderDecoderModel.from_encoder_decoder_pretrained(str(encoder), str(decoder))
    tokenizer = AutoTokenizer.from_pretrained(decoder)
    begin, end = tokenizer.cls_token_id or tokenizer.bos_token_id, tokenizer.sep_token_id or tokenizer.eos_token_id
    marks = {"decoder_start_token_id": begin, "eos_token_id": end, "pad_token_id": tokenizer.pad_token_id or 0}
    for name, value in marks.items():
        setattr(model.config, name, value)
    model.generation_config.update(**marks)
    shake(model, 0.3)
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(encoder).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def gpt2(tmp_path_factory) -> Path:
    return save_family(tmp_path_factory.mktemp("gpt2"), "gpt2")


@pytest.fixture(scope="module")
def bert2gpt(tiny_bert, gpt2, tmp_path_factory) -> Path:
    """A pair of two vocabularies without the target's tokenizer."""
    return save_plain_pair(tmp_path_factory.mktemp("pair") / "pair", tiny_bert, gpt2)


@pytest.mark.parametrize("family", FAST)
def test_tokens_beyond_the_table_are_refused_with_both_numbers(family, tmp_path):
    save_published(tmp_path, family)
    rows = AutoModelForSeq2SeqLM.from_pretrained(tmp_path).get_input_embeddings().num_embeddings
    tokens = add_tokens(tmp_path, 40)
    expected = rf"tokens for {tokens} rows of embeddings, and the encoder has {rows} rows\. Put back the tokenizer"
    with pytest.raises(CheckpointError, match=expected):
        seq2seq.generate(tmp_path, TEXTS)
    with pytest.raises(CheckpointError, match=rf"resize_token_embeddings\({tokens}\), and train it on"):
        seq2seq.warm_start(plan="pretrained", checkpoint=str(tmp_path))


def test_advice_helps(tmp_path):
    save_published(tmp_path, "bart")
    tokens = add_tokens(tmp_path, 3)
    model = AutoModelForSeq2SeqLM.from_pretrained(tmp_path)
    model.resize_token_embeddings(tokens)
    model.save_pretrained(tmp_path)
    assert read_checkpoint(tmp_path).model.source_rows == tokens


def test_tokens_within_rows_to_spare_are_read(tmp_path):
    save_published(tmp_path, "t5")  # with 28 rows more than tokens
    add_tokens(tmp_path, 28)
    assert len(seq2seq.generate(tmp_path, TEXTS)) == len(TEXTS)


def test_mark_beyond_the_table_that_no_text_has_is_let_be(tmp_path):
    save_published(tmp_path, "bart")
    rows = read_checkpoint(tmp_path).model.source_rows
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    tokenizer.add_special_tokens({"pad_token": "<own_pad>"})
    tokenizer.save_pretrained(tmp_path)
    assert tokenizer.pad_token_id == rows
    assert len(seq2seq.generate(tmp_path, ["the cat <own_pad> sat", *TEXTS])) == len(TEXTS) + 1


def test_mark_beyond_the_table_that_stands_around_texts_is_refused(tmp_path):
    save_published(tmp_path, "bart")
    # Where the generation config says it, that file is named, see test_refused_settings.py.
    for name, begin_id in (("config.json", 5000), ("generation_config.json", None)):
        values = json.loads((tmp_path / name).read_text()) | {"decoder_start_token_id": begin_id}
        (tmp_path / name).write_text(json.dumps(values))
    with pytest.raises(CheckpointError, match=r"a mark around texts has id 5,000, and the decoder has \d+ rows"):
        read_checkpoint(tmp_path)


def test_tokenizer_of_a_checkpoint_of_ours_is_compared_too(tiny_bert, tmp_path):
    seq2seq.warm_start(plan="bert2bert", encoder=str(tiny_bert)).save(tmp_path / "ours")
    (tmp_path / "ours/manifest.json").unlink()
    tokens = add_tokens(tmp_path / "ours", 1)
    with pytest.raises(
        CheckpointError, match=f"tokens for {tokens} rows of embeddings, and the encoder has {tokens - 1}"
    ):
        seq2seq.generate(tmp_path / "ours", TEXTS)


@pytest.mark.parametrize("side", ["encoder", "decoder"])
def test_tokens_beyond_the_table_of_one_side_of_a_start_are_refused(side, tiny_bert, tmp_path):
    grown = save_bert(tmp_path / "grown")
    tokens = add_tokens(grown, 2)
    sides = {"encoder": str(tiny_bert), "decoder": str(tiny_bert)} | {side: str(grown)}
    expected = f"ids up to {tokens - 1}, the embedding table has {tokens - 2} rows.*resize_token_embeddings"
    with pytest.raises(WarmStartError, match=expected):
        seq2seq.warm_start(plan="pair", **sides)


def test_one_tokenizer_for_two_vocabularies_is_refused(bert2gpt):
    with pytest.raises(
        CheckpointError,
        match=r"encoder has 85 rows of embeddings and the decoder 324, .* target's into target_tokenizer/",
    ):
        seq2seq.generate(bert2gpt, TEXTS)


@pytest.mark.parametrize("sides", [("roberta", "gpt2"), ("gpt2", "roberta")])
def test_vocabularies_that_differ_by_one_mask_in_size_are_two(sides, tmp_path):
    # Byte pairs of the same merges, which RoBERTa numbers from 4 and GPT-2 from 0.
    folders = {}
    for family in sides:
        (tmp_path / family).mkdir()
        folders[family] = save_family(tmp_path / family, family)
    encoder, decoder = (folders[family] for family in sides)
    folder = save_plain_pair(tmp_path / "pair", encoder, decoder)
    with pytest.raises(CheckpointError, match="source and target have a vocabulary each"):
        read_checkpoint(folder)


def test_target_tokenizer_beside_it_is_read(bert2gpt, gpt2, tmp_path):
    folder = Path(shutil.copytree(bert2gpt, tmp_path / "both"))
    AutoTokenizer.from_pretrained(gpt2).save_pretrained(folder / TARGET_FOLDER)
    source, target = AutoTokenizer.from_pretrained(folder), AutoTokenizer.from_pretrained(gpt2)
    model = EncoderDecoderModel.from_pretrained(folder).eval()
    ids = model.generate(**source(TEXTS, return_tensors="pt", padding=True), max_new_tokens=9)
    texts = [text.strip() for text in target.batch_decode(ids, skip_special_tokens=True)]
    assert seq2seq.generate(folder, TEXTS, num_beams=1, max_target_tokens=9) == texts
    assert len(set(texts)) > 1


def test_targets_tokenizer_in_place_of_the_sources_is_refused(bert2gpt, gpt2, tmp_path):
    folder = Path(shutil.copytree(bert2gpt, tmp_path / "turned"))
    AutoTokenizer.from_pretrained(gpt2).save_pretrained(folder)
    with pytest.raises(CheckpointError, match="source and target have a vocabulary each"):
        read_checkpoint(folder)


def test_vocabularies_of_nearly_one_size_are_two(tiny_bert, tmp_path):
    longer = save_bert(tmp_path / "longer", vocab_size=86)
    folder = save_plain_pair(tmp_path / "pair", tiny_bert, longer)
    with pytest.raises(CheckpointError, match="encoder has 85 rows of embeddings and the decoder 86"):
        read_checkpoint(folder)


def test_one_tokenizer_whose_marks_one_side_lacks_serves_both(tiny_bert, tmp_path):
    # As where somebody adds a mark and resizes the decoder alone, which begins with it.
    folder = save_plain_pair(tmp_path / "pair", tiny_bert, tiny_bert)
    model, tokenizer = EncoderDecoderModel.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    tokenizer.add_special_tokens({"bos_token": "[BOS]"})
    model.decoder.resize_token_embeddings(len(tokenizer))
    model.config.decoder_start_token_id = model.generation_config.decoder_start_token_id = tokenizer.bos_token_id
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    assert read_checkpoint(folder).framing.begin_id == len(tokenizer) - 1 == 85
    assert len(seq2seq.generate(folder, TEXTS, max_target_tokens=9)) == len(TEXTS)
