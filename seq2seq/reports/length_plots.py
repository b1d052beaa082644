"""Pictures of lengths: of the training texts in tokens, and of outputs against references in words."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .plots import COLOURS, finish_axes, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def build_token_lengths(split: Mapping[str, Any], name: str) -> "Figure":
    """How long a split's sources and targets are in tokens, with the limits that they are cut at.

    Args:
        split: as inputs.json describes it.
    """
    figure = new_figure(8.5, 3.2)
    panels = figure.subplots(1, 2)
    for index, (axes, side) in enumerate(zip(panels, ("source", "target"), strict=True)):
        _draw_histogram(axes, split[side], COLOURS[index])
        finish_axes(axes, x=f"{side} tokens, marks included", y=f"{name} pairs" if index == 0 else "")
    return figure


def _draw_histogram(axes: "Axes", side: Mapping[str, Any], colour: str) -> None:
    width, counts = side["lengths"]["bin_tokens"], side["lengths"]["counts"]
    # Bin i holds the lengths i * width + 1 to (i + 1) * width; bars are drawn half a token to the left of whole ones.
    axes.bar([index * width + 0.5 for index in range(len(counts))], counts, width, align="edge", color=colour)
    limit, cut = side["limit"], 100 * side["cut"] / side["texts"]
    axes.axvline(limit + 0.5, color="black", linestyle="--", linewidth=1.2)
    axes.set_title(f"limit {limit:,} (dashed): {cut:.1f}% cut", fontsize="small")
    axes.set_xlim(0, limit * 1.05 + 1)


def build_output_lengths(predictions: Sequence[Mapping[str, Any]]) -> "Figure | None":
    """Words of every output against words of its first reference; None where there are no outputs.

    The frame holds all but the longest hundredth, which stand at its edge: one output that never ends would else
    push all others into a corner.
    """
    if not predictions:
        return None
    lengths = [(count_words(row["references"][0]), count_words(row["prediction"])) for row in predictions]
    frame = find_frame(lengths)
    inside = [pair for pair in lengths if max(pair) <= frame]
    outside = [tuple(min(length, frame) for length in pair) for pair in lengths if max(pair) > frame]
    figure = new_figure(5.4, 5.0)
    axes = figure.subplots()
    axes.plot([0, frame], [0, frame], color="black", linestyle="--", linewidth=1)
    # Many points lie on each other: the more there are, the fainter each.
    opacity = max(0.12, min(0.6, 150 / len(lengths)))
    for points, style in (
        (inside, {"color": COLOURS[0], "alpha": opacity, "s": 18, "linewidths": 0}),
        (outside, {"color": COLOURS[1], "marker": "D", "s": 22, "clip_on": False, "zorder": 3}),
    ):
        if points:
            axes.scatter(*zip(*points, strict=True), **style)
    means = [sum(side) / len(lengths) for side in zip(*lengths, strict=True)]
    title = f"mean: {means[0]:.1f} words in references, {means[1]:.1f} in outputs\ndashed: equal length"
    if outside:
        title += f"; diamonds: {len(outside)} pairs beyond the frame, up to {max(map(max, lengths))} words"
    axes.set_title(title, fontsize="small")
    finish_axes(axes, x="words of the first reference", y="words of the output")
    axes.locator_params(integer=True)
    axes.set(xlim=(-0.02 * frame, frame), ylim=(-0.02 * frame, frame), aspect="equal")
    return figure


def find_frame(lengths: Sequence[tuple[int, int]]) -> float:
    """The largest length to be shown: a tenth above the 99th percentile of each side, or above all where that is near.

    Where the longest is no more than twice the percentile, nothing is left out.
    """
    longest = max(max(pair) for pair in lengths)
    common = max(sorted(side)[(len(side) - 1) * 99 // 100] for side in zip(*lengths, strict=True))
    return 1.1 * max(1, longest if longest <= 2 * common else common)


def count_words(text: str) -> int:
    return len(text.split())
