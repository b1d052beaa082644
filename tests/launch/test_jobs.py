"""Jobs of SLURM, with stubs in the place of its commands: what their tasks know, and when a job is requeued."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import seq2seq
from seq2seq.run_folder.folder import RunFolder
from tests.training.runs import read_events, write_pairs

ROOT = Path(__file__).parents[2]
LAUNCH = ROOT / "launch"
SLURM_SCRIPTS = ["one_gpu", "one_node", "several_nodes"]
JOB = "4711"
STUBS = {
    # Starts each task in turn, as srun would side by side, and ends with the job's status.
    "srun": """
        echo "srun $*" >> calls
        while [[ "$1" == --* ]]; do shift; done
        for ((task = 0; task < SLURM_NTASKS; task++)); do
            SLURM_PROCID=$task SLURM_LOCALID=$((task % SLURM_NTASKS_PER_NODE)) "$@"
        done
        exit "$STATUS"
    """,
    "scontrol": """
        echo "scontrol $*" >> calls
        [ "$1" != show ] || printf 'node1\\nnode2\\n'
    """,
    "squeue": 'echo "squeue $*" >> calls; echo "$STATE"',
    # The run: notes what it knows of the others, and adds what the test says to its record. The rest is real Python.
    "python": """
        [ "$1" != -m ] || {
            echo "run $RANK $LOCAL_RANK $WORLD_SIZE $MASTER_ADDR:$MASTER_PORT $*" >> calls
            [ "$RANK" != 0 ] || [ ! -e record ] || cat record >> run/progress.jsonl
            exit 0
        }
        exec "$REAL_PYTHON" "$@"
    """,
}
CHECKPOINT_2, CHECKPOINT_4 = '{"event": "checkpoint", "step": 2}\n', '{"event": "checkpoint", "step": 4}\n'


def ending(reason: str, step: int = 4) -> str:
    return f'{{"event": "end", "reason": "{reason}", "step": {step}}}\n'


def submit_job(folder: Path, script: str, stubs: dict[str, str], *arguments: str, **environment: str):
    """Runs a script of launch/slurm as SLURM would; returns its status, its log and the commands that stubs noted."""
    (folder / "bin").mkdir(exist_ok=True)
    for name, body in stubs.items():
        (folder / "bin" / name).write_text(f"#!/usr/bin/env bash\n{body}\n")
        (folder / "bin" / name).chmod(0o755)
    if not (folder / "launch").exists():
        (folder / "launch").symlink_to(LAUNCH)
    copy = folder / "slurm_script"  # SLURM runs a copy of the script
    copy.write_bytes((LAUNCH / "slurm" / f"{script}.sh").read_bytes())
    options = read_options(script)
    environment = {
        "PATH": f"{folder / 'bin'}:{os.environ['PATH']}", "PYTHON": "python", "REAL_PYTHON": sys.executable,
        "PYTHONPATH": str(ROOT), "SLURM_JOB_ID": JOB, "SLURM_JOB_NODELIST": "node[1-2]",
        "SLURM_CPUS_PER_TASK": options["cpus-per-task"], "SLURM_NTASKS_PER_NODE": options["ntasks-per-node"],
        "SLURM_NTASKS": str(int(options["nodes"]) * int(options["ntasks-per-node"])), "STATE": "RUNNING",
    } | environment  # fmt: skip
    result = subprocess.run(
        ["bash", str(copy), *arguments],
        capture_output=True,
        text=True,
        cwd=folder,
        env=os.environ | environment,
        timeout=240,
    )
    calls = folder / "calls"
    return result.returncode, result.stderr, calls.read_text().splitlines() if calls.exists() else []


def write_recipe(folder: Path, encoder: str = "none", data: str = "none.jsonl", **training) -> None:
    values = {
        "task": "sentence_fusion",
        "output": "run",
        "model": {"plan": "bert2bert", "encoder": encoder, "dropout": 0.0},
        "data": {"train": data, "max_source_tokens": 16, "max_target_tokens": 16},
        "training": {"max_steps": 6} | training,
        "generation": {"num_beams": 1, "max_target_tokens": 10},
    }
    (folder / "recipe.yaml").write_text(yaml.safe_dump(values))


@pytest.fixture
def submit(tmp_path):
    """A function that runs a job whose run adds `record` to what its progress.jsonl said `before`."""

    def run(script="one_gpu", *, before="", record="", status=0, state="RUNNING", restarts=0, overrides=()):
        write_recipe(tmp_path)
        (tmp_path / "run").mkdir()
        if before:
            (tmp_path / "run/progress.jsonl").write_text(before)
        if record:
            (tmp_path / "record").write_text(record)
        variables = {"STATUS": str(status), "STATE": state}
        if restarts:
            variables["SLURM_RESTART_COUNT"] = str(restarts)
        return submit_job(tmp_path, script, STUBS, "recipe.yaml", *overrides, **variables)

    return run


def read_options(script: str) -> dict[str, str]:
    """What the #SBATCH lines of a script ask for."""
    lines = (LAUNCH / "slurm" / f"{script}.sh").read_text().splitlines()
    options = [line.removeprefix("#SBATCH --") for line in lines if line.startswith("#SBATCH")]
    return {name: value for name, _, value in (option.partition("=") for option in options)}


