"""Tokens of one vocabulary in another: by meaning across kinds, by role where special, by pieces else."""

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import GPT2Tokenizer, PreTrainedTokenizerFast, RobertaTokenizer, XLMRobertaTokenizer

from seq2seq.base.errors import TokenizerError
from seq2seq.text.tokenizer_training import train_tokenizer
from seq2seq.text.tokenizers import load_tokenizer
from seq2seq.text.vocabulary import BYTES, Meaning, find_marking, match_tokens, read_vocabulary
from tests.conftest import SPECIAL_TOKENS, build_word_piece_tokenizer

XLM_MARKS = ["<s>", "<pad>", "</s>", "<unk>"]
ALPHABET = sorted(pre_tokenizers.ByteLevel.alphabet())


def build_metaspace(*pieces: str) -> XLMRobertaTokenizer:
    """Like XLM-R's: a piece is worth more the longer it is."""
    scored = [(mark, 0.0) for mark in XLM_MARKS] + [(piece, len(piece) - 20.0) for piece in pieces]
    return XLMRobertaTokenizer(vocab=[*scored, ("<mask>", 0.0)])


def build_byte_level(*merges: tuple[str, str]) -> RobertaTokenizer:
    """Like RoBERTa's, with all bytes."""
    pieces = ["<s>", "<pad>", "</s>", "<unk>", *ALPHABET, *("".join(pair) for pair in merges), "<mask>"]
    return RobertaTokenizer(vocab={piece: index for index, piece in enumerate(pieces)}, merges=list(merges))


def match_texts(old, new) -> dict[str, tuple[str, ...]]:
    """The matches as token texts."""
    matches = match_tokens(old, new)
    return {token: tuple(old.convert_ids_to_tokens(list(matches[new_id]))) for token, new_id in new.get_vocab().items()}


WORD_PIECE = build_word_piece_tokenizer("the play ##ing ##s cat , ##, 日".split())
METASPACE = build_metaspace(*"▁ ▁the ▁play ing ▁playing s ▁s , ▁cat ▁Cat ▁, ☃ 日 ting ▁cats".split())
BYTE_LEVEL = build_byte_level(("t", "h"), ("th", "e"), ("Ġ", "the"), ("i", "n"), ("in", "g"), ("Ġ", "s"))


@pytest.mark.parametrize("tokenizer", [WORD_PIECE, METASPACE, BYTE_LEVEL], ids=["word piece", "metaspace", "bytes"])
def test_every_token_of_a_vocabulary_is_itself_in_the_same_vocabulary(tokenizer):
    assert match_tokens(tokenizer, tokenizer) == [(index,) for index in range(len(tokenizer))]


def test_real_vocabulary_is_itself(minilm):
    tokenizer = load_tokenizer(minilm)
    assert match_tokens(tokenizer, tokenizer) == [(index,) for index in range(len(tokenizer))]


@pytest.mark.parametrize(
    ("token", "pieces"),
    [
        ("▁the", ("the",)),
        ("ing", ("##ing",)),
        ("s", ("##s",)),
        ("▁s", ("s",)),
        (",", (",",)),  # rather than '##,'
        ("▁,", (",",)),
        ("▁playing", ("play", "##ing")),
        ("▁cats", ("cat", "##s")),
        ("▁Cat", ("cat",)),  # the old vocabulary is lower-cased
        ("ting", ("##t", "##ing")),
        ("日", ("日",)),
        ("☃", ()),  # unknown
        ("▁", ()),  # no text
        ("<s>", ("[CLS]",)),
        ("</s>", ("[SEP]",)),
        ("<pad>", ("[PAD]",)),
        ("<unk>", ("[UNK]",)),
        ("<mask>", ("[MASK]",)),
    ],
)
def test_metaspace_token_in_word_piece(token, pieces):
    assert match_texts(WORD_PIECE, METASPACE)[token] == pieces


@pytest.mark.parametrize(
    ("token", "pieces"),
    [
        ("the", ("▁the",)),
        ("##ing", ("ing",)),
        ("##s", ("s",)),
        (",", (",",)),
        ("##,", (",",)),
        ("日", ("日",)),
        ("[CLS]", ("<s>",)),
        ("[SEP]", ("</s>",)),
        ("[MASK]", ("<mask>",)),
        ("##z", ()),
    ],
)
def test_word_piece_token_in_metaspace(token, pieces):
    assert match_texts(METASPACE, WORD_PIECE)[token] == pieces


