"""SentencePiece models in the library tokenizers: pieces and ids of the sentencepiece processor, text for text.

The models are trained on the spot; expected values come from the library sentencepiece and from transformers' Marian.
"""

import json
from random import Random

import pytest
import sentencepiece
from transformers import MarianTokenizer, PreTrainedTokenizerFast

from seq2seq.base.errors import TokenizerError
from seq2seq.text.sentencepiece_model import GivenVocabulary, convert_model, convert_slow
from seq2seq.text.tokenizers import decode_ids, encode_texts, make_bare, make_bare_pair

ENGLISH = """
the a big small red naïve café cat dog bird résumé sat ran flew swam over mat road tree sea 12 2024 3.5 and don't
""".split()
GERMAN = """
die der das große kleine rote Katze Möwe Straße Übung saß lief flog über Matte Brücke Bäume 12 2024 3,5 und weiß
""".split()
JAPANESE = "猫 犬 鳥 東京 大きい 走った は の 日本 日本語 A B".split()
ODD = [
    "", " ", "the  big   cat", "  before", "behind  ", "tab\tcat\nnew line", "no\u00a0break zero\u200bwidth",
    "日本語 text", "日 本 語", "猫", "ß ßß", "☃ snow ☃☃", "cafe\u0301", "ﬁsh ½ … ™ Å ①", "ＣＡＴ １", "▁the ▁ cat",
    "the▁cat", "a" * 300, "😀 😀😀", "ñandú Ωmega", "''``\"\"", "١٢٣", "\u1112\u1161\u11ab 한", "\ue000 x", "\ufffd",
]  # fmt: skip
MARIAN = {"bos_id": -1, "eos_id": 0, "unk_id": 1}


def draw_sentences(words: list[str], count: int, seed: int = 0) -> list[str]:
    draw = Random(seed)
    return [
        " ".join(draw.choices(words, k=draw.randint(2, 9))) + draw.choice([".", "!", "?", "  ", ""])
        for _ in range(count)
    ]


def strew(sentences: list[str]) -> list[str]:
    """One character of each replaced by one that some models know and some do not."""
    draw = Random(1)
    return [text.replace(draw.choice(text), draw.choice("é日☃ß %ü"), 1) for text in sentences]


MIXED = draw_sentences(ENGLISH, 100, 1) + draw_sentences(GERMAN, 100, 1) + strew(draw_sentences(ENGLISH, 100, 2)) + ODD


def train(path, sentences: list[str], size: int = 200, **settings):
    with path.open("wb") as file:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(sentences), model_writer=file, vocab_size=size, hard_vocab_limit=False,
            minloglevel=2, num_threads=1, **settings,
        )  # fmt: skip
    return path


def load(path) -> sentencepiece.SentencePieceProcessor:
    processor = sentencepiece.SentencePieceProcessor()
    processor.Load(str(path))
    return processor


def encode(backend, texts: list[str]) -> list[list[int]]:
    return [encoding.ids for encoding in backend.encode_batch_fast(texts, add_special_tokens=False)]


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"pad_id": 0, "eos_id": 1, "bos_id": 2, "unk_id": 3},
        {"normalization_rule_name": "identity"},
        {"normalization_rule_name": "nmt_nfkc_cf"},
        {"remove_extra_whitespaces": False},
        {"add_dummy_prefix": False},
        {"split_by_whitespace": False},
        {"user_defined_symbols": ["<::::>", "cat", "XY"]},
    ],
    ids=lambda settings: " ".join(settings) or "defaults",
)
def test_ids_are_those_of_the_processor(tmp_path, settings):
    path = train(tmp_path / "spiece.model", draw_sentences([*ENGLISH, *GERMAN[:10]], 300), **settings)
    assert encode(convert_model(path), MIXED) == load(path).encode(MIXED)


def test_pieces_are_those_of_the_processor(tmp_path):
    path = train(tmp_path / "spiece.model", draw_sentences(ENGLISH, 300))
    texts = draw_sentences(ENGLISH, 100, 3)
    assert [convert_model(path).encode(text).tokens for text in texts] == load(path).encode(texts, out_type=str)


def test_marks_in_a_text_are_plain_text(tmp_path):
    path = train(tmp_path / "spiece.model", draw_sentences(ENGLISH, 300), user_defined_symbols=["<::::>"])
    texts = ["<s> </s> <unk>", "the<s>cat</s>"]
    assert encode(convert_model(path), texts) == load(path).encode(texts)


def test_letter_under_two_marks_loses_the_second_as_in_every_fast_tokenizer(tmp_path):
    path = train(tmp_path / "spiece.model", draw_sentences(["Việt", "cat"], 100))
    decomposed = "Vie\u0323\u0302t"
    assert load(path).normalize(decomposed) == "▁Việt"
    assert convert_model(path).normalizer.normalize_str(decomposed) == "▁Vi\ue000t"  # ẹ, which the model has not


