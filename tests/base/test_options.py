"""What all classes of options share: the order of their fields, their errors, choices that leave options out."""

from pathlib import Path
from typing import Annotated, ClassVar

import pytest
from pydantic import Field, ValidationInfo, model_validator

from seq2seq.base.errors import AnalysisError, RecipeError
from seq2seq.base.options import (
    FileName,
    FilePath,
    Flag,
    Options,
    Strings,
    build_choice,
    build_options,
    list_fields,
    require_field_name,
)


class Soup(Options):
    error: ClassVar = AnalysisError

    spoons: int = Field(2, gt=0, description="How many spoons there are.")
    bowl: FilePath = Field(Path("bowl"), description="The bowl.")
    names: Annotated[Strings, Flag(repeated=True)] = Field((), description="The names of the guests.")


class HotSoup(Soup):
    heat: float = Field(description="How hot it is.")


def test_own_fields_come_before_those_of_base_classes():
    assert list(list_fields(HotSoup)) == ["heat", "spoons", "bowl", "names"]


def test_wrong_option_is_raised_as_the_error_of_its_class_or_as_another():
    with pytest.raises(AnalysisError, match=r"Soup:\n  spoons: input should be greater than 0 \(found: 0\)"):
        build_options(Soup, {"spoons": 0})
    with pytest.raises(RecipeError, match="  spoon: unknown key .* Did you mean 'spoons'"):
        build_options(Soup, {"spoon": 1}, RecipeError)
    with pytest.raises(AnalysisError, match=r"HotSoup:\n  heat: is required"):
        build_options(HotSoup, {})


def test_path_may_be_text_and_several_names_may_be_one():
    soup = Soup(bowl="a/b", names="Ada")
    assert (soup.bowl, soup.names) == (Path("a/b"), ("Ada",))
    assert Soup(bowl=Path("c"), names=["Ada", "Bo"]).names == ("Ada", "Bo")


def test_name_may_be_a_path():
    class Menu(Options):
        file: FileName

    assert Menu(file=Path("a/b")).file == "a/b"


def test_choice_leaves_out_every_option_and_refuses_what_its_class_refuses():
    choice = build_choice(Soup)
    assert set(dict(choice()).values()) == {None}
    assert choice(spoons=3, names="Ada").names == ("Ada",)
    assert choice.model_fields["spoons"].description == "How many spoons there are."
    with pytest.raises(AnalysisError, match=r"SoupChoice:\n  spoons: input should be greater than 0 \(found: 0\)"):
        build_options(choice, {"spoons": 0}, AnalysisError)


def test_validator_of_no_field_has_no_field_name():
    class Checked(Options):
        error: ClassVar = AnalysisError

        spoons: int = Field(2, description="How many spoons there are.")

        @model_validator(mode="before")
        @classmethod
        def _check(cls, values: dict, info: ValidationInfo) -> dict:
            require_field_name(info)
            return values

    with pytest.raises(LookupError, match="this validator is of no field; use it with field_validator"):
        Checked()
