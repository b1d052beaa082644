"""Forced texts and given targets that the target tokenizer cannot spell: refused; lost case and spacing are told.

The tiny BERT lower-cases, puts spaces around brackets, and knows neither the snowman nor any Chinese character.
"""

import pytest
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

import seq2seq
from seq2seq.base.errors import GenerationError, RecipeError
from seq2seq.checkpoints.folder import write_checkpoint
from seq2seq.engines.options import GenerationOptions
from seq2seq.generation.prefix import encode_prefix, format_changed_prefix
from seq2seq.recipe.recipe import load_recipe
from seq2seq.runs.start import start_model
from seq2seq.text.round_trip import spell_text
from seq2seq.text.tokenizers import load_tokenizer
from tests.conftest import build_description, build_generator
from tests.training.runs import write_pairs, write_recipe


@pytest.fixture
def tokenizer(started):
    return started.tokenizers.target


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory, tiny_bert):
    started = seq2seq.warm_start(plan="bert2bert", encoder=str(tiny_bert))
    folder = tmp_path_factory.mktemp("prefix") / "checkpoint"
    write_checkpoint(folder, started.model, started.tokenizers, build_description(started, num_beams=1))
    return folder


@pytest.mark.parametrize(
    ("text", "unknown"), [("日本", "'日', '本'"), ("the ☃ cat", "'☃'"), ("##ed", "'#'"), ("cat ☃ ☃", "'☃'")]
)
def test_prefix_with_unknown_characters_is_refused_and_they_are_named(started, tokenizer, text, unknown):
    message = f"target_prefix: the target tokenizer does not know {unknown} of '{text}'"
    with pytest.raises(GenerationError, match=message):
        encode_prefix(tokenizer, started.framing, text)


def test_prefix_of_which_a_tokenizer_without_a_token_for_the_unknown_drops_characters_is_refused(started):
    # A model of byte pairs without unk_token drops what it does not know.
    model = models.BPE({"a": 0, "b": 1, "ab": 2}, [("a", "b")])
    dropping = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(model))
    assert spell_text(dropping, "ab").is_whole
    with pytest.raises(GenerationError, match="cannot spell 'aβb': it comes back as 'ab'"):
        encode_prefix(dropping, started.framing, "aβb")


def test_what_the_normalizer_of_a_tokenizer_changes_is_spelled(started):
    model = models.WordLevel({"cafe": 0, "[UNK]": 1}, unk_token="[UNK]")
    backend = Tokenizer(model)
    backend.normalizer = normalizers.Sequence([normalizers.NFD(), normalizers.StripAccents()])
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, unk_token="[UNK]")
    assert encode_prefix(tokenizer, started.framing, "café") == (*started.framing.target_prefix, 0)
    told = format_changed_prefix(tokenizer, "café")
    assert told == "target_prefix: outputs begin with 'cafe', as the target tokenizer writes 'café'."


@pytest.mark.parametrize(("text", "begins"), [("The cat", "the cat"), ("[SEP]", "[ sep ]"), ("the  cat", "the cat")])
def test_prefix_that_loses_case_or_spacing_is_told(checkpoint, capsys, text, begins):
    outputs = seq2seq.generate(checkpoint, ["a dog"], target_prefix=text)
    assert outputs[0].startswith(begins)
    told = f"target_prefix: outputs begin with {begins!r}, as the target tokenizer writes {text!r}.\n"
    assert capsys.readouterr().err.count(told) == 1


@pytest.mark.parametrize("text", ["the cat", "don't", "", "a cat."])
def test_prefix_that_is_written_as_it_stands_is_not_spoken_of(checkpoint, capsys, text):
    seq2seq.generate(checkpoint, ["a dog"], target_prefix=text)
    assert "target_prefix" not in capsys.readouterr().err


def test_prefix_of_a_loaded_generator_is_told_where_it_is_given(checkpoint, capsys):
    generator = seq2seq.load_generator(checkpoint, target_prefix="The")
    seq2seq.generate(generator, ["a dog"])
    assert capsys.readouterr().err.count("target_prefix: ") == 1
    seq2seq.generate(generator, ["a dog"], target_prefix="A")
    assert "outputs begin with 'a'" in capsys.readouterr().err


def test_generator_refuses_a_prefix_that_it_cannot_spell(started):
    with pytest.raises(GenerationError, match="target_prefix: the target tokenizer does not know '☃'"):
        build_generator(started, GenerationOptions(target_prefix="☃", max_target_tokens=8))


@pytest.mark.parametrize(
    ("prefix", "message"),
    [
        ("☃", "generation.target_prefix: the target tokenizer does not know '☃'"),
        ("the " * 20, "generation.target_prefix has 20 tokens, and an output may have 16"),
    ],
)
def test_run_refuses_its_prefix_before_it_trains(tmp_path, tiny_bert, prefix, message):
    data = {"train": write_pairs(tmp_path / "train.jsonl", 8)}
    recipe = load_recipe(write_recipe(tmp_path, tiny_bert, data=data))
    options = recipe.generation.model_copy(update={"target_prefix": prefix, "max_target_tokens": 16})
    with pytest.raises(RecipeError, match=message):
        start_model(recipe.model_copy(update={"generation": options}))


def test_run_tells_what_its_prefix_loses(tmp_path, tiny_bert, capsys):
    data = {"train": write_pairs(tmp_path / "train.jsonl", 8)}
    path = write_recipe(tmp_path, tiny_bert, data=data, max_steps=1)
    seq2seq.train(path, ["generation.target_prefix=The"])
    told = "target_prefix: outputs begin with 'the', as the target tokenizer writes 'The'.\n"
    assert capsys.readouterr().err.count(told) == 1


# Given targets.


def test_given_target_with_unknown_characters_is_not_scored(started):
    generator = build_generator(started, GenerationOptions(max_target_tokens=8))
    with pytest.raises(GenerationError, match="Target 1: the target tokenizer does not know '☃' of 'a ☃'"):
        generator.score(["a", "b"], ["a", "a ☃"])


def test_given_target_that_loses_its_case_is_scored_as_it_is_written(started):
    generator = build_generator(started, GenerationOptions(max_target_tokens=8))
    assert generator.score(["a dog"], ["The Cat"]) == generator.score(["a dog"], ["the cat"])


def test_attention_to_a_target_with_unknown_characters_is_refused(checkpoint, tmp_path):
    with pytest.raises(GenerationError, match="Target 0: the target tokenizer does not know '☃'"):
        seq2seq.analyze_attention(checkpoint, ["the cat"], ["a ☃"], output=tmp_path / "out", pictures=False)


def test_added_token_that_an_output_leaves_out_is_spelled(tiny_bert, started, tmp_path):
    published = AutoTokenizer.from_pretrained(tiny_bert)
    published.add_special_tokens({"extra_special_tokens": ["[HL]"]})
    published.save_pretrained(tmp_path)
    tokenizer = load_tokenizer(tmp_path)
    ids = tuple(tokenizer.convert_tokens_to_ids(["[HL]", "the", "cat"]))
    assert encode_prefix(tokenizer, started.framing, "[HL] The cat") == (*started.framing.target_prefix, *ids)
    told = format_changed_prefix(tokenizer, "[HL] The cat")
    assert told == "target_prefix: outputs begin with 'the cat', as the target tokenizer writes '[HL] The cat'."
    with pytest.raises(GenerationError, match="does not know '☃'"):
        encode_prefix(tokenizer, started.framing, "[HL] ☃")
