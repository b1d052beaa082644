"""training.sharding: fsdp on two processes: the same numbers as one process, sharing kept, resuming both ways."""

import shutil
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file
from transformers import BartConfig, SwitchTransformersConfig

import seq2seq
from seq2seq import load_checkpoint, warm_start
from seq2seq.base.errors import TrainingError
from seq2seq.checkpoints.folder import write_checkpoint
from seq2seq.data.loader import fixed_micro_batches
from seq2seq.generation.loading import build_source
from seq2seq.modeling.attention_sites import list_sites
from seq2seq.modeling.build import build_model
from seq2seq.modeling.head_removal import list_siblings, remove_heads
from seq2seq.modeling.sharing import Sharing, map_shared_names
from seq2seq.processes.group import build_accelerator
from seq2seq.recipe.recipe import load_recipe
from seq2seq.runs.splits import load_split
from seq2seq.training.sharding import list_groups, shard_model
from seq2seq.training.validation import compute_validation_loss
from tests.conftest import build_description
from tests.families import save_family
from tests.training.fork_server import launch_in_forks
from tests.training.runs import compute_averages, copy_up_to_step_3, read_events, write_pairs

PLANS = ("bertshare", "bert2bert")
WEIGHTS, TRAINED, OPTIMIZER = "model.safetensors", "training/weights.safetensors", "training/optimizer.safetensors"
both_plans = pytest.mark.parametrize("plan", PLANS)


def write_recipe(
    folder: Path, name: str, bert: Path, plan: str, *, pairs: int = 40, dropout: float = 0.0, **training
) -> Path:
    """A recipe in a folder, with a run folder of its name beside it."""
    settings = {
        "batch_examples": 8, "max_steps": 6, "log_every_steps": 1, "learning_rate": 1e-3, "micro_batch_tokens": 40,
        "checkpoint_every_steps": 3, "validate_every_steps": 6, "validation_metrics": ["loss", "sari"],
        "sharding": "fsdp", "precision": "fp32",
    }  # fmt: skip
    values = {
        "task": "sentence_fusion",
        "output": str(folder / name),
        "model": {"plan": plan, "checkpoint" if plan == "pretrained" else "encoder": str(bert), "dropout": dropout},
        "data": {
            "train": write_pairs(folder / f"train_{pairs}.jsonl", pairs),
            "validation": write_pairs(folder / "validation.jsonl", 9, start=100),
            "max_source_tokens": 16,
            "max_target_tokens": 16,
        },
        "training": settings | training,
        "generation": {"num_beams": 1, "max_target_tokens": 10},
    }
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(values))
    return path


def write_pruned(bert: Path, folder: Path) -> Path:
    """A bertshare checkpoint whose sites have lost heads, another number each."""
    started = warm_start(plan="bertshare", encoder=str(bert))
    kept = ([0, 2], [1], [0, 1, 3], [2, 3])
    groups = zip(list_siblings(started.model), kept, strict=True)
    remove_heads(started.model, {site.name: heads for sites, heads in groups for site in sites})
    write_checkpoint(folder, started.model, started.tokenizers, build_description(started))
    return folder


def save_bert_with_broken_position(bert: Path, folder: Path) -> Path:
    """A copy of a BERT whose states are nan from the eighth position on: targets of seven words and the end mark.

    Its numbers are finite, or the file would be refused; their layer norm is not.
    """
    shutil.copytree(bert, folder)
    weights = load_file(bert / WEIGHTS)
    weights["embeddings.position_embeddings.weight"][7:] = 3e38
    save_file(weights, folder / WEIGHTS)
    return folder


