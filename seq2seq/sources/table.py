"""The kinds of source by name. One of the user's own goes by package.module:CLASS. Imports no torch."""

from ..base.errors import RecipeError
from ..base.objects import find_class
from .source import Source
from .text import TextSource

SOURCES: dict[str, type[Source]] = {"text": TextSource}


def find_source(name: str) -> type[Source]:
    """The kind of source of a name.

    Raises:
        RecipeError: there is none, or the object is no class derived from Source.
    """
    return find_class(name, SOURCES, Source, "source", RecipeError)
