"""Two processes: the gradient of one, and faults that one of them meets and both act on. One launch for all."""

import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest
from safetensors.torch import load_file

import seq2seq
from seq2seq.base.files import load_json
from seq2seq.run_folder.steps import list_rescues, list_steps
from tests.processes import command
from tests.training.fork_server import launch_in_forks, run_in_fork
from tests.training.runs import compute_expected_step, read_events, write_pairs, write_recipe


class Launch(NamedTuple):
    folder: Path
    result: subprocess.CompletedProcess
    expected: tuple[float, float]


@pytest.fixture(scope="module")
def launch(tiny_bert, tmp_path_factory) -> Launch:
    folder = tmp_path_factory.mktemp("two")
    plain = {"model": {"dropout": 0.0}}
    write_recipe(folder, tiny_bert, "whole", batch_examples=40, max_steps=1, **plain)
    write_recipe(folder, tiny_bert, "cut", batch_examples=40, max_steps=1, micro_batch_tokens=CUT_TOKENS, **plain)
    write_recipe(folder, tiny_bert, "validated", **describe_validated(folder), **plain)
    often = {"max_steps": 4, "checkpoint_every_steps": 1, "keep_checkpoints": 9}
    for fault in ("signal", "memory", "gradient", *ENDING):
        write_recipe(folder, tiny_bert, fault, **often, **plain, **({"ema_decay": 0.9} if fault == "averages" else {}))
    for fault in ("early_signal", "unsaved_signal", "clock", *UNSAVED):
        changes = {"ema_decay": 0.9} if fault.endswith("averages") else {}
        if fault.startswith("sharded"):
            changes["sharding"] = "fsdp"
        write_recipe(folder, tiny_bert, fault, **changes, **plain)
    validated = describe_validated(folder)
    for fault, metric in {"smaller_validation": "loss", "validation": "loss", "outputs": "sari"}.items():
        recipe = write_recipe(folder, tiny_bert, fault, **(validated | {"validation_metrics": [metric]}), **plain)
        # Several batches of texts, some for each process.
        recipe.write_text(recipe.read_text().replace("num_beams: 1", "num_beams: 1\n  batch_tokens: 40"))
    result = launch_in_forks(2, "tests.training.train_with_faults", str(folder))
    assert result.returncode == 0, result.stderr[-3000:]
    return Launch(folder, result, compute_expected_step(tiny_bert, folder / "train.jsonl"))


# Where memory runs out on the second process in its second step, and the end of what both say; `command` is a run by
# the command.
ENDING = {
    "sum": "Step 1: memory ran out in the sum of the gradients over all processes. What needs less of it: "
    "training.micro_batch_tokens, training.freeze",
    "before_sum": "Step 1: memory ran out in the sum of the gradients",
    "norm": "Step 2: memory ran out in the norm of the gradients. What needs less of it: training.micro_batch_tokens",
    "clipping": "Step 2: memory ran out in the clipping of the gradients. What needs less of it: training.micro_batch",
    "update": "Step 2: memory ran out in the update: AdamW keeps two numbers for each weight it trains.",
    "averages": "Step 2: memory ran out in the averages of the weights. What needs less of it: training.ema_decay",
    "command": "exit code 1",
}

# Likewise in runs that save at their end alone: there the others have nothing to hear before their next step.
UNSAVED = {f"unsaved_{part}": ENDING[part] for part in ("sum", "norm", "clipping", "update", "averages")}
UNSAVED |= {f"sharded_{part}": ENDING[part] for part in ("update", "averages")}

# 40 pairs of 4 to 15 tokens are eight micro-batches of at most 65 padded tokens, four on each process.
CUT_TOKENS = 65


def describe_validated(folder: Path) -> dict:
    """Changes to a recipe: three steps, and a validation by loss and by generated texts."""
    data = {"validation": write_pairs(folder / "validation.jsonl", 9, start=100)}
    return {"data": data, "max_steps": 3, "micro_batch_tokens": 40, "validation_metrics": ["loss", "sari"]}


