"""Frozen parts: which parameters they are, that nothing moves them, that a run resumes and spreads as before."""

import shutil
from pathlib import Path
from typing import get_args

import pytest
import torch
import yaml
from safetensors.torch import load_file
from transformers import BartConfig

import seq2seq
from seq2seq import warm_start
from seq2seq.base.errors import CheckpointError, RecipeError, TrainingError
from seq2seq.modeling.build import build_model
from seq2seq.modeling.parts import Part, map_parts
from seq2seq.modeling.sharing import Sharing, map_shared_names
from seq2seq.recipe.recipe import load_recipe
from seq2seq.training.freezing import Freezing
from seq2seq.training.options import FreezablePart, TrainingOptions
from tests.training.fork_server import launch_in_forks
from tests.training.runs import read_events, write_pairs

WEIGHTS, OPTIMIZER = "model.safetensors", "training/optimizer.safetensors"
# The cross-attention never, the encoder from step 3 on.
FREEZE = {"encoder": 2, "cross_attention": None}


def write_recipe(folder: Path, name: str, bert: Path, *, plan: str = "bert2bert", **training) -> Path:
    """A recipe of four steps in a folder, with a run folder of its name beside it."""
    settings = {
        "batch_examples": 8, "max_steps": 4, "log_every_steps": 1, "learning_rate": 1e-3, "micro_batch_tokens": 60,
        "checkpoint_every_steps": 1, "keep_checkpoints": 9, "weight_decay": 0.1, "freeze": FREEZE,
        "learning_rates": {"decoder": 5e-4}, "schedule": "constant",
    }  # fmt: skip
    values = {
        "task": "sentence_fusion",
        "output": str(folder / name),
        "model": {"plan": plan, "encoder": str(bert), "dropout": 0.0},
        "data": {
            "train": write_pairs(folder / "train.jsonl", 40), "max_source_tokens": 16, "max_target_tokens": 16,
        },
        "training": settings | training,
        "generation": {"num_beams": 1, "max_target_tokens": 10},
    }  # fmt: skip
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(values))
    return path


def load_step(run: Path, step: int, file: str = WEIGHTS) -> dict[str, torch.Tensor]:
    return load_file(run / f"checkpoints/step_{step:08d}" / file)


def copy_up_to(run: Path, copy: Path, step: int) -> None:
    """A copy of a run of four steps whose later checkpoints are lost."""
    shutil.copytree(run, copy)
    for later in range(step + 1, 5):
        shutil.rmtree(copy / f"checkpoints/step_{later:08d}")


@pytest.fixture(scope="module")
def runs(tiny_bert, tmp_path_factory):
    """The folder of all runs, by name; in each the encoder thaws in the middle.

    one, shared: a bert2bert and a bertshare on one process. ddp, fsdp: the same on two, the second sharded. bf16: the
    first on two, in bf16. errors.txt: what was printed on two.
    """
    folder = tmp_path_factory.mktemp("runs")
    for name, plan in (("one", "bert2bert"), ("shared", "bertshare")):
        seq2seq.train(write_recipe(folder, name, tiny_bert, plan=plan))
    launched = [
        write_recipe(folder, "ddp", tiny_bert),
        write_recipe(folder, "fsdp", tiny_bert, plan="bertshare", sharding="fsdp"),
        write_recipe(folder, "bf16", tiny_bert, precision="bf16"),
    ]
    result = launch_in_forks(2, "tests.training.train_several", *map(str, launched))
    assert result.returncode == 0, result.stderr[-3000:]
    assert result.stdout == ""
    (folder / "errors.txt").write_text(result.stderr)
    return folder


def find_moved(run: Path, first: int, second: int, bert: Path) -> set[str]:
    """The parts of a bert2bert of which anything changed between two steps; step 0 is the warm start."""
    model = warm_start(plan="bert2bert", encoder=str(bert), dropout=0.0).model
    before = model.state_dict() if first == 0 else load_step(run, first)
    after, parts = load_step(run, second), map_parts(model)
    return {parts[name] for name in after if name in parts and not torch.equal(before[name], after[name])}


