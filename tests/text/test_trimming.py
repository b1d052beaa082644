"""Trimming: the texts of the corpus are cut as before, and nothing else becomes unknown."""

import itertools
import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import GPT2Tokenizer, PreTrainedTokenizerFast, RobertaTokenizer, T5Tokenizer, XLMRobertaTokenizer

from seq2seq.base.errors import TokenizerError
from seq2seq.embedded.corpus import load_pairs
from seq2seq.text.framing import derive_framing
from seq2seq.text.tokenizer_training import train_tokenizer
from seq2seq.text.tokenizers import TokenizerPair, decode_ids, encode_texts, load_tokenizer, make_bare
from seq2seq.text.trimming import trim_tokenizer
from tests.text.test_tokenizer_training import ODD_TEXTS, TEXTS

CORPUS = [pair.source for pair in load_pairs("validation")[:60]]
WORDS = [*CORPUS[0].split(), *TEXTS[0].split(), "née", "读", "🙂", "☃", "<s>", "[SEP]", "</s>", "...", "2024"]
TEXT = st.one_of(st.lists(st.sampled_from(WORDS)).map(" ".join), st.text(max_size=20), st.sampled_from(TEXTS))


def build_byte_level(**options):
    """Vocabulary and merges of byte-level BPE, as RoBERTa and GPT-2 have them."""
    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=700, initial_alphabet=alphabet, show_progress=False, **options)
    backend.train_from_iterator(TEXTS, trainer)
    merges = [tuple(pair) for pair in json.loads(backend.to_str())["model"]["merges"]]
    return backend.get_vocab(), merges


