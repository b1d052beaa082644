"""Generation: in order, batched as one by one, empty and long texts counted."""

import itertools

import pytest
import torch

from seq2seq.base.errors import GenerationError
from seq2seq.checkpoints.folder import write_checkpoint
from seq2seq.engines.engine import Hypothesis
from seq2seq.engines.options import GenerationOptions
from seq2seq.engines.transformers import TransformersEngine
from seq2seq.generation.generator import Generator
from seq2seq.generation.loading import load_generator
from tests.conftest import build_description, build_generator, shake

TEXTS = ["the cat sat", "a dog ran and a bird flew on the red road .", "fish", "the small tree , the big sea", "a mat"]


@pytest.fixture
def model(started):
    shake(started.model)
    return started.model


def build(started, max_source_tokens=32, **options) -> Generator:
    shake(started.model)
    chosen = GenerationOptions(**({"max_target_tokens": 10} | options))
    return build_generator(started, chosen, max_source_tokens)


@pytest.mark.parametrize("num_beams", [1, 3])
def test_batched_equals_one_by_one(started, num_beams):
    generator = build(started, num_beams=num_beams)
    alone = [generator.generate([text]).texts[0] for text in TEXTS]
    assert generator.generate(TEXTS).texts == alone
    assert len(set(alone)) > 1


@pytest.mark.parametrize("batch_tokens", [1, 30, 16384])
def test_order_does_not_depend_on_the_batches(started, batch_tokens):
    whole = build(started, num_beams=2).generate(TEXTS).texts
    options = GenerationOptions(num_beams=2, max_target_tokens=10, batch_tokens=batch_tokens)
    shaken = build_generator(started, options)
    assert shaken.generate(TEXTS).texts == whole


def test_greedy_output_equals_a_literal_loop(model):
    source = [6, 7, 8, 9]
    written = [2]
    with torch.no_grad():
        for _ in range(6):
            logits = model(input_ids=torch.tensor([source]), decoder_input_ids=torch.tensor([written])).logits
            written.append(int(logits[0, -1].argmax()))
            if written[-1] == 3:
                break
    expected = [token for token in written[1:] if token not in (0, 3)]
    [[hypothesis]] = TransformersEngine(model).generate([source], GenerationOptions(num_beams=1, max_target_tokens=6))
    assert hypothesis == Hypothesis(expected, is_ended=written[-1] == 3)


@pytest.mark.parametrize("empty", ["", "   ", "\t\n"])
def test_empty_texts_give_empty_outputs_and_are_counted(started, empty):
    generated = build(started).generate([empty, "the cat", empty])
    assert (generated.texts[0], generated.texts[2], generated.empty) == ("", "", 2)
    assert generated.texts[1]


def test_no_texts_give_no_outputs(started):
    assert build(started).generate([]).texts == []


def test_long_texts_are_cut_and_counted(started):
    generator = build(started, max_source_tokens=5)  # three words and two marks
    generated = generator.generate(["the cat sat on the mat", "the cat sat"])
    assert generated.truncated == 1
    assert generated.texts[0] == generated.texts[1]


def test_progress_counts_every_source(started):
    finished = []
    build(started, batch_tokens=20).generate(["", *TEXTS], finished.append)
    assert sum(finished) == 1 + len(TEXTS)


def test_model_returns_to_training_mode(model):
    model.train()
    TransformersEngine(model).generate([[6, 7]], GenerationOptions(num_beams=1, max_target_tokens=2))
    assert model.training


def test_outputs_have_at_most_the_tokens_asked_for(model):
    outputs = TransformersEngine(model).generate([[6, 7, 8], [9]], GenerationOptions(num_beams=1, max_target_tokens=4))
    assert all(len(hypothesis.ids) <= 4 for [hypothesis] in outputs)


@pytest.mark.parametrize(
    ("source", "target", "message"),
    [(65, 10, "A source of 65 tokens .* has 64 positions"), (10, 65, "A target of 65 tokens .* has 64 positions")],
)
def test_lengths_beyond_the_position_table_are_refused(started, source, target, message):
    with pytest.raises(GenerationError, match=message):
        build(started, max_source_tokens=source, max_target_tokens=target)


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ("one text", "Expected a list of texts, found one text"),
        (["a", None], "Text 1: expected a string, found NoneType"),
    ],
)
def test_what_is_no_text_is_refused_with_its_index(started, texts, message):
    generator = build(started)
    with pytest.raises(GenerationError, match=message):
        generator.generate(texts)
    with pytest.raises(GenerationError, match=message):
        list(generator.stream(texts))


def test_halves_of_surrogate_pairs_are_replaced_and_counted(started):
    generator = build(started)
    generated = generator.generate(["the cat", "the \ud800 cat", "the \ufffd cat"])
    assert generated.replaced == 1
    assert generated.texts[1] == generated.texts[2]


def test_pairs_to_be_scored_must_be_whole(started):
    with pytest.raises(GenerationError, match="Target 1 holds half of a surrogate pair"):
        build(started).score(["a", "b"], ["a", "\udfff"])


@pytest.mark.parametrize("window", [1, 2, 1024])
def test_stream_gives_what_a_list_gives(started, window):
    generator = build(started, num_beams=2)
    assert list(generator.stream(iter(["", *TEXTS]), window_texts=window)) == generator.generate(["", *TEXTS]).texts


def test_stream_draws_by_the_place_in_the_whole_stream(started):
    generator = build(started, num_beams=1, sampling=True)
    assert list(generator.stream(TEXTS * 2, window_texts=3)) == generator.generate(TEXTS * 2).texts


def test_stream_reads_no_more_than_a_window_ahead(started):
    endless = itertools.count()
    read = (f"cat {next(endless)}" for _ in itertools.repeat(None))
    written = build(started).stream(read, window_texts=3)
    for _ in range(4):
        next(written)
    assert next(endless) == 6


def test_generator_shows_itself_on_one_line(started, tmp_path):
    generator = build(started, num_beams=3)
    assert repr(generator) == "Generator(Seq2SeqModel in transformers on cpu, num_beams=3, max_target_tokens=10)"
    write_checkpoint(tmp_path / "ckpt", started.model, started.tokenizers, build_description(started, num_beams=2))
    where = f"{tmp_path / 'ckpt'}, Seq2SeqModel in transformers on cpu"
    assert repr(load_generator(tmp_path / "ckpt")) == f"Generator({where}, num_beams=2, max_target_tokens=12)"
