"""The table of families: whole, consistent with transformers, the only place that names them, and open to new rows."""

import ast
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import transformers
from transformers import (
    CONFIG_MAPPING,
    BartConfig,
    BertConfig,
    EncoderDecoderConfig,
    GPT2Config,
    OPTConfig,
    T5Config,
)

from seq2seq import Family
from seq2seq.base.errors import RecipeError
from seq2seq.families import table
from seq2seq.families.bert import BERT
from seq2seq.families.table import FAMILIES, ROWS, UNKNOWN, add_families, find_family, list_added_names

PACKAGE = Path(table.__file__).parents[1]
OWN = Family(model_types=("own", "own-too"))
OTHER = Family(model_types=("own",), mixed_precision=False)
KNOWN = replace(BERT, mixed_precision=False)
NOT_A_ROW = "bert"
# transformers' type of a pair: no family, but what the house builds.
PAIR = "encoder-decoder"
# The quickstart's language has words, and one of its nouns is a model too.
LANGUAGE = "embedded"
# The hub's names of licenses, some of which are called after the models that are under them.
LICENSES = "hub_terms.py"


# Where families are named


def find_named(code: str) -> list[str]:
    """What names a family in a module, with its line: texts and constants that are model types, classes of families.

    Docstrings, comments and messages may; a text that is a model type and nothing else is no message.
    """
    tree = ast.parse(code)
    named = [f"{node.lineno} {node.value!r}" for node in list_texts(tree) if is_model_type(node.value)]
    for node in tree.body:
        if isinstance(node, ast.Assign | ast.AnnAssign):
            named += find_in_constant(node)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "transformers":
            named += [f"{node.lineno} {alias.name}" for alias in node.names if is_class_of_family(alias.name)]
    return named


def find_in_constant(node: ast.Assign | ast.AnnAssign) -> Iterator[str]:
    """What names a family in a constant of a module: its own name, and words in its texts."""
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    for target in targets:
        if isinstance(target, ast.Name) and any(map(is_model_type, target.id.lower().split("_"))):
            yield f"{node.lineno} {target.id}"
    for text in list_texts(node):
        words = re.findall(r"[\w-]+", text.value)
        if len(words) > 1:
            yield from (f"{text.lineno} {word}" for word in words if is_model_type(word) or is_class_of_family(word))


def list_texts(tree: ast.AST) -> list[ast.Constant]:
    """Texts but docstrings."""
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and isinstance(node.body[0] if node.body else None, ast.Expr)
    }
    return [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings
    ]


def is_model_type(word: str) -> bool:
    return word.lower() in CONFIG_MAPPING and word.lower() != PAIR


def is_class_of_family(name: str) -> bool:
    module = getattr(getattr(transformers, name, None), "__module__", "")
    family = module.removeprefix("transformers.models.").partition(".")[0]
    return module.startswith("transformers.models.") and family not in ("auto", "encoder_decoder")


def test_no_module_but_those_of_families_names_one():
    named = [
        f"{path.relative_to(PACKAGE)} line {where}"
        for path in sorted(PACKAGE.rglob("*.py"))
        if path.relative_to(PACKAGE).parts[0] not in ("families", LANGUAGE) and path.name != LICENSES
        for where in find_named(path.read_text(encoding="utf-8"))
    ]
    assert named == []


@pytest.mark.parametrize(
    "code",
    [
        'if config.model_type == "gpt2":\n    pass',
        'def refuse(config):\n    return config.model_type in ("fnet", "canine")',
        'GOOD = "bert, roberta or t5"',
        "T5_FAMILIES = ()",
        "from transformers import BertConfig",
        'CODE = """model = T5EncoderModel(config)"""',
    ],
)
def test_name_of_a_family_is_found(code):
    assert find_named(code)


@pytest.mark.parametrize(
    "code",
    [
        '"""BERT."""\n\n\ndef run():\n    """bert"""',
        'def check():\n    raise ValueError("expected an encoder-decoder such as BART or T5")',
        "from transformers import AutoModel, EncoderDecoderModel, PreTrainedConfig",
        'PLAN = "bert2bert"',
        'TAGS = ["encoder-decoder"]',
    ],
)
def test_docstrings_messages_and_plans_may_name_families(code):
    assert find_named(code) == []


