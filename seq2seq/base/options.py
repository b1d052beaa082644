"""What every settings class shares: strict, frozen, no unknown keys, every mistake told.

The classes sit beside what they configure. What a description says is what recipes/reference.yaml, the JSON schema, the
flags of a command (cli/flags.py) and the help of a function (base/signatures.py) say.
"""

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    WithJsonSchema,
    create_model,
)
from pydantic.fields import FieldInfo

from .errors import RecipeError, Seq2SeqError
from .key_hints import format_key_hint


def _to_strings(value: Any) -> tuple:
    """A list in YAML arrives as a Python list, which strict mode refuses for a tuple; one string is a list of one."""
    if isinstance(value, str):
        return (value,)
    if isinstance(value, list | tuple):
        return tuple(value)
    raise ValueError(EXPECTED_TEXTS)


def _to_path(value: Any) -> Any:
    return Path(value) if isinstance(value, str) else value


def _to_name(value: Any) -> Any:
    return str(value) if isinstance(value, Path) else value


# The bounds of what has no nearer ones: every number of an option has both, so that none makes a library overflow.
MOST = 10**12  # of whatever is counted
MOST_TOKENS = 10**7  # of one text
LARGEST_SEED = 2**63 - 1
EXPECTED_TEXTS = "expected a text or a list of texts"
# Of a value that YAML made of a word without quotes: what is read so, and a word that is.
_YAML_WORDS = {
    True: ("yes, on and true as true", "yes"),
    False: ("no, off and false as false", "no"),
    None: ("null, ~ and nothing at all as null", "null"),
}
_STRINGS_SCHEMA = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}
Strings = Annotated[tuple[str, ...], BeforeValidator(_to_strings), WithJsonSchema(_STRINGS_SCHEMA)]
FilePath = Annotated[Path, BeforeValidator(_to_path)]  # a file or a folder
FileName = Annotated[str, BeforeValidator(_to_name)]  # a path, or another name for something that can be read


@dataclass(frozen=True)
class Flag:
    """How an option is given on the command line, where that is not by its own name and, several values, by commas.

    name: the name of the flag, or of those of a section, where {} stands for the name of the option; "" for no flag.
    repeated: whether the flag is given once for each of several values.
    """

    name: str = "--{}"
    repeated: bool = False


NO_FLAG = Flag("")


class Options(BaseModel):
    """Base of the settings classes."""

    # Deferred: a command imports the options of all commands and checks those of one.
    model_config = ConfigDict(
        strict=True,
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
        defer_build=True,
    )

    error: ClassVar[type[Seq2SeqError]] = RecipeError  # what a wrong option of this class is raised as
    # By the key in a recipe, the options that stand for one; a section's for all keys under it. Bases have their own.
    recipe_keys: ClassVar[Mapping[str, str]] = {}
    # What other toolkits call options of this class.
    foreign: ClassVar[Mapping[str, str]] = {}


AnyOptions = TypeVar("AnyOptions", bound=Options)


def list_fields(options: type[BaseModel]) -> dict[str, FieldInfo]:
    """The fields of a class by name: its own, then those of each base class."""
    fields = {}
    for owner in options.__mro__:
        for name in inspect.get_annotations(owner):
            if name in options.model_fields:
                fields[name] = options.model_fields[name]
    return fields


def build_choice(options: type[Options]) -> type[Options]:
    """A class of the same options, all of which may be left out: None stands for what holds without a choice.

    Of a single option it refuses what `options` refuses; what options must be like together, it does not know.
    """
    fields: dict[str, Any] = {}
    for name, field in options.model_fields.items():
        annotation: Any = field.annotation
        if field.metadata:  # the bounds of a number, say
            annotation = Annotated[(annotation, *field.metadata)]
        fields[name] = (annotation | None, Field(None, description=field.description))
    return create_model(
        f"{options.__name__}Choice",
        __base__=Options,
        __module__=options.__module__,
        **fields,
    )


def build_options(
    options: type[AnyOptions],
    values: Mapping[str, Any],
    error: type[Seq2SeqError] | None = None,
) -> AnyOptions:
    """Options of one section from a mapping.

    Raises:
        error: with every mistake on a line; left out, the error of the class.
    """
    try:
        return options(**values)
    except ValidationError as invalid:
        foreign = {name: f"Did you mean {option!r}?" for name, option in options.foreign.items()}
        lines = [format_option_error(options, item, foreign=foreign) for item in invalid.errors()]
        error_class = error or options.error
        raise error_class("\n".join([f"{options.__name__}:", *lines])) from None


def require_field_name(info: ValidationInfo) -> str:
    """The name of the field that a `field_validator` looks at.

    Raises:
        LookupError: it looks at none, as a validator of the whole does.
    """
    if info.field_name is None:
        raise LookupError("this validator is of no field; use it with field_validator")
    return info.field_name


def format_option_error(
    options: type[Options],
    error: Mapping[str, Any],
    also: Sequence[str] = (),
    *,
    foreign: Mapping[str, str] | None = None,
    from_yaml: bool = False,
) -> str:
    """One line for one error of pydantic about `options`: path, what is wrong, what was found, and a suggestion.

    Args:
        also, foreign: as in `format_key_hint`.
        from_yaml: whether the values were YAML, which takes some words for something else than texts.
    """
    # pydantic writes [key] behind a key of a mapping that is wrong itself.
    path = ".".join(str(part) for part in error["loc"] if part != "[key]")
    found = error["input"]
    if error["type"] == "extra_forbidden":
        hint = format_key_hint(
            options,
            error["loc"],
            found,
            also=also,
            foreign=foreign,
        )
        return f"  {path}: unknown key (found: {found!r}).{hint}"
    if error["type"] == "missing":
        return f"  {path}: is required."
    message = "expected a list" if error["type"] == "tuple_type" else error["msg"].removeprefix("Value error, ")
    message = f"{message[0].lower()}{message[1:]}".rstrip(".")
    shown = "" if isinstance(found, dict | BaseModel) else f" (found: {found!r})"
    advice = _find_quoting_hint(error) if from_yaml else None
    return f"  {path}: {message}{shown}.{f' {advice}' if advice else ''}"


def _find_quoting_hint(error: Mapping[str, Any]) -> str | None:
    """What to do where YAML took a word for something else than the text that was wanted, or a text for a word."""
    found = error["input"]
    if error["type"] == "bool_type" and isinstance(found, str):
        return "Write true or false, without quotes."
    is_text_wanted = error["type"] in ("string_type", "literal_error") or EXPECTED_TEXTS in error["msg"]
    if not is_text_wanted:
        return None
    if found is None or isinstance(found, bool):
        words, example = _YAML_WORDS[found]
        return f"YAML reads {words}: put a word that is meant as text in quotes, such as '{example}'."
    if isinstance(found, int | float):
        return "YAML reads a number: put what is meant as text in quotes."
    return None
