"""The card of a page on the hub: a run's without what is its owner's alone, or that of a checkpoint without a run.

Absolute paths lose their folders, and the command that began the run is left out.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from ..run_folder.record import RunRecord
from .front_matter import HubPage, build_page_front_matter
from .markdown import build_list, build_page, escape_markdown
from .usage import (
    TEXT,
    format_download,
    format_download_command,
    format_generate_command,
    format_row_generate_command,
    list_plain_use_lines,
)

KEPT_PARTS = 2  # of a path: they tell the data without the machine's folders
ABSOLUTE = re.compile(r"~?/|[A-Za-z]:[\\/]|\\\\")
# In a text, behind a blank or a sign that opens something; an address behind :// is none.
ABSOLUTE_IN_TEXT = re.compile(r"(?<![^\s='\"`\[(,:])(?:~?/(?!/)|[A-Za-z]:[\\/](?!/))[^\s'\"`\]),:]+")


def hide_machine(record: RunRecord) -> RunRecord:
    """A run's record as others may read it: without the folders of its machine and the command that began it."""
    environment = {name: value for name, value in record.environment.items() if name != "command"}
    return replace(
        record,
        recipe=shorten_paths(record.recipe),
        origin=shorten_paths(record.origin),
        environment=shorten_paths(environment),
        inputs=shorten_paths(record.inputs),
        scores=shorten_paths(record.scores),
    )


def shorten_paths(value: Any) -> Any:
    """A value in which absolute paths, alone or in texts, have two parts. '/home/me/a/b.txt' -> 'a/b.txt'"""
    if isinstance(value, str):
        return _shorten_one(value) if ABSOLUTE.match(value) else ABSOLUTE_IN_TEXT.sub(_shorten_match, value)
    if isinstance(value, Mapping):
        return {shorten_paths(key): shorten_paths(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [shorten_paths(inner) for inner in value]
    return value


def _shorten_match(match: re.Match[str]) -> str:
    return _shorten_one(match[0])


def _shorten_one(path: str) -> str:
    parts = [part for part in re.split(r"[\\/]", path) if part]
    return "/".join(parts[-KEPT_PARTS:])


def build_checkpoint_card(description: Mapping[str, Any], model: Mapping[str, Any], page: HubPage) -> str:
    """The card of a checkpoint that no run goes with, such as an average.

    Args:
        description: what seq2seq.json holds.
        model: as in inputs.json of a run.
    """
    sections = {
        "": _list_checkpoint_lines(description),
        "Use": _list_use_lines(description, model, page),
    }
    title = f"{build_page_front_matter(description, page)}\n\n# {escape_markdown(page.title)}"
    return build_page(title, sections)


def _list_checkpoint_lines(description: Mapping[str, Any]) -> Iterator[str]:
    lines = [
        f"task: {escape_markdown(description['task'] or 'none')}",
        f"plan: {escape_markdown(description['plan'])}",
        f"trained for: {description['step']:,} steps",
        f"lengths: {description['max_source_tokens']:,} tokens of a source, {description['max_target_tokens']:,} of a "
        "target",
    ]
    yield build_list(lines)


def _list_use_lines(description: Mapping[str, Any], model: Mapping[str, Any], page: HubPage) -> Iterator[str]:
    kind = description["source"]["kind"]
    run = page.name
    if page.revision is not None:
        run = page.title
        yield format_download_command(page.name, page.revision, run)
    if kind != TEXT:
        yield format_row_generate_command(run)
        return
    yield format_generate_command(run)
    yield from list_plain_use_lines(
        model,
        run,
        page.name,
        description["layout"].get("normalization", ()),
        description["generation"],
        format_download(page.name, page.revision),
    )
