"""Jobs of SLURM, with stubs in the place of its commands: what their tasks know, and when a job is requeued."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

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


@pytest.fixture
def submit(tmp_path):
    """A function that runs a script of launch/slurm as a job; returns its status, log and the commands it called."""

    def run(script="one_gpu", *, before="", record="", status=0, state="RUNNING", restarts=0, overrides=()):
        for name, body in STUBS.items():
            path = tmp_path / "bin" / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(f"#!/usr/bin/env bash\n{body}\n")
            path.chmod(0o755)
        (tmp_path / "launch").symlink_to(LAUNCH)
        (tmp_path / "run").mkdir()
        if before:
            (tmp_path / "run/progress.jsonl").write_text(before)
        if record:
            (tmp_path / "record").write_text(record)
        values = {"task": "sentence_fusion", "output": "run", "model": {"plan": "bert2bert", "encoder": "none"}}
        values |= {"data": {"train": "none.jsonl"}, "training": {"max_steps": 6}}
        (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(values))
        # SLURM runs a copy of the script from a folder of its own.
        copy = tmp_path / "spool" / "slurm_script"
        copy.parent.mkdir()
        copy.write_bytes((LAUNCH / "slurm" / f"{script}.sh").read_bytes())
        options = read_options(script)
        environment = {
            "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}", "PYTHON": "python", "REAL_PYTHON": sys.executable,
            "PYTHONPATH": str(ROOT), "STATUS": str(status), "STATE": state, "SLURM_JOB_ID": JOB,
            "SLURM_JOB_NODELIST": "node[1-2]", "SLURM_CPUS_PER_TASK": options["cpus-per-task"],
            "SLURM_NTASKS_PER_NODE": options["ntasks-per-node"],
            "SLURM_NTASKS": str(int(options["nodes"]) * int(options["ntasks-per-node"])),
        }  # fmt: skip
        if restarts:
            environment["SLURM_RESTART_COUNT"] = str(restarts)
        command = ["bash", str(copy), "recipe.yaml", *overrides]
        result = subprocess.run(
            command, capture_output=True, text=True, cwd=tmp_path, env=os.environ | environment, timeout=60
        )
        calls = tmp_path / "calls"
        return result.returncode, result.stderr, calls.read_text().splitlines() if calls.exists() else []

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
