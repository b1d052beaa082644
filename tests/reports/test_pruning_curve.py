"""The pruning curve: a panel for each figure, a line for each order, all heads at the left."""

from seq2seq.reports.pruning_curve import build_pruning_curve


def test_a_panel_for_each_figure_and_a_line_for_each_order():
    points = [
        {"heads": heads, "share": heads / 20, "by_importance": {"loss": 1.0, "sari": 50 - 20 / heads},
         "at_random": {"loss": 20 / heads, "sari": 40.0}}
        for heads in (20, 15, 10)
    ]  # fmt: skip
    loss, sari = build_pruning_curve(points, "12 pairs").axes
    assert [line.get_label() for line in loss.get_lines()] == ["least important first", "in a random order"]
    assert list(loss.get_lines()[1].get_ydata()) == [1.0, 20 / 15, 2.0]
    assert list(sari.get_lines()[0].get_xdata()) == [100.0, 75.0, 50.0]
    assert sari.get_ylabel() == "sari" and loss.xaxis_inverted() and sari.xaxis_inverted()
