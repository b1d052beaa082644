"""Samples of a run's test outputs: its best, its median and its worst by a metric."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .markdown import build_list, escape_markdown, shorten
from .tables import format_value

COUNT = 10
EDGE = 3  # best and worst, where there are ten; the median has the rest
MAX_CHARACTERS = 600  # of a text that is shown
MAX_REFERENCES = 3


@dataclass(frozen=True)
class Sample:
    """One test row. standing: best, median or worst; row: its number in the predictions, from 1."""

    standing: str
    row: int
    scores: Mapping[str, float]
    source: str
    references: tuple[str, ...]
    prediction: str


def choose_rows(order: Sequence[int], count: int = COUNT) -> list[tuple[str, int]]:
    """Of rows in the order of their scores, best first: those to show, with their standing.

    [7, 5, 6] -> [("best", 7), ("median", 5), ("worst", 6)]
    """
    rows = len(order)
    # Of fewer rows than are shown, half are the best and half the worst; one between them is the median.
    edge = min(EDGE, rows // 2)
    middle = min(count, rows) - 2 * edge
    start = (rows - middle) // 2
    chosen = {
        "best": order[:edge],
        "median": order[start : start + middle],
        "worst": order[rows - edge :],
    }
    return [(standing, row) for standing, numbers in chosen.items() for row in numbers]


def format_sample(sample: Sample) -> str:
    """A sample in Markdown; whatever its texts hold is shown, not obeyed."""
    scores = [f"{metric} {format_value(metric, value)}" for metric, value in sample.scores.items()]
    shown_scores = escape_markdown(", ".join(scores))
    heading = f"**{sample.standing.capitalize()}**, row {sample.row}: {shown_scores}"
    lines = [f"source: {show_text(sample.source)}"]
    for reference in sample.references[:MAX_REFERENCES]:
        lines.append(f"reference: {show_text(reference)}")
    more = len(sample.references) - MAX_REFERENCES
    if more > 0:
        lines.append(f"{more} more references")
    lines.append(f"output: {show_text(sample.prediction)}")
    return f"{heading}\n\n{build_list(lines)}"


def show_text(text: str) -> str:
    """The beginning of a text in Markdown."""
    if not text.strip():
        return "*(empty)*"
    return escape_markdown(shorten(text, MAX_CHARACTERS))
