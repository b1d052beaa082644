"""Added tokens: one token in a text, in ours as in plain transformers, but for marks, which are plain text.

Expected ids and texts are those of plain transformers on the published tokenizer, unless a test says otherwise.
"""

import itertools
import json
from collections.abc import Sequence
from pathlib import Path
from random import Random

import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import AddedToken, AutoTokenizer, PreTrainedTokenizerBase, PreTrainedTokenizerFast
from transformers.models.m2m_100 import tokenization_m2m_100
from transformers.models.mbart50 import tokenization_mbart50
from transformers.models.nllb import tokenization_nllb

from seq2seq.base.errors import TokenizerError
from seq2seq.text.added_tokens import is_mark
from seq2seq.text.coverage import measure_coverage
from seq2seq.text.tokenizer_training import train_tokenizer
from seq2seq.text.tokenizers import (
    TokenizerPair,
    decode_ids,
    encode_texts,
    give_role,
    list_marks,
    load_tokenizer,
    load_tokenizers,
    make_bare,
    make_bare_pair,
)
from seq2seq.text.trimming import trim_tokenizer
from seq2seq.text.vocabulary import match_tokens
from tests.conftest import WORDS, build_word_piece_tokenizer
from tests.published import (
    ENGLISH,
    draw_sentences,
    train_sentencepiece,
    write_bare_config,
    write_bart_tokenizer,
    write_marian_tokenizer,
    write_mbart50_tokenizer,
    write_mbart_tokenizer,
    write_settings,
    write_t5_tokenizer,
)
from tests.text.test_tokenizers import build_byte_level_tokenizer

TEXTS = [
    "the <hl> cat <hl> sat.", "<hl>the cat<hl>", "<hl>", "the<hl>cat <new> dog", "<hl> <hl> <new> the", "the <HL> cat",
    "big <new>, <hl>. red", "the cat", "", "<new>", "<hl", "x<hl><new><hl>y", "<hl> , the",
]  # fmt: skip
MARKS = ["the <s> cat </s> <pad> <unk> <mask>", "[SEP] cat [CLS][PAD] [UNK] [MASK]", "<extra_id_0> cat de_DE<hl>en_XX"]


def write_bert(folder: Path) -> None:
    build_word_piece_tokenizer(WORDS.split()).save_pretrained(folder)


def write_byte_level(folder: Path) -> None:
    build_byte_level_tokenizer().save_pretrained(folder)


def write_word_level(folder: Path) -> None:
    """Whole words, and no decoder."""
    words = ["[UNK]", "[PAD]", *ENGLISH, *"<>,.hl"]
    backend = Tokenizer(models.WordLevel({word: index for index, word in enumerate(words)}, unk_token="[UNK]"))
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(tokenizer_object=backend, unk_token="[UNK]", pad_token="[PAD]").save_pretrained(folder)


def write_byte_pairs(folder: Path) -> None:
    """sentencepiece's BPE with a decoder of several steps, as Llama's."""
    ours = train_tokenizer(draw_sentences(ENGLISH, 200), kind="bpe", size=330)
    roles = ours.special_tokens_map
    PreTrainedTokenizerFast(tokenizer_object=ours.backend_tokenizer, **roles).save_pretrained(folder)


def write_bert_generation(folder: Path) -> None:
    marks = {"pad_id": 0, "eos_id": 1, "bos_id": 2, "unk_id": 3}
    train_sentencepiece(folder / "spiece.model", draw_sentences(ENGLISH, 200), **marks)
    write_settings(folder, tokenizer_class="BertGenerationTokenizer")


WRITERS = {
    "bert": write_bert, "byte level": write_byte_level, "word level": write_word_level, "byte pairs": write_byte_pairs,
    "bart": write_bart_tokenizer, "mbart": write_mbart_tokenizer, "mbart50": write_mbart50_tokenizer,
    "t5": write_t5_tokenizer, "marian": write_marian_tokenizer, "bert-generation": write_bert_generation,
}  # fmt: skip


