"""Tables of scores. Strings and figures only."""

from rich.table import Table

from .console import build_table

DIGITS = {"exact_match": 1, "loss": 4}  # others 2


def format_value(metric: str, value: float | None) -> str:
    """A score with the digits its metric is read with; a dash where there is none."""
    return "-" if value is None else f"{value:.{DIGITS.get(metric, 2)}f}"


def score_rows(rows: dict[str, dict[str, float]]) -> tuple[list[str], list[list[str]]]:
    """Header and cells of scores by row name and metric; a metric that a row lacks is a dash."""
    metrics = list(dict.fromkeys(metric for values in rows.values() for metric in values))
    cells = [[name, *(format_value(metric, values.get(metric)) for metric in metrics)] for name, values in rows.items()]
    return ["", *metrics], cells


def build_score_table(rows: dict[str, dict[str, float]], title: str) -> Table:
    """A console table of scores."""
    header, cells = score_rows(rows)
    return build_table(title, header, cells)
