"""Tokens as people read them: bytes as characters, and punctuation however it was cut."""

import pytest

from seq2seq.text.token_names import mark_punctuation, name_tokens
from seq2seq.text.tokenizers import encode_texts
from tests.conftest import build_word_piece_tokenizer
from tests.text.test_vocabulary import build_byte_level, build_metaspace

WORD_PIECE = build_word_piece_tokenizer("the cat ##s # ##' . “ ...".split())
METASPACE = build_metaspace(*"▁ ▁the cat . ▁“ ... <0xE2> <0x80> <0x99>".split())
BYTES_OF_SPACES = build_byte_level(("â", "Ģ"), ("âĢ", "ĭ"), (".", "Ċ"))
BYTES = build_byte_level(("Ġ", "c"), ("Ã", "©"), ("â", "Ģ"))


def read(tokenizer, text: str) -> tuple[list[str], list[bool]]:
    [ids] = encode_texts(tokenizer, [text])
    return name_tokens(tokenizer, ids), mark_punctuation(tokenizer, ids)


def test_byte_level_tokens_are_named_by_their_characters():
    assert read(BYTES, "é cé\n")[0] == ["é", "Ġc", "é", "Ċ"]
    assert read(BYTES, "’")[0] == [r"\xe2\x80", r"\x99"]  # one character in two tokens


def test_what_would_be_invisible_keeps_the_sign_of_the_vocabulary():
    assert read(BYTES, "c\t\0")[0] == ["c", "ĉ", "Ā"]
    assert name_tokens(BYTES_OF_SPACES, BYTES_OF_SPACES.convert_tokens_to_ids(["âĢĭ"])) == [r"\u200b"]


@pytest.mark.parametrize("name", ["WORD_PIECE", "METASPACE", "BYTES"])
def test_ids_beyond_the_vocabulary_have_a_name(name):
    tokenizer = globals()[name]
    assert name_tokens(tokenizer, [5000])[0] == "<id 5000>"
    assert mark_punctuation(tokenizer, [5000]) == [False]


def test_names_of_other_tokens_and_of_marks_are_as_they_stand():
    assert name_tokens(BYTES, [0, 3]) == ["<s>", "<unk>"]
    assert name_tokens(WORD_PIECE, WORD_PIECE.convert_tokens_to_ids(["[CLS]", "##s"])) == ["[CLS]", "##s"]


def test_every_part_of_a_mark_in_bytes_is_punctuation():
    names, are_punctuation = read(BYTES, "c’é .")
    assert names == ["c", r"\xe2\x80", r"\x99", "é", "Ġ", "."]
    assert are_punctuation == [False, True, True, False, False, True]


def test_a_byte_that_is_no_character_is_no_punctuation():
    [[first, _]] = encode_texts(BYTES, ["’"])
    assert mark_punctuation(BYTES, [first]) == [False]


@pytest.mark.parametrize(
    ("tokenizer", "tokens", "expected"),
    [
        (WORD_PIECE, ["[CLS]", "the", "##s", "#", "##'", "...", "“", "[UNK]"], [0, 0, 0, 1, 1, 1, 1, 0]),
        (METASPACE, ["<s>", "▁the", "▁", ".", "▁“", "...", "<0xE2>", "<0x80>", "<0x99>"], [0, 0, 0, 1, 1, 1, 1, 1, 1]),
        (BYTES, ["</s>", ".", "Ġ", "<mask>"], [0, 1, 0, 0]),
        (BYTES_OF_SPACES, [".Ċ", "Ċ"], [1, 0]),
    ],
    ids=["word piece", "metaspace", "bytes", "with white space"],
)  # fmt: skip
def test_punctuation_is_told_from_words_and_special_tokens(tokenizer, tokens, expected):
    assert mark_punctuation(tokenizer, tokenizer.convert_tokens_to_ids(tokens)) == [bool(mark) for mark in expected]
