"""Training a tokenizer: sentencepiece's own cuts, the same bytes every time, and texts that come back."""

import hashlib
import itertools
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoTokenizer

from seq2seq.base.errors import TokenizerError
from seq2seq.embedded.corpus import load_pairs
from seq2seq.text import tokenizer_training
from seq2seq.text.framing import Framing, derive_framing
from seq2seq.text.tokenizer_training import train_tokenizer
from seq2seq.text.tokenizers import TokenizerPair, decode_ids, encode_texts, load_tokenizer

SENTENCE_PIECE, SIZES = ("unigram", "bpe"), {"unigram": 500, "bpe": 600, "wordpiece": 600}


def build_texts() -> list[str]:
    """Made-up sentences with accents, figures, Chinese and Japanese, emoji, marks and odd white space, and English."""
    people = ["Anna", "the tailor", "Jürgen", "El niño", "Ζωή", "小明"]
    acts = ["ran 12 miles", "sold 3,450 lamps", "aß Käse", "mangeait déjà", "読みました", "smiled 🙂", "left…"]
    places = ["in Łódź.", "on May 1st, 2024!", "at half past ten?", "near the sea;  twice", "\tby the café's door."]
    rows = [" ".join(parts) for parts in itertools.product(people, acts, places)]  # 6 * 7 * 5 = 210
    return rows + [pair.source for pair in load_pairs("train")[:300]]


TEXTS = build_texts()
ODD_TEXTS = [
    "", " ", "▁", "a▁b", "<s> and </s> <pad> <unk>", "<0x41><0xE2>", "[CLS] [SEP]", "a\nb\r\nc\td\u00a0e", "▅ block",
    "ﬁ ½ ｆｕｌｌ ²", "e\u0301 é", "👩\u200d👩\u200d👧", "नमस्ते", "สวัสดี", "\u200b", "\x00\x01", "!" * 50, "aa" * 40, "𝕳",
]  # fmt: skip


@pytest.fixture(scope="module", params=SENTENCE_PIECE)
def trained(request):
    """A tokenizer and the processor of sentencepiece that it was made from."""
    kept = []
    with pytest.MonkeyPatch.context() as patch:
        build = tokenizer_training.SentencePieceProcessor
        patch.setattr(
            tokenizer_training, "SentencePieceProcessor", lambda **given: kept.append(build(**given)) or kept[0]
        )
        return train_tokenizer(TEXTS, kind=request.param, size=SIZES[request.param]), kept[0]


@pytest.fixture(scope="module")
def word_piece():
    return train_tokenizer(TEXTS, kind="wordpiece", size=SIZES["wordpiece"])


def normalize(tokenizer, text):
    return tokenizer.backend_tokenizer.normalizer.normalize_str(text)


@pytest.mark.parametrize("text", ODD_TEXTS)
def test_odd_text_is_cut_as_sentencepiece_cuts_it(trained, text):
    tokenizer, processor = trained
    assert encode_texts(tokenizer, [text])[0] == processor.encode(normalize(tokenizer, text))


def test_training_texts_are_cut_as_sentencepiece_cuts_them(trained):
    tokenizer, processor = trained
    assert encode_texts(tokenizer, TEXTS) == processor.encode([normalize(tokenizer, text) for text in TEXTS])


@settings(max_examples=200, deadline=None)
@given(text=st.lists(st.sampled_from([*TEXTS[0], *"abein <>/s0x.!é読🙂ﬁ\u0301\u200d▁", "the", "an"])).map("".join))
def test_any_text_is_cut_as_sentencepiece_cuts_it_or_as_well(trained, text):
    tokenizer, processor = trained
    ids, expected = encode_texts(tokenizer, [text])[0], processor.encode(normalize(tokenizer, text))
    # Cuts of equal worth: sentencepiece's float32 and the float64 of `tokenizers` may choose different ones.
    assert ids == expected or sum(map(processor.get_score, ids)) == pytest.approx(
        sum(map(processor.get_score, expected)), rel=1e-5
    )


