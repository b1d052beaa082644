"""Learning curves: which lines stand in which panel, looked at before they are drawn."""

import errno
import os
from dataclasses import replace

import pytest
from matplotlib.image import imread

from seq2seq.reports.curves import build_curves, build_loss_comparison
from seq2seq.reports.plots import DOTS_PER_INCH, choose_style, list_points, save_figure
from tests.reports.made_up_run import EVENTS, build_record, count


@pytest.fixture
def record(tmp_path):
    return build_record(tmp_path / "mine")


def read_lines(axes) -> dict[str, list[tuple[float, float]]]:
    return {line.get_label(): [tuple(point) for point in line.get_xydata().tolist()] for line in axes.get_lines()}


def read_labels(figure) -> list[str]:
    return [axes.get_ylabel().replace("\n", " ") for axes in figure.axes]


def test_panels_show_losses_metrics_rates_and_gradient_norm_over_the_steps(record):
    figure = build_curves(record)
    labels = ["loss per target token (nats)", "validation sari", "learning rate", "gradient norm before clipping"]
    assert read_labels(figure) == labels
    losses, metrics, rates, norms = map(read_lines, figure.axes)
    assert losses == {"training": [(2, 3.0), (4, 2.0)], "validation": [(2, 2.5), (4, 2.25)]}
    assert metrics == {"sari": [(2, 40.0), (4, 45.0)]}
    assert rates == {"all": [(2, 0.001), (4, 0.0005)]}
    assert norms == {"gradient norm": [(2, 2.0)]}  # the second window ended with a skipped step
    assert figure.axes[-1].get_xlabel() == "step"


def test_source_gain_stands_beside_the_losses(record):
    events = [{"event": "validation", "loss": 3.0, "source_gain": 1.25, **count(2)}]
    figure = build_curves(replace(record, events=events))
    assert read_labels(figure) == ["loss per target token (nats)"]
    assert read_lines(figure.axes[0]) == {"validation": [(2, 3.0)], "its rise with other sources": [(2, 1.25)]}


def test_run_without_validation_has_its_training_loss_alone(record):
    figure = build_curves(replace(record, events=[event for event in EVENTS if event["event"] != "validation"]))
    assert list(read_lines(figure.axes[0])) == ["training"]
    assert len(figure.axes) == 3


def test_validation_by_text_alone_has_no_loss(record):
    events = [{"event": "validation", "bleu": 3.0, "sari": 4.0, **count(2)}]
    figure = build_curves(replace(record, events=events))
    assert read_labels(figure) == ["validation metrics"]
    assert read_lines(figure.axes[0]) == {"bleu": [(2, 3.0)], "sari": [(2, 4.0)]}


def test_groups_with_rates_of_their_own_have_a_line_each(record):
    rates = {"encoder": 0.1, "random": 0.2}
    events = [{"event": "train", "loss": 1.0, "learning_rate": 0.2, "learning_rates": rates, **count(1)}]
    figure = build_curves(replace(record, events=events))
    assert read_lines(figure.axes[1]) == {"encoder": [(1, 0.1)], "random": [(1, 0.2)]}


def test_single_point_has_a_marker(record):
    figure = build_curves(replace(record, events=EVENTS[:1]))
    assert [line.get_marker() for line in figure.axes[0].get_lines()] == ["o"]


def test_nothing_logged_is_no_picture(record):
    assert build_curves(replace(record, events=[])) is None
    assert build_loss_comparison({"a": replace(record, events=EVENTS[-1:])}) is None


def test_legend_stands_beside_the_data(record):
    figure = build_curves(record)
    figure.draw_without_rendering()
    axes = figure.axes[0]
    assert axes.get_legend().get_window_extent().x0 > axes.get_window_extent().x1


def test_values_that_are_none_or_not_finite_are_left_out():
    events = [{"step": 1, "x": None}, {"step": 2, "x": float("nan")}, {"step": 3, "x": 5}, {"step": 4}]
    assert list_points(events, "x") == [(3.0, 5.0)]


