"""Objects of the user's own, named as package.module:OBJECT: an ordinary import, never a pickle."""

import re
from collections.abc import Mapping
from importlib import import_module
from typing import TypeVar

from .errors import RecipeError, Seq2SeqError

Expected = TypeVar("Expected")
NAME_FORM = "package.module:OBJECT"
NAME_PATTERN = r"^[\w.]+:\w+$"


def is_object_name(name: str) -> bool:
    """Whether a text has the form package.module:OBJECT; whether there is one, only the import tells."""
    return re.fullmatch(NAME_PATTERN, name) is not None


def load_object(
    name: str,
    expected: type[Expected],
    where: str,
    error: type[Seq2SeqError] = RecipeError,
) -> Expected:
    """The object of a name, which must be of a kind that `import seq2seq` offers.

    Args:
        where: the option that names it; it opens every message.

    Raises:
        error: the module cannot be imported, has no such object, or the object is of another kind.
    """
    loaded = _import_object(name, where, error)
    if not isinstance(loaded, expected):
        raise error(f"{where}: {name} is a {type(loaded).__name__}, expected a seq2seq.{expected.__name__}.")
    return loaded


def _load_class(
    name: str,
    base: type[Expected],
    where: str,
    error: type[Seq2SeqError] = RecipeError,
) -> type[Expected]:
    """The class of a name, which must be derived from one that `import seq2seq` offers; otherwise as `load_object`."""
    loaded = _import_object(name, where, error)
    if isinstance(loaded, type) and issubclass(loaded, base):
        return loaded
    shown = loaded.__name__ if isinstance(loaded, type) else f"a {type(loaded).__name__}"
    raise error(f"{where}: {name} is {shown}, expected a class derived from seq2seq.{base.__name__}.")


def find_class(
    name: str,
    table: Mapping[str, type[Expected]],
    base: type[Expected],
    where: str,
    error: type[Seq2SeqError],
) -> type[Expected]:
    """The class of a name: one of a table, or one of the user's own, as `_load_class`.

    Raises:
        error: the name is neither in the table nor of the form; or as `_load_class`.
    """
    if name in table:
        return table[name]
    if not is_object_name(name):
        raise error(
            f"{where}: {name!r} is unknown. Expected one of {', '.join(table)}, or {NAME_FORM} for one of your own."
        )
    return _load_class(name, base, where, error)


def _import_object(
    name: str,
    where: str,
    error: type[Seq2SeqError],
) -> object:
    module_name, _, object_name = name.partition(":")
    try:
        module = import_module(module_name)
    except Exception as reason:  # whatever the user's module does when it is imported
        raise error(
            f"{where}: module {module_name!r} cannot be imported ({type(reason).__name__}: {reason})."
        ) from reason
    loaded = getattr(module, object_name, None)
    if loaded is None:
        raise error(f"{where}: module {module_name!r} has no {object_name!r}.")
    return loaded