@pytest.mark.parametrize("script", SLURM_SCRIPTS)
def test_job_is_warned_in_time_and_may_be_requeued(script):
    options = read_options(script)
    assert (options["signal"], options["requeue"], options["open-mode"]) == ("USR1@180", "", "append")
    assert options["gpus-per-node"] == options["ntasks-per-node"]


@pytest.mark.parametrize(
    ("script", "ranks"),
    [
        ("one_node", ["0 0 4", "1 1 4", "2 2 4", "3 3 4"]),
        ("several_nodes", ["0 0 8", "1 1 8", "2 2 8", "3 3 8", "4 0 8", "5 1 8", "6 2 8", "7 3 8"]),
    ],
)
def test_each_task_is_one_process_that_knows_the_others_and_resumes(submit, script, ranks):
    status, _, calls = submit(script, record=CHECKPOINT_4 + ending("max_steps"), overrides=["seed=2"])
    assert status == 0
    train = f"node1:{20000 + int(JOB)} -m seq2seq train recipe.yaml seed=2 --resume"
    assert [call.removeprefix("run ") for call in calls if call.startswith("run")] == [
        f"{rank} {train}" for rank in ranks
    ]
    assert not any("requeue" in call for call in calls)


@pytest.mark.parametrize(("reason", "status"), [("SIGUSR1", 138), ("SIGTERM", 143)])
def test_job_whose_run_was_told_to_stop_is_requeued(submit, reason, status):
    returned, log, calls = submit(before=CHECKPOINT_2, record=CHECKPOINT_4 + ending(reason), status=status)
    assert (returned, calls[-1]) == (0, f"scontrol requeue {JOB}")
    assert f"Requeued: the run saved step 4 and stopped on {reason}." in log


def test_job_that_was_cancelled_is_not_requeued(submit):
    returned, log, calls = submit(record=CHECKPOINT_4 + ending("SIGTERM"), status=143, state="COMPLETING")
    assert (returned, calls[-1]) == (143, f"squeue --noheader --jobs {JOB} --format %T")
    assert "but SLURM has the job as COMPLETING" in log


def test_job_whose_run_failed_is_not_requeued(submit):
    returned, log, calls = submit(before=CHECKPOINT_2, record=CHECKPOINT_4 + ending("not_finite"), status=1)
    assert (returned, any("requeue" in call for call in calls)) == (1, False)
    assert "Not requeued: the run stands at step 4, its end: not_finite, exit status 1" in log


def test_job_that_breaks_off_is_requeued_when_it_came_further(submit):
    returned, log, calls = submit(before=CHECKPOINT_2, record=CHECKPOINT_4, status=137, restarts=19)
    assert (returned, calls[-1]) == (0, f"scontrol requeue {JOB}")
    assert "broke off with exit status 137, but had come from step 2 to step 4" in log


