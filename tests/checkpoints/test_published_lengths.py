"""The least and the greatest length that a published generation config says, and the positions of the model.

Expected texts are those of plain `generate`, see published_settings.py.
"""

import pytest

import seq2seq
from seq2seq.base.errors import GenerationError
from seq2seq.checkpoints.folder import read_checkpoint
from seq2seq.checkpoints.task_settings import apply_task_settings
from tests.checkpoints.published_settings import SOURCES, write_plainly


def test_least_tokens_of_none_go_before_a_least_length(publish):
    """In transformers min_new_tokens takes precedence, 0 too."""
    folder = publish("bart", min_new_tokens=0, min_length=25)
    assert "min_target_tokens" not in read_checkpoint(folder).description.generation
    assert seq2seq.generate(folder, SOURCES) == write_plainly(folder)


@pytest.mark.parametrize(
    ("settings", "tokens"),
    [
        ({"max_length": 12}, 11),  # and the begin mark
        ({"max_new_tokens": 10}, 10),
        ({"max_length": 20}, 19),
        ({"max_length": None}, 64),  # as many as there are positions, where 128 would be the default
    ],
)
def test_longest_output_is_that_of_the_file_else_of_the_positions(publish, settings, tokens):
    folder = publish("bart", **settings)
    generator = seq2seq.load_generator(folder)
    assert generator.options.max_target_tokens == tokens
    generator.generate(SOURCES[:2])


def test_longest_output_of_relative_positions_is_the_default(publish):
    assert seq2seq.load_generator(publish("t5", max_length=None)).options.max_target_tokens == 128


def test_length_beyond_the_positions_that_somebody_asked_for_is_refused(publish):
    with pytest.raises(GenerationError, match="A target of 65 tokens was asked for, but the model has 64 positions"):
        seq2seq.generate(publish("bart", max_length=66), SOURCES)


def test_least_length_beyond_the_default_moves_it(publish):
    """Plain transformers stops after 20 tokens then, and warns."""
    folder = publish("t5", max_length=None, min_length=200)
    options = seq2seq.load_generator(folder).options
    assert (options.min_target_tokens, options.max_target_tokens) == (199, 199 + 128)
    expected = write_plainly(publish("t5", max_length=204, min_length=200))
    assert seq2seq.generate(folder, SOURCES, max_target_tokens=203) == expected
    options = seq2seq.load_generator(publish("t5", max_length=None, min_length=None, min_new_tokens=128)).options
    assert (options.min_target_tokens, options.max_target_tokens) == (128, 256)


def test_least_length_beyond_the_positions_is_refused(publish):
    with pytest.raises(
        GenerationError, match="(?s)must be less than max_target_tokens, which is 64 .* min_length: 200"
    ):
        seq2seq.generate(publish("bart", max_length=None, min_length=200), SOURCES)


def test_least_length_of_a_task_beyond_the_default_moves_it(publish):
    settings = {"min_length": 200}
    told = apply_task_settings(read_checkpoint(publish("t5", max_length=None)), settings).description.generation
    assert (told["min_target_tokens"], told["max_target_tokens"]) == (199, 199 + 128)
    folder = publish("t5", max_length=100)  # which the folder does say
    assert apply_task_settings(read_checkpoint(folder), settings).description.generation["max_target_tokens"] == 99
