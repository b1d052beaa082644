"""The options of the verbs: each is in signature and help of its function; all descriptions are whole sentences."""

import inspect
import pydoc

import pytest

import seq2seq
from seq2seq.base.options import Options, list_fields
from seq2seq.engines.options import GenerationChoice
from seq2seq.recipe.recipe import Recipe
from seq2seq.verbs import options as verbs
from seq2seq.warmstart.options import ModelOptions

ROUNDABOUT = ("so many", "as many", "what of it", "left out:", "null:", "false:", "empty:")
# The functions of the package, and the options that they take.
FUNCTIONS = {
    "analyze_attention": verbs.AttentionOptions, "analyze_heads": verbs.HeadsOptions,
    "average": verbs.AverageOptions, "compare": verbs.CompareOptions, "evaluate": verbs.EvaluateOptions,
    "export": verbs.ExportOptions, "fuse": GenerationChoice, "generate": GenerationChoice,
    "generate_file": verbs.GenerateFileOptions, "inspect": verbs.InspectOptions, "load_generator": GenerationChoice,
    "prune": verbs.PruneOptions, "report": verbs.ReportOptions, "score": verbs.ScoreOptions,
    "split": GenerationChoice, "summarize": GenerationChoice, "train": verbs.TrainOptions,
    "train_tokenizer": verbs.TokenizerOptions, "translate": GenerationChoice, "warm_start": ModelOptions,
}  # fmt: skip


def list_classes(base: type[Options] = Options) -> list[type[Options]]:
    """All classes of options of the package."""
    own = [one for one in base.__subclasses__() if one.__module__.startswith("seq2seq.")]
    return [*own, *(inner for one in base.__subclasses__() for inner in list_classes(one))]


def test_every_public_function_has_its_options_in_the_table():
    functions = {name for name in dir(seq2seq) if inspect.isfunction(getattr(seq2seq, name))}
    assert set(FUNCTIONS) == functions - {"load_checkpoint", "load_model", "read_layout"}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_public_functions_name_their_options_in_signature_and_help(name):
    function, options = getattr(seq2seq, name), FUNCTIONS[name]
    parameters = inspect.signature(function).parameters
    assert inspect.Parameter.VAR_KEYWORD not in {one.kind for one in parameters.values()}
    text = " ".join(pydoc.plain(pydoc.render_doc(function)).split())
    for option, field in list_fields(options).items():
        assert option in parameters
        assert f"{option}: {field.description}" in text


def test_every_verb_has_options_of_its_own():
    assert {one.__name__ for one in list_classes() if one.__module__ == verbs.__name__} >= {
        "TrainOptions", "InspectOptions", "GenerateFileOptions", "EvaluateOptions", "ScoreOptions", "CompareOptions",
        "ReportOptions", "PruneOptions", "HeadsOptions", "AttentionOptions", "ExportOptions", "AverageOptions",
        "TokenizerOptions",
    }  # fmt: skip


@pytest.mark.parametrize("options", [*dict.fromkeys(list_classes())], ids=lambda one: one.__name__)
def test_every_description_is_a_whole_sentence(options):
    described = {name: field.description for name, field in options.model_fields.items()}
    if options.__name__ == "LayoutOptions":  # a part of DataOptions, where they are described
        return
    wrong = {
        name: text
        for name, text in described.items()
        if not text
        or not text[0].isupper()
        or not text.endswith(".")
        or len(text.split()) < 3
        or any(phrase in text.lower() for phrase in ROUNDABOUT)
    }
    assert wrong == {}


def test_recipe_is_among_the_classes():
    assert Recipe in list_classes()