@pytest.fixture(scope="module")
def runs(tiny_bert, tmp_path_factory):
    """The folder of all runs, and what the processes of the one launch printed.

    <plan>_one: on one process, whole; _two: on two, sharded; _two_on_one: begun on two, from step 3 on one;
    _one_on_two: the other way round. bertshare_whole: on two processes, not sharded.
    pruned_one, pruned_two: from a pruned checkpoint, on one process and sharded on two.
    average_<sharding>: on two, with dropout and averages; average_<sharding>_resumed: likewise, from a copy of step 3.
    """
    folder = tmp_path_factory.mktemp("runs")
    launched = []
    for plan in PLANS:
        one = seq2seq.train(write_recipe(folder, f"{plan}_one", tiny_bert, plan))
        copy_up_to_step_3(one, folder / f"{plan}_one_on_two")
        launched += [write_recipe(folder, f"{plan}_{name}", tiny_bert, plan) for name in ("two", "one_on_two")]
    launched.append(write_recipe(folder, "bertshare_whole", tiny_bert, "bertshare", sharding="none"))
    pruned = write_recipe(folder, "pruned_two", write_pruned(tiny_bert, folder / "pruned"), "pretrained")
    launched.append(pruned)
    seq2seq.train(write_recipe(folder, "pruned_one", folder / "pruned", "pretrained"))
    for plan in PLANS:
        narrow = write_recipe(folder, f"{plan}_bf16", tiny_bert, plan, precision="bf16", dropout=0.1)
        resumed = write_recipe(folder, f"{plan}_bf16_resumed", tiny_bert, plan, precision="bf16", dropout=0.1)
        launched += [narrow, f"{narrow.with_suffix('')}:{resumed.with_suffix('')}", resumed]
        for sharding in ("none", "fsdp"):
            settings = {"precision": "bf16", "sharding": sharding}
            launched.append(write_recipe(folder, f"{plan}_bf16_{sharding}", tiny_bert, plan, **settings))
    broken = save_bert_with_broken_position(tiny_bert, folder / "broken_bert")
    launched.append(write_recipe(folder, "broken", broken, "bert2bert", pairs=6, max_skipped_steps=0))
    for sharding in ("none", "fsdp"):
        settings = {"sharding": sharding, "ema_decay": 0.3, "max_steps": 4, "keep_checkpoints": 4}
        settings["checkpoint_every_steps"] = 1
        whole, resumed = (
            write_recipe(folder, f"average_{sharding}{name}", tiny_bert, "bertshare", dropout=0.1, **settings)
            for name in ("", "_resumed")
        )
        launched += [whole, f"{whole.with_suffix('')}:{resumed.with_suffix('')}", resumed]
    result = launch_in_forks(2, "tests.training.train_several", *map(str, launched))
    assert result.returncode == 0, result.stderr[-3000:]
    for plan in PLANS:
        copy_up_to_step_3(folder / f"{plan}_two", folder / f"{plan}_two_on_one")
        seq2seq.train(write_recipe(folder, f"{plan}_two_on_one", tiny_bert, plan), resume=True)
    return folder, result.stdout


def largest_difference(first: Path, second: Path, *, step: int, file: str = WEIGHTS) -> float:
    """Of all tensors in a file of two runs' checkpoints, but for key biases.

    A key bias adds the same to every score of a softmax: its true gradient is zero, and AdamW blows up its rounding.
    """
    one, two = (load_file(run / f"checkpoints/step_{step:08d}" / file) for run in (first, second))
    assert one.keys() == two.keys()
    return max((one[name] - two[name]).abs().max().item() for name in one if ".key.bias" not in name)


def read_figures(run: Path, event: str) -> list[list]:
    others = ("seconds", "samples")
    return [[value for name, value in row.items() if name not in others] for row in read_events(run, event)]


def test_sharded_processes_keep_a_pruned_model_pruned(runs):
    folder, _ = runs
    assert largest_difference(folder / "pruned_one", folder / "pruned_two", step=6) < 2e-5
    model = load_checkpoint(folder / "pruned_two").model
    assert model.pruned == load_checkpoint(folder / "pruned").model.pruned
    assert sorted({site.heads for site in list_sites(model)}) == [1, 2, 3]
    encoder, decoder = model.encoder.encoder.layer[0], model.decoder.bert.encoder.layer[0]
    assert encoder.attention.self.query.weight is decoder.attention.self.query.weight


@both_plans
@pytest.mark.parametrize("step", [3, 6])
def test_two_sharded_processes_train_the_same_weights_as_one(runs, plan, step):
    assert largest_difference(runs[0] / f"{plan}_one", runs[0] / f"{plan}_two", step=step) < 1e-6


@both_plans
def test_optimizer_state_of_sharded_processes_is_saved_whole(runs, plan):
    difference = largest_difference(runs[0] / f"{plan}_one", runs[0] / f"{plan}_two", step=3, file=OPTIMIZER)
    assert difference < 1e-7


@both_plans
@pytest.mark.parametrize("event", ["train", "validation"])
def test_sharded_processes_log_the_same_figures_as_one(runs, plan, event):
    one, two = (read_figures(runs[0] / f"{plan}_{name}", event) for name in ("one", "two"))
    assert len(one) == {"train": 6, "validation": 1}[event]
    for ours, theirs in zip(one, two, strict=True):
        assert theirs[1:] == pytest.approx(ours[1:], rel=1e-5)


@both_plans
@pytest.mark.parametrize("way", ["two_on_one", "one_on_two"])
def test_run_goes_on_under_another_sharding_as_if_never_stopped(runs, plan, way):
    assert largest_difference(runs[0] / f"{plan}_one", runs[0] / f"{plan}_{way}", step=6) < 1e-6
    one, resumed = (read_figures(runs[0] / f"{plan}_{name}", "train") for name in ("one", way))
    for ours, theirs in zip(one, resumed, strict=True):
        assert theirs[1:] == pytest.approx(ours[1:], rel=1e-5)


