"""Tokenizers: they add nothing, cut nothing, know no marks in a text, and plain transformers reads them alike."""

import json
import shutil

import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from seq2seq.base.errors import TokenizerError
from seq2seq.text.tokenizers import (
    TokenizerPair,
    decode_ids,
    encode_texts,
    have_equal_vocabularies,
    load_tokenizer,
    load_tokenizers,
    make_bare,
)
from tests.conftest import build_word_piece_tokenizer

TEXTS = ["the cat sat.", "The CAT [SEP] ran [MASK] , un able", "", "cats' tails & snow ☃", "a " * 100]


@pytest.fixture(scope="module")
def tokenizer(tiny_bert):
    return load_tokenizer(tiny_bert)


def build_byte_level_tokenizer() -> PreTrainedTokenizerFast:
    """A GPT-2-like tokenizer of single bytes, its only mark the end of a text."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {piece: index for index, piece in enumerate(["<end>", *alphabet])}
    tokenizer = Tokenizer(models.BPE(vocabulary, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<end>", eos_token="<end>")


def save_changed(tiny_bert, folder, **layout):
    """A copy of the tiny BERT's tokenizer with other top-level values in tokenizer.json."""
    folder.mkdir()
    for name in ("config.json", "tokenizer_config.json"):
        shutil.copy(tiny_bert / name, folder)
    published = json.loads((tiny_bert / "tokenizer.json").read_text(encoding="utf-8"))
    (folder / "tokenizer.json").write_text(json.dumps(published | layout), encoding="utf-8")
    return folder


def test_encoding_adds_no_mark(tokenizer):
    assert encode_texts(tokenizer, ["The cat sat."]) == [tokenizer.convert_tokens_to_ids(["the", "cat", "sat", "."])]


def test_empty_text_has_no_ids(tokenizer):
    assert encode_texts(tokenizer, [""]) == [[]]


def test_mark_written_in_a_text_is_plain_text(tokenizer):
    pieces = ["cat", "[", "s", "##e", "##p", "]", "dog"]
    assert encode_texts(tokenizer, ["cat [SEP] dog"]) == [tokenizer.convert_tokens_to_ids(pieces)]


def test_calling_the_tokenizer_gives_the_ids_of_encode_texts(tokenizer):
    assert tokenizer(TEXTS)["input_ids"] == encode_texts(tokenizer, TEXTS)


def test_texts_encoded_together_equal_texts_encoded_one_by_one(tokenizer):
    assert encode_texts(tokenizer, TEXTS) == [encode_texts(tokenizer, [text])[0] for text in TEXTS]


def test_text_longer_than_the_models_positions_is_not_cut(tokenizer):
    assert tokenizer.model_max_length == 64
    assert len(encode_texts(tokenizer, ["a " * 100])[0]) == 100


def test_truncation_and_padding_of_the_published_file_are_dropped(tiny_bert, tmp_path):
    truncation = {"direction": "Right", "max_length": 4, "strategy": "LongestFirst", "stride": 0}
    padding = {
        "strategy": {"Fixed": 9}, "direction": "Right", "pad_to_multiple_of": None,
        "pad_id": 0, "pad_type_id": 0, "pad_token": "[PAD]",
    }  # fmt: skip
    folder = save_changed(tiny_bert, tmp_path / "published", truncation=truncation, padding=padding)
    texts = ["the cat sat on the mat", "cat"]
    published = Tokenizer.from_file(str(folder / "tokenizer.json"))
    # As published, with both marks: 2 of 6 tokens left, padded to 9 ids.
    assert [sum(encoding.attention_mask) for encoding in published.encode_batch(texts)] == [4, 3]
    assert [len(ids) for ids in encode_texts(load_tokenizer(folder), texts)] == [6, 1]


def test_special_roles_are_those_of_the_published_tokenizer(tokenizer):
    roles = {
        "unk_token": "[UNK]",
        "sep_token": "[SEP]",
        "pad_token": "[PAD]",
        "cls_token": "[CLS]",
        "mask_token": "[MASK]",
    }
    assert tokenizer.special_tokens_map == roles


def test_vocabulary_is_that_of_the_published_tokenizer(tokenizer, tiny_bert):
    assert tokenizer.get_vocab() == AutoTokenizer.from_pretrained(tiny_bert).get_vocab()


def test_decoding_leaves_out_marks_and_outer_space(tokenizer):
    ids = tokenizer.convert_tokens_to_ids(["[CLS]", "the", "cat", "##s", "[SEP]", "[PAD]"])
    assert decode_ids(tokenizer, ids) == "the cats"