@pytest.fixture(scope="module", params=["German", "Japanese"])
def marian(request, tmp_path_factory) -> MarianTokenizer:
    """English to another language, with one vocabulary; the second shares no letter but some Latin ones."""
    folder = tmp_path_factory.mktemp("marian")
    words = GERMAN if request.param == "German" else JAPANESE
    paths = [
        train(folder / "source.spm", draw_sentences(ENGLISH, 300), **MARIAN),
        train(folder / "target.spm", draw_sentences(words, 300), **MARIAN),
    ]
    pieces = [model.id_to_piece(index) for model in map(load, paths) for index in range(model.get_piece_size())]
    tokens = list(dict.fromkeys([*pieces, ">>de<<", "<pad>"]))
    (folder / "vocab.json").write_text(json.dumps({token: index for index, token in enumerate(tokens)}))
    return MarianTokenizer.from_pretrained(folder)


TEXTS = [*MIXED, *draw_sentences(JAPANESE, 50, 1), "日本 cat 日本語です 猫猫", "日本cat"]


def test_sources_of_marian_have_its_ids(marian):
    assert encode_texts(make_bare_pair(marian).source, TEXTS) == [marian(text).input_ids[:-1] for text in TEXTS]


def test_targets_of_marian_have_its_ids(marian):
    expected = [marian(text_target=text).input_ids[:-1] for text in TEXTS]
    assert encode_texts(make_bare_pair(marian).target, TEXTS) == expected


def test_texts_of_marian_are_written_back_alike(marian):
    target = make_bare_pair(marian).target
    every_id = [list(range(start, start + 9)) for start in range(0, len(marian) - 9, 5)]
    assert [decode_ids(target, ids) for ids in every_id] == marian.batch_decode(every_id, skip_special_tokens=True)


def test_language_code_is_one_token(marian):
    text = ">>de<< the cat"
    assert encode_texts(make_bare_pair(marian).source, [text])[0] == marian(text).input_ids[:-1]


def test_marks_in_a_text_of_marian_are_plain_text(marian):
    marks = {marian.eos_token_id, marian.pad_token_id}
    for side in (make_bare_pair(marian).source, make_bare_pair(marian).target):
        assert marks.isdisjoint(encode_texts(side, ["the </s> <pad> cat</s>"])[0])


def test_saved_and_loaded_tokenizer_is_the_same(marian, tmp_path):
    source, _ = convert_slow(marian)
    source.save_pretrained(tmp_path)
    again = make_bare(PreTrainedTokenizerFast.from_pretrained(tmp_path))
    assert encode_texts(again, TEXTS) == encode_texts(make_bare(source), TEXTS)


def test_piece_that_the_vocabulary_lacks_is_broken_into_pieces_that_it_has(tmp_path):
    path = train(tmp_path / "source.spm", draw_sentences(ENGLISH, 300), **MARIAN)
    model = load(path)
    pieces = [model.id_to_piece(index) for index in range(model.get_piece_size())]
    assert "▁cat" in pieces
    ids = {piece: index for index, piece in enumerate(piece for piece in pieces if piece != "▁cat")}
    vocabulary = GivenVocabulary(ids, marks=["</s>", "<unk>"], unknown="<unk>")
    tokens = convert_model(path, vocabulary).encode("the cat").tokens
    assert tokens[0] == "▁the"
    assert "".join(tokens[1:]) == "▁cat"
    assert len(tokens) > 2


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"model_type": "bpe"}, "of another type than unigram"),
        ({"byte_fallback": True, "size": 330}, "that falls back on bytes"),
        ({"treat_whitespace_as_suffix": True}, "with spaces at the end of words"),
    ],
    ids=["bpe", "bytes", "suffix"],
)
def test_model_of_another_kind_is_refused(tmp_path, settings, reason):
    path = train(tmp_path / "spiece.model", draw_sentences(ENGLISH, 300), **settings)
    with pytest.raises(TokenizerError, match=f"a SentencePiece model {reason} does not convert here"):
        convert_model(path)


def test_file_of_another_kind_is_refused(tmp_path):
    (tmp_path / "spiece.model").write_text("no protobuf\n")
    with pytest.raises(TokenizerError, match="spiece.model is no SentencePiece model"):
        convert_model(tmp_path / "spiece.model")


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        ({"</s>": 0, "<unk>": 2}, "has gaps or repeats in its ids"),
        ({"</s>": 0, "a": 1}, "has no '<unk>' for what the model does not know"),
    ],
)
def test_broken_vocabulary_is_refused(tmp_path, ids, message):
    path = train(tmp_path / "source.spm", draw_sentences(ENGLISH, 300), **MARIAN)
    with pytest.raises(TokenizerError, match=message):
        convert_model(path, GivenVocabulary(ids, marks=[], unknown="<unk>"))


def test_tokenizer_of_another_kind_is_refused(marian):
    class Canine:
        pass

    with pytest.raises(TokenizerError, match="the tokenizer is a Canine, which is not backed by"):
        convert_slow(Canine())
