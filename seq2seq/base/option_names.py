"""How options are called by who reads an error: recipe keys in it, such as data.header, become a verb's own options.

What reads data or writes text names an option by its key in a recipe, whoever asked. A verb that takes no recipe has it
as an argument, and on the command line as a flag.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from .errors import Seq2SeqError
from .options import Options


@contextmanager
def naming_options(names: Mapping[str, str]) -> Iterator[None]:
    """Lets errors of the block call options as `names` says; the outermost block has the last word."""
    try:
        yield
    except Seq2SeqError as error:
        if names:
            error.rename = lambda message: rename_options(message, names)
        raise


def rename_options(message: str, names: Mapping[str, str]) -> str:
    """A message with other names of options; what is quoted, part of a path or of a longer key stays.

    'Set data.header.', {'data.header': '--header'} -> 'Set --header.'
    """
    longest_first = sorted(names, key=len, reverse=True)
    alternatives = "|".join(map(re.escape, longest_first))
    pattern = rf"(?<![\w.\-/'\"])(?:{alternatives})(?![\w\-/'\"]|\.\w)"
    return re.sub(pattern, lambda match: names[match[0]], message)


def list_recipe_keys(options: type[Options]) -> dict[str, str]:
    """The recipe keys that a class and its bases say their options stand for, and the options."""
    keys: dict[str, str] = {}
    for owner in reversed(options.__mro__):
        keys |= vars(owner).get("recipe_keys", {})
    return keys