@pytest.mark.parametrize("run", ["bertshare_two", "bertshare_whole"])
def test_shared_parameters_are_still_shared_after_steps_on_two_processes(runs, tiny_bert, run):
    model = warm_start(plan="bertshare", encoder=str(tiny_bert)).model
    before, after = model.state_dict(), load_file(runs[0] / run / "checkpoints/step_00000003" / WEIGHTS)
    pairs = {name: first for name, first in map_shared_names(model).items() if name not in model.tied_names}
    assert len(pairs) == len(list(model.encoder.parameters()))
    assert [name for name, first in pairs.items() if not torch.equal(after[name], after[first])] == []
    assert [name for name in pairs if torch.equal(after[name], before[name])] == []


def test_sharded_bf16_run_keeps_float32_weights_and_the_loss_of_a_whole_float32_run(runs):
    weights = load_file(runs[0] / "bertshare_bf16_fsdp/checkpoints/step_00000006" / WEIGHTS)
    assert {tensor.dtype for tensor in weights.values()} == {torch.float32}
    losses = [read_events(runs[0] / run, "validation")[0]["loss"] for run in ("bertshare_one", "bertshare_bf16_fsdp")]
    assert losses[1] == pytest.approx(losses[0], rel=1e-2)


@both_plans
def test_sharded_bf16_run_is_close_to_one_under_autocast_alone(runs, plan):
    # What is cast as it is gathered rounds as autocast does, but for what autocast leaves in float32 between layers.
    whole, sharded = (read_events(runs[0] / f"{plan}_bf16_{sharding}", "train") for sharding in ("none", "fsdp"))
    assert len(whole) == 6
    for ours, theirs in zip(whole, sharded, strict=True):
        # bfloat16 keeps 8 bits of a number, 0.4%.
        assert theirs["loss"] == pytest.approx(ours["loss"], rel=0.01)
        assert theirs["gradient_norm"] == pytest.approx(ours["gradient_norm"], rel=0.05)
    assert [row["loss"] for row in whole] != [row["loss"] for row in sharded]


@both_plans
def test_sharded_bf16_run_goes_on_bit_for_bit(runs, plan):
    folders = [runs[0] / f"{plan}_bf16{name}/checkpoints/step_00000006" for name in ("", "_resumed")]
    files = [[(folder / name).read_bytes() for name in (WEIGHTS, OPTIMIZER)] for folder in folders]
    assert files[0] == files[1]


def list_policies(model, monkeypatch, precision):
    """The policy of each group, by the first of its modules, and that of the whole model."""
    policies = {}

    def shard(modules, *, mesh, mp_policy=None):
        first = modules[0] if isinstance(modules, list) else modules
        policies[first] = mp_policy

    monkeypatch.setattr("seq2seq.training.sharding.init_device_mesh", lambda *arguments: None)
    monkeypatch.setattr("seq2seq.training.sharding.fully_shard", shard)
    shard_model(model, torch.device("cpu"), 2, precision)
    return policies


@pytest.mark.parametrize("precision", ["bf16", "fp32"])
def test_layers_are_gathered_in_bf16_and_summed_in_float32(tiny_bert, monkeypatch, precision):
    model = warm_start(plan="bert2bert", encoder=str(tiny_bert)).model
    policies = list_policies(model, monkeypatch, precision)
    assert policies.pop(model) is None  # tables and output layer
    layers = [*model.encoder.encoder.layer, *model.decoder.bert.encoder.layer]
    assert list(policies) == layers
    types = {(policy.param_dtype, policy.reduce_dtype) for policy in policies.values()}
    assert types == {(torch.bfloat16, torch.float32) if precision == "bf16" else (None, None)}


def test_side_that_runs_in_float32_is_gathered_in_it(tiny_bert, tmp_path, monkeypatch):
    deberta = save_family(tmp_path / "deberta", "deberta")
    model = warm_start(plan="pair", encoder=str(deberta), decoder=str(tiny_bert), convert=False).model
    policies = list_policies(model, monkeypatch, "bf16")
    assert {policies[layer].param_dtype for layer in model.encoder.encoder.layer} == {None}
    assert {policies[layer].param_dtype for layer in model.decoder.bert.encoder.layer} == {torch.bfloat16}


both_shardings = pytest.mark.parametrize("sharding", ["none", "fsdp"])


@both_shardings
def test_averages_of_two_processes_are_those_of_all_steps(runs, tiny_bert, sharding):
    run = runs[0] / f"average_{sharding}"
    start = warm_start(plan="bertshare", encoder=str(tiny_bert)).model
    held = load_file(run / "checkpoints/step_00000004" / WEIGHTS)
    for name, average in compute_averages(start, run, 4, decay=0.3).items():
        torch.testing.assert_close(held[name].double(), average, rtol=1e-6, atol=1e-7)


