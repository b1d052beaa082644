"""Learning curves: what progress.jsonl says over the steps of one run, and the losses of several runs."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .plots import choose_style, draw_line, finish_axes, list_points, new_figure
from .run_record import RunRecord

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LOSS_LABEL = "loss per target token\n(nats)"
WIDTH, LOSS_HEIGHT, PANEL_HEIGHT, MARGIN = 8.5, 3.0, 1.7, 0.5  # inches
COUNTERS = ("step", "examples", "source_tokens", "target_tokens", "seconds")
Events = Sequence[Mapping[str, Any]]
Panel = Callable[["Axes", Events, Events], None]


def build_curves(record: RunRecord) -> "Figure | None":
    """Losses, and under them validation metrics, learning rates and gradient norm, whichever there are; over the steps.

    None where nothing was logged.
    """
    train, validations = record.list_events("train"), record.list_events("validation")
    panels = _choose_panels(train, validations)
    if not panels:
        return None
    heights = [LOSS_HEIGHT if panel is _draw_loss else PANEL_HEIGHT for panel in panels]
    figure = new_figure(WIDTH, sum(heights) + MARGIN)
    rows = figure.subplots(len(panels), 1, sharex=True, squeeze=False, height_ratios=heights)[:, 0]
    for axes, panel in zip(rows, panels, strict=True):
        panel(axes, train, validations)
    rows[-1].set_xlabel("step")
    rows[-1].locator_params(axis="x", integer=True)
    figure.align_ylabels()
    return figure


def _choose_panels(train: Events, validations: Events) -> list[Panel]:
    has = {
        _draw_loss: list_points([*train, *validations], "loss"),
        _draw_metrics: any(list_points(validations, metric) for metric in _list_metrics(validations)),
        _draw_rates: list_points(train, "learning_rate"),
        _draw_gradient_norm: list_points(train, "gradient_norm"),
    }
    return [panel for panel, found in has.items() if found]


def _list_metrics(validations: Events) -> list[str]:
    """The metrics of text, which have another scale than the loss."""
    names = dict.fromkeys(name for event in validations for name in event)
    return [name for name in names if name not in ("event", "loss", *COUNTERS)]


def _draw_loss(axes: "Axes", train: Events, validations: Events) -> None:
    draw_line(axes, list_points(train, "loss"), "training", linewidth=1.2, **choose_style(0))
    draw_line(axes, list_points(validations, "loss"), "validation", marker="o", markersize=5, **choose_style(1))
    finish_axes(axes, x=None, y=LOSS_LABEL)


def _draw_metrics(axes: "Axes", train: Events, validations: Events) -> None:
    metrics = _list_metrics(validations)
    for index, metric in enumerate(metrics):
        draw_line(axes, list_points(validations, metric), metric, marker="o", markersize=4, **choose_style(index))
    finish_axes(axes, x=None, y="validation\nmetrics" if len(metrics) > 1 else f"validation\n{metrics[0]}")


def _draw_rates(axes: "Axes", train: Events, validations: Events) -> None:
    """One line a group of parameters, where they learn at different rates."""
    groups = list(dict.fromkeys(name for event in train for name in event.get("learning_rates", ())))
    for index, group in enumerate(groups):
        points = list_points([{"step": event["step"]} | event.get("learning_rates", {}) for event in train], group)
        draw_line(axes, points, group, **choose_style(index))
    if not groups:
        draw_line(axes, list_points(train, "learning_rate"), "all", **choose_style(0))
    axes.ticklabel_format(axis="y", style="sci", scilimits=(-2, 3), useMathText=True)
    finish_axes(axes, x=None, y="learning rate")


def _draw_gradient_norm(axes: "Axes", train: Events, validations: Events) -> None:
    draw_line(axes, list_points(train, "gradient_norm"), "gradient norm", linewidth=1.2, **choose_style(0))
    axes.set_yscale("log", nonpositive="mask")
    for axis_format in (axes.yaxis.set_major_formatter, axes.yaxis.set_minor_formatter):
        axis_format("{x:g}")
    finish_axes(axes, x=None, y="gradient norm\nbefore clipping")


def build_loss_comparison(records: Mapping[str, RunRecord]) -> "Figure | None":
    """Losses of runs, by the names they go by: over the steps, and over the time spent training.

    None where none of them logged any.
    """
    if not any(list_points(record.events, "loss") for record in records.values()):
        return None
    figure = new_figure(11, 4.2 + 0.22 * len(records))
    left, right = figure.subplots(1, 2, sharey=True)
    for axes, x, scale, label in ((left, "step", 1.0, "step"), (right, "seconds", 1 / 60, "minutes of training")):
        for index, (name, record) in enumerate(records.items()):
            style = choose_style(index)
            _draw_losses(axes, record, name, style, x=x, scale=scale)
        finish_axes(axes, x=label, y=LOSS_LABEL.replace("\n", " "))
        axes.get_legend().remove() if axes.get_legend() else None
    right.set_ylabel("")
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", frameon=False, ncols=1)
    figure.suptitle("Training loss (line) and validation loss (dots)", fontsize="medium")
    return figure


def _draw_losses(axes: "Axes", record: RunRecord, name: str, style: Mapping[str, Any], *, x: str, scale: float) -> None:
    train = list_points(record.list_events("train"), "loss", x=x, scale=scale)
    validation = list_points(record.list_events("validation"), "loss", x=x, scale=scale)
    draw_line(axes, train, name, linewidth=1.2, **style)
    # One entry a run in the legend: the line's, or that of the dots where there is no line.
    dots = {"marker": "o", "markersize": 6, "linestyle": "none", "color": style["color"], "markeredgecolor": "white"}
    draw_line(axes, validation, "_" if train else name, **dots)
