"""An objective from outside goes the whole way: options, any split of the batch, pairs made anew, resuming, reports."""

import json
import math
from dataclasses import replace

import pytest
import torch

import seq2seq
from seq2seq.base.errors import DataError, RecipeError
from seq2seq.data.ragged import RaggedIds
from seq2seq.recipe.recipe import load_recipe
from seq2seq.run_folder.folder import RunFolder
from tests.extensions.objective import Focal
from tests.training.runs import hash_weights, read_events, write_pairs, write_recipe

FOCAL = "tests.extensions.objective:Focal"


class TooLong(Focal):
    """Makes sources that are longer than the recipe allows."""

    def renew(self, examples, epoch):
        return replace(examples, sources=RaggedIds([5] * 99 for _ in range(len(examples))))


@pytest.fixture
def train(tmp_path, tiny_bert):
    """Trains by an objective, without dropout; returns the run folder."""

    def run(name: str, objective: dict, *overrides: str, resume: bool = False, **training):
        data = {"validation": write_pairs(tmp_path / "validation.jsonl", 8, start=40)}
        path = write_recipe(
            tmp_path, tiny_bert, name, {"dropout": 0.0}, data, objective=objective, validate_every_steps=3, **training
        )
        return seq2seq.train(path, overrides, resume=resume)

    return run


def list_losses(run, event: str = "train") -> list[float]:
    return [event["loss"] for event in read_events(run, event)]


def list_norms(run) -> list[float]:
    return [event["gradient_norm"] for event in read_events(run, "train")]


def test_gamma_of_zero_is_cross_entropy(train):
    focal = train("focal", {"kind": FOCAL, "gamma": 0.0})
    plain = train("plain", {"kind": "cross_entropy"})
    assert list_losses(focal) == pytest.approx(list_losses(plain), rel=1e-5)
    assert list_norms(focal) == pytest.approx(list_norms(plain), rel=1e-4)


def test_objective_is_minimised_and_the_likelihood_reported(train):
    """The first step has the same loss and another gradient."""
    focal = train("focal", {"kind": FOCAL, "gamma": 2.0})
    plain = train("plain", {"kind": "cross_entropy"})
    assert list_losses(focal)[0] == pytest.approx(list_losses(plain)[0], rel=1e-5)
    assert abs(list_norms(focal)[0] - list_norms(plain)[0]) > 0.05 * list_norms(plain)[0]
    assert len(list_losses(focal, "validation")) == 2


def test_likely_tokens_count_less():
    """Of two equal logits the right one has p = 1/2: (1 - 1/2)^2 ln 2, and ln 2 is reported."""
    sums = Focal(Focal.Options(gamma=2.0), context=None)._sum_focal(torch.zeros(1, 2), torch.tensor([0]))
    assert [value.item() for value in sums] == pytest.approx([0.25 * math.log(2), math.log(2)])


def test_any_cut_of_the_batch_gives_the_same_gradient(train):
    runs = [train(f"cut{tokens}", {"kind": FOCAL, "drop": 0.3}, micro_batch_tokens=tokens) for tokens in (32, 64, 8192)]
    assert list_norms(runs[0]) == pytest.approx(list_norms(runs[2]), rel=1e-4)
    assert list_norms(runs[1]) == pytest.approx(list_norms(runs[2]), rel=1e-4)


def test_pairs_are_made_anew_for_each_epoch(train):
    """Three epochs of 40 pairs: fewer source tokens than twice 20 pairs and others in each."""
    run = train("drop", {"kind": FOCAL, "drop": 0.3}, max_steps=15)
    whole = train("whole", {"kind": FOCAL, "drop": 0.0}, max_steps=15)
    tokens, of_whole = ([event["source_tokens"] for event in read_events(one, "train")] for one in (run, whole))
    epochs = [tokens[4], tokens[9] - tokens[4], tokens[14] - tokens[9]]
    assert len(set(epochs)) > 1
    assert sum(epochs) == pytest.approx(0.7 * of_whole[14], rel=0.1)


def test_run_stopped_within_an_epoch_goes_on_bit_for_bit(train, tmp_path):
    objective = {"kind": FOCAL, "drop": 0.3}
    whole = train("whole", objective, max_steps=8, checkpoint_every_steps=2)
    train("stopped", objective, max_steps=8, checkpoint_every_steps=2)
    folder = tmp_path / "stopped"
    for step in (6, 8):
        (folder / f"checkpoints/step_0000000{step}").rename(tmp_path / f"lost_{step}")
    train("stopped", objective, max_steps=8, checkpoint_every_steps=2, resume=True)
    assert hash_weights(folder, 8) == hash_weights(whole, 8)


def test_recipe_of_a_run_holds_its_options(train):
    run = train("mine", {"kind": FOCAL, "gamma": 3})
    assert RunFolder(run).read_recipe()["training"]["objective"] == {"kind": FOCAL, "gamma": 3}
    assert load_recipe(run / "recipe.yaml").training.objective.build_own().gamma == 3
    assert "training.objective.gamma" in seq2seq.report(run).read_text()
    assert json.loads((run / "checkpoints/step_00000006/seq2seq.json").read_text())["task"] == "sentence_fusion"


def test_inspect_times_it(tiny_bert, tmp_path):
    path = write_recipe(tmp_path, tiny_bert, objective={"kind": FOCAL, "drop": 0.5})
    assert seq2seq.inspect(path).schedule.steps_per_epoch == 5


@pytest.mark.parametrize(
    ("objective", "message"),
    [
        ({"kind": "focal"}, "objective: 'focal' is unknown. Expected one of cross_entropy, or package.module:OBJECT"),
        ({"kind": FOCAL, "gama": 1}, "Focal: gama: unknown key .* Did you mean 'gamma'"),
        ({"kind": FOCAL, "gamma": -1}, "Focal: gamma: input should be greater than or equal to 0"),
        ({"weight": 1}, "cross_entropy: weight: unknown key"),
        ({"kind": "json:loads"}, "json:loads is a function, expected a class derived from seq2seq.Objective"),
        ({"kind": "json:OBJECTIVE"}, "module 'json' has no 'OBJECTIVE'"),
    ],
)
def test_wrong_objective_is_refused_with_the_recipe(tiny_bert, tmp_path, objective, message):
    path = write_recipe(tmp_path, tiny_bert, objective=objective)
    with pytest.raises(RecipeError, match=rf"training\.objective: .*{message}"):
        load_recipe(path)


def test_pairs_over_the_limit_are_refused(train):
    with pytest.raises(DataError, match=r"sources made anew for an epoch must have 1 to 16 tokens .*found 99 to 99"):
        train("long", {"kind": f"{__name__}:TooLong"})


def test_criterion_is_called_with_the_logits_of_real_labels(started):
    """Two labels of one row and one of the other: three rows of logits."""
    shapes = []

    def note(logits, labels):
        shapes.append((tuple(logits.shape), tuple(labels.shape)))
        return logits.sum(), logits.detach().sum()

    ids = torch.tensor([[2, 7, 3], [2, 8, 3]])
    started.model(input_ids=ids, labels=torch.tensor([[7, 3], [3, -100]]), criterion=note)
    assert shapes == [((3, started.model.config.decoder.vocab_size), (3,))]