def build_tokenizer(kind: str) -> PreTrainedTokenizerFast:
    if kind in ("unigram", "bpe", "wordpiece"):
        return train_tokenizer(TEXTS, kind=kind, size=600 if kind != "unigram" else 500)
    if kind in ("XLM-R", "T5"):
        scored = [piece for piece in _list_unigram_pieces() if not piece[0].startswith("<")]
        if kind == "T5":
            return T5Tokenizer(vocab=[("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), *scored], extra_ids=5)
        marks = [(mark, 0.0) for mark in ("<s>", "<pad>", "</s>", "<unk>")]
        return XLMRobertaTokenizer(vocab=[*marks, *scored, ("<mask>", 0.0)])
    if kind == "RoBERTa":
        marks = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
        vocabulary, merges = build_byte_level(special_tokens=marks)
        return RobertaTokenizer(vocab=vocabulary, merges=merges)
    vocabulary, merges = build_byte_level(special_tokens=["<|endoftext|>"])
    gpt2 = GPT2Tokenizer(vocab=vocabulary, merges=merges)
    gpt2.add_special_tokens({"pad_token": "<|pad|>"})  # its id lies beyond the model's vocabulary
    return gpt2


def _list_unigram_pieces() -> list[tuple[str, float]]:
    layout = json.loads(build_tokenizer("unigram").backend_tokenizer.to_str())
    return [tuple(entry) for entry in layout["model"]["vocab"]]


def list_cuts(tokenizer, texts) -> list[list[str]]:
    return [tokenizer.convert_ids_to_tokens(ids) for ids in encode_texts(tokenizer, texts)]


def count_unknown(tokenizer, text) -> int:
    return encode_texts(tokenizer, [text])[0].count(tokenizer.unk_token_id)


@pytest.fixture(scope="module", params=["unigram", "bpe", "wordpiece", "XLM-R", "T5", "RoBERTa", "GPT-2"])
def tokenizer(request):
    return build_tokenizer(request.param)


@pytest.fixture(scope="module")
def bare(tokenizer):
    """The same, to which a mark in a text is plain text."""
    return make_bare(tokenizer)


def test_corpus_is_cut_into_the_same_tokens_by_fewer(tokenizer):
    trimmed, kept = trim_tokenizer(tokenizer, CORPUS)
    assert list_cuts(trimmed, CORPUS) == list_cuts(tokenizer, CORPUS)
    assert len(kept) == len(trimmed) < len(tokenizer)


def test_tokens_stay_in_their_order_and_ids_name_where_they_were(tokenizer):
    trimmed, kept = trim_tokenizer(tokenizer, CORPUS)
    assert kept == sorted(kept)
    assert trimmed.convert_ids_to_tokens(range(len(trimmed))) == tokenizer.convert_ids_to_tokens(kept)


def test_special_roles_and_added_tokens_stay(tokenizer):
    trimmed, _ = trim_tokenizer(tokenizer, CORPUS)
    assert trimmed.special_tokens_map == {
        role: token for role, token in tokenizer.special_tokens_map.items() if isinstance(token, str)
    }
    tokens = {token.content for token in tokenizer.added_tokens_decoder.values()}
    assert {token.content for token in trimmed.added_tokens_decoder.values()} == tokens


@settings(max_examples=30, deadline=None)
@given(corpus=st.lists(TEXT, max_size=6), other=TEXT)
def test_any_corpus_is_cut_as_before_and_nothing_else_becomes_unknown(bare, corpus, other):
    trimmed, _ = trim_tokenizer(bare, corpus)
    assert list_cuts(trimmed, corpus) == list_cuts(bare, corpus)
    assert (count_unknown(trimmed, other) > 0) == (count_unknown(bare, other) > 0)


@pytest.mark.parametrize("text", ODD_TEXTS)
def test_text_of_no_corpus_comes_back_as_before(tokenizer, text):
    trimmed, _ = trim_tokenizer(tokenizer, [])
    ids, old_ids = encode_texts(trimmed, [text])[0], encode_texts(tokenizer, [text])[0]
    if tokenizer.unk_token_id not in old_ids:
        assert decode_ids(trimmed, ids) == decode_ids(tokenizer, old_ids)


def test_trimming_again_changes_nothing(tokenizer):
    trimmed, kept = trim_tokenizer(tokenizer, CORPUS)
    again, kept_again = trim_tokenizer(trimmed, CORPUS)
    assert kept_again == list(range(len(kept)))
    assert again.backend_tokenizer.to_str() == trimmed.backend_tokenizer.to_str()


def test_trimmed_tokenizer_is_saved_and_loaded_alike(tokenizer, tmp_path):
    trimmed, _ = trim_tokenizer(tokenizer, CORPUS)
    TokenizerPair(trimmed, trimmed).save(tmp_path, max_source_tokens=64)
    loaded = load_tokenizer(tmp_path)
    assert encode_texts(loaded, CORPUS) == encode_texts(trimmed, CORPUS)
    assert loaded.get_vocab() == trimmed.get_vocab()


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (models.WordLevel({"a": 0}, unk_token="a"), "type WordLevel cannot be trimmed"),
        (models.BPE({"a</w>": 0}, [], end_of_word_suffix="</w>"), "marks tokens by a prefix or suffix"),
    ],
)
def test_other_types_are_refused(model, message):
    with pytest.raises(TokenizerError, match=message):
        trim_tokenizer(PreTrainedTokenizerFast(tokenizer_object=Tokenizer(model)), ["a"])


def test_real_vocabulary_shrinks_to_a_fraction(minilm):
    tokenizer, corpus = load_tokenizer(minilm), [pair.source for pair in load_pairs("train")[:400]]
    trimmed, kept = trim_tokenizer(tokenizer, corpus)
    assert list_cuts(trimmed, corpus) == list_cuts(tokenizer, corpus)
    assert derive_framing(trimmed).end_id == kept.index(tokenizer.sep_token_id)
    assert len(trimmed) < len(tokenizer) / 5
    assert not any(count_unknown(trimmed, text) for text in CORPUS)


def test_word_that_letters_cannot_spell_is_still_known():
    # There is no '##b': without '##bc' the word would be unknown.
    backend = Tokenizer(models.WordPiece({"[UNK]": 0, "a": 1, "##bc": 2, "##c": 3, "ac": 4}, unk_token="[UNK]"))
    trimmed, kept = trim_tokenizer(PreTrainedTokenizerFast(tokenizer_object=backend, unk_token="[UNK]"), [])
    assert (list_cuts(trimmed, ["abc"]), kept) == ([["a", "##bc"]], [0, 1, 2, 3])


@pytest.mark.parametrize(
    "model",
    [
        models.Unigram([("a", -1.0), ("aa", -1.0), ("aaa", 0.0)], unk_id=2, byte_fallback=False),
        models.WordPiece({"a": 0, "aa": 1, "aaa": 2, "##a": 3}, unk_token="aaa"),
    ],
)
def test_unknown_mark_moves_along_where_no_role_names_it(model):
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(model))
    trimmed, kept = trim_tokenizer(tokenizer, ["a"])
    assert 1 not in kept  # 'aa'
    assert list_cuts(trimmed, ["☃"]) == [["aaa"]]


