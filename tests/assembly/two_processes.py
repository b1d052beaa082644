"""What the tests of processes launch: python -m tests.assembly.two_processes, by torchrun. Prints a line a process."""

import os
import sys
from collections.abc import Callable, Sequence

from accelerate import Accelerator

from seq2seq.assembly.processes import generate_in_processes, leave_processes, run_once_a_machine
from seq2seq.assembly.splits import check_same_everywhere
from seq2seq.errors import DataError, Seq2SeqError
from seq2seq.generation.generator import Generated, Output


def fail() -> None:
    raise DataError("a.jsonl line 3: broken")


class Signer:
    """A generator that writes its process's number behind each source."""

    def __init__(self, process: int) -> None:
        self.process = process

    def generate(self, texts: Sequence[str], advance: Callable[[int], None], *, places: Sequence[int]) -> Generated:
        return Generated([[Output(f"{text}{self.process}")] for text in texts], empty=0, truncated=0)


def main() -> None:
    accelerator = Accelerator(cpu=True)
    process = accelerator.process_index
    lines = [f"result on {process}: {run_once_a_machine(accelerator, lambda: f'of process {process}')}"]
    for sources in ("abcde", "abcd", "a", ""):
        written = generate_in_processes(accelerator, Signer(process), list(sources))
        lines.append(f"outputs of {len(sources)} on {process}: {' '.join(written)}")
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
