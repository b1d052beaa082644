"""What the tests of processes launch: python -m tests.processes.two_processes, by torchrun. Prints a line a process."""

import os
import sys
from collections.abc import Iterator, Sequence

from accelerate import Accelerator

from seq2seq.base.errors import DataError, Seq2SeqError
from seq2seq.engines.batching import Batch, map_by_length
from seq2seq.processes.group import ShareOfProcess, leave_processes, run_once_a_machine
from seq2seq.runs.splits import check_same_everywhere


def fail() -> None:
    raise DataError("a.jsonl line 3: broken")


def spread(accelerator: Accelerator, letters: str) -> str:
    """Letters in batches of two, each followed by the number of the process that had it, and how many were finished."""
    lengths = [1] * len(letters)
    finished: list[int] = []

    def sign(batches: Sequence[Batch]) -> Iterator[list[str]]:
        for batch in batches:
            yield [f"{letters[index]}{accelerator.process_index}" for index in batch]

    share = ShareOfProcess(accelerator)
    results = map_by_length(lengths, lambda width, rows: rows <= 2, sign, finished.append, share)
    return " ".join(["".join(results[start : start + 2]) for start in range(0, len(letters), 2)] + [str(sum(finished))])


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