@settings(max_examples=200, deadline=None)
@given(text=st.text())
def test_any_text_comes_back_normalized(trained, text):
    tokenizer, _ = trained
    assert decode_ids(tokenizer, encode_texts(tokenizer, [text])[0]) == normalize(tokenizer, text).strip()


@pytest.mark.parametrize("mark", ["<pad>", "<s>", "</s>", "<unk>", "<0x41>"])
def test_mark_written_in_a_text_is_plain_text(trained, mark):
    tokenizer, _ = trained
    ids = encode_texts(tokenizer, [f"Anna {mark} ran", mark])
    assert tokenizer.convert_tokens_to_ids(mark) not in itertools.chain(*ids)


def test_character_outside_the_alphabet_becomes_its_bytes(trained):
    tokenizer, _ = trained
    ids = encode_texts(tokenizer, ["☃"])[0]
    assert tokenizer.convert_ids_to_tokens(ids) == ["▁", "<0xE2>", "<0x98>", "<0x83>"]  # U+2603 in UTF-8


def test_empty_text_has_no_token(trained, word_piece):
    assert encode_texts(trained[0], ["", " \n"]) == encode_texts(word_piece, ["", " \n"]) == [[], []]


def test_sentencepiece_kinds_open_with_their_special_tokens(trained):
    tokenizer, _ = trained
    assert tokenizer.convert_ids_to_tokens([0, 1, 2, 3]) == ["<pad>", "<s>", "</s>", "<unk>"]
    assert derive_framing(tokenizer) == Framing(begin_id=1, end_id=2, pad_id=0)


def test_word_piece_opens_with_its_special_tokens(word_piece):
    assert word_piece.convert_ids_to_tokens([0, 1, 2, 3, 4]) == ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    assert derive_framing(word_piece) == Framing(begin_id=2, end_id=3, pad_id=0)


@pytest.mark.parametrize("kind", SIZES)
def test_vocabulary_has_the_size_asked_for(kind):
    assert len(train_tokenizer(TEXTS, kind=kind, size=SIZES[kind])) == SIZES[kind]


def compute_fingerprints() -> str:
    """The hash of a freshly trained tokenizer of every kind."""
    tokenizers = [train_tokenizer(iter(TEXTS), kind=kind, size=size) for kind, size in SIZES.items()]
    return " ".join(hashlib.sha256(one.backend_tokenizer.to_str().encode()).hexdigest() for one in tokenizers)


def test_training_again_here_and_in_another_process_gives_the_same_bytes():
    code = "from tests.text.test_tokenizer_training import compute_fingerprints as run\nprint(run())"
    root = Path(__file__).parents[2]
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)
    assert compute_fingerprints() == compute_fingerprints() == other.stdout.strip()


@pytest.mark.parametrize("kind", SIZES)
def test_saved_tokenizer_is_read_alike_by_us_and_by_plain_transformers(kind, tmp_path):
    tokenizer = train_tokenizer(TEXTS, kind=kind, size=SIZES[kind])
    TokenizerPair(tokenizer, tokenizer).save(tmp_path, max_source_tokens=tokenizer.model_max_length)
    texts = [*TEXTS, *ODD_TEXTS]
    expected = encode_texts(tokenizer, texts)
    assert encode_texts(load_tokenizer(tmp_path), texts) == expected
    assert AutoTokenizer.from_pretrained(tmp_path)(texts)["input_ids"] == expected
    assert load_tokenizer(tmp_path).special_tokens_map == tokenizer.special_tokens_map


@pytest.mark.parametrize("kind", SIZES)
def test_lower_casing_keeps_accents(kind):
    tokenizer = train_tokenizer(TEXTS, kind=kind, size=SIZES[kind], lowercase=True)
    assert decode_ids(tokenizer, encode_texts(tokenizer, ["JÜRGEN aß Käse"])[0]) == "jürgen aß käse"


