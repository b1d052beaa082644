"""The options of the verbs: each is in signature and help of its function; all descriptions are whole sentences."""

import inspect
import pydoc

import pytest

import seq2seq
from seq2seq.base.errors import GenerationError, Seq2SeqError, WarmStartError
from seq2seq.base.options import Options, build_options, list_fields
from seq2seq.engines.options import GenerationChoice
from seq2seq.recipe.recipe import Recipe
from seq2seq.verbs.options.analyze import AttentionOptions, HeadsOptions
from seq2seq.verbs.options.average import AverageOptions
from seq2seq.verbs.options.compare import CompareOptions
from seq2seq.verbs.options.evaluate import EvaluateOptions
from seq2seq.verbs.options.export import ExportOptions
from seq2seq.verbs.options.generate_file import GenerateFileOptions
from seq2seq.verbs.options.init import InitOptions
from seq2seq.verbs.options.inspect import InspectOptions
from seq2seq.verbs.options.prune import PruneOptions
from seq2seq.verbs.options.push import PushOptions
from seq2seq.verbs.options.report import ReportOptions
from seq2seq.verbs.options.score import ScoreOptions
from seq2seq.verbs.options.tokenizer import TokenizerOptions
from seq2seq.verbs.options.train import TrainOptions
from seq2seq.warmstart.options import ModelOptions

ROUNDABOUT = ("so many", "as many", "what of it", "left out:", "null:", "false:", "empty:")
# The functions of the package, and the options that they take.
FUNCTIONS = {
    "analyze_attention": AttentionOptions, "analyze_heads": HeadsOptions,
    "average": AverageOptions, "compare": CompareOptions, "evaluate": EvaluateOptions,
    "export": ExportOptions, "fuse": GenerationChoice, "generate": GenerationChoice,
    "generate_file": GenerateFileOptions, "init": InitOptions, "inspect": InspectOptions,
    "load_generator": GenerationChoice, "prune": PruneOptions, "push": PushOptions,
    "report": ReportOptions, "score": ScoreOptions,
    "split": GenerationChoice, "summarize": GenerationChoice, "train": TrainOptions,
    "train_tokenizer": TokenizerOptions, "translate": GenerationChoice, "warm_start": ModelOptions,
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
    assert {one.__name__ for one in list_classes() if one.__module__.startswith("seq2seq.verbs.options.")} >= {
        "TrainOptions", "InspectOptions", "GenerateFileOptions", "EvaluateOptions", "ScoreOptions", "CompareOptions",
        "ReportOptions", "PruneOptions", "HeadsOptions", "AttentionOptions", "ExportOptions", "AverageOptions",
        "TokenizerOptions", "PushOptions",
    }  # fmt: skip


@pytest.mark.parametrize("options", [*dict.fromkeys(list_classes())], ids=lambda one: one.__name__)
def test_every_description_is_a_whole_sentence(options):
    described = {name: field.description for name, field in options.model_fields.items()}
    if options.__name__ in ("TableOptions", "LayoutOptions"):  # parts of DataOptions, where they are described
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


# Numbers: each has a least and a most, so that none makes a library overflow or a text vanish.


def list_numbers(schema: dict, part: dict, name: str = "") -> list[tuple[str, dict]]:
    """The path of every number of a schema, with what the schema says of it."""
    if part.get("type") in ("integer", "number"):
        return [(name, part)]
    found = []
    for key, inner in part.get("properties", {}).items():
        found += list_numbers(schema, inner, f"{name}.{key}")
    inners = [*part.get("anyOf", ()), *part.get("prefixItems", ())]
    if isinstance(part.get("additionalProperties"), dict):
        inners.append(part["additionalProperties"])
    if "$ref" in part:
        inners.append(schema["$defs"][part["$ref"].rpartition("/")[2]])
    for inner in inners:
        found += list_numbers(schema, inner, name)
    return found


@pytest.mark.parametrize("options", [Recipe, ModelOptions, GenerationChoice, *FUNCTIONS.values()])
def test_every_number_has_a_least_and_a_most(options):
    # A number or a list that is checked by a function of its own.
    checked = (".encoder_layers", ".decoder_layers")
    schema = options.model_json_schema()
    unbounded = []
    for name, part in list_numbers(schema, schema):
        has_least = {"minimum", "exclusiveMinimum"} & part.keys()
        has_most = {"maximum", "exclusiveMaximum"} & part.keys()
        if not (has_least and has_most) and not name.endswith(checked):
            unbounded.append(name)
    assert unbounded == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        # 1000: a length to that power overflows. 1e-40: logits divided by it are infinite, and outputs were empty.
        ("length_penalty", 1000.0), ("length_penalty", -1000.0), ("length_penalty", 1e40), ("temperature", 1e-40),
        ("temperature", 1e40), ("repetition_penalty", 1e-40), ("repetition_penalty", 1e40), ("num_beams", 10**30),
        ("num_outputs", 10**12), ("max_target_tokens", 10**12), ("top_k", 10**30), ("seed", 10**30),
    ],
)  # fmt: skip
def test_number_of_generation_beyond_its_bounds_is_refused_in_words(name, value):
    with pytest.raises(GenerationError, match=rf"  {name}: input should be (less|greater) than or equal to .*found: "):
        build_options(GenerationChoice, {name: value, "sampling": name in ("temperature", "top_k")})


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("name", ["length_penalty", "temperature", "repetition_penalty", "top_p"])
def test_number_that_is_none_is_refused_in_words(name, value):
    with pytest.raises(GenerationError, match=rf"  {name}: input should be a finite number"):
        build_options(GenerationChoice, {name: value})