@pytest.mark.parametrize("run", ["one", "ddp", "bf16"])
def test_frozen_parts_stay_bit_for_bit_until_they_thaw(runs, tiny_bert, run):
    trained = {"embeddings", "decoder", "output"}
    assert find_moved(runs / run, 0, 1, tiny_bert) == find_moved(runs / run, 1, 2, tiny_bert) == trained
    assert find_moved(runs / run, 2, 3, tiny_bert) == trained | {"encoder"}


@pytest.mark.parametrize(("one", "two"), [("one", "ddp"), ("shared", "fsdp")])
def test_two_processes_thaw_as_one(runs, one, two):
    # After steps of about 1e-3, of which a wrong gradient turns some around. A key bias adds the same to every score
    # of a softmax: its true gradient is zero, and AdamW blows up rounding.
    for step in (2, 3, 4):
        ours, theirs = load_step(runs / one, step), load_step(runs / two, step)
        differences = {name: (ours[name] - theirs[name]).abs().max().item() for name in ours}
        assert max(value for name, value in differences.items() if ".key.bias" not in name) < 1e-5
    for ours, theirs in zip(read_events(runs / one, "train"), read_events(runs / two, "train"), strict=True):
        figures = [name for name in ours if name not in ("event", "seconds", "learning_rates")]
        assert [theirs[name] for name in figures] == pytest.approx([ours[name] for name in figures], rel=1e-5)


def test_bf16_goes_on_in_bf16_when_a_part_thaws_on_two_processes(runs):
    # Products in bf16 differ from float32's in the third digit; a forward pass that lost its autocast would not.
    losses = [[event["loss"] for event in read_events(runs / run, "train")] for run in ("one", "bf16")]
    differences = [abs(bf16 / one - 1) for one, bf16 in zip(*losses, strict=True)]
    assert 1e-5 < min(differences) < max(differences) < 2e-2


def test_shared_layers_thaw_on_two_processes_and_stay_shared(runs, tiny_bert):
    model = warm_start(plan="bertshare", encoder=str(tiny_bert)).model
    pairs = {n: first for n, first in map_shared_names(model).items() if n not in model.tied_names and ".layer." in n}
    steps = [load_step(runs / "fsdp", step) for step in (1, 2, 3)]
    assert all(torch.equal(steps[2][name], steps[2][first]) for name, first in pairs.items())
    assert all(torch.equal(steps[0][name], steps[1][name]) for name in pairs)
    assert not any(torch.equal(steps[1][name], steps[2][name]) for name in pairs)


def test_frozen_parameters_have_no_optimizer_state_and_count_their_own_steps(runs):
    states = [load_step(runs / "one", step, OPTIMIZER) for step in (2, 3)]
    assert not any(name.startswith("encoder.encoder.") for name in states[0])
    assert not any(".crossattention." in name for name in states[1])
    assert states[1]["encoder.encoder.layer.0.output.dense.weight/step"] == 1
    assert states[1]["decoder.bert.encoder.layer.0.output.dense.weight/step"] == 3


@pytest.mark.parametrize("step", [1, 2, 3])
def test_run_resumed_before_at_or_after_a_thaw_goes_on_bit_for_bit(runs, tiny_bert, step):
    copy_up_to(runs / "one", runs / f"from_{step}", step)
    run = seq2seq.train(write_recipe(runs, f"from_{step}", tiny_bert), resume=True)
    for file in (WEIGHTS, OPTIMIZER):
        whole, resumed = load_step(runs / "one", 4, file), load_step(run, 4, file)
        assert whole.keys() == resumed.keys()
        assert all(torch.equal(whole[name], resumed[name]) for name in whole)


