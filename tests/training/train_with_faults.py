"""Runs in one launch of which the second process alone meets a fault: python -m tests.training.train_with_faults FOLDER

FOLDER holds recipes by the name of the fault, behind "unsaved_" or "sharded_" or neither, or any other name for none.
All runs are of the same processes: one that left the others waiting for a word, or with one too many, would be told by
the next.
"""

import os
import sys
from functools import partial
from pathlib import Path

import pytest
import torch

import seq2seq
from seq2seq.base.errors import GenerationError, TrainingError
from seq2seq.cli.main import main as run_command
from seq2seq.training import replicas
from tests.training.faults import (
    PARTS,
    break_gradients,
    limit_memory,
    limit_outputs,
    limit_validation,
    run_out_in,
    send_at_step,
    send_within_step,
)

# Buckets of a tiny model's gradients: memory runs out behind some of them.
BUCKET_NUMBERS = 2_000


def hurry(patch: pytest.MonkeyPatch) -> None:
    """Finds a rescue point due at every step, and has no memory for the third update."""
    patch.setattr("seq2seq.training.rescue.RescueClock.is_due", lambda self: True)
    run_out_in(patch, "update", calls=3)


FAULTS = {
    "signal": lambda patch: send_at_step(patch, "SIGUSR1", 2),
    "early_signal": lambda patch: send_within_step(patch, "SIGUSR1", 2),
    "memory": lambda patch: limit_memory(patch, rows=3),
    "gradient": lambda patch: break_gradients(patch, {2}),
    "sum": lambda patch: run_out_in(patch, "sum", calls=8),
    "before_sum": lambda patch: patch.setattr("seq2seq.training.trainer.sum_gradients", fail),
    "smaller_validation": lambda patch: limit_validation(patch, rows=2),
    "validation": lambda patch: limit_validation(patch, rows=0),
    "outputs": limit_outputs,
    "clock": hurry,
    "command": lambda patch: run_out_in(patch, "norm", calls=2),
}
FAULTS |= {part: partial(run_out_in, part=part, calls=2) for part in PARTS if part != "sum"}


def fail(*arguments: object) -> None:
    raise torch.OutOfMemoryError("CUDA out of memory.")


def main(folder: Path) -> None:
    for recipe in sorted(folder.glob("*.yaml")):
        with pytest.MonkeyPatch.context() as patch:
            fault = recipe.stem.removeprefix("unsaved_").removeprefix("sharded_")
            if os.environ["RANK"] == "1" and fault in FAULTS:
                FAULTS[fault](patch)
            if fault == "sum":
                patch.setattr(replicas, "BUCKET_NUMBERS", BUCKET_NUMBERS)
            try:
                train(recipe, patch)
            except (TrainingError, GenerationError) as error:
                print(f"{recipe.stem} on {os.environ['RANK']}: {error}", flush=True)


def train(recipe: Path, patch: pytest.MonkeyPatch) -> None:
    """Trains by a recipe; by the one called command as the command does, which tells how it ends."""
    if recipe.stem != "command":
        seq2seq.train(recipe)
        return
    patch.setattr(sys, "argv", ["seq2seq", "train", str(recipe)])
    with pytest.raises(SystemExit) as ended:
        run_command()
    print(f"command on {os.environ['RANK']}: exit code {ended.value.code}", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
