"""Pictures of lengths: bars, limits, points."""

from seq2seq.reports.length_plots import build_output_lengths, build_token_lengths, find_frame
from tests.reports.made_up_run import INPUTS, PREDICTIONS


def test_bars_count_texts_by_length_and_limits_are_drawn():
    figure = build_token_lengths(INPUTS["splits"]["train"], "training")
    source, target = figure.axes
    assert [bar.get_height() for bar in source.patches] == [0, 5, 7, 0, 0, 0, 0, 4]
    assert [bar.get_x() + bar.get_width() / 2 for bar in source.patches] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert source.get_lines()[0].get_xdata() == [8.5, 8.5]  # between 8 tokens, which fit, and 9
    assert source.get_title() == "limit 8 (dashed): 25.0% cut"
    assert (source.get_xlabel(), source.get_ylabel()) == ("source tokens, marks included", "training pairs")
    assert target.get_title() == "limit 6 (dashed): 0.0% cut"


def test_bins_of_several_tokens_are_as_wide():
    side = {"texts": 4, "cut": 0, "limit": 6, "lengths": {"bin_tokens": 2, "counts": [3, 0, 1]}}
    axes = build_token_lengths({"source": side, "target": side}, "training").axes[0]
    assert [(bar.get_x(), bar.get_x() + bar.get_width()) for bar in axes.patches] == [
        (0.5, 2.5),
        (2.5, 4.5),
        (4.5, 6.5),
    ]


def test_points_are_words_of_reference_and_output():
    axes = build_output_lengths(PREDICTIONS).axes[0]
    assert axes.collections[0].get_offsets().tolist() == [[5, 5], [5, 2]]
    assert axes.get_title().startswith("mean: 5.0 words in references, 3.5 in outputs")
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("words of the first reference", "words of the output")


def test_output_that_never_ends_stands_at_the_edge():
    rows = [{"references": ["a b c d"], "prediction": "a b c"}] * 199 + [{"references": ["a"], "prediction": "b " * 90}]
    axes = build_output_lengths(rows).axes[0]
    inside, outside = axes.collections
    assert len(inside.get_offsets()) == 199
    assert outside.get_offsets().tolist() == [[1, 4.4]]
    assert "1 pairs beyond the frame, up to 90 words" in axes.get_title()


def test_frame_holds_all_where_the_longest_is_near():
    assert find_frame([(4, 5)] * 200 + [(8, 9)]) == 1.1 * 9
    assert find_frame([(0, 0)]) == 1.1


def test_no_outputs_are_no_picture():
    assert build_output_lengths([]) is None