@pytest.mark.parametrize(
    ("section", "name", "value"),
    [
        ("training", "learning_rate", 1e-40), ("training", "learning_rate", 1e40), ("training", "layer_decay", 1e-40),
        ("training", "weight_decay", 1e40), ("training", "max_gradient_norm", 1e-40),
        ("training", "batch_examples", 10**30), ("data", "max_source_tokens", 10**12),
        ("evaluation", "first_words", 10**30), ("model", "max_positions", 10**12),
    ],
)  # fmt: skip
def test_number_of_a_recipe_beyond_its_bounds_is_refused_in_words(section, name, value):
    options = Recipe.model_fields[section].annotation
    given = {"encoder": "a", "train": "a", "max_steps": 1}
    values = {key: one for key, one in given.items() if key in options.model_fields} | {name: value}
    with pytest.raises(Seq2SeqError, match=rf"  {name}: input should be (less|greater) than or equal to .*found: "):
        build_options(options, values)


@pytest.mark.parametrize("layers", [10**12, [0, 10**12], "every 99999"])
def test_more_layers_than_any_model_has_are_refused_in_words(layers):
    with pytest.raises(WarmStartError, match="encoder_layers: expected the first n layers .*at most 1000"):
        build_options(ModelOptions, {"encoder": "a", "encoder_layers": layers})


@pytest.mark.parametrize(
    ("options", "values"),
    [
        (PruneOptions, {"seed": 10**30}), (CompareOptions, {"trials": 10**12}),
        (GenerateFileOptions, {"window_texts": 10**30}), (InspectOptions, {"examples": 10**30}),
        (TokenizerOptions, {"size": 10**12}), (TokenizerOptions, {"size": 0}),
        (TokenizerOptions, {"character_coverage": 1e-40}),
    ],
)  # fmt: skip
def test_number_of_a_verb_beyond_its_bounds_is_refused_in_words(options, values):
    (name,) = values
    with pytest.raises(Seq2SeqError, match=rf"  {name}: input should be (less|greater) than .*found: "):
        build_options(options, values)


@pytest.mark.parametrize(
    ("name", "meant"),
    [("max_length", "max_target_tokens"), ("n_best", "num_outputs"), ("lenpen", "length_penalty")],
)
def test_other_toolkits_names_of_options_are_known_in_python_too(name, meant):
    with pytest.raises(GenerationError, match=rf"{name}: unknown key \(found: 4\)\. Did you mean '{meant}'\?"):
        seq2seq.load_generator("nowhere", **{name: 4})