def compute_largest_difference(first: Path, second: Path) -> float:
    """Of all weights of two checkpoints, but for key biases.

    A key bias adds the same to every score of a softmax: its true gradient is zero, and AdamW blows up its rounding.
    """
    one, two = (load_file(checkpoint / "model.safetensors") for checkpoint in (first, second))
    return max((one[name] - two[name]).abs().max().item() for name in one if not name.endswith(".key.bias"))


def test_two_processes_train_and_validate_as_one(launch, tiny_bert, tmp_path):
    changes = describe_validated(tmp_path)
    one, two = (
        seq2seq.train(write_recipe(tmp_path, tiny_bert, "one", model={"dropout": 0.0}, **changes)),
        launch.folder / "validated",
    )
    for event in ("train", "validation"):
        for ours, theirs in zip(read_events(one, event), read_events(two, event), strict=True):
            figures = [name for name in ours if name not in ("event", "seconds", "samples")]
            assert [theirs[name] for name in figures] == pytest.approx([ours[name] for name in figures], rel=1e-4)
    assert compute_largest_difference(*(run / "checkpoints/step_00000003" for run in (one, two))) < 1e-6


@pytest.mark.parametrize("run", ["whole", "cut"])
def test_two_processes_have_the_gradient_of_all_pairs_one_by_one(launch, run):
    loss, norm = launch.expected
    event = read_events(launch.folder / run, "train")[0]
    assert event["loss"] == pytest.approx(loss, rel=1e-5)
    assert event["gradient_norm"] == pytest.approx(norm, rel=1e-5)


def test_signal_to_one_process_ends_both_after_the_same_step(launch):
    ends = read_events(launch.folder / "signal", "end")
    assert [(end["reason"], end["step"]) for end in ends] == [("SIGUSR1", 2)]
    assert (launch.folder / "signal/checkpoints/step_00000002").exists()
    assert all(f"signal on {process}: SIGUSR1 came: " in launch.result.stdout for process in (0, 1))


@pytest.mark.parametrize(("run", "step"), [("early_signal", 2), ("unsaved_signal", 3)])
def test_signal_to_one_process_of_a_run_that_does_not_save_ends_both_behind_the_word_that_tells_of_it(
    launch, run, step
):
    # In step 2, before its word or behind it.
    ends = read_events(launch.folder / run, "end")
    assert [(end["reason"], end["step"]) for end in ends] == [("SIGUSR1", step)]
    assert list_steps(launch.folder / run) == [step]
    assert all(f"{run} on {process}: SIGUSR1 came: " in launch.result.stdout for process in (0, 1))


def test_rescue_point_that_one_process_finds_due_is_written_by_both(launch):
    assert list_rescues(launch.folder / "clock") == [2]
    assert all(
        f"clock on {process}: Step 3: memory ran out in the update" in launch.result.stdout for process in (0, 1)
    )


@pytest.mark.parametrize("processes", [1, 4])
def test_run_stopped_on_two_processes_goes_on_with_others_as_if_nothing_had_changed(
    launch, tiny_bert, tmp_path, processes
):
    one = seq2seq.train(write_recipe(tmp_path, tiny_bert, "one", max_steps=4, model={"dropout": 0.0}))
    shutil.copytree(launch.folder / "signal", tmp_path / "stopped")
    changes = [f"output={tmp_path / 'stopped'}"]
    if processes == 1:
        seq2seq.train(launch.folder / "signal.yaml", changes, resume=True)
    else:
        command = ("train", str(launch.folder / "signal.yaml"), *changes, "--resume")
        result = launch_in_forks(processes, "seq2seq", *command)
        assert result.returncode == 0, result.stderr[-3000:]
    checkpoints = [run / "checkpoints/step_00000004" for run in (one, tmp_path / "stopped")]
    assert compute_largest_difference(*checkpoints) < 1e-5


def test_memory_that_runs_out_on_one_process_halves_the_micro_batches_of_both(launch, tiny_bert, tmp_path):
    one = seq2seq.train(write_recipe(tmp_path, tiny_bert, "one", max_steps=4, model={"dropout": 0.0}))
    two = launch.folder / "memory"
    assert read_events(two, "out_of_memory")
    for ours, theirs in zip(read_events(two, "train"), read_events(one, "train"), strict=True):
        assert ours["loss"] == pytest.approx(theirs["loss"], rel=1e-5)
        assert ours["examples"] == theirs["examples"]


