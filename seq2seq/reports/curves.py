"""Learning curves: what progress.jsonl says over the steps of one run, and the losses of several runs."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..base.mappings import list_keys
from ..run_folder.record import COUNTERS, Records, RunRecord
from .plots import Points, choose_style, draw_line, finish_axes, list_points, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LOSS_LABEL = "loss per target token\n(nats)"
WIDTH = 8.5  # inches, as the heights
LOSS_HEIGHT = 3.0
PANEL_HEIGHT = 1.7
MARGIN = 0.5
FINELY_MARKED = 1000  # largest by smallest gradient norm
LONG_NAME = 30  # characters of names that share a row of a legend
LONGEST_NAME = 100  # characters of any name in a legend
EVENT_NAMES = {"train": "training", "validation": "validation"}
NO_METRICS = {"event", "loss", "source_gain", "samples", *COUNTERS}  # what a validation holds besides
Events = Sequence[Mapping[str, Any]]
Panel = Callable[["Axes", Events, Events], None]


def build_curves(record: RunRecord) -> "Figure | None":
    """Losses, and under them validation metrics, learning rates and gradient norm, whichever there are; over the steps.

    None where nothing was logged.
    """
    train = record.list_events("train")
    validations = record.list_events("validation")
    panels = _choose_panels(train, validations)
    if not panels:
        return None
    heights = [LOSS_HEIGHT if panel is _draw_loss else PANEL_HEIGHT for panel in panels]
    figure = new_figure(WIDTH, sum(heights) + MARGIN)
    grid = figure.subplots(
        len(panels),
        1,
        sharex=True,
        squeeze=False,
        height_ratios=heights,
    )
    rows = grid[:, 0]
    for axes, draw in zip(rows, panels, strict=True):
        draw(axes, train, validations)
    rows[-1].set_xlabel("step")
    rows[-1].locator_params(axis="x", integer=True)
    figure.align_ylabels()
    return figure


def _choose_panels(train: Events, validations: Events) -> list[Panel]:
    """Those that have something to draw."""
    panels: list[Panel] = []
    if list_points([*train, *validations], "loss"):
        panels.append(_draw_loss)
    if any(list_points(validations, metric) for metric in _list_metrics(validations)):
        panels.append(_draw_metrics)
    if list_points(train, "learning_rate"):
        panels.append(_draw_rates)
    if _list_norms(train):
        panels.append(_draw_gradient_norm)
    return panels


def _list_metrics(validations: Events) -> list[str]:
    """The metrics of text, which have another scale than the loss."""
    return [name for name in list_keys(validations) if name not in NO_METRICS]


def _draw_loss(axes: "Axes", train: Events, validations: Events) -> None:
    draw_line(
        axes,
        list_points(train, "loss"),
        "training",
        linewidth=1.2,
        **choose_style(0),
    )
    draw_line(
        axes,
        list_points(validations, "loss"),
        "validation",
        marker="o",
        markersize=5,
        **choose_style(1),
    )
    draw_line(
        axes,
        list_points(validations, "source_gain"),
        "its rise with other sources",
        marker="s",
        markersize=4,
        **choose_style(2),
    )
    finish_axes(axes, x=None, y=LOSS_LABEL)


def _draw_metrics(axes: "Axes", train: Events, validations: Events) -> None:
    metrics = _list_metrics(validations)
    for index, metric in enumerate(metrics):
        points = list_points(validations, metric)
        draw_line(
            axes,
            points,
            metric,
            marker="o",
            markersize=4,
            **choose_style(index),
        )
    label = "metrics" if len(metrics) > 1 else metrics[0]
    finish_axes(axes, x=None, y=f"validation\n{label}")


def _draw_rates(axes: "Axes", train: Events, validations: Events) -> None:
    """One line for each set of parameters that learn alike, where not all do."""
    alike = _group_rates(train)
    if not alike:
        points = list_points(train, "learning_rate")
        alike[tuple(points)] = ["all"]
    for index, (rates, names) in enumerate(alike.items()):
        label = ",\n".join(names)
        draw_line(axes, list(rates), label, **choose_style(index))
    # Below 1e-2, as most rates are, one power of ten stands over the axis in place of zeros at every tick.
    axes.ticklabel_format(axis="y", style="sci", scilimits=(-2, 3), useMathText=True)
    finish_axes(axes, x=None, y="learning rate")


def _group_rates(train: Events) -> dict[tuple, list[str]]:
    """Parameter groups that have the same rates throughout, by these rates; none of a run that has no groups."""
    rates = []
    for event in train:
        rates.append({"step": event["step"], **event.get("learning_rates", {})})
    alike: dict[tuple, list[str]] = {}
    for group in list_keys(rates):
        if group != "step":
            points = tuple(list_points(rates, group))
            alike.setdefault(points, []).append(group)
    return alike


def _list_norms(train: Events) -> Points:
    """Those that have a logarithm."""
    points = list_points(train, "gradient_norm")
    return [(step, norm) for step, norm in points if norm > 0]


def _draw_gradient_norm(axes: "Axes", train: Events, validations: Events) -> None:
    from matplotlib.ticker import LogLocator

    points = _list_norms(train)
    draw_line(
        axes,
        points,
        "gradient norm",
        linewidth=1.2,
        **choose_style(0),
    )
    axes.set_yscale("log")
    norms = [norm for _, norm in points]
    # Beyond some powers of ten the locator finds no room for 2 and 5, and would then mark none at all.
    marks = (1, 2, 5) if max(norms) < FINELY_MARKED * min(norms) else (1,)
    axes.yaxis.set_major_locator(LogLocator(subs=marks))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter("")
    finish_axes(axes, x=None, y="gradient norm\nbefore clipping")


def build_loss_comparison(records: Records) -> "Figure | None":
    """Training and validation losses of runs, by the names they go by: over the steps, and over the time of training.

    None where none of them logged any.
    """
    event_names = [event_name for event_name in EVENT_NAMES if _has_losses(records, event_name)]
    if not event_names:
        return None
    longest = max(map(len, records))
    columns = 1 if len(records) <= 3 or longest > LONG_NAME else 3
    legend_rows = math.ceil(len(records) / columns)
    height = 3.0 * len(event_names) + 0.3 + 0.25 * legend_rows
    figure = new_figure(11, height)
    panels = figure.subplots(
        len(event_names),
        2,
        sharex="col",
        sharey="row",
        squeeze=False,
    )
    for event_name, (left, right) in zip(event_names, panels, strict=True):
        _draw_losses(
            left,
            records,
            event_name,
            x="step",
            scale=1.0,
        )
        _draw_losses(
            right,
            records,
            event_name,
            x="seconds",
            scale=1 / 60,
        )
        finish_axes(left, x=None, y=f"{EVENT_NAMES[event_name]} {LOSS_LABEL}", legend=False)
        finish_axes(right, x=None, y="", legend=False)
    below_steps, below_time = panels[-1]
    below_steps.set_xlabel("step")
    below_time.set_xlabel("minutes of training")
    _add_legend(figure, _find_lines(list(panels[:, 0]), records), columns)
    figure.align_ylabels()
    return figure


def _has_losses(records: Records, event_name: str) -> bool:
    return any(list_points(record.list_events(event_name), "loss") for record in records.values())


def _draw_losses(
    axes: "Axes",
    records: Records,
    event_name: str,
    *,
    x: str,
    scale: float,
) -> None:
    for index, (name, record) in enumerate(records.items()):
        style = choose_style(index)
        if event_name == "validation":
            style |= {"marker": "o", "markersize": 4}
        points = list_points(record.list_events(event_name), "loss", x=x, scale=scale)
        draw_line(
            axes,
            points,
            name,
            linewidth=1.2,
            **style,
        )


def _find_lines(panels: Sequence["Axes"], records: Records) -> dict[str, Any]:
    """A line of each run that has one, in the order of the runs: that of the uppermost panel."""
    lines = {}
    for axes in reversed(panels):  # from below, so that the upper ones come last and stay
        for line in axes.get_lines():
            lines[line.get_label()] = line
    return {name: lines[name] for name in records if name in lines}


def _add_legend(figure: "Figure", lines: Mapping[str, Any], columns: int) -> None:
    """Names below the panels, as they are: matplotlib would read $ as mathematics and leave out what begins with _."""
    numbers = [str(index) for index in range(len(lines))]
    legend = figure.legend(
        list(lines.values()),
        numbers,
        loc="outside lower center",
        frameon=False,
        ncols=columns,
    )
    for text, name in zip(legend.get_texts(), lines, strict=True):
        text.set_parse_math(False)
        # The ends of paths differ.
        shown = name if len(name) <= LONGEST_NAME else f"…{name[-LONGEST_NAME:]}"
        text.set_text(shown)