def test_composed_and_decomposed_accents_are_one(trained, word_piece):
    for tokenizer in (trained[0], word_piece):
        composed, decomposed = encode_texts(tokenizer, ["caf\u00e9", "cafe\u0301"])
        assert composed == decomposed


def test_no_character_of_the_texts_is_unknown_to_word_piece(word_piece):
    assert word_piece.unk_token_id not in itertools.chain(*encode_texts(word_piece, TEXTS))


def test_letters_of_word_piece_stand_at_the_start_and_inside_and_marks_alone():
    # 5 special tokens, 4 characters, 'a' and 'b' once more inside: BERT sets '.' and '明' apart.
    tokenizer = train_tokenizer(["ab 明 ."], kind="wordpiece", size=11)
    assert set(tokenizer.get_vocab()) - set(tokenizer.all_special_tokens) == {"a", "b", ".", "明", "##a", "##b"}


def test_rare_characters_stay_outside_the_alphabet_where_coverage_allows():
    texts = ["a b " * 100 + "q"]  # 'q' is 1 of 201 characters
    assert "q" in train_tokenizer(texts, kind="wordpiece", size=11).get_vocab()
    assert "q" not in train_tokenizer(texts, kind="wordpiece", size=9, character_coverage=0.99).get_vocab()
    assert "q" not in train_tokenizer(texts, kind="bpe", size=263, character_coverage=0.99).get_vocab()


def test_long_text_is_trained_on_too():
    # sentencepiece would skip it by default: it has more than 4,192 bytes.
    tokenizer = train_tokenizer(["ab" * 3000], kind="bpe", size=265)
    assert "ab" in tokenizer.get_vocab()


def test_text_with_the_character_that_sentencepiece_reserves_is_trained_on_too():
    tokenizer = train_tokenizer(["abab ▅ abab"], kind="bpe", size=265)
    assert "ab" in tokenizer.get_vocab()


@pytest.mark.parametrize("kind", SIZES)
@pytest.mark.parametrize("texts", [[], ["", " \n"]])
def test_no_text_is_refused(kind, texts):
    with pytest.raises(TokenizerError, match="no text holds anything but white space. Give it text"):
        train_tokenizer(texts, kind=kind, size=300)


@pytest.mark.parametrize("kind", SIZES)
def test_size_that_the_texts_cannot_fill_is_refused_with_the_largest_possible(kind):
    with pytest.raises(TokenizerError, match=r"size 90000 is too large: these texts give \d+ tokens at most") as error:
        train_tokenizer(TEXTS, kind=kind, size=90000)
    possible = int(str(error.value).split("give ")[1].split()[0])
    assert len(train_tokenizer(TEXTS, kind=kind, size=possible)) == possible


@pytest.mark.parametrize("kind", SIZES)
def test_size_below_the_alphabet_is_refused_with_the_smallest_possible(kind):
    with pytest.raises(TokenizerError, match=r"size 7 is too small: special tokens.* take \d+") as error:
        train_tokenizer(TEXTS, kind=kind, size=7)
    needed = int(str(error.value).split("take ")[1].split(".")[0])
    assert len(train_tokenizer(TEXTS, kind=kind, size=needed + 1)) == needed + 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "word", "size": 300}, "kind 'word': expected one of unigram, bpe, wordpiece"),
        ({"kind": "bpe", "size": 0}, "size 0: expected the number of tokens, above 0"),
        ({"kind": "bpe", "size": 2**33}, "sentencepiece cannot train a tokenizer of size 8589934592"),
        ({"kind": "bpe", "size": 300, "character_coverage": 0.5}, "character_coverage 0.5: expected a share"),
    ],
)
def test_options_out_of_range_are_refused(options, message):
    with pytest.raises(TokenizerError, match=message):
        train_tokenizer(TEXTS, **options)