def test_state_of_a_run_frozen_otherwise_is_refused(runs, tiny_bert):
    copy_up_to(runs / "one", runs / "otherwise", 2)
    freeze = {"encoder": 1, "cross_attention": None}
    path = write_recipe(runs, "otherwise", tiny_bert, precision="fp32", freeze=freeze)  # as a run records it
    (runs / "otherwise/recipe.yaml").write_text(load_recipe(path).to_yaml())
    with pytest.raises(CheckpointError, match=r"those the model has trained \(\d+ differ, for instance encoder\.e"):
        seq2seq.train(path, resume=True)


def test_resume_without_what_was_frozen_for_the_whole_run_is_refused(runs, tiny_bert):
    copy_up_to(runs / "one", runs / "without", 3)
    with pytest.raises(TrainingError, match=r"cross_attention: the run has None, the recipe now says 'nothing'"):
        seq2seq.train(write_recipe(runs, "without", tiny_bert, freeze={"encoder": 2}), resume=True)


def test_rates_are_logged_by_origin_where_they_differ(runs):
    # The tables of words count as encoder; the cross-attention is never trained.
    events = read_events(runs / "one", "train")
    assert events
    for event in events:
        assert event["learning_rates"] == {"encoder": 1e-3, "decoder": 5e-4, "random": 1e-3}
        assert event["learning_rate"] == 1e-3


def test_main_process_says_what_is_frozen(runs, tiny_bert):
    counts = {"encoder": 0, "cross_attention": 0}
    model = start(tiny_bert)
    for name, part in map_parts(model).items():
        if part in counts:
            counts[part] += model.get_parameter(name).numel()
    errors = (runs / "errors.txt").read_text()
    assert errors.count(f"Frozen in steps 1 to 2: {counts['encoder']:,} parameters.") == 3  # once a run
    assert errors.count(f"Frozen in the whole run: {counts['cross_attention']:,} parameters.") == 3


def begin(model, step: int = 1, **options) -> set[str]:
    """The names of the parameters that are trained at a step, after a check that no others get a gradient."""
    Freezing(model, TrainingOptions(max_steps=100, **options)).begin(step)
    model(input_ids=torch.tensor([[5, 6, 7]]), labels=torch.tensor([[8, 9]])).objective.backward()
    trained = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    assert {name for name, parameter in model.named_parameters() if parameter.grad is not None} == trained
    return trained


def start(bert: Path, plan: str = "bert2bert"):
    return warm_start(plan=plan, encoder=str(bert)).model


def test_embeddings_only_steps_train_the_table_of_words_alone(tiny_bert):
    model = start(tiny_bert)
    assert begin(model, 10, embeddings_only_steps=10) == {"encoder.embeddings.word_embeddings.weight"}


def test_after_embeddings_only_steps_everything_is_trained(tiny_bert):
    model = start(tiny_bert)
    assert begin(model, 11, embeddings_only_steps=10) == set(dict(model.named_parameters()))


def test_thaw_tells_of_a_change_once(tiny_bert):
    freezing = Freezing(start(tiny_bert), TrainingOptions(max_steps=100, freeze={"encoder": 5}))
    freezing.begin(5)
    assert [freezing.thaw(step) for step in (5, 6, 6, 7)] == [False, True, False, False]


def test_longer_of_two_freezes_counts(tiny_bert):
    model = start(tiny_bert)
    trained = begin(model, 11, embeddings_only_steps=10, freeze={"encoder": 20, "cross_attention": 5})
    assert {map_parts(model)[name] for name in trained} == {"embeddings", "decoder", "cross_attention", "output"}


def test_frozen_encoder_of_a_shared_plan_is_the_decoder_too(tiny_bert):
    model = start(tiny_bert, "bertshare")
    trained = begin(model, freeze={"encoder": 5})
    assert {map_parts(model)[name] for name in trained} == {"embeddings", "cross_attention", "output"}
    again = start(tiny_bert, "bertshare")
    assert begin(again, freeze={"encoder": 5, "decoder": 5}) == trained


