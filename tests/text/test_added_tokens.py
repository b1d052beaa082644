"""Added tokens: one token in a text, in ours as in plain transformers, but for marks, which are plain text.

Expected ids and texts are those of plain transformers on the published tokenizer, unless a test says otherwise.
"""

import itertools
import json
from pathlib import Path
from random import Random

import pytest
from tokenizers import Tokenizer, decoders, models, processors
from transformers import AddedToken, AutoTokenizer, PreTrainedTokenizerBase, PreTrainedTokenizerFast

from seq2seq.base.errors import TokenizerError
from seq2seq.text.coverage import measure_coverage
from seq2seq.text.tokenizers import (
    TokenizerPair,
    decode_ids,
    encode_texts,
    list_marks,
    load_tokenizer,
    load_tokenizers,
    make_bare,
    make_bare_pair,
)
from seq2seq.text.trimming import trim_tokenizer
from seq2seq.text.vocabulary import match_tokens
from tests.conftest import build_word_piece_tokenizer
from tests.published import write_bare_config, write_marian_tokenizer, write_settings
from tests.text.added_tokens import MARKS, TEXTS, WRITERS, cut, decode, encode, highlight, publish


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


def test_marks_are_plain_text(plain, pair):
    marks = {plain.convert_tokens_to_ids(token) for token in list_marks(pair.source)}
    marks.discard(pair.source.unk_token_id)
    assert len(marks) >= 1
    for text in MARKS:
        assert marks.isdisjoint(encode_texts(pair.source, [text])[0])


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


def test_folder_that_transformers_saved_again_is_read_alike(pair, saved, tmp_path):
    AutoTokenizer.from_pretrained(saved).save_pretrained(tmp_path)
    again = load_tokenizer(tmp_path)
    texts = [*TEXTS, *MARKS]
    rows = encode_texts(pair.source, texts)
    assert encode_texts(again, texts) == rows
    assert [decode_ids(again, ids) for ids in rows] == [decode_ids(pair.source, ids) for ids in rows]


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
