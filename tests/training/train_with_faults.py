"""Runs in one launch of which the second process alone meets a fault: python -m tests.training.train_with_faults FOLDER

FOLDER holds recipes by the name of the fault, or any other name for none.
"""

import os
import sys
from pathlib import Path

import pytest

import seq2seq
from seq2seq.base.errors import TrainingInterrupted
from tests.training.faults import break_gradients, limit_memory, send_at_step

FAULTS = {
    "signal": lambda patch: send_at_step(patch, "SIGUSR1", 2),
    "memory": lambda patch: limit_memory(patch, rows=3),
    "gradient": lambda patch: break_gradients(patch, {2}),
}


def main(folder: Path) -> None:
    for recipe in sorted(folder.glob("*.yaml")):
        with pytest.MonkeyPatch.context() as patch:
            if os.environ["RANK"] == "1" and recipe.stem in FAULTS:
                FAULTS[recipe.stem](patch)
            try:
                seq2seq.train(recipe)
            except TrainingInterrupted as error:
                print(f"process {os.environ['RANK']}: {error}", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
