"""What the environment says about a launch: how many processes were asked for, and which of its settings would be lost.

Accelerate takes a process that finds nothing better for a run of one, without a word: then the run is slower than paid
for, or every process writes the same folder. Imports no torch.
"""

from collections.abc import Mapping

from ..errors import TrainingError

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


def check_launch(environment: Mapping[str, str], precision: str) -> None:
    """Makes sure that all processes that were asked for take part, and that the launcher asks for nothing else.

    Raises:
        TrainingError: some did not start or do not know of each other; or a setting of `accelerate launch` contradicts
            the recipe, whose `training.precision` is given.
    """
    _check_address(environment)
    _check_tasks(environment)
    _check_accelerate_started_all(environment)
    _check_accelerate_settings(environment, precision)


def count_processes(environment: Mapping[str, str]) -> int:
    """How many processes the run has, by what torchrun and its like set."""
    return int(environment.get("WORLD_SIZE", 1))


def _check_address(environment: Mapping[str, str]) -> None:
    missing = [name for name in ADDRESS if name not in environment]
    if count_processes(environment) > 1 and missing:
        raise TrainingError(
            f"WORLD_SIZE is {environment['WORLD_SIZE']}, but {', '.join(missing)} is not set, so this process cannot "
            "find the others. torchrun sets all of it: torchrun --nproc-per-node N -m seq2seq train ..."
        )


def _check_tasks(environment: Mapping[str, str]) -> None:
    started = count_processes(environment)
    for name, starter in TASK_COUNTS.items():
        asked = int(environment.get(name, 1))
        if asked > started:
            raise TrainingError(
                f"{starter} started {asked} tasks ({name}), but each would train alone and write to the same run "
                f"folder: expected WORLD_SIZE to count them all, found {environment.get('WORLD_SIZE', 'it unset')}. "
                "Under SLURM use the scripts in launch/slurm; elsewhere torchrun. For one process, ask for one task."
            )


def _check_accelerate_started_all(environment: Mapping[str, str]) -> None:
    # Where Accelerate starts one process only, it sets MASTER_ADDR if, and only if, more were asked for.
    if "ACCELERATE_MIXED_PRECISION" in environment and "MASTER_ADDR" in environment and "LOCAL_RANK" not in environment:
        raise TrainingError(
            "accelerate launch was asked for several processes (MASTER_ADDR is set) and started one, as it does with "
            "--cpu, on a machine with fewer than two GPUs, and with distributed_type NO or MULTI_CPU in its "
            "configuration. Use torchrun: torchrun --nproc-per-node N -m seq2seq train ... For one process, add "
            "--num_processes 1, and unset MASTER_ADDR if your shell sets it."
        )


def _check_accelerate_settings(environment: Mapping[str, str], precision: str) -> None:
    for name, plugin in PLUGINS.items():
        if environment.get(name, "false").lower() == "true":
            raise TrainingError(
                f"accelerate launch asks for {plugin} ({name}), which would not be used as configured there. Set "
                "training.sharding=fsdp in the recipe, and distributed_type: MULTI_GPU in Accelerate's configuration."
            )
    theirs, ours = environment.get("ACCELERATE_MIXED_PRECISION", "no"), "no" if precision == "fp32" else precision
    if theirs not in ("no", ours):
        raise TrainingError(
            f"accelerate launch asks for mixed_precision {theirs}, the recipe for training.precision {precision}. The "
            f"recipe rules: set training.precision={theirs}, or take mixed_precision out of Accelerate's configuration."
        )
