"""What every settings class shares: strict, frozen, no unknown keys, every mistake told.

The classes sit beside what they configure.
"""

import difflib
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, TypeVar, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError, WithJsonSchema


def _to_strings(value: Any) -> Any:
    """A list in YAML arrives as a Python list, which strict mode refuses for a tuple; one string is a list of one."""
    return (value,) if isinstance(value, str) else tuple(value) if isinstance(value, list) else value


_STRINGS_SCHEMA = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}
Strings = Annotated[tuple[str, ...], BeforeValidator(_to_strings), WithJsonSchema(_STRINGS_SCHEMA)]


class Options(BaseModel):
    """Base of the settings classes."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", allow_inf_nan=False)


AnyOptions = TypeVar("AnyOptions", bound=Options)


def build_options(options: type[AnyOptions], values: Mapping[str, Any], error: type[Exception]) -> AnyOptions:
    """Options of one section from a mapping; what is wrong is raised as `error`, with every mistake on a line."""
    try:
        return options(**values)
    except ValidationError as invalid:
        lines = [format_option_error(options, item) for item in invalid.errors()]
        raise error(f"{options.__name__}:\n" + "\n".join(lines)) from None


def format_option_error(options: type[Options], error: Mapping[str, Any], also: Sequence[str] = ()) -> str:
    """One line for one error of pydantic about `options`: path, what is wrong, what was found, and a suggestion.

    Args:
        also: keys at the top that are no options and yet may be meant.
    """
    path = ".".join(str(part) for part in error["loc"] if part != "[key]")
    found = error["input"]
    if error["type"] == "extra_forbidden":
        close = difflib.get_close_matches(str(error["loc"][-1]), _known_keys(options, error["loc"][:-1], also), 1, 0.5)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        return f"  {path}: unknown key (found: {found!r}).{hint}"
    if error["type"] == "missing":
        return f"  {path}: is required."
    message = error["msg"].removeprefix("Value error, ")
    message = f"{message[0].lower()}{message[1:]}".rstrip(".")
    shown = "" if isinstance(found, dict | BaseModel) else f" (found: {found!r})"
    return f"  {path}: {message}{shown}."


def _known_keys(options: Any, path: tuple, also: Sequence[str]) -> list[str]:
    for part in path:
        annotation = options.model_fields[part].annotation
        choices = (annotation, *get_args(annotation))  # of a section that may be left out, the section and None
        options = next(choice for choice in choices if hasattr(choice, "model_fields"))
    return [*options.model_fields, *(() if path else also)]
