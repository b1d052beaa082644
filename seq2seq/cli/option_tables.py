"""The tables of options in the pages of docs/, made from the option classes; after a change there, make them again:

    python -m seq2seq.cli.option_tables docs

In a page a table stands between `<!-- options of recipe training -->`, or `of generate` and so on, and `<!-- end -->`.
"""

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer

from ..base.files import write_text
from ..recipe.recipe import dump_yaml
from ..recipe.reference import build_schema
from .main import app

PLACE = re.compile(r"(<!-- options of ([\w ]+) -->\n).*?(<!-- end -->)", re.DOTALL)
HEADER = "| option | default | |\n| --- | --- | --- |\n"
RECIPE = "recipe "
ON_EVERY_COMMAND = ("help", "quiet")  # which no table tells of again


def build_table(name: str) -> str:
    """The options of a section of recipes ("recipe training") or of a command ("analyze heads"), as Markdown."""
    section = name.removeprefix(RECIPE)
    rows = _list_command_rows(name) if section == name else _list_recipe_rows(section)
    return HEADER + "".join(map(_format_row, rows))


def _format_row(cells: Sequence[str]) -> str:
    escaped = [cell.replace("|", r"\|") for cell in cells]
    return f"| {' | '.join(escaped)} |\n"


def _list_recipe_rows(section: str) -> list[tuple[str, str, str]]:
    schema = build_schema()
    options = schema["properties"][section]["$ref"].rpartition("/")[2]
    rows = []
    for name, part in schema["$defs"][options]["properties"].items():
        default = f"`{dump_yaml(part['default'], flow=True)}`" if "default" in part else ""
        rows.append((f"`{name}`", default, part["description"]))
    return rows


def _list_command_rows(name: str) -> list[tuple[str, str, str]]:
    command: Any = typer.main.get_command(app)
    for word in name.split():
        command = command.commands[word]
    rows = []
    for option in command.params:
        if option.param_type_name != "option" or option.name in ON_EVERY_COMMAND:
            continue
        names = "`, `".join([*option.opts, *option.secondary_opts])
        default = "" if option.default is None else f"`{option.default}`"
        rows.append((f"`{names}`", default, option.help))
    return rows


def fill_tables(page: str) -> str:
    """A page with its tables as the options are now."""
    return PLACE.sub(lambda place: place[1] + build_table(place[2]) + place[3], page)


def write_tables(folder: Path) -> None:
    """Fills the tables of all pages of a folder."""
    for path in sorted(folder.glob("*.md")):
        page = path.read_text(encoding="utf-8")
        if (filled := fill_tables(page)) != page:
            write_text(path, filled)


if __name__ == "__main__":
    write_tables(Path(sys.argv[1]))