@pytest.mark.parametrize(
    ("before", "record", "restarts"),
    [
        (CHECKPOINT_4, '{"event": "train", "step": 5}\n', 0),  # no further than before
        (CHECKPOINT_2, CHECKPOINT_4, 20),  # restarted too often
        (CHECKPOINT_4 + ending("SIGUSR1"), "", 1),  # broke off before it began: that end is the attempt's before
    ],
)
def test_job_that_breaks_off_is_not_requeued_for_ever(submit, before, record, restarts):
    returned, log, calls = submit(before=before, record=record, status=137, restarts=restarts)
    assert (returned, any("requeue" in call for call in calls)) == (137, False)
    assert f"exit status 137, restarts: {restarts}." in log


@pytest.mark.parametrize(("restarts", "requeued"), [(19, True), (20, False)])
def test_job_whose_time_is_up_while_it_scores_is_requeued_twenty_times(submit, restarts, requeued):
    _, _, calls = submit(record=CHECKPOINT_4 + ending("max_steps"), status=138, restarts=restarts)
    assert any("requeue" in call for call in calls) == requeued


def test_job_with_a_wrong_recipe_starts_nothing(submit):
    returned, log, calls = submit(overrides=["training.max_step=3"])
    assert (returned, calls) == (1, [])
    assert "RecipeError: recipe.yaml: 1 error\n  training.max_step: unknown key (found: 3)" in log
    assert "Traceback" not in log


# Real runs in the place of the tasks: told to stop once their first step is logged, in the first attempt.
REAL_STUBS = STUBS | {
    "srun": """
        while [[ "$1" == --* ]]; do shift; done
        for ((task = 0; task < SLURM_NTASKS; task++)); do
            SLURM_PROCID=$task SLURM_LOCALID=$task "$@" &
            tasks+=($!)
        done
        if [ ! -e run ]; then
            until grep -q '"train"' run/progress.jsonl 2> none || ! kill -0 "${tasks[0]}"; do sleep 0.05; done
            kill -USR1 "${tasks[@]}"
        fi
        for task in "${tasks[@]}"; do wait "$task" || status=$?; done
        exit "${status:-0}"
    """,
    "scontrol": 'echo "scontrol $*" >> calls; [ "$1" != show ] || echo localhost',
    "python": 'exec "$REAL_PYTHON" "$@"',
}


@pytest.mark.slow
def test_job_of_two_tasks_is_requeued_and_ends_as_if_never_stopped(tiny_bert, tmp_path):
    write_recipe(
        tmp_path,
        str(tiny_bert),
        write_pairs(tmp_path / "train.jsonl", 24),
        batch_examples=8,
        max_steps=60,
        log_every_steps=1,
    )
    tasks = {"SLURM_NTASKS": "2", "SLURM_NTASKS_PER_NODE": "2", "SLURM_CPUS_PER_TASK": "1"}
    status, log, calls = submit_job(tmp_path, "one_node", REAL_STUBS, "recipe.yaml", **tasks)
    assert (status, calls[-1]) == (0, f"scontrol requeue {JOB}"), log
    stopped = list(RunFolder(tmp_path / "run").read_progress())[-1]
    assert (stopped["event"], stopped["reason"]) == ("end", "SIGUSR1")
    assert 0 < stopped["step"] < 60
    (tmp_path / "calls").unlink()
    status, log, calls = submit_job(tmp_path, "one_node", REAL_STUBS, "recipe.yaml", SLURM_RESTART_COUNT="1", **tasks)
    assert (status, calls) == (0, ["scontrol show hostnames node[1-2]"]), log
    assert f"Going on from step {stopped['step']}." in log
    losses = [row["loss"] for row in read_events(tmp_path / "run", "train")]
    whole = seq2seq.train(tmp_path / "recipe.yaml", [f"output={tmp_path / 'whole'}"])
    assert losses == pytest.approx([row["loss"] for row in read_events(whole, "train")], rel=1e-4)