def publish(folder: Path, family: str, tokens: Sequence[AddedToken | str]) -> PreTrainedTokenizerBase:
    """A family's tokenizer with further tokens, saved by transformers and loaded again."""
    folder.mkdir(parents=True, exist_ok=True)
    WRITERS[family](folder)
    if family in ("bart", "mbart", "mbart50", "t5", "marian"):
        write_bare_config(folder, family.removesuffix("50"))
    tokenizer = AutoTokenizer.from_pretrained(folder)
    for token in tokens:
        added = token if isinstance(token, AddedToken) else AddedToken(token, normalized=False)
        if added.special:
            tokenizer.add_special_tokens({"extra_special_tokens": [added]}, replace_extra_special_tokens=False)
        else:
            tokenizer.add_tokens([added])
    tokenizer.save_pretrained(folder)
    return AutoTokenizer.from_pretrained(folder)


def highlight(**flags) -> AddedToken:
    return AddedToken("<hl>", special=True, **({"normalized": False} | flags))


def encode(plain: PreTrainedTokenizerBase, texts: Sequence[str]) -> list[list[int]]:
    return [plain(text, add_special_tokens=False)["input_ids"] for text in texts]


def decode(plain: PreTrainedTokenizerBase, rows: Sequence[list[int]]) -> list[str]:
    # Ours joins word pieces as version 4 of transformers did.
    clean_up = plain.is_fast and type(plain.backend_tokenizer.model).__name__ == "WordPiece"
    texts = plain.batch_decode(rows, skip_special_tokens=True, clean_up_tokenization_spaces=clean_up)
    return [text.strip() for text in texts]


def cut(tokenizer: PreTrainedTokenizerFast, text: str) -> list[str]:
    return tokenizer.convert_ids_to_tokens(encode_texts(tokenizer, [text])[0])


@pytest.fixture(scope="module", params=WRITERS)
def plain(request, tmp_path_factory) -> PreTrainedTokenizerBase:
    """With a special token <hl> that holds no role, and <new>, which is not even special."""
    return publish(tmp_path_factory.mktemp("plain"), request.param, [highlight(), "<new>"])


@pytest.fixture(scope="module")
def pair(plain) -> TokenizerPair:
    return make_bare_pair(plain)


