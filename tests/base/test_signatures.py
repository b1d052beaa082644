"""Functions that take options as keywords: each option is in the signature and, with its meaning, in the help."""

import inspect
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest
from pydantic import Field

from seq2seq.base.errors import DataError
from seq2seq.base.options import FilePath, Options, Strings, build_options
from seq2seq.base.signatures import takes_options


class Soup(Options):
    guests: Strings = Field(description="The names of the guests.")
    spoons: int = Field(2, description="How many spoons there are.")
    bowl: FilePath | None = Field(None, description="The bowl; left out, there is none.")
    salts: dict[str, int] = Field(default_factory=dict, description="How much salt each guest takes.")


@takes_options(Soup)
def eat(place: str, guests: Sequence[str], *, quietly: bool = False, **given: Any) -> Soup:
    """Eats soup."""
    return build_options(Soup, given | {"guests": guests})


def test_signature_names_each_option_with_its_type_and_default():
    assert str(inspect.signature(eat)) == (
        "(place: str, guests: collections.abc.Sequence[str], *, quietly: bool = False, spoons: int = 2, "
        "bowl: str | pathlib.Path | None = None, salts: dict[str, int] = {}) -> tests.base.test_signatures.Soup"
    )


def test_help_gives_each_option_with_its_meaning():
    assert eat.__doc__ == (
        "Eats soup.\n\nOptions:\n    guests: The names of the guests.\n    spoons: How many spoons there are.\n"
        "    bowl: The bowl; left out, there is none.\n    salts: How much salt each guest takes.\n"
    )


def test_function_is_called_as_before():
    assert eat("home", ["Ada"], bowl="a") == Soup(guests=("Ada",), bowl=Path("a"))
    with pytest.raises(TypeError, match="missing 1 required positional argument"):
        eat("home")


class Bowls(Options):
    recipe_keys: ClassVar[Mapping[str, str]] = {"kitchen.soup": "soup", "kitchen.spoon_count": "spoons"}

    soup: Soup | None = Field(None, description="The soup.")
    spoons: int = Field(2, description="How many spoons there are.")


@takes_options(Bowls)
def serve(message: str, **given: Any) -> None:
    raise DataError(message)


def test_errors_name_the_arguments_in_place_of_recipe_keys():
    with pytest.raises(DataError, match=r"^Set spoons or soup=\{'bowl': \.\.\.\}\.$"):
        serve("Set kitchen.spoon_count or kitchen.soup.bowl.")
