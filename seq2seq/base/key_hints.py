"""Which key somebody meant who wrote one that is unknown: right but for its section, another toolkit's, or misspelt.

Looks at classes of options as pydantic has them; knows no option and no toolkit.
"""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_args

from pydantic import BaseModel

NEAR = 0.5  # of difflib's likeness, among the few keys of one section
NEARER = 0.75  # among all keys, where more are alike by chance


def format_key_hint(
    options: type[BaseModel],
    path: Sequence[str | int],
    value: Any,
    *,
    also: Sequence[str] = (),
    foreign: Mapping[str, str] | None = None,
) -> str:
    """A sentence for one unknown key behind a blank, or nothing where no key is like it.

    ('max_steps',) -> " Did you mean 'training.max_steps'?"

    Args:
        value: what the key was given; a mapping is taken for a section.
        also: keys at the top that are no options and yet may be meant.
        foreign: what other toolkits call things, in lower case, and the sentence that says what does it here.
    """
    *section, key = path
    name = str(key).lower().replace("-", "_")
    known = [*_list_keys(options, section), *(() if section else also)]
    if isinstance(value, Mapping):
        known = [one for one in known if _is_section(options, [*section, one])]
    everywhere = [one for one in list_paths(options) if not isinstance(value, Mapping) or one in known]
    elsewhere = [one for one in everywhere if one.rpartition(".")[2] == name]
    if elsewhere:
        return _format_choice(elsewhere)
    if foreign and name in foreign:
        return f" {foreign[name]}"
    close = difflib.get_close_matches(name, known, n=1, cutoff=NEAR)
    return _format_choice(close or _list_near(name, everywhere))


def _format_choice(keys: Sequence[str]) -> str:
    return f" Did you mean {' or '.join(map(repr, keys))}?" if keys else ""


def _list_near(name: str, paths: Sequence[str]) -> list[str]:
    """The keys of all sections whose own name is most like one."""
    names = [path.rpartition(".")[2] for path in paths]
    close = difflib.get_close_matches(name, names, n=1, cutoff=NEARER)
    return [path for path, own in zip(paths, names, strict=True) if own in close]


def _is_section(options: type[BaseModel], path: Sequence[str | int]) -> bool:
    return _follow(options, path) is not None


def _list_keys(options: type[BaseModel], section: Sequence[str | int]) -> list[str]:
    inner = _follow(options, section)
    return list(inner.model_fields) if inner else []


def _follow(options: type[BaseModel], path: Sequence[str | int]) -> type[BaseModel] | None:
    """The class of options that a path leads to."""
    inner: type[BaseModel] | None = options
    for part in path:
        field = inner.model_fields.get(str(part)) if inner else None
        inner = find_section(field.annotation) if field else None
    return inner


def list_paths(options: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """The dotted keys of a class and of its sections."""
    for name, field in options.model_fields.items():
        yield f"{prefix}{name}"
        section = find_section(field.annotation)
        if section is not None:
            yield from list_paths(section, f"{prefix}{name}.")


def find_section(annotation: Any) -> type[BaseModel] | None:
    """The class of options that a type is, or may be beside None."""
    for choice in (annotation, *get_args(annotation)):
        if isinstance(choice, type) and issubclass(choice, BaseModel):
            return choice
    return None