@pytest.mark.parametrize("freeze", [{"decoder": 5}, {"encoder": None, "decoder": 5}])
def test_shared_layers_frozen_on_one_side_alone_are_refused(tiny_bert, freeze):
    with pytest.raises(
        TrainingError, match=r"training\.freeze\.decoder: .* of the part encoder, .*Give training\.freeze\.encoder"
    ):
        begin(start(tiny_bert, "bertshare"), freeze=freeze)


def test_frozen_embeddings_are_the_output_layer_too(tiny_bert):
    model = start(tiny_bert)
    trained = begin(model, freeze={"embeddings": None})
    assert "encoder.embeddings.word_embeddings.weight" not in trained
    assert {map_parts(model)[name] for name in trained} == {"encoder", "decoder", "cross_attention", "output"}


def test_frozen_output_layer_that_is_the_table_of_words_is_refused_without_it(tiny_bert):
    with pytest.raises(TrainingError, match=r"training\.freeze\.output: .* of the part embeddings"):
        begin(start(tiny_bert), freeze={"output": 5})
    assert begin(start(tiny_bert), freeze={"output": 5, "embeddings": 5})


def build_bart():
    shape = {"d_model": 8, "encoder_layers": 1, "decoder_layers": 1, "encoder_ffn_dim": 8, "decoder_ffn_dim": 8}
    heads = {"encoder_attention_heads": 2, "decoder_attention_heads": 2}
    return build_model(BartConfig(vocab_size=20, **shape, **heads), Sharing(embeddings=False, layers=False))


def test_parts_of_a_published_model_freeze():
    model = build_bart()
    trained = begin(model, freeze={"encoder": None, "embeddings": None})
    assert {map_parts(model)[name] for name in trained} == {"decoder", "cross_attention"}


def test_model_of_which_nothing_is_trained_is_refused():
    # BART's output layer is its table of words: no parameter is left.
    freeze = dict.fromkeys(["embeddings", "encoder", "decoder", "cross_attention"], 5)
    with pytest.raises(TrainingError, match="no parameter of this model would be trained at the first step"):
        begin(build_bart(), freeze=freeze)


def test_part_that_a_model_does_not_have_is_refused(tiny_bert, monkeypatch):
    model = start(tiny_bert)
    parts = dict.fromkeys(map_parts(model), "encoder")
    monkeypatch.setattr("seq2seq.training.freezing.map_parts", lambda model: parts)
    with pytest.raises(TrainingError, match=r"training\.freeze\.output: this model has no such parameters"):
        begin(model, freeze={"output": 5})


def test_parts_are_those_of_the_origin_report():
    assert get_args(FreezablePart) == get_args(Part)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"warmups": {"decoder": 4}}, r"warmups: warmups\.decoder is 4; with 4 steps in all, the peak rate would"),
        ({"freeze": {"encoder": 4}}, r"freeze: freeze\.encoder is 4; .* the part would never be trained; give null"),
        ({"embeddings_only_steps": 4, "freeze": {}}, "embeddings_only_steps: with 4 steps in all, the rest would"),
        ({"freeze": dict.fromkeys(get_args(Part), 1)}, "freeze: every part of the model is frozen at the first step"),
        (
            {"embeddings_only_steps": 1, "freeze": {"embeddings": 1}},
            r"embeddings_only_steps: training\.freeze freezes the embeddings at the first step too",
        ),
        ({"max_steps": None, "max_epochs": 1, "freeze": {"encoder": 5}}, "with 5 steps in 1 epochs, the part would"),
        ({"max_steps": None, "max_epochs": 1, "warmups": {"random": 5}}, r"training\.warmups\.random: with 5 steps"),
    ],
)  # fmt: skip
def test_steps_that_leave_nothing_to_train_are_refused(tiny_bert, tmp_path, changes, message):
    with pytest.raises(RecipeError, match=message):
        seq2seq.train(write_recipe(tmp_path, "run", tiny_bert, **changes))
    assert not (tmp_path / "run").exists()
