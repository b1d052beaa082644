"""Pictures of progress files: the loss of one or several runs against steps. Files in, PNG out."""

from collections.abc import Sequence
from pathlib import Path

from .run_folder import RunFolder


def plot_losses(runs: Sequence[RunFolder], path: Path) -> None:
    """Draws training loss (thin) and validation loss (dots) of each run against its steps."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.add_subplot()
    for index, run in enumerate(runs):
        events = list(run.read_progress())
        colour = f"C{index}"
        for event, style in (("train", {"linewidth": 1}), ("validation", {"marker": "o", "linestyle": "none"})):
            points = [(row["step"], row["loss"]) for row in events if row["event"] == event and "loss" in row]
            if points:
                axes.plot(*zip(*points, strict=True), color=colour, label=f"{run.path.name}, {event}", **style)
    axes.set_xlabel("step")
    axes.set_ylabel("loss per target token (nats)")
    axes.grid(alpha=0.3)
    axes.legend()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)
