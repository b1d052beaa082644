"""A run whose second process alone is slow in bf16: python -m tests.runs.train_on_unlike_machines RECIPE"""

import os
import sys

import seq2seq
from seq2seq.training.precision import VARIABLE


def main(recipe: str) -> None:
    os.environ[VARIABLE] = "no" if os.environ["RANK"] == "1" else "yes"
    seq2seq.train(recipe)


if __name__ == "__main__":
    main(sys.argv[1])
