"""Flags made from options: their names, what they take, and what becomes of what was given."""

from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
import typer
from pydantic import Field
from typer.testing import CliRunner

from seq2seq.base.errors import RecipeError
from seq2seq.base.options import NO_FLAG, FilePath, Flag, Options, Strings
from seq2seq.cli.flags import list_flags, read_flags, split_names, takes_flags


class Table(Options):
    legs: int = Field(4, description="How many legs it has.")
    top: Strings | None = Field(None, description="What it is made of.")


class Soup(Options):
    bowl: FilePath = Field(description="The bowl.")
    guests: Annotated[Strings, Flag(repeated=True)] = Field((), description="The names of the guests.")
    spices: Strings = Field(("salt", "pepper"), description="The spices.")
    max_spoons: Annotated[int | None, Flag("--spoons")] = Field(None, ge=1, description="How many spoons there are.")
    kind: Literal["hot", "cold"] = Field("hot", description="How it is served.")
    lid: bool = Field(True, description="Whether there is a lid.")
    table: Annotated[Table | None, Flag("--table-{}")] = Field(None, description="The table.")
    lit: bool | Literal["dimly"] = Field(False, description="Whether there is a candle.")
    secret: Annotated[dict[str, Any] | None, NO_FLAG] = Field(None, description="The secret.")


@pytest.fixture
def run():
    """Runs a command of these options; returns what they were."""
    app, eaten = typer.Typer(rich_markup_mode=None), []

    @app.command()
    @takes_flags(Soup)
    def eat(place: str, **flags: Any) -> None:
        """Eat soup."""
        eaten.append((place, read_flags(Soup, flags)))

    def run(*arguments):
        result = CliRunner().invoke(app, list(arguments), env={"COLUMNS": "80"})
        return eaten[-1] if eaten else result

    return run


def test_flags_are_named_after_their_options_unless_said_otherwise():
    assert [flag.name for flag in list_flags(Soup)] == [
        "--bowl", "--guests", "--spices", "--spoons", "--kind", "--lid", "--table-legs", "--table-top", "--lit",
    ]  # fmt: skip


def test_flags_left_out_leave_the_defaults(run):
    assert run("home", "--bowl", "a") == ("home", Soup(bowl=Path("a"), table=Table()))


def test_flags_set_their_options(run):
    flags = ["--guests", "Ada, Bo", "--guests", "Cy", "--spices", "salt, dill", "--spoons", "3", "--kind", "cold"]
    _, soup = run("home", "--bowl", "a", *flags, "--no-lid", "--table-legs", "3", "--table-top", "oak,ash")
    assert soup == Soup(
        bowl=Path("a"),
        guests=("Ada, Bo", "Cy"),  # a file or a text may have a comma
        spices=("salt", "dill"),
        max_spoons=3,
        kind="cold",
        lid=False,
        table=Table(legs=3, top=("oak", "ash")),
    )


@pytest.mark.parametrize(("word", "value"), [("true", True), ("false", False), ("dimly", "dimly")])
def test_flag_of_true_false_and_a_name_takes_words(run, word, value):
    assert run("home", "--bowl", "a", "--lit", word)[1].lit is value


def test_empty_value_is_a_list_of_none(run):
    assert run("home", "--bowl", "a", "--spices", "")[1].spices == ()


def test_help_says_what_the_options_say(run):
    text = " ".join(run("--help").output.split())
    assert "--bowl <path> The bowl. [required]" in text
    assert "--guests <list[str]> The names of the guests. The flag may be given more than once." in text
    assert "--spices <str> The spices. Several are separated by commas. [default: salt,pepper]" in text
    assert "--kind <hot|cold> How it is served. [default: hot]" in text
    assert "--lid / --no-lid Whether there is a lid. [default: lid]" in text
    assert "--lit <true|false|dimly> Whether there is a candle. [default: false]" in text
    assert "secret" not in text


def test_value_out_of_range_is_raised_as_the_error_of_the_class():
    given = {flag.key: flag.default for flag in list_flags(Soup)}
    with pytest.raises(RecipeError, match=r"Soup:\n  max_spoons: input should be greater than or equal to 1"):
        read_flags(Soup, given | {"bowl": Path("a"), "max_spoons": 0})


@pytest.mark.parametrize(("names", "expected"), [("a, b", ["a", "b"]), ("a", ["a"]), ("", [])])
def test_names_are_split_at_commas(names, expected):
    assert split_names(names) == expected
