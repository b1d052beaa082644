"""Pictures of lengths: of the training texts in tokens, and of outputs against references in words."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..base.formats import format_share
from .plots import COLOURS, finish_axes, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WordCounts = Sequence[tuple[int, int]]  # words of a reference and of the output


def build_token_lengths(split: Mapping[str, Any], name: str) -> "Figure":
    """How long a split's sources and targets are in tokens, with the limits that they are truncated at.

    Args:
        split: as inputs.json describes it.
    """
    figure = new_figure(8.5, 3.2)
    left, right = figure.subplots(1, 2)
    _draw_histogram(left, split["source"], COLOURS[0])
    finish_axes(left, x="source tokens, marks included", y=f"{name} pairs")
    _draw_histogram(right, split["target"], COLOURS[1])
    finish_axes(right, x="target tokens, marks included", y="")
    return figure


def _draw_histogram(axes: "Axes", side: Mapping[str, Any], colour: str) -> None:
    width = side["lengths"]["bin_tokens"]
    counts = side["lengths"]["counts"]
    # Bin i holds the lengths i * width + 1 to (i + 1) * width; bars are drawn half a token to the left of whole ones.
    edges = [index * width + 0.5 for index in range(len(counts))]
    axes.bar(
        edges,
        counts,
        width,
        align="edge",
        color=colour,
    )
    limit = side["limit"]
    axes.axvline(limit + 0.5, color="black", linestyle="--", linewidth=1.2)
    truncated_share = format_share(side["cut"], side["texts"])
    axes.set_title(f"limit {limit:,} (dashed): {truncated_share} cut", fontsize="small")
    axes.set_xlim(0, limit * 1.05 + 1)


def build_output_lengths(predictions: Sequence[Mapping[str, Any]]) -> "Figure | None":
    """Words of every output against words of its first reference; None where there are no outputs.

    The frame holds all but the longest hundredth, which stand at its edge: one output that never ends would else
    push all others into a corner.
    """
    if not predictions:
        return None
    pairs = []
    for row in predictions:
        wanted = _count_words(row["references"][0])
        written = _count_words(row["prediction"])
        pairs.append((wanted, written))
    frame = find_frame(pairs)
    figure = new_figure(5.4, 5.0)
    axes = figure.subplots()
    axes.plot(
        [0, frame],
        [0, frame],
        color="black",
        linestyle="--",
        linewidth=1,
    )
    _draw_pairs(axes, pairs, frame)
    axes.set_title(_build_title(pairs, frame), fontsize="small")
    finish_axes(axes, x="words of the first reference", y="words of the output")
    axes.locator_params(integer=True)
    axes.set(xlim=(-0.02 * frame, frame), ylim=(-0.02 * frame, frame), aspect="equal")
    return figure


def _draw_pairs(axes: "Axes", pairs: WordCounts, frame: float) -> None:
    """Dots for the pairs within the frame; diamonds at its edge for the others."""
    inside = [pair for pair in pairs if max(pair) <= frame]
    beyond = [pair for pair in pairs if max(pair) > frame]
    if inside:
        # Many points lie on each other: the more there are, the fainter each.
        opacity = max(0.12, min(0.6, 150 / len(pairs)))
        wanted, written = zip(*inside, strict=True)
        axes.scatter(
            wanted,
            written,
            color=COLOURS[0],
            alpha=opacity,
            s=18,
            linewidths=0,
        )
    if beyond:
        wanted, written = zip(*beyond, strict=True)
        axes.scatter(
            [min(length, frame) for length in wanted],
            [min(length, frame) for length in written],
            color=COLOURS[1],
            marker="D",
            s=22,
            # They lie on the frame: half of each would be cut off.
            clip_on=False,
            zorder=3,
        )


def _build_title(pairs: WordCounts, frame: float) -> str:
    wanted, written = zip(*pairs, strict=True)
    mean_wanted = sum(wanted) / len(pairs)
    mean_written = sum(written) / len(pairs)
    title = f"mean: {mean_wanted:.1f} words in references, {mean_written:.1f} in outputs\ndashed: equal length"
    longest = [max(pair) for pair in pairs]
    beyond = [words for words in longest if words > frame]
    if beyond:
        title += f"; diamonds: {len(beyond)} pairs beyond the frame, up to {max(beyond)} words"
    return title


def find_frame(pairs: WordCounts) -> float:
    """The largest length to be shown: a tenth above the 99th percentile of each side, or above all where that is near.

    Where the longest is no more than twice the percentile, nothing is left out.
    """
    wanted, written = zip(*pairs, strict=True)
    longest = max(*wanted, *written)
    common = max(_find_common_length(wanted), _find_common_length(written))
    shown = longest if longest <= 2 * common else common
    # At least a word, as a frame of no width cannot be drawn.
    return 1.1 * max(1, shown)


def _find_common_length(lengths: Sequence[int]) -> int:
    """The 99th percentile."""
    position = (len(lengths) - 1) * 99 // 100
    return sorted(lengths)[position]


def _count_words(text: str) -> int:
    return len(text.split())
