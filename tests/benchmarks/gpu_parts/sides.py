"""The training and memory parts of gpu.py: our trainer and Seq2SeqTrainer in each precision, one after the other.

All sides start at once, each in a process of its own, and import; then one at a time builds its model and trains.
"""

import argparse
import os
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from threading import Timer

from training_throughput import Side

from seq2seq.base.console import errors

from .flops import compute_share_of_peak, count_flops
from .sizes import Size, draw_lengths, find_size

Record = Callable[[dict], None]
SIDE_SECONDS = 60  # of one side from its turn on: a compilation of a whole model may take longer than there is
DATA_PAIRS = 4096  # whose lengths say how much arithmetic a token is


@dataclass(frozen=True)
class Case:
    """What a side is told to do: ours or transformers, and how."""

    side: str
    precision: str  # fp32, tf32 or bf16
    compiled: bool = False
    gradient_checkpointing: bool = False

    @property
    def name(self) -> str:
        parts = [self.precision]
        if self.compiled:
            parts.append("compiled")
        if self.gradient_checkpointing:
            parts.append("checkpointing")
        return " ".join(parts)


TRAINING = [Case(side, precision) for precision in ("fp32", "tf32", "bf16") for side in ("ours", "transformers")]
TRAINING += [Case(side, "bf16", compiled=True) for side in ("ours", "transformers")]
MEMORY = [
    Case(side, precision, gradient_checkpointing=checkpointing)
    for precision in ("fp32", "bf16")
    for checkpointing in (False, True)
    for side in ("ours", "transformers")
]


def count_steps(case: Case, steps: int) -> int:
    """Steps of a round, so that a round is long enough to measure and short enough for the part."""
    return steps if case.precision == "fp32" else 2 * steps


class GpuSide(Side):
    """The main process's end of the conversation with a side of side.py."""

    script = "gpu_parts/side.py"

    def __init__(self, case: Case, size: Size, rounds: int, steps: int) -> None:
        self.case = case
        self.size = size
        self.rounds = rounds
        self.limit = SIDE_SECONDS * int(os.environ.get("LIMIT_TIMES", 1))  # as gpu.sh has it
        options = {
            "folder": None,
            "size": asdict(size),
            "rounds": rounds,
            "steps": count_steps(case, steps),
            "batch_examples": size.batch_examples,
            # A whole batch at once, as the other side has it.
            "micro_batch_tokens": size.batch_examples * (size.source_tokens + size.target_tokens),
            "precision": "bf16" if case.precision == "bf16" else "fp32",
            "tf32": case.precision == "tf32",
            "compiled": case.compiled,
            "gradient_checkpointing": case.gradient_checkpointing,
        }
        name = "ours_compiled" if case.side == "ours" and case.compiled else case.side
        super().__init__(name, argparse.Namespace(**options))

    def listen(self) -> dict:
        """The next word of the side.

        Raises:
            SystemExit: it failed, or was ended for taking too long.
        """
        words = super().listen()
        if "error" in words:
            raise SystemExit(words["error"])
        return words

    def measure(self) -> dict:
        """Its figures, once it has imported all; an `error` where it failed."""
        timer = Timer(self.limit, self.process.kill)
        timer.start()
        try:
            return self._measure()
        except (SystemExit, BrokenPipeError) as error:
            late = self.process.poll() == -9
            return {"error": f"ran out of its {self.limit} s" if late else str(error)}
        finally:
            timer.cancel()
            self.process.kill()
            self.process.wait()

    def _measure(self) -> dict:
        self.go()
        self.listen()  # ready for the first step
        self.take_turn(counted=False)
        rates = []
        for _ in range(self.rounds):
            seconds = self.seconds
            tokens = self.tokens
            self.take_turn(counted=True)
            rates.append((self.tokens - tokens) / (self.seconds - seconds))
        self.go()
        return {
            "tokens_per_second": self.rate,
            "tokens_per_second_of_rounds": rates,
            "padding_efficiency": self.tokens / self.padded,
            **self.listen(),
        }


def measure_training(name: str, options: argparse.Namespace, record: Record) -> None:
    """The part `training`: every precision at a size, and how near to the peak of the GPU."""
    size = find_size(name, tiny=options.size == "tiny")
    # All layers of a side in one graph: of 24 the compilation alone would take longer than the part may.
    cases = [case for case in TRAINING if name == "base" or not (case.compiled and case.side == "transformers")]
    lengths = draw_lengths(size, DATA_PAIRS)
    flops = count_flops(size, *lengths) / float(sum(each.sum() for each in lengths))
    for case, figures in measure_sides(cases, size, size.rounds, size.steps):
        if "error" not in figures:
            figures["flops_per_token"] = flops
            figures["share_of_peak"] = compute_share_of_peak(
                figures["tokens_per_second"], flops, figures["device"], case.precision
            )
        record({"size": name, "case": case.name, "side": case.side, **figures})


def measure_memory(options: argparse.Namespace, record: Record) -> None:
    """The part `memory`: the most that was allocated in some steps at large size, with and without checkpointing."""
    size = find_size("large", tiny=options.size == "tiny")
    for case, figures in measure_sides(MEMORY, size, rounds=1, steps=2):
        record({"size": "large", "case": case.name, "side": case.side, **figures})


def measure_sides(cases: list[Case], size: Size, rounds: int, steps: int) -> Iterable[tuple[Case, dict]]:
    """The figures of each case, as they come."""
    sides = [GpuSide(case, size, rounds, steps) for case in cases]
    try:
        for number, side in enumerate(sides):
            errors().print(f"{number + 1}/{len(sides)} {side.case.side} {side.case.name}: imports")
            side.listen()
        for number, side in enumerate(sides):
            figures = side.measure()
            told = figures.get("error") or f"{figures['tokens_per_second']:,.0f} tokens/s"
            errors().print(f"{number + 1}/{len(sides)} {side.case.side} {side.case.name}: {told}")
            yield side.case, figures
    finally:
        for side in sides:
            side.process.kill()