@pytest.mark.parametrize("fault", ENDING)
def test_memory_that_runs_out_behind_the_micro_batches_of_one_process_ends_both_in_words(launch, fault):
    assert all(f"{fault} on {process}: {ENDING[fault]}" in launch.result.stdout for process in (0, 1))
    assert read_events(launch.folder / fault, "end")[-1]["reason"] == "out_of_memory"
    steps = list_steps(launch.folder / fault)
    assert steps == ([] if "sum" in fault else [1])  # the step in which it happened is in no checkpoint


@pytest.mark.parametrize("run", UNSAVED)
def test_memory_that_runs_out_on_one_process_is_told_to_the_other_in_the_next_step_at_the_latest(launch, run):
    assert all(f"{run} on {process}: {UNSAVED[run]}" in launch.result.stdout for process in (0, 1))
    assert read_events(launch.folder / run, "end")[-1]["reason"] == "out_of_memory"
    assert list_steps(launch.folder / run) == []


def test_run_whose_memory_ran_out_in_a_step_goes_on_as_if_nothing_had_happened(launch, tiny_bert, tmp_path):
    one = seq2seq.train(write_recipe(tmp_path, tiny_bert, "one", max_steps=4, model={"dropout": 0.0}))
    shutil.copytree(launch.folder / "clipping", tmp_path / "stopped")
    seq2seq.train(launch.folder / "clipping.yaml", [f"output={tmp_path / 'stopped'}"], resume=True)
    checkpoints = [run / "checkpoints/step_00000004" for run in (one, tmp_path / "stopped")]
    assert compute_largest_difference(*checkpoints) < 1e-5


def test_validation_that_one_process_has_no_memory_for_is_done_again_in_smaller_batches(launch):
    losses = []
    for run in ("validated", "smaller_validation"):
        losses.append([event["loss"] for event in read_events(launch.folder / run, "validation")])
    assert losses[1] == pytest.approx(losses[0], rel=1e-5)
    assert launch.result.stderr.count("Validation at step 3: memory ran out. From here on its batches") >= 1


def test_validation_that_does_not_fit_in_single_pairs_ends_both_in_words(launch):
    told = "Validation at step 3: memory ran out. What needs less of it: training.precision: bf16, shorter data.max_"
    assert all(f"validation on {process}: {told}" in launch.result.stdout for process in (0, 1))
    assert read_events(launch.folder / "validation", "end")[-1]["reason"] == "out_of_memory"


def test_process_that_has_no_memory_to_write_texts_does_not_leave_the_other_waiting(launch):
    told = "Memory ran out with "
    assert f"outputs on 1: {told}" in launch.result.stdout
    assert f"outputs on 0: Process 1 stopped: {told}" in launch.result.stdout


def test_mistake_on_the_main_process_stops_all_and_shows_once(tiny_bert, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "thesis.txt").write_text("mine")
    # By torchrun, which ends the other processes as soon as one has failed; its processes are forks too.
    torchrun = ("torch.distributed.run", "--standalone", "--nproc_per_node", "2", "--start-method", "fork")
    recipe = str(write_recipe(tmp_path, tiny_bert))
    result = run_in_fork(*torchrun, "--run-path", command.__file__, "train", recipe)
    assert result.returncode == 1
    assert result.stderr.count("TrainingError: ") == 1
    assert "is not empty, or choose another output" in result.stderr


def test_gradient_that_is_not_finite_on_one_process_is_skipped_on_both(launch):
    run = launch.folder / "gradient"
    assert [event["step"] for event in read_events(run, "train")] == [1, 3, 4]
    before, after = (load_file(run / f"checkpoints/step_0000000{step}/model.safetensors") for step in (1, 2))
    assert all(bool((before[name] == after[name]).all()) for name in before)
    assert load_json(run / "checkpoints/step_00000004/training/state.json")["skipped_steps"] == 1
