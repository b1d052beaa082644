"""Tables of scores. Strings and figures only."""

from collections.abc import Mapping

from rich.table import Table

from ..base.console import build_fitting_table, build_table

DIGITS = {"exact_match": 1, "loss": 4, "length_ratio": 3}  # others 2
Rows = Mapping[str, Mapping[str, float]]  # values by row name and metric
Intervals = Mapping[str, Mapping[str, tuple[float, float] | list[float]]]  # likewise low and high


def format_value(metric: str, value: float | None) -> str:
    """A score with the digits its metric is read with; a dash where there is none."""
    return "-" if value is None else f"{value:.{DIGITS.get(metric, 2)}f}"


def format_difference(metric: str, value: float) -> str:
    """Of two scores, with its sign. '+1.75'"""
    return f"{value:+.{DIGITS.get(metric, 2)}f}"


def format_interval(metric: str, interval: tuple[float, float] | list[float]) -> str:
    """Both ends with the digits of the metric. '[41.20, 43.05]'"""
    low, high = interval
    return f"[{format_value(metric, low)}, {format_value(metric, high)}]"


def score_rows(rows: Rows, intervals: Intervals | None = None) -> tuple[list[str], list[list[str]]]:
    """Header and cells of scores by row name and metric; a metric that a row lacks is a dash.

    Where a row's metric has an interval, it stands behind the value: '42.13 [41.20, 43.05]'.
    """
    metrics = list(dict.fromkeys(metric for values in rows.values() for metric in values))

    def format_cell(name: str, metric: str) -> str:
        value = format_value(metric, rows[name].get(metric))
        interval = (intervals or {}).get(name, {}).get(metric)
        return value if interval is None else f"{value} {format_interval(metric, interval)}"

    return ["", *metrics], [[name, *(format_cell(name, metric) for metric in metrics)] for name in rows]


def build_score_table(rows: Rows, title: str, intervals: Intervals | None = None) -> Table:
    """A console table of scores; intervals stand below their values, which leaves room for more metrics."""
    header, cells = score_rows(rows, intervals)
    cells = [[name, *(cell.replace(" [", "\n[") for cell in row)] for name, *row in cells]
    return build_fitting_table(title, header, cells)


def build_comparison_table(
    figures: Mapping[str, tuple[float, float, float, tuple[float, float], float]], title: str
) -> Table:
    """A console table of paired tests: by metric the values of A and B, their difference, its interval and p."""
    rows = [
        [
            metric,
            format_value(metric, value_a),
            format_value(metric, value_b),
            format_difference(metric, difference),
            format_interval(metric, interval),
            "<0.0001" if p_value < 0.0001 else f"{p_value:.4f}",
        ]
        for metric, (value_a, value_b, difference, interval, p_value) in figures.items()
    ]
    return build_table(title, ["metric", "A", "B", "A - B", "95%", "p"], rows)
