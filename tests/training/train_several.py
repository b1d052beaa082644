"""Several runs in one launch, which costs ten seconds: python -m tests.training.train_several RECIPE ...

A recipe whose run folder stands already is resumed. What stops a run is printed, and the next one begins.
"""

import os
import sys

from seq2seq import api
from seq2seq.errors import TrainingError


def main(recipes: list[str]) -> None:
    leave_processes, entered = api.leave_processes, []
    api.leave_processes = entered.append  # a process group that was left cannot be entered again
    for recipe in recipes:
        try:
            api.train(recipe, resume=True)
        except TrainingError as error:
            print(f"process {os.environ['RANK']}: {error}", flush=True)
    leave_processes(entered[-1])


if __name__ == "__main__":
    main(sys.argv[1:])
