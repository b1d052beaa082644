"""What a flag that a command has not may have meant: a key of the recipe, or another toolkit's name of a flag."""

import re
from collections.abc import Collection

OF_RECIPES = ("train", "inspect")  # commands whose options are keys of a recipe


def find_flag_hint(command: str, flag: str, known: Collection[str]) -> str | None:
    """A sentence about a flag of a command that has the flags `known`; None where nothing is like it."""
    from ..base.key_hints import format_key_hint
    from ..recipe.foreign_keys import FOREIGN_KEYS
    from ..recipe.recipe import Recipe

    path = flag.removeprefix("--").replace("-", "_").split(".")
    hint = format_key_hint(Recipe, path[-1:], None, foreign=FOREIGN_KEYS).strip()
    if not hint:
        return None
    if command in OF_RECIPES:
        return f"Options of a recipe go without dashes, as training.max_steps=10. {hint}"
    names = [f"--{key.replace('_', '-')}" for key in re.findall(r"\.(\w+)", hint)]
    meant = next((name for name in names if name in known), None)
    return None if meant is None else f"Did you mean {meant}?"