@pytest.fixture(scope="module")
def saved(pair, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("saved")
    pair.save(folder, max_source_tokens=64)
    return folder


def test_added_tokens_are_read_as_plain_transformers_reads_them(plain, pair):
    assert encode_texts(pair.source, TEXTS) == encode(plain, TEXTS)
    highlighted = plain.convert_tokens_to_ids("<hl>")
    assert [ids.count(highlighted) for ids in encode_texts(pair.source, TEXTS[:3])] == [2, 2, 1]


def test_targets_have_added_tokens_too(plain, pair):
    expected = [plain(text_target=text, add_special_tokens=False)["input_ids"] for text in TEXTS]
    assert encode_texts(pair.target, TEXTS) == expected


def test_saved_folder_gives_plain_transformers_the_same_ids(pair, saved):
    texts = [*TEXTS, *MARKS]
    assert AutoTokenizer.from_pretrained(saved)(texts)["input_ids"] == encode_texts(pair.source, texts)


def test_saved_folder_is_loaded_as_it_was(pair, saved):
    texts = [*TEXTS, *MARKS]
    again = load_tokenizers(saved)
    assert encode_texts(again.source, texts) == encode_texts(pair.source, texts)
    assert encode_texts(again.target, texts) == encode_texts(pair.target, texts)
    rows = encode_texts(pair.target, texts)
    assert [decode_ids(again.target, ids) for ids in rows] == [decode_ids(pair.target, ids) for ids in rows]


def test_decoding_leaves_out_what_plain_transformers_leaves_out(plain, pair, saved):
    draw = Random(0)
    added = plain.convert_tokens_to_ids(["<hl>", "<new>"])
    rows = encode(plain, TEXTS)
    words = encode(plain, ["the cat sat", "big red dog."])
    rows += [draw.sample([*ids, *added, added[0]], k=len(ids) + 3) for ids in words * 20]
    starts = [ids for ids in rows if not _continues_a_word(plain, ids)]
    expected = decode(plain, starts)
    assert [decode_ids(pair.source, ids) for ids in starts] == expected
    assert "<new>" in "".join(expected)
    folder = saved / "target_tokenizer" if (saved / "target_tokenizer").exists() else saved
    assert decode(AutoTokenizer.from_pretrained(folder), starts) == expected


def _continues_a_word(plain, ids: list[int]) -> bool:
    """Whether the first token but <hl> is a piece such as '##s', which plain transformers writes whole at the start."""
    tokens = [token for token in plain.convert_ids_to_tokens(ids) if token != "<hl>"]
    return bool(tokens) and tokens[0].startswith("##")


@pytest.mark.parametrize("family", ["bert", "t5", "bart"])
@pytest.mark.parametrize("is_special", [True, False])
def test_flags_of_added_tokens_are_obeyed(tmp_path, family, is_special):
    texts = ["The [HL] cat [HL], sat", "[HL] the [hl] x[HL]y [HL]", "a  [HL]-[HL]  . it's  [HL]", "x\t[HL]"]
    names = ("normalized", "lstrip", "rstrip", "single_word")
    for number, chosen in enumerate(itertools.product((True, False), repeat=4)):
        flags = dict(zip(names, chosen, strict=True))
        token = AddedToken("[HL]", special=is_special, **flags)
        plain = publish(tmp_path / str(number), family, [token])
        bare = make_bare(plain)
        TokenizerPair(bare, bare).save(tmp_path / f"saved {number}", max_source_tokens=64)
        ours = AutoTokenizer.from_pretrained(tmp_path / f"saved {number}")
        rows = encode(plain, texts)
        assert encode_texts(bare, texts) == rows == ours(texts)["input_ids"], flags
        assert [decode_ids(bare, ids) for ids in rows] == decode(plain, rows) == decode(ours, rows), flags


@pytest.mark.parametrize("flag", ["lstrip", "rstrip"])
def test_flags_of_marians_added_tokens_are_obeyed(tmp_path, flag):
    plain = publish(tmp_path, "marian", [highlight(**{flag: True})])
    assert encode_texts(make_bare_pair(plain).source, TEXTS) == encode(plain, TEXTS)


def test_added_token_of_real_word_pieces_is_read_as_plain_transformers_reads_it(minilm, tmp_path):
    plain = AutoTokenizer.from_pretrained(minilm)
    plain.add_special_tokens({"extra_special_tokens": ["[HL]"]})
    plain.save_pretrained(tmp_path / "plain")
    bare = load_tokenizer(tmp_path / "plain")
    TokenizerPair(bare, bare).save(tmp_path / "saved", max_source_tokens=64)
    ours = AutoTokenizer.from_pretrained(tmp_path / "saved")
    texts = ["[HL] Paris [HL] is the capital of [HL]France[HL], isn't it?", "No [hl] here.", "Naïve [HL]'s"]
    rows = encode(plain, texts)
    assert encode_texts(bare, texts) == rows == ours(texts)["input_ids"]
    assert [decode_ids(bare, ids) for ids in rows] == decode(plain, rows) == decode(ours, rows)


# Marks.


def test_marks_are_plain_text(plain, pair):
    marks = {plain.convert_tokens_to_ids(token) for token in list_marks(pair.source)}
    marks.discard(pair.source.unk_token_id)
    assert len(marks) >= 1
    for text in MARKS:
        assert marks.isdisjoint(encode_texts(pair.source, [text])[0])


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


def test_languages_of_marian_are_tokens_of_their_own(tmp_path):
    write_marian_tokenizer(tmp_path)
    vocabulary = json.loads((tmp_path / "vocab.json").read_text())
    (tmp_path / "vocab.json").write_text(json.dumps(vocabulary | {">>fra<<": len(vocabulary)}))
    write_bare_config(tmp_path, "marian")
    plain = AutoTokenizer.from_pretrained(tmp_path)
    plain.add_tokens(["<new>"])
    texts = [">>fra<< the <new> cat", ">>fra<<the", "<new> cat"]
    bare = make_bare_pair(plain).source
    assert encode_texts(bare, texts) == encode(plain, texts)
    assert cut(bare, texts[0]) == [">>fra<<", "▁the", "<new>", "▁cat"]


# Vocabularies beside Marian's models.


def test_added_token_whose_id_is_taken_on_one_side_is_refused(tmp_path):
    write_marian_tokenizer(tmp_path)
    ids = json.loads((tmp_path / "vocab.json").read_text())
    (tmp_path / "target_vocab.json").write_text(json.dumps(ids | {"more": len(ids)}))
    write_settings(tmp_path, separate_vocabs=True)
    write_bare_config(tmp_path, "marian")
    plain = AutoTokenizer.from_pretrained(tmp_path)
    plain.add_tokens(["<new>"])
    taken = f"the added token '<new>' has the id {len(ids)}, but the vocabulary has room for it at {len(ids) + 1}"
    with pytest.raises(TokenizerError, match=f"target.spm: {taken}. Give it a place in the vocabulary"):
        make_bare_pair(plain)


# Saved by earlier versions, by others, and changed since.


def write_as_before(folder: Path, plain: PreTrainedTokenizerFast) -> PreTrainedTokenizerFast:
    """What was saved up to November 2026: special tokens as they were published, to be split; roles alone are named."""
    layout = json.loads(plain.backend_tokenizer.to_str()) | {"post_processor": None}
    PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(json.dumps(layout)),
        split_special_tokens=True,
        model_input_names=["input_ids", "attention_mask"],
        clean_up_tokenization_spaces=False,
        model_max_length=64,
        **plain.special_tokens_map,
    ).save_pretrained(folder)
    return AutoTokenizer.from_pretrained(folder)


