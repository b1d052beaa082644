"""Tables of scores. Strings and figures only."""

from collections.abc import Mapping, Sequence

from rich.table import Table

from .console import build_table

DIGITS = {"exact_match": 1, "loss": 4}  # others 2


def format_value(metric: str, value: float | None) -> str:
    """A score with the digits its metric is read with; a dash where there is none."""
    return "-" if value is None else f"{value:.{DIGITS.get(metric, 2)}f}"


def format_interval(metric: str, value: float | None, interval: Sequence[float] | None) -> str:
    """A score and, where it is known, its interval: 12.34 [11.90, 12.80]."""
    if interval is None:
        return format_value(metric, value)
    low, high = (format_value(metric, bound) for bound in interval)
    return f"{format_value(metric, value)} [{low}, {high}]"


def score_rows(
    rows: Mapping[str, Mapping[str, float]], intervals: Mapping[str, Mapping[str, Sequence[float]]] | None = None
) -> tuple[list[str], list[list[str]]]:
    """Header and cells of scores by row name and metric, with their intervals; a metric that a row lacks is a dash."""
    metrics = list(dict.fromkeys(metric for values in rows.values() for metric in values))
    cells = []
    for name, values in rows.items():
        known = (intervals or {}).get(name, {})
        cells.append([name, *(format_interval(metric, values.get(metric), known.get(metric)) for metric in metrics)])
    return ["", *metrics], cells


def build_score_table(rows: dict[str, dict[str, float]], title: str) -> Table:
    """A console table of scores."""
    header, cells = score_rows(rows)
    return build_table(title, header, cells)