def test_decoding_joins_word_pieces_and_punctuation(tokenizer):
    ids = tokenizer.convert_tokens_to_ids(["un", "##able", ",", "don", "'", "t", "."])
    assert decode_ids(tokenizer, ids) == "unable, don't."


def test_decoding_of_no_ids_is_empty(tokenizer):
    assert decode_ids(tokenizer, []) == ""


@pytest.mark.parametrize("text", ["a , b .", "don 't", "two  spaces", "snow ☃", "<end>"])
def test_byte_level_tokenizer_gives_the_text_back_unchanged(text):
    tokenizer = make_bare(build_byte_level_tokenizer())
    assert decode_ids(tokenizer, encode_texts(tokenizer, [text])[0]) == text


def test_clean_up_of_spaces_is_asked_of_word_pieces_alone(tokenizer):
    byte_level = make_bare(build_byte_level_tokenizer())
    assert (tokenizer.clean_up_tokenization_spaces, byte_level.clean_up_tokenization_spaces) == (True, False)


@pytest.mark.parametrize("text", TEXTS)
def test_saved_tokenizer_read_by_plain_transformers_gives_the_same_ids(tokenizer, tmp_path, text):
    TokenizerPair(tokenizer, tokenizer).save(tmp_path, max_source_tokens=32)
    assert AutoTokenizer.from_pretrained(tmp_path)(text)["input_ids"] == encode_texts(tokenizer, [text])[0]


def test_saved_tokenizer_read_by_plain_transformers_decodes_alike(tokenizer, tmp_path):
    TokenizerPair(tokenizer, tokenizer).save(tmp_path, max_source_tokens=32)
    ids = encode_texts(tokenizer, ["the cat, unable, don't."])[0]
    assert AutoTokenizer.from_pretrained(tmp_path).decode(ids) == "the cat, unable, don't."


def test_saved_tokenizer_has_a_class_that_older_transformers_know(tokenizer, tmp_path):
    TokenizerPair(tokenizer, tokenizer).save(tmp_path, max_source_tokens=32)
    settings = json.loads((tmp_path / "tokenizer_config.json").read_text(encoding="utf-8"))
    assert settings["tokenizer_class"] == "PreTrainedTokenizerFast"


def test_shared_tokenizer_is_saved_once_and_loaded_as_one_object(tokenizer, tmp_path):
    TokenizerPair(tokenizer, tokenizer).save(tmp_path, max_source_tokens=32)
    pair = load_tokenizers(tmp_path)
    assert pair.source is pair.target
    assert not (tmp_path / "target_tokenizer").exists()


def test_two_tokenizers_come_back_as_two(tokenizer, tmp_path):
    TokenizerPair(tokenizer, make_bare(build_byte_level_tokenizer())).save(tmp_path, max_source_tokens=32)
    pair = load_tokenizers(tmp_path)
    assert [len(encode_texts(one, ["the cat"])[0]) for one in (pair.source, pair.target)] == [2, 7]


def test_vocabularies_with_the_same_ids_are_equal(tokenizer, tiny_bert):
    assert have_equal_vocabularies(tokenizer, load_tokenizer(tiny_bert))


@pytest.mark.parametrize("words", [["cat"], ["cat", "the"]])
def test_vocabularies_with_other_tokens_or_other_ids_differ(words):
    first, second = (build_word_piece_tokenizer(known) for known in (["the", "cat"], words))
    assert not have_equal_vocabularies(first, second)


def test_folder_without_a_tokenizer_is_refused(tmp_path):
    with pytest.raises(TokenizerError, match=r"no tokenizer could be loaded .*Expected tokenizer\.json"):
        load_tokenizer(tmp_path)


@pytest.mark.parametrize(
    "content", ["garbage", "{}", '{"version": "1.0", "added_tokens": [], "model": {"type": "Nonsense"}}']
)
def test_broken_tokenizer_file_is_refused(tiny_bert, tmp_path, content):
    folder = save_changed(tiny_bert, tmp_path / "broken")
    (folder / "tokenizer.json").write_text(content, encoding="utf-8")
    with pytest.raises(TokenizerError, match="no tokenizer could be loaded"):
        load_tokenizer(folder)


def test_tokenizer_in_python_alone_is_refused(tmp_path):
    (tmp_path / "tokenizer_config.json").write_text('{"tokenizer_class": "ByT5Tokenizer"}', encoding="utf-8")
    with pytest.raises(TokenizerError, match="is a ByT5Tokenizer, which is not backed by the `tokenizers` library"):
        load_tokenizer(tmp_path)
