"""What the environment says about a launch: how many processes were asked for, and which of its settings would be lost.

Accelerate takes a process that finds nothing better for a run of one, without a word: then the run is slower than paid
for, or every process writes the same folder. Imports no torch.
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path

from ..base.errors import TrainingError

ADDRESS = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")  # what a process must know of the others
TASK_COUNTS = {
    "SLURM_STEP_NUM_TASKS": "srun",
    "OMPI_COMM_WORLD_SIZE": "mpirun",  # Open MPI
    "PMI_SIZE": "mpirun",  # MPICH, Intel MPI
    "MV2_COMM_WORLD_SIZE": "mpirun",  # MVAPICH
}
PLUGINS = {
    "ACCELERATE_USE_FSDP": "FSDP",
    "ACCELERATE_USE_DEEPSPEED": "DeepSpeed",
    "ACCELERATE_USE_MEGATRON_LM": "Megatron-LM",
}


def check_launch(
    environment: Mapping[str, str],
    launcher: str,
    precision: str | None,
) -> None:
    """Makes sure that all processes that were asked for take part, and that the launcher asks for nothing else.

    Args:
        environment: the process's variables.
        launcher: the command line of the process that started it, where it can be known.
        precision: `training.precision` of the recipe; None of a command that trains nothing.

    Raises:
        TrainingError: some processes did not start or do not know of each other; or a setting of `accelerate launch`
            contradicts the recipe.
    """
    _check_address(environment)
    _check_tasks(environment)
    if "ACCELERATE_MIXED_PRECISION" in environment:  # which its launcher always sets
        _check_accelerate_started_all(environment, launcher)
    _check_accelerate_settings(environment, precision)


def read_launcher_command() -> str:
    """The command line of the process that started this one; empty where the system does not tell."""
    try:
        return Path(f"/proc/{os.getppid()}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def count_processes(environment: Mapping[str, str]) -> int:
    """How many processes the run has, by what torchrun and its like set."""
    return int(environment.get("WORLD_SIZE", 1))


def is_first_process(environment: Mapping[str, str]) -> bool:
    """Whether this is the process that speaks for all."""
    return int(environment.get("RANK", 0)) == 0


def _check_address(environment: Mapping[str, str]) -> None:
    missing = [name for name in ADDRESS if name not in environment]
    if count_processes(environment) > 1 and missing:
        raise TrainingError(
            f"WORLD_SIZE is {environment['WORLD_SIZE']}, but {', '.join(missing)} is not set, so this process cannot "
            "find the others. torchrun sets all of it: torchrun --nproc-per-node N -m seq2seq COMMAND ..."
        )


def _check_tasks(environment: Mapping[str, str]) -> None:
    started = count_processes(environment)
    for name, starter in TASK_COUNTS.items():
        asked = int(environment.get(name, 1))
        if asked > started:
            raise TrainingError(
                f"{starter} started {asked} tasks ({name}), but each would work alone and write to the same "
                f"place: expected WORLD_SIZE to count them all, found {environment.get('WORLD_SIZE', 'it unset')}. "
                "Under SLURM use the scripts in launch/slurm; elsewhere torchrun. For one process, ask for one task."
            )


def _check_accelerate_started_all(environment: Mapping[str, str], launcher: str) -> None:
    # Where Accelerate starts one process only, it sets MASTER_ADDR if, and only if, more were asked for.
    if "MASTER_ADDR" in environment and "LOCAL_RANK" not in environment:
        raise TrainingError(
            "accelerate launch was asked for several processes (MASTER_ADDR is set) and started one, as it does with "
            "--cpu, on a machine with fewer than two GPUs, and with distributed_type NO or MULTI_CPU in its "
            "configuration. Use torchrun: torchrun --nproc-per-node N -m seq2seq COMMAND ... For one process, add "
            "--num_processes 1, and unset MASTER_ADDR if your shell sets it."
        )
    # It divides the processes by the machines and drops the rest. The configuration's number cannot be seen from here.
    asked = re.search(r"--num[_-]processes[= ](\d+)", launcher)
    started = count_processes(environment)
    if asked and int(asked[1]) > started:
        raise TrainingError(
            f"accelerate launch was asked for {asked[1]} processes and started {started}: it starts equally many on "
            "every machine. Give a multiple of --num_machines."
        )


def _check_accelerate_settings(environment: Mapping[str, str], precision: str | None) -> None:
    for name, plugin in PLUGINS.items():
        if environment.get(name, "false").lower() == "true":
            raise TrainingError(
                f"accelerate launch asks for {plugin} ({name}), which would not be used as configured there. Set "
                "training.sharding=fsdp in the recipe, and distributed_type: MULTI_GPU in Accelerate's configuration."
            )
    if environment.get("ACCELERATE_DYNAMO_BACKEND", "NO").upper() != "NO":
        raise TrainingError(
            "accelerate launch asks for torch.compile (ACCELERATE_DYNAMO_BACKEND). Set training.compile=true in the "
            "recipe, which compiles layer by layer, and take it out of Accelerate's options."
        )
    if environment.get("ACCELERATE_GRADIENT_ACCUMULATION_STEPS", "1") != "1":
        raise TrainingError(
            "ACCELERATE_GRADIENT_ACCUMULATION_STEPS is set: Accelerate would divide every gradient by it. Unset it; "
            "training.micro_batch_tokens cuts a batch, and training.batch_examples is the batch."
        )
    if precision is None:
        return
    theirs = environment.get("ACCELERATE_MIXED_PRECISION", "no")
    ours = precision if precision in ("bf16", "fp16") else "no"
    if theirs not in ("no", ours):
        raise TrainingError(
            f"accelerate launch asks for mixed_precision {theirs}, the recipe for training.precision {precision}. The "
            f"recipe rules: set training.precision={theirs}, or take mixed_precision out of Accelerate's configuration."
        )
