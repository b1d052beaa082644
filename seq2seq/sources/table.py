"""The kinds of source by name. One of the user's own goes by package.module:CLASS. Imports no torch."""

from ..base.errors import RecipeError
from ..base.objects import NAME_FORM, is_object_name, load_class
from .source import Source
from .text import TextSource

SOURCES: dict[str, type[Source]] = {"text": TextSource}


def find_source(name: str) -> type[Source]:
    """The kind of source of a name.

    Raises:
        RecipeError: there is none, or the object is no class derived from Source.
    """
    if name in SOURCES:
        return SOURCES[name]
    if not is_object_name(name):
        raise RecipeError(
            f"unknown source {name!r}; expected one of {', '.join(SOURCES)}, or {NAME_FORM} for one of your own"
        )
    return load_class(name, Source, "source", RecipeError)
