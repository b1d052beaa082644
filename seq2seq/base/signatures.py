"""The signature and the help of functions that take options as keywords, made from the class of the options.

Knows no function and no option.
"""

import inspect
import textwrap
from collections.abc import Callable, Iterator, Sequence
from functools import reduce, wraps
from inspect import Parameter
from operator import or_
from pathlib import Path
from types import UnionType
from typing import Any, ParamSpec, TypeVar, Union, get_args, get_origin, get_type_hints

from pydantic_core import PydanticUndefined

from .key_hints import find_section
from .option_names import list_recipe_keys, naming_options
from .options import Options, list_fields

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")
HELP_WIDTH = 100
# What callers may give where an option holds this.
GIVEN_AS = {Path: str | Path, tuple[str, ...]: str | Sequence[str]}


def takes_options(options: type[Options]) -> Callable[[Callable[Arguments, Result]], Callable[Arguments, Result]]:
    """Names in a function's signature, and at the end of its docstring, the options that it takes as **keywords.

    Those that are parameters of the function already stay where they are.
    """

    def decorate(function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
        names = name_arguments(options)

        @wraps(function)
        def call(*arguments: Arguments.args, **keywords: Arguments.kwargs) -> Result:
            with naming_options(names):
                return function(*arguments, **keywords)

        call.__signature__ = _build_signature(function, options)  # type: ignore[attr-defined]  # inspect reads it
        lines = "\n".join(_list_lines(options))
        call.__doc__ = f"{inspect.getdoc(function)}\n\nOptions:\n{lines}\n"
        return call

    return decorate


def name_arguments(options: type[Options]) -> dict[str, str]:
    """The arguments that stand for recipe keys. {'data.header': 'header'}"""
    types = get_type_hints(options)
    names = {}
    for key, option in list_recipe_keys(options).items():
        names[key] = option
        section = find_section(types[option])
        for inner in section.model_fields if section else ():
            names[f"{key}.{inner}"] = f"{option}={{{inner!r}: ...}}"
    return names


def _build_signature(function: Callable[..., Any], options: type[Options]) -> inspect.Signature:
    signature = inspect.signature(function)
    parameters = signature.parameters
    own = [one for one in parameters.values() if one.kind is not Parameter.VAR_KEYWORD]
    added = [one for one in _list_parameters(options) if one.name not in parameters]
    return signature.replace(parameters=[*own, *added])


def _list_parameters(options: type[Options]) -> Iterator[Parameter]:
    types = get_type_hints(options)
    for name, field in list_fields(options).items():
        default = field.get_default(call_default_factory=True)
        if default is PydanticUndefined:
            default = Parameter.empty
        yield Parameter(
            name,
            Parameter.KEYWORD_ONLY,
            default=default,
            annotation=_widen(types[name]),
        )


def _widen(annotation: Any) -> Any:
    """The type of what callers may give. tuple[str, ...] | None -> str | Sequence[str] | None"""
    choices = get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)
    return reduce(or_, [_widen_one(choice) for choice in choices])


def _widen_one(annotation: Any) -> Any:
    if isinstance(annotation, type) and issubclass(annotation, Options):
        return dict[str, Any]
    return GIVEN_AS.get(annotation, annotation)


def _list_lines(options: type[Options]) -> Iterator[str]:
    for name, field in list_fields(options).items():
        yield textwrap.fill(
            f"{name}: {field.description}",
            HELP_WIDTH,
            initial_indent=" " * 4,
            subsequent_indent=" " * 8,
            break_long_words=False,
            break_on_hyphens=False,
        )