def test_unknown_character_costs_what_it_did():
    # An unknown character is worth the lowest score - 10. Before: ba ca da is worth -27, [UNK] acada -100 - 10 - 1.
    # Were 'zz' dropped, [UNK] acada would be worth -9 - 10 - 1 = -20 and win.
    scores = {"[UNK]": 0.0, "ba": -9.0, "ca": -9.0, "da": -9.0, "acada": -1.0, "z": -1.0, "zz": -100.0}
    backend = Tokenizer(models.Unigram(list(scores.items()), unk_id=0, byte_fallback=False))
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, unk_token="[UNK]")
    trimmed, _ = trim_tokenizer(tokenizer, ["bacada", "acada"])
    cuts = [["ba", "ca", "da"], ["acada"]]
    assert list_cuts(tokenizer, ["bacada", "acada"]) == list_cuts(trimmed, ["bacada", "acada"]) == cuts


def build_random_tokenizer(kind: str, seed: int) -> PreTrainedTokenizerFast:
    """A vocabulary over few letters in which anything can happen: letters missing, words that no pieces fit, ties."""
    rng = random.Random(seed)
    pieces = sorted({"".join(rng.choices("abc", k=rng.randint(1, 4))) for _ in range(rng.randint(1, 30))})
    if kind == "WordPiece":
        marked = [rng.choice(("", "##")) + piece for piece in pieces]
        model = models.WordPiece(
            {piece: index for index, piece in enumerate(["[UNK]", *marked])},
            unk_token="[UNK]",
            max_input_chars_per_word=9,
        )
    elif kind == "Unigram":
        scored = [(piece, -float(rng.randint(1, 6))) for piece in pieces]
        model = models.Unigram([("[UNK]", 0.0), *scored], unk_id=0, byte_fallback=False)
    else:
        model = _build_random_merges(rng)
    backend = Tokenizer(model)
    backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(tokenizer_object=backend, unk_token="[UNK]")


def _build_random_merges(rng: random.Random) -> models.BPE:
    tokens, merges = rng.sample("abc", k=rng.randint(1, 3)), []
    for _ in range(rng.randint(0, 25)):
        pair = (rng.choice(tokens), rng.choice(tokens))
        if pair not in merges and len("".join(pair)) < 7:
            merges.append(pair)
            tokens += ["".join(pair)] * ("".join(pair) not in tokens)
    return models.BPE({token: index for index, token in enumerate(["[UNK]", *tokens])}, merges, unk_token="[UNK]")


@pytest.mark.parametrize("kind", ["WordPiece", "BPE", "Unigram"])
def test_any_corpus_is_cut_as_before_by_any_vocabulary(kind):
    words = ["".join(letters) for size in range(1, 6) for letters in itertools.product("abcd", repeat=size)]
    for seed in range(60):
        rng = random.Random(seed)
        tokenizer = build_random_tokenizer(kind, seed)
        corpus = [" ".join(rng.sample(words, rng.randint(1, 3))) for _ in range(3)] + ["a" * 12]
        trimmed, _ = trim_tokenizer(tokenizer, corpus)
        assert list_cuts(trimmed, corpus) == list_cuts(tokenizer, corpus), f"seed {seed}"
