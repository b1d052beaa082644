"""The tasks by their names: summarize, split, fuse, translate, on checkpoints of our own and on published ones."""

import itertools
import json
from dataclasses import replace

import pytest

import seq2seq
from seq2seq.base.errors import CheckpointError, GenerationError, TokenizerError
from seq2seq.checkpoints.folder import write_checkpoint
from tests.conftest import build_description, shake
from tests.published import save_published

TEXTS = ["the cat sat", "", "a dog ran ."]
FUNCTIONS = {
    "summarization": seq2seq.summarize,
    "sentence_splitting": seq2seq.split,
    "sentence_fusion": seq2seq.fuse,
    "translation": seq2seq.translate,
}


@pytest.fixture
def save(started, tmp_path):
    """Writes a checkpoint of a task."""

    def save(task: str) -> str:
        shake(started.model)
        folder = tmp_path / task.partition(":")[0]
        write_checkpoint(folder, started.model, started.tokenizers, replace(build_description(started), task=task))
        return str(folder)

    return save


@pytest.mark.parametrize("task", FUNCTIONS)
def test_function_of_a_task_writes_what_generate_writes(save, task):
    folder = save(task)
    expected = seq2seq.generate(folder, TEXTS, num_beams=2)
    assert FUNCTIONS[task](folder, TEXTS, num_beams=2) == expected
    assert len(set(expected)) > 1


@pytest.mark.parametrize("task", FUNCTIONS)
def test_checkpoint_of_another_task_is_refused(save, task):
    folder = save("translation" if task != "translation" else "summarization")
    with pytest.raises(GenerationError, match=f"was trained for .*, not {task}"):
        FUNCTIONS[task](folder, TEXTS)
    with pytest.raises(GenerationError, match=f"was trained for .*, not {task}"):
        FUNCTIONS[task](seq2seq.load_checkpoint(folder), TEXTS)


def test_task_of_the_users_own_goes_with_every_function(save):
    folder = save("mine.tasks:TASK")
    assert seq2seq.split(folder, TEXTS) == seq2seq.fuse(folder, TEXTS)


def test_sentences_to_be_fused_may_be_lists(save):
    folder = save("sentence_fusion")
    joined = seq2seq.fuse(folder, ["the cat sat . a dog ran ."])
    assert seq2seq.fuse(folder, [["the cat sat .", "a dog ran ."]]) == joined
    assert list(seq2seq.fuse(folder, iter([["the cat sat .", "a dog ran ."]]))) == joined
    with pytest.raises(GenerationError, match="Expected a list of texts, found one text"):
        seq2seq.fuse(folder, "the cat sat .")


def test_entry_that_is_neither_text_nor_sentences_is_named(save):
    folder = save("sentence_fusion")
    for entry, found in ((None, "NoneType"), (["the cat sat .", None], "list")):
        with pytest.raises(GenerationError, match=f"Text 1: expected a string, found {found}"):
            seq2seq.fuse(folder, ["the cat", entry])


def test_iterator_gives_an_iterator(save):
    folder = save("summarization")
    endless = itertools.cycle(TEXTS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("seq2seq.generation.windows.WINDOW_CHARACTERS", 8)
        written = list(itertools.islice(seq2seq.summarize(folder, endless), 6))
    assert written == seq2seq.summarize(folder, TEXTS) * 2


def test_loaded_generator_is_used_again_with_other_options(save):
    folder = save("summarization")
    generator = seq2seq.load_generator(folder, num_beams=2)
    assert seq2seq.summarize(generator, TEXTS) == seq2seq.generate(folder, TEXTS, num_beams=2)
    short = seq2seq.generate(generator, TEXTS, max_target_tokens=2)
    assert short == seq2seq.generate(folder, TEXTS, num_beams=2, max_target_tokens=2)
    assert seq2seq.load_generator(generator).engine.model is generator.engine.model


def test_texts_that_were_cut_are_told(save, capsys):
    seq2seq.generate(save("summarization"), ["cat " * 99, "", "the \ud800"])
    err = capsys.readouterr().err
    assert "1 sources cut at 32 tokens" in err
    assert "1 sources without a token" in err
    assert "1 sources with bytes that are not UTF-8, or halves of surrogate pairs" in err


def publish(parent, family: str):
    (parent / family).mkdir()
    return save_published(parent / family, family)


def add_settings(folder, **settings) -> str:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"task_specific_params": settings}))
    return str(folder)


def test_prompt_and_options_of_a_published_checkpoint_are_used(tmp_path):
    settings = {"prefix": "the big: ", "num_beams": 3, "max_length": 30, "no_repeat_ngram_size": 2}
    folder = add_settings(publish(tmp_path, "t5"), summarization=settings)
    options = {"num_beams": 3, "max_target_tokens": 29, "no_repeat_ngram_size": 2}
    expected = seq2seq.generate(folder, ["the big: the red cat sat"], **options)
    assert seq2seq.summarize(folder, ["the red cat sat"]) == expected
    assert seq2seq.generate(folder, ["the red cat sat"], **options) != expected


@pytest.mark.parametrize("settings", [["summarization"], {"summarization": "x: "}])
def test_task_settings_that_are_no_mapping_are_refused(tmp_path, settings):
    folder = publish(tmp_path, "t5")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"task_specific_params": settings}))
    with pytest.raises(
        CheckpointError, match=r"config\.json: expected task_specific_params to hold the settings of each"
    ):
        seq2seq.summarize(folder, ["the red cat sat"])


def test_translation_by_prompts_needs_the_languages_of_one(tmp_path):
    settings = {
        "translation_en_to_de": {"prefix": "the dog: ", "num_beams": 2, "max_length": 30},
        "translation_en_to_fr": {"prefix": "the sea: ", "num_beams": 2, "max_length": 30},
    }
    folder = add_settings(publish(tmp_path, "t5"), **settings)
    expected = seq2seq.generate(folder, ["the sea: a red cat"], num_beams=2, max_target_tokens=29)
    assert seq2seq.translate(folder, ["a red cat"], source_language="en", target_language="fr") == expected
    with pytest.raises(CheckpointError, match=r"by prompts, en to de, en to fr\. .* \(found: None to None\)"):
        seq2seq.translate(folder, ["a red cat"])


def test_languages_of_a_tokenizer_choose_the_translation(tmp_path):
    folder = str(publish(tmp_path, "mbart50"))
    german, english = (
        seq2seq.translate(folder, ["the red cat"], source_language="en_XX", target_language=code, num_beams=1)
        for code in ("de_DE", "en_XX")
    )
    assert german != english
    with pytest.raises(TokenizerError, match="has no language 'xx'"):
        seq2seq.translate(folder, ["the cat"], source_language="xx", target_language="de_DE")


def test_languages_of_a_checkpoint_of_our_own_are_refused(save):
    folder = save("translation")
    with pytest.raises(CheckpointError, match="frames its texts as it was trained to"):
        seq2seq.translate(folder, TEXTS, source_language="en_XX")
    with pytest.raises(GenerationError, match="Languages are chosen while a model is loaded"):
        seq2seq.translate(seq2seq.load_checkpoint(folder), TEXTS, source_language="en_XX")
