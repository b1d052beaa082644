"""A recipe's YAML from settings, with the reason of each behind it. Knows no setting."""

import textwrap
from collections.abc import Iterable, Iterator, Sequence

from ...recipe.yaml_text import dump_yaml
from ...reports.markdown import show_on_one_line
from .figures import Setting

REASON_COLUMN = 35  # where reasons stand, as in the recipes that ship
WIDTH = 120
SECTIONS = ("", "model", "data", "training", "generation", "evaluation")  # in the order of the recipes that ship


def format_recipe(heading: Sequence[str], settings: Iterable[Setting]) -> str:
    """The text of a recipe; settings of a section stand together, in their order."""
    sections: dict[str, list[Setting]] = {section: [] for section in SECTIONS}
    for setting in settings:
        section, _, name = setting.key.rpartition(".")
        sections[section].append(Setting(name, setting.value, setting.why))
    lines = [f"# {show_on_one_line(line)}".rstrip() for line in heading]
    for section, members in sections.items():
        if not members:
            continue
        lines.append("")
        if section:
            lines.append(f"{section}:")
        for setting in members:
            lines += _list_lines(setting, "  " if section else "")
    return "\n".join(lines) + "\n"


def _list_lines(setting: Setting, indent: str) -> Iterator[str]:
    line = f"{indent}{setting.key}: {dump_yaml(setting.value, flow=True)}"
    column = REASON_COLUMN
    if len(line) + 2 > column:
        column = len(line) + 3 if len(line) < 60 else REASON_COLUMN
    reasons = textwrap.wrap(show_on_one_line(setting.why), max(WIDTH - column - 2, 40))
    if reasons and len(line) + 2 <= column:
        yield f"{line:<{column}}# {reasons[0]}"
        reasons = reasons[1:]
    else:
        yield line
    for reason in reasons:
        yield f"{'':<{column}}# {reason}"
