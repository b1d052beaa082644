"""What the tests of processes launch: python -m tests.assembly.two_processes, by torchrun. Prints a line a process."""

import os
import sys

from accelerate import Accelerator

from seq2seq.assembly.processes import leave_processes, run_once_a_machine
from seq2seq.assembly.splits import check_same_everywhere
from seq2seq.errors import DataError, Seq2SeqError


def fail() -> None:
    raise DataError("a.jsonl line 3: broken")


def main() -> None:
    accelerator = Accelerator(cpu=True)
    process = accelerator.process_index
    lines = [f"result on {process}: {run_once_a_machine(accelerator, lambda: f'of process {process}')}"]
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
