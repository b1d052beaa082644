"""Marks are plain text in a text: those that hold a role, codes of languages, sentinels; whatever the tokenizer.

Expected pieces are by hand.
"""

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import AddedToken, AutoTokenizer, PreTrainedTokenizerFast
from transformers.models.m2m_100 import tokenization_m2m_100
from transformers.models.mbart50 import tokenization_mbart50
from transformers.models.nllb import tokenization_nllb

from seq2seq.text.added_tokens import is_mark
from seq2seq.text.tokenizers import TokenizerPair, decode_ids, give_role, load_tokenizer, make_bare, make_bare_pair
from tests.conftest import WORDS, build_word_piece_tokenizer
from tests.published import ENGLISH
from tests.text.added_tokens import cut, highlight, publish


@pytest.mark.parametrize(
    ("family", "text", "pieces"),
    [
        ("t5", "cat</s> the", ["▁cat", "<unk>", "s", "<unk>", "▁the"]),
        ("t5", "<extra_id_0>cat", ["▁", "<unk>", "e", "<unk>", *"tra", "<unk>", *"id", "<unk>", "<unk>", *"cat"]),
        ("mbart", "the de_DE</s>", ["▁the", "▁", "d", "e", "<unk>", "s", "<unk>"]),
        ("word level", "[PAD] cat", ["[UNK]", "[UNK]", "[UNK]", "cat"]),
    ],
)
def test_mark_that_is_a_piece_of_the_model_is_broken_into_others(tmp_path, family, text, pieces):
    """By hand: of the characters of these marks T5's and mBART's know but small letters; a run of others is one unknown
    token, but the last sign of a mark begins a new one."""
    plain = publish(tmp_path / "plain", family, [highlight()])
    bare = make_bare(plain)
    assert cut(bare, text) == pieces
    TokenizerPair(bare, bare).save(tmp_path / "saved", max_source_tokens=64)
    ours = AutoTokenizer.from_pretrained(tmp_path / "saved")
    assert ours.convert_ids_to_tokens(ours(text)["input_ids"]) == pieces


@pytest.mark.parametrize("step", [None, pre_tokenizers.WhitespaceSplit()])
def test_mark_that_is_a_whole_word_of_the_model_is_broken(step):
    backend = Tokenizer(models.WordLevel({"[UNK]": 0, "[PAD]": 1, "[CLS": 2, "]": 3, "]a": 4}, unk_token="[UNK]"))
    backend.pre_tokenizer = step
    plain = PreTrainedTokenizerFast(tokenizer_object=backend, unk_token="[UNK]", pad_token="[PAD]")
    bare = make_bare(plain)
    assert cut(bare, "[PAD]") == ["[UNK]", "]"]
    assert cut(bare, "[PAD]a") == ["[UNK]", "]a"]
    assert cut(bare, "[CLS") == ["[CLS"]


def test_mark_without_a_sign_is_broken_before_its_last_character():
    backend = Tokenizer(models.WordLevel({"unknown": 0, "pad": 1, "pa": 2, "d": 3}, unk_token="unknown"))
    plain = PreTrainedTokenizerFast(tokenizer_object=backend, unk_token="unknown", pad_token="pad")
    assert cut(make_bare(plain), "pad") == ["pa", "d"]


@pytest.mark.parametrize("family", ["bert", "bart", "byte level", "byte pairs", "marian", "bert-generation"])
def test_tokenizer_that_reads_no_mark_anyway_breaks_none(tmp_path, family):
    plain = publish(tmp_path, family, [])
    for bare in (make_bare_pair(plain).source, make_bare_pair(plain).target):
        assert "MergedWithNext" not in bare.backend_tokenizer.to_str()


def test_codes_of_languages_and_sentinels_are_marks():
    codes = [f"__{code}__" for code in tokenization_m2m_100.FAIRSEQ_LANGUAGE_CODES["m2m100"]]
    codes += [*tokenization_nllb.FAIRSEQ_LANGUAGE_CODES, *tokenization_mbart50.FAIRSEQ_LANGUAGE_CODES]
    assert len(codes) > 300
    assert all(map(is_mark, codes))
    assert all(map(is_mark, ["<extra_id_0>", "<extra_id_99>", "<mask_1>", "<unk_102>", "tyv_Cyrl"]))


@pytest.mark.parametrize(
    "token", ["<hl>", "[HL]", "__hl__", "<mask>", "<extra_id>", "<mask_x>", "[unused1]", "<2hi>", "en", "EN_en", "____"]
)
def test_other_tokens_are_no_marks_by_their_form(token):
    assert not is_mark(token)


def test_sentinels_and_codes_are_plain_text_in_any_tokenizer(tmp_path):
    tokens = [AddedToken(token, special=True) for token in ("<extra_id_0>", "<mask_1>", "__fr__", "fra_Latn", "fr_XX")]
    bare = make_bare(publish(tmp_path, "bart", [*tokens, highlight()]))
    assert cut(bare, "fra_Latn<hl>__fr__") == [*"fra_Latn", "<hl>", *"__fr__"]
    assert set(cut(bare, "<extra_id_0><mask_1>fr_XX")).isdisjoint(map(str, tokens))


def test_sentinels_of_pegasus_are_plain_text(tmp_path):
    from transformers import PegasusTokenizer

    words = [(f"▁{word}", -3.0) for word in ENGLISH]
    marks = [("<pad>", 0.0), ("</s>", 0.0), ("<mask_1>", 0.0), ("<mask_2>", 0.0), ("<unk_2>", 0.0), ("<unk>", 0.0)]
    letters = [(letter, -9.0) for letter in "▁<>_masknut12hl"]
    pegasus = PegasusTokenizer(vocab=[*marks, *words, *letters], offset=3)
    pegasus.add_special_tokens({"extra_special_tokens": ["<hl>"]}, replace_extra_special_tokens=False)
    bare = make_bare(pegasus)
    assert cut(bare, "<mask_2>") == ["▁", *"<mask_2>"]
    assert cut(bare, "<hl> cat <unk_2> <mask_1>") == ["<hl>", "▁cat", "▁", *"<unk_2>", "▁", *"<mask_1>"]


def test_tokens_around_texts_are_marks_though_no_role_names_them():
    backend = build_word_piece_tokenizer(WORDS.split()).backend_tokenizer
    backend.add_special_tokens(["[CLS]", "[SEP]", "<hl>"])
    bare = make_bare(PreTrainedTokenizerFast(tokenizer_object=backend, unk_token="[UNK]"))
    assert cut(bare, "cat [SEP] <hl>") == ["cat", "[", "s", "##e", "##p", "]", "<hl>"]


def test_token_that_is_given_a_role_is_a_mark(tmp_path):
    bare = make_bare(publish(tmp_path / "plain", "bart", [highlight()]))
    give_role(bare, "bos_token", bare.convert_tokens_to_ids("<hl>"))
    TokenizerPair(bare, bare).save(tmp_path / "saved", max_source_tokens=64)
    for tokenizer in (bare, load_tokenizer(tmp_path / "saved")):
        assert tokenizer.bos_token == "<hl>"
        assert cut(tokenizer, "<hl>") == list("<hl>")
        assert decode_ids(tokenizer, [tokenizer.bos_token_id]) == ""