@pytest.mark.parametrize("family", ["bert", "bart", "t5"])
def test_folder_of_an_earlier_version_is_read_as_its_model_was_trained(tmp_path, family):
    plain = publish(tmp_path / "plain", family, [highlight(), "<new>"])
    before = write_as_before(tmp_path / "before", plain)
    texts = [*TEXTS, *MARKS]
    expected = before(texts)["input_ids"]
    assert plain.convert_tokens_to_ids("<hl>") not in itertools.chain(*expected)
    bare = load_tokenizer(tmp_path / "before")
    assert encode_texts(bare, texts) == expected
    assert decode_ids(bare, plain.convert_tokens_to_ids(["<hl>"])) == ""
    TokenizerPair(bare, bare).save(tmp_path / "again", max_source_tokens=64)
    assert encode_texts(load_tokenizer(tmp_path / "again"), texts) == expected
    trimmed, _ = trim_tokenizer(bare, texts)
    assert cut(trimmed, "<hl>") == cut(bare, "<hl>")


def test_tokenizer_that_splits_its_special_tokens_is_obeyed(tmp_path):
    publish(tmp_path, "bart", [highlight()])
    settings = json.loads((tmp_path / "tokenizer_config.json").read_text())
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(settings | {"split_special_tokens": True}))
    plain = AutoTokenizer.from_pretrained(tmp_path)
    assert encode_texts(load_tokenizer(tmp_path), TEXTS) == encode(plain, TEXTS)


def test_folder_that_transformers_saved_again_is_read_alike(pair, saved, tmp_path):
    AutoTokenizer.from_pretrained(saved).save_pretrained(tmp_path)
    again = load_tokenizer(tmp_path)
    texts = [*TEXTS, *MARKS]
    rows = encode_texts(pair.source, texts)
    assert encode_texts(again, texts) == rows
    assert [decode_ids(again, ids) for ids in rows] == [decode_ids(pair.source, ids) for ids in rows]


