"""Where sources are cut: at what a published tokenizer says, at what a run trained with, or at what is asked for.

Expected texts are those of plain transformers, for whole sources and for such as are cut by hand.
"""

import json
from pathlib import Path

import pytest
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

import seq2seq
from seq2seq.base.errors import DataError, GenerationError
from seq2seq.checkpoints.folder import read_checkpoint, write_checkpoint
from seq2seq.generation.loading import complete_generation
from tests.conftest import build_description, shake
from tests.published import ENGLISH, draw_sentences, save_published

LONG = " ".join(draw_sentences(ENGLISH, 200, 5))  # over 600 tokens of any of these tokenizers
OTHER_END = LONG + " the red fish swam over the sea."


def set_limit(folder: Path, limit: float | None) -> Path:
    """Lets the tokenizer of a folder say how long a text may be; None: it says nothing."""
    path = folder / "tokenizer_config.json"
    settings = json.loads(path.read_text()) if path.exists() else {}
    settings.pop("model_max_length", None)
    path.write_text(json.dumps(settings if limit is None else settings | {"model_max_length": limit}))
    return folder


def find_limit(folder: Path) -> int:
    return read_checkpoint(folder).description.max_source_tokens


@pytest.mark.parametrize(
    ("family", "limit", "expected"),
    [
        ("t5", 4096, 4096), ("t5", 300, 300), ("t5", 4096.0, 4096),
        ("t5", None, 512), ("t5", int(1e30), 512), ("t5", 1e30, 512), ("t5", 0, 512), ("t5", 1, 512),
        ("bart", 40, 40), ("bart", 4096, 64), ("bart", None, 64), ("marian", 40, 40), ("marian", int(1e30), 64),
    ],
)  # fmt: skip
def test_published_checkpoint_cuts_where_its_tokenizer_says_and_positions_allow(tmp_path, family, limit, expected):
    """T5 has no positions, the others 64; one token of T5's would be its end mark."""
    assert find_limit(set_limit(save_published(tmp_path, family), limit)) == expected


@pytest.fixture(scope="module")
def t5(tmp_path_factory) -> Path:
    return set_limit(save_published(tmp_path_factory.mktemp("t5"), "t5"), 4096)


def write_plainly(folder: Path, texts: list[str], max_length: int | None = None) -> list[str]:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    inputs = tokenizer(
        texts, return_tensors="pt", padding=True, truncation=max_length is not None, max_length=max_length
    )
    ids = AutoModelForSeq2SeqLM.from_pretrained(folder).eval().generate(**inputs)
    return [text.strip() for text in tokenizer.batch_decode(ids, skip_special_tokens=True)]


def test_relative_positions_read_a_long_source_whole(t5, capsys):
    texts = [LONG, OTHER_END]
    assert len(AutoTokenizer.from_pretrained(t5)(LONG).input_ids) > 600
    assert seq2seq.generate(t5, texts) == write_plainly(t5, texts)
    assert "cut" not in capsys.readouterr().err


def test_limit_that_is_asked_for_cuts_as_plain_transformers_does_and_is_counted(t5, capsys):
    texts = [LONG, "the cat sat."]
    assert seq2seq.generate(t5, texts, max_source_tokens=20) == write_plainly(t5, texts, max_length=20)
    assert "1 sources cut at 20 tokens" in capsys.readouterr().err


def test_generator_takes_another_limit_and_shares_its_model(t5):
    generator = seq2seq.load_generator(t5, max_source_tokens=20)
    longer = seq2seq.load_generator(generator, max_source_tokens=4000, num_beams=2)
    assert [one.generate([LONG]).truncated for one in (generator, longer)] == [1, 0]
    assert longer.engine.model is generator.engine.model
    assert longer.engine.source is longer.source
    assert seq2seq.load_generator(longer, num_beams=1).max_source_tokens == 4000


@pytest.fixture
def checkpoint(started, tmp_path) -> Path:
    """Of ours: 64 positions, trained with 32, and two marks around a source."""
    shake(started.model)
    write_checkpoint(tmp_path / "ours", started.model, started.tokenizers, build_description(started, num_beams=2))
    return tmp_path / "ours"


def test_own_checkpoint_cuts_where_it_was_trained_to_or_where_it_is_asked_to(checkpoint):
    generator = seq2seq.load_generator(checkpoint)
    assert generator.max_source_tokens == 32
    whole = seq2seq.load_generator(checkpoint, max_source_tokens=64)
    text = "the cat sat on the mat " * 8  # 48 words and as many tokens
    assert [one.generate([text]).truncated for one in (generator, whole)] == [1, 0]
    cut = " ".join(text.split()[:30])
    assert generator.generate([text]).texts == whole.generate([cut]).texts