@both_shardings
def test_two_processes_with_averages_go_on_bit_for_bit(runs, sharding):
    folders = [runs[0] / f"average_{sharding}{name}/checkpoints/step_00000004" for name in ("", "_resumed")]
    files = [[(folder / name).read_bytes() for name in (WEIGHTS, TRAINED, OPTIMIZER)] for folder in folders]
    assert files[0] == files[1]


@both_shardings
def test_two_processes_validate_with_the_averages(runs, sharding):
    run = runs[0] / f"average_{sharding}"
    loaded, recipe = seq2seq.load_checkpoint(run / "checkpoints/step_00000004"), load_recipe(run / "recipe.yaml")
    accelerator = build_accelerator(recipe)
    source = build_source(loaded, recipe.data.layout)
    data = load_split(recipe, "validation", source, loaded.tokenizers, loaded.framing, accelerator)
    batches = fixed_micro_batches(data.encoded, source.collate, micro_batch_tokens=40, process=0, processes=1)
    expected = compute_validation_loss(loaded.model, batches, accelerator)
    assert read_events(run, "validation")[0]["loss"] == pytest.approx(expected, rel=1e-5)


def test_loss_that_is_not_finite_on_one_process_stops_both(runs):
    # Of six pairs the sixth alone has seven words, so one process meets the broken position.
    for process in (0, 1):
        assert f"process {process}: Step 1: the loss is nan" in runs[1]
    assert read_events(runs[0] / "broken", "end")[0]["reason"] == "not_finite"


def test_one_process_holds_everything_and_says_so(runs, tiny_bert, tmp_path, capsys):
    path = write_recipe(tmp_path, "run", tiny_bert, "bert2bert", max_steps=1)
    folder = seq2seq.train(path)
    assert "training.sharding: a run of one process has nothing to share out" in capsys.readouterr().err
    whole = seq2seq.train(path, [f"output={tmp_path / 'whole'}", "training.sharding=none"])
    files = [(run / "checkpoints/step_00000001" / WEIGHTS).read_bytes() for run in (folder, whole)]
    assert files[0] == files[1]


def test_shared_layers_of_encoder_and_decoder_are_one_group(tiny_bert):
    model = warm_start(plan="bertshare", encoder=str(tiny_bert)).model
    encoder, decoder = model.encoder.encoder.layer, model.decoder.bert.encoder.layer
    assert list_groups(model) == [[encoder[0], decoder[0]], [encoder[1], decoder[1]]]


def test_layers_that_are_not_shared_are_groups_of_their_own(tiny_bert, tmp_path):
    gpt2 = save_family(tmp_path / "gpt2", "gpt2", head=True)
    model = warm_start(plan="bert2gpt", encoder=str(tiny_bert), decoder=str(gpt2)).model
    assert list_groups(model) == [[layer] for layer in (*model.encoder.encoder.layer, *model.decoder.transformer.h)]


def test_layers_that_share_their_parameters_are_left_to_the_whole_model(tiny_bert, tmp_path):
    albert = save_family(tmp_path / "albert", "albert")
    model = warm_start(plan="pair", encoder=str(albert), decoder=str(tiny_bert), convert=False).model
    assert list_groups(model) == [[layer] for layer in model.decoder.bert.encoder.layer]


def build_bart(**settings):
    shape = {"d_model": 8, "encoder_layers": 2, "decoder_layers": 1, "encoder_ffn_dim": 8, "decoder_ffn_dim": 8}
    heads = {"encoder_attention_heads": 2, "decoder_attention_heads": 2}
    config = BartConfig(vocab_size=20, max_position_embeddings=16, **shape, **heads, **settings)
    return build_model(config, Sharing(embeddings=False, layers=False))


def test_layers_of_a_native_model_are_groups():
    model = build_bart()
    assert list_groups(model) == [[layer] for layer in (*model.model.encoder.layers, *model.model.decoder.layers)]


def test_model_that_skips_layers_at_random_is_refused():
    with pytest.raises(TrainingError, match=r"every layer in every step, but .* has decoder_layerdrop 0\.1\. Set"):
        shard_model(build_bart(decoder_layerdrop=0.1), torch.device("cpu"), 2)


def test_model_of_experts_is_refused():
    shape = {"d_model": 8, "d_ff": 8, "d_kv": 4, "num_heads": 2, "num_layers": 2, "num_decoder_layers": 2}
    config = SwitchTransformersConfig(vocab_size=20, num_experts=4, **shape)
    config.decoder_start_token_id = 0
    model = build_model(config, Sharing(embeddings=False, layers=False))
    with pytest.raises(TrainingError, match="a switch_transformers sends each token to some of its 4 experts"):
        shard_model(model, torch.device("cpu"), 2)