def test_runs_have_a_line_each_over_steps_and_over_minutes(record):
    slower = [event | {"seconds": 2 * event["seconds"]} for event in EVENTS]
    figure = build_loss_comparison({"a": record, "b": replace(record, events=slower)})
    training, training_by_time, validation, validation_by_time = figure.axes
    assert read_labels(figure)[::2] == [
        f"{event_name} loss per target token (nats)" for event_name in ("training", "validation")
    ]
    assert (validation.get_xlabel(), validation_by_time.get_xlabel()) == ("step", "minutes of training")
    assert [line.get_color() for line in training.get_lines()] == ["#0072B2", "#D55E00"]
    assert read_lines(training) == {"a": [(2, 3.0), (4, 2.0)], "b": [(2, 3.0), (4, 2.0)]}
    assert read_lines(training_by_time) == {"a": [(0.5, 3.0), (1.0, 2.0)], "b": [(1.0, 3.0), (2.0, 2.0)]}
    assert read_lines(validation)["a"] == [(2, 2.5), (4, 2.25)]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["a", "b"]


def test_run_without_validation_is_compared_by_its_training_loss(record):
    quiet = replace(record, events=[event for event in EVENTS if event["event"] == "train"])
    assert len(build_loss_comparison({"a": quiet, "b": quiet}).axes) == 2
    figure = build_loss_comparison({"a": record, "b": quiet})
    assert [len(axes.get_lines()) for axes in figure.axes] == [2, 2, 1, 1]


def test_groups_that_learn_alike_share_a_line(record):
    rates = {"encoder": 0.1, "random": 0.2, "cross_attention": 0.2}
    events = [{"event": "train", "loss": 1.0, "learning_rate": 0.2, "learning_rates": rates, **count(1)}]
    lines = read_lines(build_curves(replace(record, events=events)).axes[1])
    assert lines == {"encoder": [(1, 0.1)], "random,\ncross_attention": [(1, 0.2)]}


def test_many_runs_are_told_apart_by_colour_and_line():
    styles = [tuple(choose_style(index).values()) for index in range(20)]
    assert len(set(styles)) == 20


def test_full_disk_is_named_with_the_picture_and_leaves_nothing(record, tmp_path, monkeypatch):
    def refuse(self, path, **options):
        path.touch()
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    figure = build_curves(record)
    monkeypatch.setattr(type(figure), "savefig", refuse)
    with pytest.raises(OSError, match=r"No space left on device: '.*new/curves\.png'"):
        save_figure(figure, tmp_path / "new" / "curves.png")
    assert list((tmp_path / "new").iterdir()) == []


def test_figure_is_written_as_png_of_its_size(record, tmp_path, drawn):
    figure = build_curves(replace(record, events=EVENTS[:2]))
    save_figure(figure, tmp_path / "new" / "curves.png")
    assert (tmp_path / "new/curves.png").read_bytes().startswith(b"\x89PNG\r\n")
    width, height = figure.get_size_inches() * DOTS_PER_INCH
    assert imread(tmp_path / "new/curves.png").shape[:2] == (round(height), round(width))
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["curves.png"]


def test_names_of_runs_stand_in_the_legend_as_they_are(record):
    names = ["_warm", "$\\no$ mathematics", "a" * 100, "runs/" + "b" * 200]
    figure = build_loss_comparison(dict.fromkeys(names, record))
    figure.draw_without_rendering()
    texts = figure.legends[0].get_texts()
    assert [text.get_text() for text in texts] == [*names[:3], "…" + "b" * 100]
    width = figure.bbox.width
    assert all(0 <= text.get_window_extent().x0 and text.get_window_extent().x1 <= width for text in texts)


@pytest.mark.parametrize("largest", [0.02, 0.1, 10, 1e3, 1e6, 1e12])
def test_gradient_norms_of_any_range_have_marks_on_their_axis(record, largest):
    events = [{"event": "train", "gradient_norm": norm, **count(4)} for norm in (0.0, 0.013, largest)]
    figure = build_curves(replace(record, events=events))
    figure.draw_without_rendering()
    low, high = figure.axes[0].get_ylim()
    assert 2 <= sum(low <= tick <= high for tick in figure.axes[0].yaxis.get_majorticklocs()) <= 12


def test_gradient_norms_of_zero_alone_are_no_picture(record):
    events = [{"event": "train", "gradient_norm": 0.0, **count(4)}]
    assert build_curves(replace(record, events=events)) is None
