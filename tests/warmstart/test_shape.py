"""A random start of a shape that no checkpoint has, with trained tokenizers."""

import pytest

from seq2seq import train_tokenizer, warm_start
from seq2seq.base.errors import WarmStartError

SHAPE = {"layers": 2, "hidden_size": 16, "attention_heads": 2, "intermediate_size": 24, "positions": 40}


@pytest.fixture(scope="module")
def tokenizers(tmp_path_factory):
    folders = {}
    for side, size in (("source", 400), ("target", 420)):
        folders[side] = str(tmp_path_factory.mktemp("tokenizers") / side)
        train_tokenizer(["embedded:quickstart:validation"], output=folders[side], size=size, columns=side)
    return folders


def count_by_hand(vocabularies: list[int]) -> int:
    """Parameters of a BertGeneration pair of SHAPE whose output layer is the target's table plus a bias a token."""
    width, inner = 16, 24
    attention = 4 * (width * width + width) + 2 * width  # query, key, value, output; norm
    feed_forward = width * inner + inner + inner * width + width + 2 * width
    layers = 2 * (attention + feed_forward) + 2 * (2 * attention + feed_forward)
    positions_and_norms = 2 * (40 * width + 2 * width)
    return sum(vocabularies) * width + layers + positions_and_norms + vocabularies[-1]


def test_parameters_are_those_of_the_shape_with_one_table_for_one_vocabulary(tokenizers):
    folder = tokenizers["target"]
    started = warm_start(plan="rnd2rnd", shape=SHAPE, source_tokenizer=folder, target_tokenizer=folder)
    assert sum(parameter.numel() for parameter in started.model.parameters()) == count_by_hand([420])
    assert started.origin.totals()["random"] == count_by_hand([420])


def test_folder_named_in_two_ways_is_one_vocabulary(tokenizers):
    options = {"source_tokenizer": tokenizers["target"], "target_tokenizer": tokenizers["target"] + "/"}
    started = warm_start(plan="rnd2rnd", shape=SHAPE, **options)
    assert started.origin.totals()["random"] == count_by_hand([420])


def test_two_tokenizers_have_a_table_each(tokenizers):
    options = {f"{side}_tokenizer": folder for side, folder in tokenizers.items()}
    started = warm_start(plan="rnd2rnd", shape=SHAPE, **options)
    assert sum(parameter.numel() for parameter in started.model.parameters()) == count_by_hand([400, 420])
    assert len(started.tokenizers.source) == 400
    assert len(started.tokenizers.target) == 420


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"plan": "bert2bert", "encoder": "x"}, "shape: is for plan rnd2rnd alone; plan bert2bert takes its shape"),
        (
            {"encoder": "x", "source_tokenizer": "x", "target_tokenizer": "x"},
            "encoder: give either this or model.shape",
        ),
        (
            {"decoder": "x", "source_tokenizer": "x", "target_tokenizer": "x"},
            "decoder: give either this or model.shape",
        ),
        ({"target_tokenizer": "x"}, "source_tokenizer: model.shape has no tokenizer of its own"),
        ({"source_tokenizer": "x"}, "target_tokenizer: model.shape has no tokenizer of its own"),
    ],
)
def test_options_that_do_not_go_with_a_shape_are_refused(options, message):
    with pytest.raises(WarmStartError, match=message):
        warm_start(**({"plan": "rnd2rnd", "shape": SHAPE} | options))


def test_heads_that_do_not_divide_the_width_are_refused():
    with pytest.raises(WarmStartError, match="shape.attention_heads: must divide hidden_size, which is 16"):
        warm_start(plan="rnd2rnd", shape=SHAPE | {"attention_heads": 3}, source_tokenizer="x", target_tokenizer="x")


def test_a_missing_tokenizer_folder_is_named(tmp_path):
    folder = str(tmp_path / "none")
    with pytest.raises(WarmStartError, match="there is no such folder"):
        warm_start(plan="rnd2rnd", shape=SHAPE, source_tokenizer=folder, target_tokenizer=folder)
