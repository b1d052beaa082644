"""Heat maps: the highest is 100 percent, layers may differ in heads, zeros are drawn."""

from seq2seq.reports.head_maps import build_head_maps


def read_texts(figure) -> list[list[str]]:
    return [[text.get_text() for text in axes.texts] for axes in figure.axes[:-1]]  # the last is the scale


def test_numbers_are_percent_of_the_highest_of_all_maps():
    figure = build_head_maps(
        {"encoder": [{0: 0.5, 1: 0.1}, {0: 0.0, 1: 0.2}], "cross": [{0: 0.25, 1: 0.05}]}, "importance"
    )
    assert read_texts(figure) == [["100", "20", "0", "40"], ["50", "10"]]
    assert [axes.get_title() for axes in figure.axes[:-1]] == ["encoder", "decoder, to the source"]


def test_layers_may_differ_in_their_heads_and_all_may_be_zero():
    assert read_texts(build_head_maps({"encoder": [{0: 0.0, 1: 0.0}, {1: 0.0}]}, "importance")) == [["0", "0", "0"]]
