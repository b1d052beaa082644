"""The comparison of runs as a page: README.md in Markdown, with its picture."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from ..base.formats import format_p_value
from ..base.mappings import list_keys
from .comparison import Cell, ComparisonTable, Differences, Records, collect_samples, list_differing_settings
from .markdown import build_code_span, build_list, build_markdown_table, build_page, escape_markdown
from .samples import show_text
from .tables import Difference, format_difference, format_interval, format_signatures

LAST_HEADING = "Run folders"


def build_comparison_page(
    records: Records,
    table: ComparisonTable,
    *,
    differences: Differences,
    settings: Mapping[str, Mapping[str, Any]],
    picture: str | None,
    samples: int,
) -> str:
    """The page's text.

    Args:
        settings: each run's options by dotted key.
        picture: the path of the losses from the page, None where there is none.
    """
    folders = [build_code_span(str(record.folder.path)) for record in records.values()]
    sections = {
        "": [_build_table(table), *_explain_scores(records)],
        "Differences from the first run": _list_difference_lines(records, differences),
        "Losses": [f"![Training and validation loss of every run]({picture})"] if picture else [],
        "Settings that differ": _list_setting_lines(settings),
        "Samples": _list_sample_lines(records, samples),
        # By this heading a later report knows the page as one of its own.
        LAST_HEADING: [build_list(folders)],
    }
    title = escape_markdown(", ".join(records))
    return build_page(f"# {title}", sections)


def is_comparison_page(text: str) -> bool:
    """Whether a page is one of these, so that it may be written anew."""
    return f"\n## {LAST_HEADING}\n" in text


def _build_table(table: ComparisonTable) -> str:
    rows = [list(map(_join_lines, row)) for row in table.rows]
    return build_markdown_table(table.header, rows)


def _join_lines(cell: Cell) -> str:
    return "<br>".join(map(escape_markdown, cell))


def _explain_scores(records: Records) -> Iterator[str]:
    scores = next(iter(records.values())).scores
    if scores is None:
        return
    sentences = [f"{scores['examples']:,} {scores['split']} pairs."]
    if "bootstrap" in scores:
        level = 100 * scores["bootstrap"]["level"]
        sentences.append(f"In brackets {level:.0f}% confidence intervals by bootstrap over the pairs.")
    yield " ".join(sentences)
    yield format_signatures(scores["signatures"])


def _list_difference_lines(records: Records, differences: Differences) -> Iterator[str]:
    if not differences:
        return
    metrics = list_keys(differences.values())
    rows = []
    for name, of_run in differences.items():
        cells = [_format_difference(metric, of_run.get(metric)) for metric in metrics]
        rows.append([name, *cells])
    first = next(iter(records))
    escaped = [list(map(escape_markdown, row)) for row in rows]
    yield build_markdown_table([f"less {escape_markdown(first)}", *metrics], escaped)
    yield (
        "Paired over the test pairs: the interval is that of the difference, p the share of random swaps of the two "
        "runs' outputs that make a difference as large."
    )


def _format_difference(metric: str, difference: Difference | None) -> str:
    if difference is None:
        return "-"
    value = format_difference(metric, difference.value)
    interval = format_interval(metric, (difference.low, difference.high))
    return f"{value} {interval}, p {format_p_value(difference.p_value)}"


def _list_setting_lines(settings: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    rows = []
    for key, values in list_differing_settings(settings).items():
        written = [json.dumps(value, ensure_ascii=False) for value in values]
        cells = map(escape_markdown, written)
        rows.append([key, *cells])
    if rows:
        names = map(escape_markdown, settings)
        yield build_markdown_table(["", *names], rows)


def _list_sample_lines(records: Records, count: int) -> Iterator[str]:
    if next(iter(records.values())).predictions is None:
        return
    for sample in collect_samples(records, count):
        lines = []
        for name, text in sample:
            lines.append(f"{escape_markdown(name)}: {show_text(text)}")
        yield build_list(lines)
        yield "---"
