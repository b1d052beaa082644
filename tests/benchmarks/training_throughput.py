"""Our trainer against transformers' Seq2SeqTrainer: tokens a second, padding, held-out loss, memory of the loss.

    python tests/benchmarks/training_throughput.py --checkpoint DIR --data FILE
    python tests/benchmarks/training_throughput.py --checkpoint DIR --data FILE --sizes 1000,10000,100000
    python tests/benchmarks/training_throughput.py --checkpoint DIR --data FILE --profile

DIR is a BERT; the model is its warm-started bert2bert. FILE holds pairs with the columns source and target. Every side
is a process of its own (throughput_sides.py) with the same model, data, pairs a step, optimizer and clipping; one works
at a time, for some steps, while the others wait. The sides: `ours`, `ours_window_1` (batches in plain random order),
`trainer_default` and `trainer_grouped` (Seq2SeqTrainer with random sampling, and with group_by_length). Tokens are the
real ones of both sides of the pairs; start-up and the first steps are left out. The last line is one JSON object.

--sizes compares our trainer with itself on so many pairs, the file's repeated; --profile shows where our step's time
goes. On a GPU add --precision bf16, --peak-tflops for the share of the peak, and --sides with ours_compiled.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.table import Table
from throughput_sides import MARK, WARM_UP_STEPS, Turns, run_ours
from torch.profiler import ProfilerActivity, profile

import seq2seq
from seq2seq.base.console import build_table, errors, output
from seq2seq.checkpoints.description import CheckpointDescription
from seq2seq.checkpoints.folder import write_checkpoint
from seq2seq.engines.options import GenerationOptions
from seq2seq.warmstart.start import WarmStart

SIDES = "ours,ours_window_1,trainer_default,trainer_grouped"
LOSS_SIDES = ("loss_ours", "loss_transformers")


class Side:
    """The main process's end of the conversation with a side."""

    script = "throughput_sides.py"

    def __init__(self, name: str, options: argparse.Namespace) -> None:
        self.name, self.seconds, self.tokens, self.padded = name, 0.0, 0, 0
        side, _, pairs = name.partition("@")
        settings = vars(options) | {"side": side, "pairs": int(pairs or 0), "folder": str(options.folder)}
        self.process = subprocess.Popen(
            [sys.executable, Path(__file__).parent / self.script, json.dumps(settings, default=str)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def go(self) -> None:
        self.process.stdin.write("go\n")
        self.process.stdin.flush()

    def listen(self) -> dict:
        for line in self.process.stdout:
            if line.startswith(MARK):
                return json.loads(line.removeprefix(MARK))
        raise SystemExit(f"side {self.name} ended: {self.process.wait()}")

    def take_turn(self, counted: bool) -> None:
        self.go()
        report = self.listen()
        if counted:
            self.seconds += report["seconds"]
            self.tokens += report["tokens"]
            self.padded += report["padded"]

    @property
    def rate(self) -> float:
        return self.tokens / self.seconds


PROFILE_GROUPS = {
    "matrix products": ("aten::mm", "aten::addmm", "aten::bmm", "aten::baddbmm", "aten::addmm_"),
    "dropout: random numbers": ("aten::bernoulli_", "aten::random_"),
    "optimizer": ("aten::_fused_adamw_",),
    "clipping and gradient norm": ("aten::_foreach_norm", "aten::_foreach_mul_", "aten::linalg_vector_norm"),
    "softmax": ("aten::_softmax", "aten::_softmax_backward_data"),
    "exponential of the loss": ("aten::exp_", "aten::amax", "aten::_log_softmax", "aten::_log_softmax_backward_data"),
    "GELU": ("aten::gelu", "aten::gelu_backward"),
    "layer norm": ("aten::native_layer_norm", "aten::native_layer_norm_backward"),
    "embeddings": ("aten::embedding", "aten::embedding_dense_backward", "aten::index_select"),
    "elementwise (dropout's products, residuals, loss)": (
        "aten::mul", "aten::mul_", "aten::add", "aten::add_", "aten::div", "aten::div_", "aten::sub_", "aten::where",
    ),
    "copies, fills, sums": (
        "aten::copy_", "aten::fill_", "aten::zero_", "aten::sum", "aten::cat", "aten::index", "aten::empty",
    ),
}  # fmt: skip


def profile_ours(options: argparse.Namespace) -> dict[str, float]:
    """Where the time of our training steps goes: the share of each group of operations."""
    options.side, options.pairs = "ours", 0
    alone = _Profiled()
    run_ours(options, alone)
    alone.profiler.stop()
    times = {event.key: event.self_cpu_time_total for event in alone.profiler.key_averages()}
    total = sum(times.values())
    groups = {name: sum(times.get(key, 0) for key in keys) for name, keys in PROFILE_GROUPS.items()}
    groups["everything else"] = total - sum(groups.values())
    rows = [[name, f"{100 * spent / total:.1f}"] for name, spent in sorted(groups.items(), key=lambda item: -item[1])]
    output().print(build_table("Where a step's time goes", ["operations", "% of CPU time"], rows))
    named = {key for keys in PROFILE_GROUPS.values() for key in keys}
    rest = sorted(((spent, key) for key, spent in times.items() if key not in named), reverse=True)[:8]
    output().print("everything else: " + ", ".join(f"{key} {100 * spent / total:.1f}" for spent, key in rest))
    return {name: spent / total for name, spent in groups.items()}


class _Profiled(Turns):
    """Nobody to take turns with: the profiler begins behind the first steps."""

    def __init__(self) -> None:
        super().__init__(1)
        self.profiler = profile(activities=[ProfilerActivity.CPU])

    def report(self) -> None:
        if self.done == WARM_UP_STEPS:
            self.profiler.start()


def prepare(options: argparse.Namespace) -> None:
    """The warm-started model as a checkpoint, for all sides."""
    save_start(seq2seq.warm_start(plan="bert2bert", encoder=str(options.checkpoint)), options)


def save_start(started: WarmStart, options: argparse.Namespace) -> None:
    description = CheckpointDescription(
        plan="bert2bert", task="", layout={}, evaluation={},
        sharing=started.model.sharing.to_dict(), framing=started.framing.to_dict(),
        max_source_tokens=options.max_source_tokens, max_target_tokens=options.max_target_tokens,
        generation=GenerationOptions(num_beams=1).model_dump(mode="json"),
    )  # fmt: skip
    write_checkpoint(options.folder / "checkpoint", started.model, started.tokenizers, description)


def take_turns(sides: list[Side], rounds: int) -> list[dict]:
    """Lets every side in turn do its steps, round by round; returns their last words."""
    for side in sides:
        side.listen()  # ready for the first step
    for number in range(rounds + 1):
        for side in sides:
            side.take_turn(counted=number > 0)
        if number:
            errors().print(f"round {number}/{rounds}  " + "  ".join(f"{s.name} {s.rate:,.0f}" for s in sides))
    for side in sides:
        side.go()
    return [side.listen() for side in sides]


def build_result_table(sides: list[Side], last: list[dict], steps: int) -> Table:
    header = ["side", "tokens/s", "tokens a step", "padding efficiency", "held-out loss", "peak MB"]
    rows = [
        [
            side.name,
            f"{side.rate:,.0f}",
            f"{side.tokens / steps:,.0f}",
            f"{side.tokens / side.padded:.3f}",
            f"{words['held_out_loss']:.4f}",
            f"{words['peak_bytes'] / 2**20:,.0f}",
        ]
        for side, words in zip(sides, last, strict=True)
    ]
    return build_table("Training throughput", header, rows)


def compare_sides(options: argparse.Namespace) -> dict:
    names = [f"ours@{size}" for size in options.sizes.split(",")] if options.sizes else options.sides.split(",")
    sides = [Side(name, options) for name in names]
    last = take_turns(sides, options.rounds)
    output().print(build_result_table(sides, last, options.rounds * options.steps))
    rates = {side.name: side.rate for side in sides}
    result = {"tokens_per_second": rates}
    for figure in ("held_out_loss", "peak_bytes"):
        result[figure] = {side.name: words[figure] for side, words in zip(sides, last, strict=True)}
    for ratio, other in (("ratio_default", "trainer_default"), ("ratio_grouped", "trainer_grouped")):
        if "ours" in rates and other in rates:
            result[ratio] = rates["ours"] / rates[other]
    for side, words in zip(sides, last, strict=True):
        if side.name == "ours":
            result["padding_efficiency"] = side.tokens / side.padded
            if options.peak_tflops:
                result["share_of_peak"] = side.rate * words["flops"] / (options.peak_tflops * 1e12)
    return result


def compare_loss_memory(options: argparse.Namespace) -> dict:
    peaks = {name: Side(name, options).listen()["peak_bytes"] for name in LOSS_SIDES}
    title = f"Peak memory of the loss, {options.vocabulary:,} tokens of vocabulary, 1,280 of target"
    output().print(build_table(title, ["side", "MB"], [[name, f"{peak / 2**20:,.0f}"] for name, peak in peaks.items()]))
    ours, theirs = peaks.values()
    return {"loss_memory_ratio": ours / theirs, "vocabulary": options.vocabulary}


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", required=True, type=Path, help="folder of a BERT")
    parser.add_argument("--data", required=True, help="pairs with the columns source and target")
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--steps", type=int, default=10, help="steps of a side in a round")
    parser.add_argument("--batch-examples", type=int, default=32)
    parser.add_argument("--micro-batch-tokens", type=int, default=16384)
    parser.add_argument("--max-source-tokens", type=int, default=512)
    parser.add_argument("--max-target-tokens", type=int, default=128)
    parser.add_argument("--held-out", type=int, default=200, help="pairs at the end of the file that nobody trains on")
    parser.add_argument("--precision", choices=["fp32", "bf16", "fp16"], default="fp32")
    parser.add_argument("--vocabulary", type=int, default=250_000, help="of the comparison of memory")
    parser.add_argument("--sides", default=SIDES, help="besides these, ours_compiled")
    parser.add_argument("--sizes", help="numbers of pairs, to compare our trainer with itself")
    parser.add_argument("--peak-tflops", type=float, help="of the GPU in the precision, for the share of it")
    parser.add_argument("--profile", action="store_true")
    return parser


def main() -> None:
    options = build_parser().parse_args()
    with tempfile.TemporaryDirectory() as folder:
        options.folder = Path(folder)
        prepare(options)
        if options.profile:
            result = profile_ours(options)
        else:
            result = compare_sides(options)
            if not options.sizes:
                result |= compare_loss_memory(options)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
