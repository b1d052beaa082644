"""Several runs in one launch: python -m tests.training.train_several RECIPE ...

A recipe whose run folder stands already is resumed. What stops a run is printed, and the next one begins. RUN:COPY in
place of a recipe copies a run up to its step 3.
"""

import os
import sys
from pathlib import Path

import torch

import seq2seq
from seq2seq.base.errors import TrainingError
from tests.training.runs import copy_up_to_step_3


def main(recipes: list[str]) -> None:
    for recipe in recipes:
        if ":" in recipe:
            copy_for_all(*map(Path, recipe.split(":")))
            continue
        try:
            seq2seq.train(recipe, resume=True)
        except TrainingError as error:
            print(f"process {os.environ['RANK']}: {error}", flush=True)


def copy_for_all(run: Path, copy: Path) -> None:
    if os.environ["RANK"] == "0":
        copy_up_to_step_3(run, copy)
    torch.distributed.barrier()


if __name__ == "__main__":
    main(sys.argv[1:])
