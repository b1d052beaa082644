"""What all pictures share: colours, markers, points of a progress file, and writing PNG.

Figures are built in one place and written in another, so that what is drawn can be looked at without a file.
"""

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..base.files import written_whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's colours, which the colour-blind tell apart as well; their yellow is too pale for lines on white.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
LINE_STYLES = ("-", "--", ":", "-.")  # once the colours are used up
DOTS_PER_INCH = 120
Points = list[tuple[float, float]]


def choose_style(index: int) -> dict[str, Any]:
    """Colour and line of the n-th of several lines."""
    rounds, colour = divmod(index, len(COLOURS))
    return {"color": COLOURS[colour], "linestyle": LINE_STYLES[rounds % len(LINE_STYLES)]}


def list_points(
    events: Iterable[Mapping[str, Any]],
    key: str,
    *,
    x: str = "step",
    scale: float = 1.0,
) -> Points:
    """The finite values of a key over x, x times `scale`; events without one, such as of a skipped step, are left out.

    [{"step": 1, "loss": 2.0}, {"step": 2, "loss": None}] -> [(1.0, 2.0)]
    """
    points = []
    for event in events:
        position = event.get(x)
        value = event.get(key)
        if position is not None and isinstance(value, int | float) and math.isfinite(value):
            points.append((float(position) * scale, float(value)))
    return points


def draw_line(axes: "Axes", points: Points, label: str, **style: Any) -> None:
    """Draws points as a line, a single one as a dot; nothing where there are none."""
    if not points:
        return
    defaults: dict[str, Any] = {"linewidth": 1.5}
    # A line through one point has no length.
    if len(points) == 1:
        defaults |= {"marker": "o", "markersize": 4}
    positions, values = zip(*points, strict=True)
    axes.plot(positions, values, label=label, **(defaults | style))


def finish_axes(
    axes: "Axes",
    *,
    x: str | None,
    y: str,
    legend: bool = True,
) -> None:
    """Labels, a light grid, and a legend beside the data where several lines need one."""
    if x is not None:
        axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.margins(x=0.02)
    _, labels = axes.get_legend_handles_labels()
    if legend and len(labels) > 1:
        axes.legend(
            loc="upper left",
            bbox_to_anchor=(1.01, 1.0),
            borderaxespad=0,
            frameon=False,
            fontsize="small",
        )


def new_figure(width: float, height: float) -> "Figure":
    """An empty figure, in inches, that no window knows of."""
    # Not by pyplot, which keeps every figure that it makes until it is closed.
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def save_figure(figure: "Figure", path: Path) -> None:
    """Writes a figure as PNG, whole or not at all.

    Raises:
        OSError: naming the picture, where the system refuses it, for instance because the disk is full.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with written_whole(path) as beside:
        # Matplotlib would write its version into the file, and equal pictures would differ.
        figure.savefig(
            beside,
            dpi=DOTS_PER_INCH,
            format="png",
            metadata={"Software": None},
        )
