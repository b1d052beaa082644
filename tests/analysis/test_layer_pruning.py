"""Which layers go: the one without which the loss is lowest, each side down to what it keeps."""

import pytest

from seq2seq import warm_start
from seq2seq.analysis.layer_pruning import check_layer_counts, count_layers, count_trials, drop_layers
from seq2seq.checkpoints.published import read_published
from seq2seq.modeling.layers import remove_layers
from tests.conftest import save_bert, shake
from tests.families import save_family
from tests.published import save_published


@pytest.fixture(scope="module")
def bert(tmp_path_factory) -> str:
    return str(save_bert(tmp_path_factory.mktemp("bert") / "bert", num_hidden_layers=3))


def name_layers(model) -> tuple[int, ...]:
    """The layers of a smaller model, known by a number written into them: encoder's from 0, decoder's from 10."""
    layers = (*model.encoder.encoder.layer, *model.decoder.bert.encoder.layer)
    return tuple(round(layer.intermediate.dense.bias[0].item()) for layer in layers)


def mark_layers(model) -> None:
    for start, layers in ((0, model.encoder.encoder.layer), (10, model.decoder.bert.encoder.layer)):
        for number, layer in enumerate(layers, start):
            layer.intermediate.dense.bias.data[0] = number


def test_layer_goes_without_which_the_loss_is_lowest(bert):
    model = warm_start(plan="bert2bert", encoder=bert).model
    mark_layers(model)
    weights = {0: 3.0, 1: 1.0, 2: 2.0, 10: 4.0, 11: 6.0, 12: 5.0}  # what the loss has of each layer that is there
    tried = []

    def measure(smaller) -> float:
        tried.append(name_layers(smaller))
        return sum(weights.values()) - sum(weights[layer] for layer in tried[-1])

    stages = list(drop_layers(model, (1, 2), measure))
    # Without the layer of weight 1 the loss is 1, then 1 + 2, then 3 + 4.
    assert stages == [(([0, 2], [0, 1, 2]), 1.0), (([0], [0, 1, 2]), 3.0), (([0], [1, 2]), 7.0)]
    assert len(tried) == 3 + 2 + 3 == count_trials(model, (1, 2))


def test_shared_sides_lose_the_same_layers(bert):
    model = warm_start(plan="bertshare", encoder=bert).model
    shake(model, 0.1)
    [(kept, _)] = drop_layers(model, (2, 2), lambda smaller: -float(sum(name_layers(smaller))))
    assert kept[0] == kept[1] and len(kept[0]) == 2
    assert count_trials(model, (2, 2)) == 3
    with pytest.raises(ValueError, match="share their layers: ask for the same number of both"):
        next(drop_layers(model, (2, 1), lambda smaller: 0.0))
    assert count_layers(remove_layers(model, *kept)) == (2, 2)


def test_more_layers_than_there_are_and_models_published_whole_are_refused(bert, tmp_path):
    model = warm_start(plan="bert2bert", encoder=bert).model
    with pytest.raises(ValueError, match="the decoder has 3 layers and can keep 1 to 3; 4 were asked for"):
        next(drop_layers(model, (3, 4), lambda smaller: 0.0))
    published = read_published(save_published(tmp_path, "bart")).model
    with pytest.raises(ValueError, match="this is a bart published whole"):
        next(drop_layers(published, (1, 2), lambda smaller: 0.0))


def test_side_that_cannot_lose_layers_does_not_keep_the_other_from_it(tmp_path):
    folders = [str(save_family(tmp_path / name, name, head=name == "bert")) for name in ("albert", "bert")]
    model = warm_start(plan="pair", encoder=folders[0], decoder=folders[1], convert=False).model
    [(kept, _)] = drop_layers(model, (None, 1), lambda smaller: float(smaller.config.decoder.num_hidden_layers))
    assert [len(side) for side in kept] == [2, 1]
    with pytest.raises(ValueError, match="a albert, cannot be kept: they share their parameters"):
        check_layer_counts(model, (1, None))


def test_error_of_the_measure_is_not_a_layer_that_cannot_go(bert):
    def measure(smaller) -> float:
        raise ValueError("a broken batch")

    with pytest.raises(ValueError, match="a broken batch"):
        next(drop_layers(warm_start(plan="bert2bert", encoder=bert).model, (2, None), measure))