@pytest.mark.parametrize("family", ["bert", "t5", "bart"])
def test_special_token_that_was_added_to_one_of_ours_is_a_token_of_its_own(tmp_path, family):
    bare = make_bare(publish(tmp_path / "plain", family, [highlight()]))
    TokenizerPair(bare, bare).save(tmp_path / "saved", max_source_tokens=64)
    changed = AutoTokenizer.from_pretrained(tmp_path / "saved")
    changed.add_special_tokens({"extra_special_tokens": ["<q>"]})
    changed.save_pretrained(tmp_path / "changed")
    again = load_tokenizer(tmp_path / "changed")
    assert cut(again, "<hl><q>") == ["<hl>", "<q>"]
    ids = again.convert_tokens_to_ids(["<q>", *cut(bare, "the"), "<hl>", "<q>", *cut(bare, " cat"), "<q>"])
    assert decode_ids(again, ids) == decode_ids(bare, encode_texts(bare, ["the cat"])[0])
    TokenizerPair(again, again).save(tmp_path / "again", max_source_tokens=64)
    assert decode(AutoTokenizer.from_pretrained(tmp_path / "again"), [ids]) == [decode_ids(again, ids)]


# What else works with tokenizers.


def test_trimmed_tokenizer_keeps_added_tokens(plain, pair):
    if plain.is_fast and type(plain.backend_tokenizer.model).__name__ == "WordLevel":
        pytest.skip("no tokenizer to trim")
    corpus = ["the <hl> cat", "<new> sat"]
    trimmed, old_ids = trim_tokenizer(pair.source, corpus)
    rows = encode_texts(trimmed, corpus)
    assert [[old_ids[token_id] for token_id in ids] for ids in rows] == encode_texts(pair.source, corpus)
    assert [decode_ids(trimmed, ids) for ids in rows] == decode(plain, encode(plain, corpus))


def test_added_token_is_matched_by_its_text():
    old = make_bare(build_word_piece_tokenizer(["cat"]))
    new = make_bare(build_word_piece_tokenizer(["the", "cat"]))
    old.add_tokens(["[Q]", "[HL]"])
    new.add_tokens(["[HL]", "[R]"])
    matches = match_tokens(old, new)
    assert matches[new.convert_tokens_to_ids("[HL]")] == (old.convert_tokens_to_ids("[HL]"),)
    assert matches[new.convert_tokens_to_ids("[R]")] == ()


def test_text_with_an_added_token_comes_back_as_it_is_normalized_around_it(tmp_path):
    # "[HL]" stays in capitals between what is lower-cased, "[Q]" does not; <hl>, which is left out, does not come back.
    bare = make_bare(publish(tmp_path, "bert", ["[HL]", AddedToken("[Q]", normalized=True), highlight()]))
    assert measure_coverage(bare, ["The [HL] Cat", "the CAT", "[Q] cat", "the <hl> cat"]).returning_texts == 3 / 4


def test_decoder_of_several_steps_leaves_tokens_out():
    vocabulary = {"<unk>": 0, "▁a": 1, "▁b": 2, "c": 3, "<hl>": 4}
    backend = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    backend.decoder = decoders.Sequence([decoders.Metaspace(prepend_scheme="always"), decoders.Fuse()])
    backend.post_processor = processors.TemplateProcessing(single="$A", special_tokens=[])
    backend.add_special_tokens(["<hl>"])
    plain = PreTrainedTokenizerFast(tokenizer_object=backend, unk_token="<unk>")
    rows = [[4, 1, 4, 2, 3], [1, 4, 3, 4], [4, 4, 2]]
    bare = make_bare(plain)
    # Without the cut of white space that `decode_ids` makes.
    assert bare.batch_decode(rows) == plain.batch_decode(rows, skip_special_tokens=True) == ["a bc", "ac", "b"]
