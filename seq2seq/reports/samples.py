"""Samples of a run's test outputs: its best, its median and its worst by a metric."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .markdown import escape_markdown, shorten
from .tables import format_value

COUNT = 10
EDGE = 3  # best and worst, where there are ten; the median has the rest
MAX_CHARACTERS = 600  # of a text that is shown
MAX_REFERENCES = 3


@dataclass(frozen=True)
class Sample:
    """One test row. standing: best, median or worst; place: its number in the predictions, from 1."""

    standing: str
    place: int
    scores: Mapping[str, float]
    source: str
    references: tuple[str, ...]
    prediction: str


def choose_places(order: Sequence[int], count: int = COUNT) -> list[tuple[str, int]]:
    """Of rows in the order of their scores, best first: those to show, with their standing.

    [7, 5, 6] -> [("best", 7), ("median", 5), ("worst", 6)]
    """
    edge = min(EDGE, len(order) // 2)
    middle = min(count - 2 * edge, len(order) - 2 * edge)
    first = (len(order) - middle) // 2
    return [
        *(("best", place) for place in order[:edge]),
        *(("median", place) for place in order[first : first + middle]),
        *(("worst", place) for place in order[len(order) - edge :]),
    ]


def format_sample(sample: Sample) -> str:
    """A sample in Markdown; whatever its texts hold is shown, not obeyed."""
    scores = ", ".join(f"{metric} {format_value(metric, value)}" for metric, value in sample.scores.items())
    lines = [f"**{sample.standing.capitalize()}**, row {sample.place}: {escape_markdown(scores)}", ""]
    lines.append(f"- source: {show_text(sample.source)}")
    lines += [f"- reference: {show_text(reference)}" for reference in sample.references[:MAX_REFERENCES]]
    if len(sample.references) > MAX_REFERENCES:
        lines.append(f"- {len(sample.references) - MAX_REFERENCES} more references")
    lines.append(f"- output: {show_text(sample.prediction)}")
    return "\n".join(lines)


def show_text(text: str) -> str:
    """The beginning of a text in Markdown."""
    return escape_markdown(shorten(text, MAX_CHARACTERS)) if text.strip() else "*(empty)*"
