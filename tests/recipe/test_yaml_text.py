"""YAML without its traps: what would be read as something else than it looks like is refused, with what to write."""

import pytest
import yaml

from seq2seq.base.errors import RecipeError
from seq2seq.recipe.recipe import load_recipe, parse_override
from seq2seq.recipe.yaml_text import TrapError, dump_yaml, holds_comment, read_yaml
from tests.recipe.base_recipe import BASE_YAML


@pytest.mark.parametrize(
    ("word", "number"),
    # 0 * 8 + 1 * 8; -2 * 8; 1 * 16 + 15; 1 * 2 + 1; 1 * 60 + 30; 1 * 3600 + 0 * 60 + 1.5
    [
        ("010", "8"), ("-020", "-16"), ("0x1F", "31"), ("0b11", "3"), ("0_10", "8"), ("1:30", "90"),
        ("1:00:01.5", "3601.5"),
    ],
)  # fmt: skip
def test_number_to_another_base_is_refused_with_the_number_that_would_be_read(word, number):
    with pytest.raises(TrapError, match=f"^{word} would be read as {number}, .*write {number}, or '{word}' in quotes"):
        read_yaml(word)


@pytest.mark.parametrize("word", ["08", "0o17", "-09", "0O17"])
def test_number_that_only_some_versions_of_yaml_see_is_refused(word):
    with pytest.raises(TrapError, match=f"{word} is a number to some versions of YAML .*write a decimal number"):
        read_yaml(f"[{word}]")


@pytest.mark.parametrize("word", ["2026-11-29", "2026-11-29 10:00:00"])
def test_date_is_refused_and_a_quoted_one_is_text(word):
    with pytest.raises(TrapError, match="would be read as a date, .*in quotes"):
        read_yaml(f"output: {word}")
    assert read_yaml(f"output: '{word}'") == {"output": word}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0), ("10", 10), ("-0", 0), ("+5", 5), ("1_000", 1000), (".5", 0.5), ("-.5", -0.5), ("1e-4", 1e-4),
        ("-1E4", -1e4), (".5e-3", 5e-4), ("0.5", 0.5), ("1.2.3", "1.2.3"), ("a:30", "a:30"), ("0abc", "0abc"),
        ("'010'", "010"), ('"1:30"', "1:30"), ("!!str 010", "010"), ("=", "="), ("y", "y"), ("nan", "nan"),
    ],
)  # fmt: skip
def test_what_is_no_trap_is_read(text, value):
    read = read_yaml(text)
    assert (type(read), read) == (type(value), value)


def test_trap_in_a_file_is_refused_with_its_line(tmp_path):
    path = tmp_path / "r.yaml"
    path.write_text(BASE_YAML.replace("3}", "010}"), encoding="utf-8")
    with pytest.raises(RecipeError, match=r"r\.yaml: 010 would be read as 8, .*\n.*line 6"):
        load_recipe(path)


def test_trap_in_an_override_is_refused():
    with pytest.raises(
        RecipeError, match=r"^'training\.max_steps=0x10': 0x10 would be read as 16, .*quotes .*meant\.$"
    ):
        parse_override("training.max_steps=0x10")


@pytest.mark.parametrize("key", ["no", "1", "~", "1.5", "[a]", "{a: b}"])
def test_key_that_is_no_text_is_refused(key):
    with pytest.raises(yaml.YAMLError, match="a key must be a text, and YAML reads .* as something else; put it"):
        read_yaml(f"? {key}\n: x")


@pytest.mark.parametrize("text", ["{a: 1, a: 2}", "a: 1\nb: 1\na: 2", "x: {a: 1, 'a': 2}"])
def test_repeated_key_is_refused(text):
    with pytest.raises(yaml.YAMLError, match="'a' given more than once"):
        read_yaml(text)


def test_merged_keys_are_no_repetition_and_those_beside_them_go_over_them():
    text = "one: &one {a: 1, b: 2}\ntwo: &two {<<: *one, b: 3}\nthree: {<<: *two, a: 4}"
    assert read_yaml(text)["three"] == {"a": 4, "b": 3}


@pytest.mark.parametrize("text", ["[1", "a: b: c", "\ta: 1", "2026-13-45", "!!python/object:os.system x", "[" * 3000])
def test_what_is_no_yaml_is_refused(text):
    with pytest.raises(yaml.YAMLError):
        read_yaml(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a #b", True), ("#b", True), ("'a' # b", True), ("[a] # b", True), ("a#b", False), ("'a #b'", False),
        ("", False),
    ],
)  # fmt: skip
def test_comment_is_found(text, expected):
    assert holds_comment(text) is expected


@pytest.mark.parametrize("value", ["#1", "a #1", "[a, b] # the rest"])
def test_override_that_yaml_would_cut_at_a_comment_is_refused(value):
    with pytest.raises(RecipeError, match="YAML takes what stands behind # for a comment"):
        parse_override(f"generation.target_prefix={value}")


@pytest.mark.parametrize(
    "text", ["010", "08", "0o17", "-.5", "+.5", ".5e3", "1:30", "0x1F", "=", "2026-11-29", "no", "<<"]
)
def test_text_that_is_a_trap_is_quoted_when_it_is_written(text):
    assert read_yaml(dump_yaml({"a": text, text: "b"})) == {"a": text, text: "b"}


# A word that YAML took for something else than the text that was wanted.


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("data.columns.target=no", r"data\.columns\.target: expected a text or a list of texts \(found: False\)\. "
         r"YAML reads no, off and false as false: put a word .* in quotes, such as 'no'\."),
        ("data.columns.target=on", "YAML reads yes, on and true as true: .* such as 'yes'"),
        ("data.columns.target=~", "YAML reads null, ~ and nothing at all as null: .* such as 'null'"),
        ("data.columns.target=", "YAML reads null, ~ and nothing at all as null"),
        ("data.columns.target=1", r"\(found: 1\)\. YAML reads a number: put what is meant as text in quotes"),
        ("data.columns.source=[a, yes]", r"data\.columns\.source\.1: .*YAML reads yes, on and true as true"),
        ("data.header=[1, 2]", r"data\.header\.0: .*YAML reads a number"),
        ("output=12e03", r"output: .*YAML reads a number"),
        ("training.schedule=off", r"training\.schedule: .*YAML reads no, off"),
        ("source={kind: no}", r"source\.kind: .*YAML reads no, off"),
        ("model.share=y", r"model\.share: input should be a valid boolean \(found: 'y'\)\. Write true or false"),
        ("training.adam_betas=0.9", r"training\.adam_betas: expected a list \(found: 0\.9\)\.$"),
    ],
)  # fmt: skip
def test_word_that_yaml_took_for_something_else_is_to_be_quoted(tmp_path, override, message):
    path = tmp_path / "r.yaml"
    path.write_text(BASE_YAML, encoding="utf-8")
    with pytest.raises(RecipeError, match=message):
        load_recipe(path, [override])
