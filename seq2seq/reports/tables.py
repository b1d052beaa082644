"""Tables of scores. Strings and figures only."""

from collections.abc import Mapping
from dataclasses import dataclass

from rich.table import Table

from ..base.console import build_fitting_table, build_table
from ..base.formats import format_p_value
from ..base.mappings import list_keys
from .markdown import build_list, escape_markdown

DIGITS = {"exact_match": 1, "loss": 4, "length_ratio": 3}  # others 2
Rows = Mapping[str, Mapping[str, float]]  # values by row name and metric
Interval = tuple[float, float] | list[float]  # low and high
Intervals = Mapping[str, Mapping[str, Interval]]  # likewise by row name and metric
Cells = tuple[list[str], list[list[str]]]  # the header of a table, and its rows


@dataclass(frozen=True)
class Difference:
    """The score of some outputs less that of others, its interval, and how probable one as large is by chance."""

    value: float
    low: float
    high: float
    p_value: float


@dataclass(frozen=True)
class ScorePair:
    """A metric's values of outputs A and B, and A - B."""

    value_a: float
    value_b: float
    difference: Difference


def format_value(metric: str, value: float | None) -> str:
    """A score with the digits its metric is read with; a dash where there is none."""
    if value is None:
        return "-"
    digits = DIGITS.get(metric, 2)
    return f"{value:.{digits}f}"


def format_difference(metric: str, value: float) -> str:
    """Of two scores, with its sign. '+1.75'"""
    digits = DIGITS.get(metric, 2)
    return f"{value:+.{digits}f}"


def format_interval(metric: str, interval: Interval) -> str:
    """Both ends with the digits of the metric. '[41.20, 43.05]'"""
    low, high = interval
    return f"[{format_value(metric, low)}, {format_value(metric, high)}]"


def format_signatures(signatures: Mapping[str, str]) -> str:
    """How each metric was computed, a line each, in Markdown."""
    lines = [f"{metric}: {escape_markdown(text)}" for metric, text in signatures.items()]
    return build_list(lines)


def tabulate_scores(rows: Rows, intervals: Intervals | None = None) -> Cells:
    """Header and cells of scores by row name and metric; a metric that a row lacks is a dash.

    Where a row's metric has an interval, it stands behind the value: '42.13 [41.20, 43.05]'.
    """
    intervals = intervals or {}
    metrics = list_keys(rows.values())
    header = ["", *metrics]
    cells = []
    for name, values in rows.items():
        of_row = intervals.get(name, {})
        figures = [_format_cell(metric, values, of_row) for metric in metrics]
        cells.append([name, *figures])
    return header, cells


def _format_cell(
    metric: str,
    values: Mapping[str, float],
    intervals: Mapping[str, Interval],
) -> str:
    value = format_value(metric, values.get(metric))
    if metric not in intervals:
        return value
    return f"{value} {format_interval(metric, intervals[metric])}"


def build_score_table(
    rows: Rows,
    title: str,
    intervals: Intervals | None = None,
) -> Table:
    """A console table of scores; intervals stand below their values, which leaves room for more metrics."""
    header, cells = tabulate_scores(rows, intervals)
    broken = []
    for name, *figures in cells:
        # A bracket opens an interval, and nothing else that stands in a cell of figures.
        lines = [figure.replace(" [", "\n[") for figure in figures]
        broken.append([name, *lines])
    return build_fitting_table(title, header, broken)


def build_comparison_table(pairs: Mapping[str, ScorePair], title: str) -> Table:
    """A console table of paired tests: by metric the values of A and B, their difference, its interval and p."""
    rows = []
    for metric, pair in pairs.items():
        difference = pair.difference
        rows.append(
            [
                metric,
                format_value(metric, pair.value_a),
                format_value(metric, pair.value_b),
                format_difference(metric, difference.value),
                format_interval(metric, (difference.low, difference.high)),
                format_p_value(difference.p_value),
            ]
        )
    return build_table(title, ["metric", "A", "B", "A - B", "95%", "p"], rows)