@pytest.mark.parametrize(
    ("limit", "message"),
    [
        (
            65,
            r"A source of 65 tokens was asked for, but the model has 64 positions\. Set max_source_tokens",
        ),
        (2, "max_source_tokens is 2, and 2 of them are the marks around a source, so that nothing is left of it"),
        (0, r"max_source_tokens: input should be greater than 0 \(found: 0\)"),
    ],
)
def test_limit_that_does_not_fit_is_refused(checkpoint, limit, message):
    with pytest.raises(GenerationError, match=message):
        seq2seq.generate(checkpoint, ["a cat"], max_source_tokens=limit)
    with pytest.raises(GenerationError, match=message):
        seq2seq.load_generator(seq2seq.load_generator(checkpoint), max_source_tokens=limit)


def test_exported_folder_takes_a_limit_up_to_its_positions(checkpoint, tmp_path):
    pytest.importorskip("ctranslate2")
    seq2seq.export(checkpoint, output=tmp_path / "export")
    text = "the cat sat on the mat " * 8
    expected = seq2seq.generate(checkpoint, [text], max_source_tokens=60, num_beams=1)
    assert seq2seq.generate(tmp_path / "export", [text], max_source_tokens=60, num_beams=1) == expected
    with pytest.raises(GenerationError, match="A source of 65 tokens .* has 64 positions"):
        seq2seq.generate(tmp_path / "export", [text], max_source_tokens=65)


@pytest.fixture
def pairs(tmp_path) -> str:
    path = tmp_path / "pairs.jsonl"
    rows = [{"source": "the cat sat on the mat " * 8, "target": "a cat"}, {"source": "a dog ran", "target": "a dog"}]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


@pytest.mark.parametrize("limit", [None, 20, 64])
def test_verbs_that_read_pairs_cut_where_they_are_asked_to_and_say_so(checkpoint, pairs, tmp_path, limit):
    expected = {"max_source_tokens": limit or 32, "truncated_sources": int(limit != 64)}
    options = {"max_source_tokens": limit}
    results = [
        seq2seq.evaluate(checkpoint, [pairs], output=tmp_path / "scores", metrics=["exact_match"], **options),
        seq2seq.analyze_heads(checkpoint, [pairs], output=tmp_path / "heads", **options),
        seq2seq.prune(checkpoint, [pairs], keep=0.5, metrics=["exact_match"], output=tmp_path / "pruned", **options),
    ]
    assert [{name: result[name] for name in expected} for result in results] == [expected] * 3
    assert find_limit(tmp_path / "pruned") == 32  # what the weights were trained with


@pytest.mark.parametrize("verb", ["evaluate", "analyze_heads", "prune"])
def test_verbs_that_read_pairs_refuse_a_limit_beyond_the_positions(checkpoint, pairs, tmp_path, verb):
    more = {"keep": 0.5} if verb == "prune" else {}
    with pytest.raises(GenerationError, match="A source of 65 tokens .* has 64 positions"):
        getattr(seq2seq, verb)(checkpoint, [pairs], output=tmp_path / "out", max_source_tokens=65, **more)


def test_attention_of_a_longer_source_is_drawn_where_it_is_asked_for(checkpoint, tmp_path):
    options = {"output": tmp_path / "out", "pictures": False, "num_beams": 1, "max_source_tokens": 64}
    result = seq2seq.analyze_attention(checkpoint, ["the cat sat on the mat " * 8], **options)
    assert len(result["pairs"][0]["source_tokens"]) == 50


def test_file_begun_with_another_limit_is_not_gone_on_with(t5, tmp_path):
    output = tmp_path / "out.txt"
    texts = ["the cat", "a dog"]

    def stop_behind_the_first():
        yield texts[0]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        seq2seq.generate_file(t5, stop_behind_the_first(), output, max_source_tokens=20, window_texts=1)
    with pytest.raises(DataError, match="begun with max_source_tokens 20, found 4096"):
        seq2seq.generate_file(t5, texts, output, resume=True)


def test_checkpoint_of_a_published_one_keeps_its_limit(t5, tmp_path):
    loaded = complete_generation(read_checkpoint(t5))
    write_checkpoint(tmp_path / "ours", loaded.model, loaded.tokenizers, loaded.description)
    assert find_limit(tmp_path / "ours") == 4096
    assert AutoTokenizer.from_pretrained(tmp_path / "ours").model_max_length == 4096
