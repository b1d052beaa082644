"""The comparison of runs as a page: README.md in Markdown, with its picture."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..run_folder.record import RunRecord
from .comparison import Cell, Difference, Differences, collect_samples, format_p, list_differing_settings
from .markdown import build_code_span, build_markdown_table, escape_markdown
from .samples import show_text
from .tables import format_interval, format_value

LAST_HEADING = "Run folders"


def build_comparison_page(
    records: Mapping[str, RunRecord],
    table: tuple[Sequence[str], Sequence[Sequence[Cell]]],
    *,
    differences: Differences,
    settings: Mapping[str, Mapping[str, Any]],
    picture: str | None,
    samples: int,
) -> str:
    """The page's text.

    Args:
        table: what `build_comparison` gives.
        settings: each run's options by dotted key.
        picture: the path of the losses from the page, None where there is none.
    """
    header, rows = table
    tested = next(iter(records.values())).predictions is not None
    sections = {
        "": [build_markdown_table(header, [[_join(cell) for cell in row] for row in rows]), *_explain(records)],
        "Differences from the first run": _list_difference_lines(records, differences),
        "Losses": [f"![Training and validation loss of every run]({picture})"] if picture else [],
        "Settings that differ": _list_setting_lines(settings),
        "Samples": _list_sample_lines(records, samples) if tested else [],
        LAST_HEADING: ["\n".join(f"- {build_code_span(str(record.folder.path))}" for record in records.values())],
    }
    text = [f"# {escape_markdown(', '.join(records))}"]
    for heading, paragraphs in sections.items():
        paragraphs = list(paragraphs)
        if paragraphs:
            text += [f"## {heading}"] * bool(heading) + paragraphs
    return "\n\n".join(text) + "\n"


def is_comparison_page(text: str) -> bool:
    """Whether a page is one of these, so that it may be written anew."""
    return f"\n## {LAST_HEADING}\n" in text


def _join(cell: Cell) -> str:
    return "<br>".join(map(escape_markdown, cell))


def _explain(records: Mapping[str, RunRecord]) -> Iterator[str]:
    scores = next(iter(records.values())).scores
    if scores is None:
        return
    sentences = [f"{scores['examples']:,} {scores['split']} pairs."]
    if "bootstrap" in scores:
        level = 100 * scores["bootstrap"]["level"]
        sentences.append(f"In brackets {level:.0f}% confidence intervals by bootstrap over the pairs.")
    yield " ".join(sentences)
    yield "\n".join(f"- {metric}: {escape_markdown(text)}" for metric, text in scores["signatures"].items())


def _list_difference_lines(records: Mapping[str, RunRecord], differences: Differences) -> Iterator[str]:
    if not differences:
        return
    metrics = list(dict.fromkeys(metric for found in differences.values() for metric in found))
    rows = [
        [escape_markdown(name), *(_format_difference(metric, found.get(metric)) for metric in metrics)]
        for name, found in differences.items()
    ]
    yield build_markdown_table([f"less {escape_markdown(next(iter(records)))}", *metrics], rows)
    yield (
        "Paired over the test pairs: the interval is that of the difference, p the share of random swaps of the two "
        "runs' outputs that make a difference as large."
    )


def _format_difference(metric: str, difference: Difference | None) -> str:
    if difference is None:
        return "-"
    interval = format_interval(metric, (difference.low, difference.high))
    return escape_markdown(f"{format_value(metric, difference.value)} {interval}, {format_p(difference.p_value)}")


def _list_setting_lines(settings: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    differing = list_differing_settings(settings)
    if differing:
        rows = [
            [key, *(escape_markdown(json.dumps(value, ensure_ascii=False)) for value in values)]
            for key, values in differing.items()
        ]
        yield build_markdown_table(["", *map(escape_markdown, settings)], rows)


def _list_sample_lines(records: Mapping[str, RunRecord], count: int) -> Iterator[str]:
    for sample in collect_samples(records, count):
        yield "\n".join(f"- {escape_markdown(name)}: {show_text(text)}" for name, text in sample)
        yield "---"
