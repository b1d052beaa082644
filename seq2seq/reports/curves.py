"""Learning curves: what progress.jsonl says over the steps of one run, and the losses of several runs."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..run_folder.record import RunRecord
from .plots import choose_style, draw_line, finish_axes, list_points, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LOSS_LABEL = "loss per target token\n(nats)"
WIDTH, LOSS_HEIGHT, PANEL_HEIGHT, MARGIN = 8.5, 3.0, 1.7, 0.5  # inches
FINELY_MARKED = 1000  # largest by smallest gradient norm
LONG_NAME, LONGEST_NAME = 30, 100  # characters: of names that share a row of a legend, and of any in it
KIND_NAMES = {"train": "training", "validation": "validation"}
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
        _draw_gradient_norm: _list_norms(train),
    }
    return [panel for panel, found in has.items() if found]


def _list_metrics(validations: Events) -> list[str]:
    """The metrics of text, which have another scale than the loss."""
    names = dict.fromkeys(name for event in validations for name in event)
    return [name for name in names if name not in ("event", "loss", "source_gain", *COUNTERS)]


def _draw_loss(axes: "Axes", train: Events, validations: Events) -> None:
    draw_line(axes, list_points(train, "loss"), "training", linewidth=1.2, **choose_style(0))
    draw_line(axes, list_points(validations, "loss"), "validation", marker="o", markersize=5, **choose_style(1))
    gains = list_points(validations, "source_gain")
    draw_line(axes, gains, "its rise with other sources", marker="s", markersize=4, **choose_style(2))
    finish_axes(axes, x=None, y=LOSS_LABEL)


def _draw_metrics(axes: "Axes", train: Events, validations: Events) -> None:
    metrics = _list_metrics(validations)
    for index, metric in enumerate(metrics):
        draw_line(axes, list_points(validations, metric), metric, marker="o", markersize=4, **choose_style(index))
    finish_axes(axes, x=None, y="validation\nmetrics" if len(metrics) > 1 else f"validation\n{metrics[0]}")


def _draw_rates(axes: "Axes", train: Events, validations: Events) -> None:
    """One line for each set of parameters that learn alike, where not all do."""
    groups = dict.fromkeys(name for event in train for name in event.get("learning_rates", ()))
    alike: dict[tuple, list[str]] = {}
    for group in groups:
        points = list_points([{"step": event["step"]} | event.get("learning_rates", {}) for event in train], group)
        alike.setdefault(tuple(points), []).append(group)
    if not groups:
        alike[tuple(list_points(train, "learning_rate"))] = ["all"]
    for index, (points, names) in enumerate(alike.items()):
        draw_line(axes, list(points), ",\n".join(names), **choose_style(index))
    axes.ticklabel_format(axis="y", style="sci", scilimits=(-2, 3), useMathText=True)
    finish_axes(axes, x=None, y="learning rate")


def _list_norms(train: Events) -> list[tuple[float, float]]:
    """Those that have a logarithm."""
    return [(step, norm) for step, norm in list_points(train, "gradient_norm") if norm > 0]


def _draw_gradient_norm(axes: "Axes", train: Events, validations: Events) -> None:
    from matplotlib.ticker import LogLocator

    points = _list_norms(train)
    norms = [norm for _, norm in points]
    draw_line(axes, points, "gradient norm", linewidth=1.2, **choose_style(0))
    axes.set_yscale("log")
    # Beyond some powers of ten the locator finds no room for 2 and 5, and would then mark none at all.
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if max(norms) < FINELY_MARKED * min(norms) else (1,)))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter("")
    finish_axes(axes, x=None, y="gradient norm\nbefore clipping")


def build_loss_comparison(records: Mapping[str, RunRecord]) -> "Figure | None":
    """Training and validation losses of runs, by the names they go by: over the steps, and over the time of training.

    None where none of them logged any.
    """
    kinds = [kind for kind in ("train", "validation") if any(_list_losses(record, kind) for record in records.values())]
    if not kinds:
        return None
    columns = 1 if len(records) <= 3 or max(map(len, records)) > LONG_NAME else 3
    legend_height = 0.3 + 0.25 * -(-len(records) // columns)
    figure = new_figure(11, 3.0 * len(kinds) + legend_height)
    panels = figure.subplots(len(kinds), 2, sharex="col", sharey="row", squeeze=False)
    for kind, (left, right) in zip(kinds, panels, strict=True):
        for index, (name, record) in enumerate(records.items()):
            style = choose_style(index) | ({"marker": "o", "markersize": 4} if kind == "validation" else {})
            draw_line(left, _list_losses(record, kind), name, linewidth=1.2, **style)
            draw_line(right, _list_losses(record, kind, x="seconds", scale=1 / 60), name, linewidth=1.2, **style)
        for axes in (left, right):
            finish_axes(axes, x=None, y=f"{KIND_NAMES[kind]} {LOSS_LABEL}" if axes is left else "", legend=False)
    for axes, label in zip(panels[-1], ("step", "minutes of training"), strict=True):
        axes.set_xlabel(label)
    lines = {line.get_label(): line for axes in reversed(panels[:, 0]) for line in axes.get_lines()}
    _add_legend(figure, {name: lines[name] for name in records if name in lines}, columns)
    figure.align_ylabels()
    return figure


def _add_legend(figure: "Figure", lines: Mapping[str, Any], columns: int) -> None:
    """Names below the panels, as they are: matplotlib would read $ as mathematics and leave out what begins with _."""
    numbers = [str(index) for index in range(len(lines))]
    legend = figure.legend([*lines.values()], numbers, loc="outside lower center", frameon=False, ncols=columns)
    for text, name in zip(legend.get_texts(), lines, strict=True):
        text.set_parse_math(False)
        # The ends of paths differ.
        text.set_text(name if len(name) <= LONGEST_NAME else f"…{name[-LONGEST_NAME:]}")


def _list_losses(record: RunRecord, kind: str, *, x: str = "step", scale: float = 1.0) -> list[tuple[float, float]]:
    return list_points(record.list_events(kind), "loss", x=x, scale=scale)