# The rows


def test_every_model_type_has_one_row():
    types = [model_type for row in ROWS for model_type in row.model_types]
    assert len(types) == len(set(types)) == len(FAMILIES)
    assert set(types) <= set(CONFIG_MAPPING.keys())


@pytest.mark.parametrize("model_type", FAMILIES)
def test_settings_of_a_row_are_settings_of_its_config(model_type):
    family, config = FAMILIES[model_type], CONFIG_MAPPING[model_type]()
    if all(row.dropouts is None for row in ROWS if model_type in row.model_types):
        return  # nothing is said of it
    settings = [*family.dropouts]
    if family.positions is not None:
        settings += [family.positions.switch, family.positions.relative]
    if family.layers is not None:
        settings += [family.layers.groups, family.layers.scaled_by_number]
    if family.ctranslate2 is not None:
        layout = family.ctranslate2
        settings += [layout.activation, layout.epsilon, *(name for name, _ in layout.fixed)]
    assert [name for name in settings if name is not None and not hasattr(config, name)] == []


def test_family_without_a_row_is_looked_at_with_the_common_names():
    assert find_family(OPTConfig()) is UNKNOWN
    assert UNKNOWN.layers is None and UNKNOWN.positions is None
    assert {"attention", "attn", "self_attn", "SelfAttention"} <= set(UNKNOWN.attention.modules)
    assert set(BERT.dropouts) | {"dropout_rate", "resid_pdrop", "dropout"} <= set(UNKNOWN.dropouts)


def test_families_are_suggested_by_name():
    assert table.list_suggested("encoder") == "bert, roberta, electra, deberta, distilbert, mpnet, modernbert or t5"
    assert table.list_suggested("decoder") == "bert, roberta, electra, gpt2 or rembert"


def test_pair_has_two_configs_and_any_other_model_its_own():
    pair = EncoderDecoderConfig.from_encoder_decoder_configs(BertConfig(), GPT2Config())
    assert [config.model_type for config in table.list_side_configs(pair)] == ["bert", "gpt2"]
    whole = BartConfig()
    assert table.list_side_configs(whole) == [whole]


# Rows of the user's own


class OwnConfig(T5Config):
    model_type = "own-too"


@pytest.fixture(autouse=True)
def no_families_yet(monkeypatch) -> None:
    monkeypatch.setattr(table, "_added", {})


def test_added_row_is_found_and_its_name_is_listed_for_models_that_need_it():
    assert find_family(OwnConfig()) is UNKNOWN
    add_families([f"{__name__}:OWN"], "model.families", RecipeError)
    family = find_family(OwnConfig())
    assert (family.model_types, family.attention) == (OWN.model_types, UNKNOWN.attention)
    assert list_added_names(OwnConfig()) == [f"{__name__}:OWN"]
    assert list_added_names(BertConfig()) == []


def test_row_may_be_added_again():
    add_families([f"{__name__}:OWN", f"{__name__}:OWN"], "model.families", RecipeError)
    add_families([f"{__name__}:OWN"], "seq2seq.json", RecipeError)
    assert list_added_names(OwnConfig()) == [f"{__name__}:OWN"]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["OWN", "OTHER"], rf"model\.families: {__name__}:OTHER is for 'own', which has a row already, of .*:OWN\."),
        (["KNOWN"], rf"model\.families: {__name__}:KNOWN is for 'bert', which has a row already, of the package\."),
        (["NOT_A_ROW"], rf"model\.families: {__name__}:NOT_A_ROW is a str, expected a seq2seq\.Family\."),
        (["NOWHERE"], r"model\.families: module .* has no 'NOWHERE'\."),
    ],
)
def test_row_that_cannot_be_added_is_refused(names, message):
    with pytest.raises(RecipeError, match=message):
        add_families([f"{__name__}:{name}" for name in names], "model.families", RecipeError)
