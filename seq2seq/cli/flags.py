"""Flags of a command, made from the class of its options: name, type, default and help are those of the fields.

A value of several parts is given by commas, or by the flag once for each (see `base.options.Flag`). Knows no command.
"""

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import wraps
from inspect import Parameter
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import typer
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from ..base.key_hints import find_section
from ..base.option_names import list_recipe_keys, naming_options
from ..base.options import AnyOptions, Flag, Options, build_options, list_fields

Command = Callable[..., None]
WORDS = {"true": True, "false": False}


@dataclass(frozen=True)
class OptionFlag:
    """One flag.

    path: its option, behind its section where it has one.
    by_commas: whether its text holds several.
    by_words: whether true and false are given as words, since there are other names besides.
    """

    path: tuple[str, ...]
    name: str
    annotation: Any
    default: Any
    help: str
    by_commas: bool
    by_words: bool = False

    @property
    def key(self) -> str:
        """What the value is called inside."""
        return "_".join(self.path)

    def to_parameter(self) -> Parameter:
        """What Typer makes a flag of."""
        name = self.name
        if self.annotation in (bool, bool | None):
            name = f"{name}/--no-{name.removeprefix('--')}"
        typed: Any = Annotated[(self.annotation, typer.Option(name, help=self.help))]
        return Parameter(
            self.key,
            Parameter.KEYWORD_ONLY,
            default=self.default,
            annotation=typed,
        )


def takes_flags(options: type[Options]) -> Callable[[Command], Command]:
    """Lets Typer see a flag for each option of a class, which a command then gets as its **keywords."""

    def decorate(command: Command) -> Command:
        signature = inspect.signature(command)
        own = [one for one in signature.parameters.values() if one.kind is not Parameter.VAR_KEYWORD]
        made = [flag.to_parameter() for flag in list_flags(options)]
        parameters = [*own, *made]
        names = name_flags(options)

        @wraps(command)
        def run(*arguments: Any, **keywords: Any) -> None:
            with naming_options(names):
                command(*arguments, **keywords)

        # Typer takes names and defaults from the signature, types from the annotations.
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # mypy knows a function has none
        run.__annotations__ = {one.name: one.annotation for one in parameters}
        return run

    return decorate


def name_flags(options: type[Options]) -> dict[str, str]:
    """The flags of a class of options by what errors call these: by their recipe keys, and by names with _ in them."""
    flags = {".".join(flag.path): flag.name for flag in list_flags(options)}
    names = {path: name for path, name in flags.items() if "_" in path and "." not in path}
    for key, option in list_recipe_keys(options).items():
        for path, name in flags.items():
            if path == option or path.startswith(f"{option}."):
                names[key + path.removeprefix(option)] = name
    return names


def read_flags(options: type[AnyOptions], given: Mapping[str, Any]) -> AnyOptions:
    """The options that the flags of a command say.

    Raises:
        Seq2SeqError: the error of the class, with every wrong option on a line.
    """
    values: dict[str, Any] = {}
    for flag in list_flags(options):
        _set_value(values, flag, given[flag.key])
    return build_options(options, values)


def list_flags(options: type[BaseModel]) -> Iterator[OptionFlag]:
    """The flags of a class of options, those of its sections in their place."""
    types = get_type_hints(options)
    for name, field in list_fields(options).items():
        flag = next((item for item in field.metadata if isinstance(item, Flag)), Flag())
        section = find_section(types[name])
        if section is not None:
            for inner in list_flags(section):
                yield replace(
                    inner,
                    path=(name, *inner.path),
                    name=flag.name.format(inner.path[0]),
                )
        elif flag.name != "":
            yield _build_flag(
                name,
                types[name],
                field.get_default(),
                field.description or "",
                flag,
            )


def _build_flag(
    name: str,
    annotation: Any,
    default: Any,
    text: str,
    flag: Flag,
) -> OptionFlag:
    of_several = tuple[str, ...] in (annotation, *get_args(annotation))
    by_commas = of_several and not flag.repeated
    if default is PydanticUndefined:
        default = Parameter.empty
    elif isinstance(default, tuple):
        default = ",".join(default) or None
    if of_several:
        annotation = list[str] if flag.repeated else str
        annotation = annotation | None if default is None else annotation
        text += " The flag may be given more than once." if flag.repeated else " Several are separated by commas."
    names = _list_names(annotation)
    by_words = bool in get_args(annotation) and bool(names)
    if by_words:
        annotation = Literal[(*WORDS, *names)] | None
        default = next((word for word, value in WORDS.items() if value is default), default)
    return OptionFlag(
        path=(name,),
        name=flag.name.format(name.replace("_", "-")),
        annotation=annotation,
        default=default,
        help=text,
        by_commas=by_commas,
        by_words=by_words,
    )


def _list_names(annotation: Any) -> list[str]:
    """The names that a type of several choices allows. bool | Literal["never"] -> ["never"]"""
    names: list[str] = []
    for choice in get_args(annotation):
        if get_origin(choice) is Literal:
            names += get_args(choice)
    return names


def _set_value(
    values: dict[str, Any],
    flag: OptionFlag,
    value: Any,
) -> None:
    """Puts what a flag was given in its place; what was left out is left out."""
    if value is None:
        return
    *sections, name = flag.path
    for section in sections:
        values = values.setdefault(section, {})
    if flag.by_words:
        value = WORDS.get(value, value)
    values[name] = split_names(value) if flag.by_commas else value


def split_names(names: str) -> list[str]:
    """Names separated by commas. 'a, b' -> ['a', 'b'], '' -> []"""
    return [name.strip() for name in names.split(",")] if names else []
