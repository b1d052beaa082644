"""What the tests of processes launch: python -m tests.processes.two_processes, by torchrun. Prints a line a process."""

import os
import sys
from collections.abc import Iterator, Sequence

from accelerate import Accelerator

from seq2seq.base.errors import DataError, Seq2SeqError
from seq2seq.engines.batching import Batch
from seq2seq.processes.group import leave_processes, run_once_a_machine, spread_batches
from seq2seq.runs.splits import check_same_everywhere


def fail() -> None:
    raise DataError("a.jsonl line 3: broken")


def spread(accelerator: Accelerator, letters: str) -> str:
    """Letters in batches of two, each followed by the number of the process that had it, and how many were finished."""
    batches = [list(range(start, min(start + 2, len(letters)))) for start in range(0, len(letters), 2)]
    finished: list[int] = []

    def sign(batches: Sequence[Batch]) -> Iterator[list[str]]:
        for batch in batches:
            yield [f"{letters[index]}{accelerator.process_index}" for index in batch]

    results = spread_batches(accelerator)(batches, sign, finished.append)
    return " ".join(["".join(result) for result in results] + [str(sum(finished))])


def main() -> None:
    accelerator = Accelerator(cpu=True)
    process = accelerator.process_index
    lines = [f"result on {process}: {run_once_a_machine(accelerator, lambda: f'of process {process}')}"]
    for letters in ("abcdefghi", "abcd", "a", ""):
        lines.append(f"results of {len(letters)} on {process}: {spread(accelerator, letters)}")
    for name, action in (
        ("failure", lambda: run_once_a_machine(accelerator, fail)),
        ("same data", lambda: check_same_everywhere(accelerator, "train", "the same")),
        ("other data", lambda: check_same_everywhere(accelerator, "train", f"that of {process}")),
    ):
        try:
            lines.append(f"{name} on {process}: {action()}")
        except Seq2SeqError as error:
            lines.append(f"{name} on {process}: {type(error).__name__}: {error}")
    sys.stdout.write("".join(line + os.linesep for line in lines))  # at once, or the processes' lines mix
    leave_processes(accelerator)


if __name__ == "__main__":
    main()