@pytest.mark.parametrize(
    ("token", "pieces"),
    [
        ("the", ("Ġthe",)),
        ("##ing", ("ing",)),
        ("play", ("Ġ", "p", "l", "a", "y")),
        ("##d", ("d",)),
        ("日", tuple("æĹ¥")),  # its three bytes in UTF-8: E6 97 A5
        ("[PAD]", ("<pad>",)),
    ],
)
def test_word_piece_token_in_byte_level(token, pieces):
    assert match_texts(BYTE_LEVEL, WORD_PIECE)[token] == pieces


@pytest.mark.parametrize(
    ("token", "pieces"),
    [("Ġthe", ("the",)), ("ing", ("##ing",)), ("Ġs", ("s",)), ("Ġ", ()), ("æ", ()), (",", (",",))],
)
def test_byte_level_token_in_word_piece(token, pieces):
    assert match_texts(WORD_PIECE, BYTE_LEVEL)[token] == pieces


def test_bytes_of_sentencepiece_are_those_of_a_byte_level_vocabulary():
    pieces = train_tokenizer(["the cat"], kind="bpe", size=268)
    matches = match_texts(BYTE_LEVEL, pieces)
    assert [matches[f"<0x{byte:02X}>"] for byte in (0x41, 0xE6, 0x0A)] == [("A",), ("æ",), ("Ċ",)]
    backwards = match_texts(pieces, BYTE_LEVEL)
    assert (backwards["A"], backwards["a"]) == (("<0x41>",), ("a",))  # 'a' is a piece of its own


def test_parts_of_a_character_are_read_byte_by_byte():
    # 'æĹ' is the first two of the three bytes of 日.
    pieces = train_tokenizer(["the cat"], kind="bpe", size=268)
    assert match_texts(pieces, build_byte_level(("æ", "Ĺ")))["æĹ"] == ("<0xE6>", "<0x97>")
    assert match_texts(WORD_PIECE, build_byte_level(("æ", "Ĺ")))["æĹ"] == ()


def test_mark_for_both_ends_is_matched_by_the_first_role_and_a_role_that_is_missing_by_nothing():
    pieces = ["<|endoftext|>", *ALPHABET]
    gpt2 = GPT2Tokenizer(vocab={piece: index for index, piece in enumerate(pieces)}, merges=[])
    assert match_texts(WORD_PIECE, gpt2)["<|endoftext|>"] == ("[CLS]",)
    into = match_texts(gpt2, WORD_PIECE)
    assert [into[mark] for mark in SPECIAL_TOKENS] == [(), *[("<|endoftext|>",)] * 3, ()]


def test_added_token_without_a_role_is_matched_by_its_text():
    old, new = build_metaspace("▁a"), build_metaspace("▁a", "▁b")
    old.add_tokens(["<turn>"])
    new.add_tokens(["<turn>", "<other>"])
    matches = match_texts(old, new)
    assert (matches["<turn>"], matches["<other>"]) == (("<turn>",), ())


def test_id_without_a_token_has_no_match():
    backend = Tokenizer(models.WordPiece({"[UNK]": 0, "a": 3}, unk_token="[UNK]"))
    new = PreTrainedTokenizerFast(tokenizer_object=backend, unk_token="[UNK]")
    assert match_tokens(WORD_PIECE, new) == [(1,), (), (), (WORD_PIECE.get_vocab()["a"],)]


def test_bytes_are_those_of_the_library():
    assert set(BYTES) == set(ALPHABET)
    assert sorted(BYTES.values()) == list(range(256))
    snow = pre_tokenizers.ByteLevel(add_prefix_space=False).pre_tokenize_str("☃ \n")
    assert bytes(BYTES[character] for word, _ in snow for character in word) == "☃ \n".encode()


def test_meaning_is_a_words_start_and_its_bytes():
    vocabulary = read_vocabulary(METASPACE)
    meanings = dict(zip(vocabulary.tokens, vocabulary.meanings, strict=True))
    assert (meanings["▁the"], meanings["ing"]) == (Meaning(True, b"the"), Meaning(False, b"ing"))
    assert meanings["<s>"] is None


def test_marking_is_told_apart():
    assert [find_marking(one) for one in (WORD_PIECE, METASPACE, BYTE_LEVEL)] == ["##", "metaspace", "byte-level"]


@pytest.mark.parametrize(
    "model",
    [
        models.WordLevel({"a": 0, "<unk>": 1}, unk_token="<unk>"),
        models.BPE({"a</w>": 0}, [], end_of_word_suffix="</w>"),
        models.BPE({"a": 0}, []),
    ],
    ids=["whole words", "suffix", "no mark"],
)
def test_other_markings_are_refused(model):
    with pytest.raises(TokenizerError, match="marks words neither like WordPiece .* Choose one that does"):
        find_marking(PreTrainedTokenizerFast(tokenizer_object=Tokenizer(model)))
