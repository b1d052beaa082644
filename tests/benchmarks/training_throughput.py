"""Our trainer against transformers' Seq2SeqTrainer: tokens a second, padding, held-out loss, memory of the loss.

    python tests/benchmarks/training_throughput.py --checkpoint DIR --data FILE
    python tests/benchmarks/training_throughput.py --checkpoint DIR --data FILE --sizes 1000,10000,100000
    python tests/benchmarks/training_throughput.py --checkpoint DIR --data FILE --profile

DIR is a BERT; the model is its warm-started bert2bert, FILE holds pairs with the columns source and target. Every side is
a process of its own with the same model, data, pairs a step, optimizer and clipping; one of them works at a time, for some
steps, while the others wait. The sides: `ours`, `ours_window_1` (batches in plain random order), `trainer_default` and
`trainer_grouped` (Seq2SeqTrainer with random sampling, and with group_by_length). Tokens are real ones of both sides of
the pairs; start-up and the first steps are left out. On a GPU add --precision bf16, and --peak-tflops for the share of it.

--sizes compares our trainer with itself on so many pairs (the data repeated); --profile shows where our step's time goes.
The last line is one JSON object.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from accelerate import Accelerator
from rich.table import Table
from torch.nn import functional
from transformers import DataCollatorForSeq2Seq, EncoderDecoderModel, Seq2SeqTrainer, Seq2SeqTrainingArguments
from transformers import TrainerCallback as TransformersCallback

from seq2seq import api
from seq2seq.checkpoints.description import CheckpointDescription
from seq2seq.checkpoints.folder import read_checkpoint, write_checkpoint
from seq2seq.data.batching import BatchOrder
from seq2seq.data.encoding import EncodedExamples, RaggedIds, encode_examples
from seq2seq.data.examples import load_examples
from seq2seq.data.loader import Step, StepLoader, fixed_micro_batches
from seq2seq.data.options import ColumnOptions
from seq2seq.generation.options import GenerationOptions
from seq2seq.modeling.loss import compute_linear_cross_entropy
from seq2seq.modeling.token_loss import IGNORED_LABEL
from seq2seq.reports.console import build_table, errors, output
from seq2seq.training.optimizers import build_optimizer
from seq2seq.training.options import TrainingOptions
from seq2seq.training.state import TrainingState
from seq2seq.training.trainer import Callbacks, Trainer

SIDES = ("ours", "ours_window_1", "trainer_default", "trainer_grouped")
LOSS_SIDES = ("loss_ours", "loss_transformers")
WARM_UP_STEPS = 3
LEARNING_RATE = 1e-4
MARK = "@"  # opens the lines that a side speaks to the main process


class Turns:
    """A side's end of the conversation: it waits for its turn before some steps, and reports what it did since."""

    def __init__(self, steps: int) -> None:
        self.steps, self.real, self.padded, self.begun = steps, 0, 0, 0.0

    def wait(self, step: int) -> None:
        """To be called before each step, numbered from zero."""
        if step == 0 or (step >= WARM_UP_STEPS and (step - WARM_UP_STEPS) % self.steps == 0):
            self.report()
            self.begun = time.perf_counter()

    def report(self) -> None:
        synchronize()
        seconds = time.perf_counter() - self.begun
        say({"seconds": seconds, "tokens": self.real, "padded": self.padded})
        self.real = self.padded = 0
        sys.stdin.readline()

    def count(self, real: int, padded: int) -> None:
        self.real += real
        self.padded += padded


def say(message: dict) -> None:
    print(MARK + json.dumps(message), flush=True)


def synchronize() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


@dataclass(frozen=True)
class TurnLoader(StepLoader):
    """The loader of our trainer, taking turns with the other sides."""

    turns: Turns | None = None

    def steps(self, epoch: int = 0, used_batches: int = 0) -> Iterator[Step]:
        for number, step in enumerate(super().steps(epoch, used_batches)):
            self.turns.wait(number)
            yield step
            padded = sum(batch["input_ids"].numel() + batch["labels"].numel() for batch in step.micro_batches)
            self.turns.count(step.source_tokens + step.target_tokens, padded)


def run_ours(options: argparse.Namespace, turns: Turns | None) -> torch.nn.Module:
    """Our trainer on the training pairs; returns the model."""
    model = read_checkpoint(options.folder / "checkpoint").model.train()
    examples, _ = load_pairs(options)
    if options.pairs:
        examples = repeat(examples, options.pairs)
    settings = TrainingOptions(
        batch_examples=options.batch_examples,
        length_window=1 if options.side == "ours_window_1" else 50,
        micro_batch_tokens=options.micro_batch_tokens,
        max_steps=count_steps(options),
        learning_rate=LEARNING_RATE,
        schedule="constant",
        precision=options.precision,
    )
    accelerator = Accelerator(
        mixed_precision="no" if options.precision == "fp32" else options.precision, cpu=not torch.cuda.is_available()
    )
    order = BatchOrder(
        examples.sources.lengths, examples.labels.lengths, seed=1, length_window=settings.length_window,
        batch_examples=options.batch_examples,
    )  # fmt: skip
    loader = TurnLoader(examples, order, model.source_pad_id, settings.micro_batch_tokens, turns=turns)
    optimizer = build_optimizer(model.to(accelerator.device), {}, settings)
    trainer = Trainer(
        model=accelerator.prepare_model(model),
        optimizer=accelerator.prepare_optimizer(optimizer),
        loader=loader,
        accelerator=accelerator,
        options=settings,
        max_steps=settings.max_steps,
        seed=1,
        state=TrainingState(),
        callbacks=Callbacks(None, lambda state, best: None, lambda event: None),
    )
    trainer.train()
    return model


def run_transformers(options: argparse.Namespace, turns: Turns) -> torch.nn.Module:
    """Seq2SeqTrainer on the same pairs; returns the model."""
    model = EncoderDecoderModel.from_pretrained(options.folder / "checkpoint")
    examples, _ = load_pairs(options)
    rows = [
        {"input_ids": source.tolist(), "attention_mask": [1] * len(source), "labels": labels.tolist()}
        for source, labels in zip(iterate(examples.sources), iterate(examples.labels), strict=True)
    ]
    tokenizer = api.load_checkpoint(options.folder / "checkpoint").tokenizers.source
    pad, counts = DataCollatorForSeq2Seq(tokenizer), deque()

    def collate(features: list[dict]) -> dict:
        batch = pad(features)
        real = sum(len(row["input_ids"]) + len(row["labels"]) for row in features)
        counts.append((real, batch["input_ids"].numel() + batch["labels"].numel()))
        return batch

    class TakeTurns(TransformersCallback):
        def on_step_begin(self, args, state, control, **kwargs):
            turns.wait(state.global_step)

        def on_step_end(self, args, state, control, **kwargs):
            turns.count(*counts.popleft())

    trainer = Seq2SeqTrainer(
        model=model,
        args=Seq2SeqTrainingArguments(
            output_dir=str(options.folder / options.side),
            per_device_train_batch_size=options.batch_examples,
            max_steps=count_steps(options),
            learning_rate=LEARNING_RATE,
            lr_scheduler_type="constant",
            weight_decay=0.01,
            max_grad_norm=1.0,
            train_sampling_strategy="group_by_length" if options.side == "trainer_grouped" else "random",
            bf16=options.precision == "bf16",
            fp16=options.precision == "fp16",
            use_cpu=not torch.cuda.is_available(),
            save_strategy="no", logging_strategy="no", report_to="none", disable_tqdm=True, seed=1,
        ),
        train_dataset=rows,
        data_collator=collate,
        callbacks=[TakeTurns()],
    )  # fmt: skip
    trainer.train()
    return model


def count_steps(options: argparse.Namespace) -> int:
    return WARM_UP_STEPS + options.rounds * options.steps


def load_pairs(options: argparse.Namespace) -> tuple[EncodedExamples, EncodedExamples]:
    """The pairs to train on, and those at the file's end that are held out."""
    checkpoint = api.load_checkpoint(options.folder / "checkpoint")
    limits = {"max_source_tokens": options.max_source_tokens, "max_target_tokens": options.max_target_tokens}
    examples = load_examples([options.data], ColumnOptions())
    parts = examples[: -options.held_out], examples[-options.held_out :]
    first, second = (encode_examples(part, checkpoint.tokenizers, checkpoint.framing, **limits) for part in parts)
    return first, second


def repeat(examples: EncodedExamples, pairs: int) -> EncodedExamples:
    """The first so many pairs of the examples repeated without end."""
    places = [place % len(examples) for place in range(pairs)]
    sides = (RaggedIds([ids[place] for place in places]) for ids in (examples.sources, examples.labels))
    return replace(examples, **dict(zip(("sources", "labels"), sides, strict=True)))


def iterate(ids: RaggedIds) -> Iterator:
    return (ids[index] for index in range(len(ids)))


@torch.no_grad()
def compute_held_out_loss(model: torch.nn.Module, options: argparse.Namespace) -> float:
    """Mean loss of a target token, by whole logits of transformers' forward pass for every side alike."""
    model.eval()
    _, held_out = load_pairs(options)
    pad, total, tokens = model.config.pad_token_id, 0.0, 0
    for batch in fixed_micro_batches(held_out, pad, micro_batch_tokens=8192):
        batch = {name: tensor.to(model.device) for name, tensor in batch.items()}
        labels = batch.pop("labels")
        begin = labels.new_full((len(labels), 1), model.config.decoder_start_token_id)
        inputs = torch.cat([begin, labels[:, :-1]], dim=1).masked_fill(torch.cat([begin, labels[:, :-1]], 1) < 0, pad)
        logits = model(**batch, decoder_input_ids=inputs).logits.float()
        total += functional.cross_entropy(logits.flatten(0, 1), labels.flatten(), reduction="sum").item()
        tokens += int(labels.ne(IGNORED_LABEL).sum())
    return total / tokens


def measure_loss_memory(options: argparse.Namespace) -> None:
    """Peak memory of an output layer and its loss, forward and backward, above what states and table take."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    pairs, length, width = 32, 40, 384
    states = torch.randn(pairs, length, width, device=device, requires_grad=True)
    table = torch.randn(options.vocabulary, width, device=device).mul_(0.02).requires_grad_()
    labels = torch.randint(options.vocabulary, (pairs, length), device=device)
    before = measure_peak_bytes()
    if options.side == "loss_ours":
        loss = (
            compute_linear_cross_entropy(states.flatten(0, 1), table, None, labels.flatten()).objective / labels.numel()
        )
    else:
        # What EncoderDecoderModel.forward does with labels, from the output layer on.
        logits = functional.linear(states, table)
        loss = functional.cross_entropy(logits.reshape(-1, options.vocabulary), labels.view(-1))
    loss.backward()
    say({"loss": loss.item(), "peak_bytes": measure_peak_bytes() - before})


def measure_peak_bytes() -> int:
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


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


def profile_ours(options: argparse.Namespace) -> None:
    """A table of where the time of our training steps goes, by groups of operations."""
    from torch.profiler import ProfilerActivity, profile

    with profile(activities=[ProfilerActivity.CPU]) as profiled:
        run_ours(options, _Silent())
    times = {event.key: event.self_cpu_time_total for event in profiled.key_averages()}
    total = sum(times.values())
    groups = {name: sum(times.get(key, 0) for key in keys) for name, keys in PROFILE_GROUPS.items()}
    groups["everything else"] = total - sum(groups.values())
    rows = [[name, f"{100 * spent / total:.1f}"] for name, spent in sorted(groups.items(), key=lambda item: -item[1])]
    output().print(build_table("Where a step's time goes", ["operations", "% of CPU time"], rows))
    named = {key for keys in PROFILE_GROUPS.values() for key in keys}
    rest = sorted(((spent, key) for key, spent in times.items() if key not in named), reverse=True)[:8]
    output().print("everything else: " + ", ".join(f"{key} {100 * spent / total:.1f}" for spent, key in rest))
    print(json.dumps({name: spent / total for name, spent in groups.items()}))


class _Silent(Turns):
    """Nobody to take turns with."""

    def __init__(self) -> None:
        super().__init__(1)

    def report(self) -> None:
        pass


def run_side(options: argparse.Namespace) -> None:
    """What a side's process does."""
    if options.side in LOSS_SIDES:
        return measure_loss_memory(options)
    turns = Turns(options.steps)
    model = (run_ours if options.side.startswith("ours") else run_transformers)(options, turns)
    turns.report()
    say({"held_out_loss": compute_held_out_loss(model, options), "peak_bytes": measure_peak_bytes()})


class Side:
    """The main process's end of the conversation with a side."""

    def __init__(self, name: str, folder: Path, arguments: list[str]) -> None:
        self.name, self.seconds, self.tokens, self.padded = name, 0.0, 0, 0
        command = [sys.executable, "-m", "tests.benchmarks.training_throughput", *arguments, "--folder", str(folder)]
        self.process = subprocess.Popen(
            [*command, "--side", name.partition("@")[0]],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2],
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


def prepare(options: argparse.Namespace) -> None:
    """The warm-started model as a checkpoint, for all sides."""
    started = api.warm_start(plan="bert2bert", encoder=str(options.checkpoint))
    description = CheckpointDescription(
        plan="bert2bert", task="", sharing=started.model.sharing.to_dict(), framing=started.framing.to_dict(), columns={},
        max_source_tokens=options.max_source_tokens, max_target_tokens=options.max_target_tokens,
        generation=GenerationOptions(num_beams=1).model_dump(mode="json"), evaluation={},
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


def build_result_table(sides: list[Side], last: list[dict]) -> Table:
    header = ["side", "tokens/s", "tokens a step", "padding efficiency", "held-out loss", "peak MB"]
    rows = []
    for side, words in zip(sides, last, strict=True):
        tokens = side.tokens / words["steps"]
        shares = [f"{side.rate:,.0f}", f"{tokens:,.0f}", f"{side.tokens / side.padded:.3f}"]
        rows.append([side.name, *shares, f"{words['held_out_loss']:.4f}", f"{words['peak_bytes'] / 2**20:,.0f}"])
    return build_table("Training throughput", header, rows)


def compare_sides(options: argparse.Namespace, arguments: list[str]) -> dict:
    names = [f"ours@{size}" for size in options.sizes.split(",")] if options.sizes else list(SIDES)
    sides = [
        Side(name, options.folder, [*arguments, *(["--pairs", name.partition("@")[2]] if "@" in name else [])])
        for name in names
    ]
    last = take_turns(sides, options.rounds)
    for words in last:
        words["steps"] = options.rounds * options.steps
    output().print(build_result_table(sides, last))
    rates = {side.name: side.rate for side in sides}
    result = {
        "tokens_per_second": rates,
        "held_out_loss": dict(zip(rates, (w["held_out_loss"] for w in last), strict=True)),
    }
    if options.sizes:
        return result
    ours = sides[0]
    return result | {
        "ratio_default": rates["ours"] / rates["trainer_default"],
        "ratio_grouped": rates["ours"] / rates["trainer_grouped"],
        "padding_efficiency": ours.tokens / ours.padded,
        "peak_bytes": dict(zip(rates, (words["peak_bytes"] for words in last), strict=True)),
    }


def compare_loss_memory(options: argparse.Namespace, arguments: list[str]) -> dict:
    ours, theirs = (Side(name, options.folder, arguments).listen() for name in LOSS_SIDES)
    rows = [
        [name, f"{found['peak_bytes'] / 2**20:,.0f}"] for name, found in zip(LOSS_SIDES, (ours, theirs), strict=True)
    ]
    title = f"Peak memory of the loss, {options.vocabulary:,} tokens of vocabulary, 1,280 of target"
    output().print(build_table(title, ["side", "MB"], rows))
    return {"loss_memory_ratio": ours["peak_bytes"] / theirs["peak_bytes"], "vocabulary": options.vocabulary}


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
    parser.add_argument("--sizes", help="numbers of pairs, to compare our trainer with itself")
    parser.add_argument("--profile", action="store_true")
    for hidden, kind in (("--side", str), ("--folder", Path), ("--pairs", int)):
        parser.add_argument(hidden, type=kind, help=argparse.SUPPRESS)
    return parser


def main() -> None:
    options = build_parser().parse_args()
    if options.side:
        return run_side(options)
    with tempfile.TemporaryDirectory() as folder:
        options.folder = Path(folder)
        prepare(options)
        if options.profile:
            options.side = "ours"
            return profile_ours(options)
        arguments = [f"--checkpoint={options.checkpoint}", f"--data={options.data}"]
        for name in ("rounds", "steps", "batch_examples", "micro_batch_tokens", "max_source_tokens", "max_target_tokens",
                     "held_out", "precision", "vocabulary"):  # fmt: skip
            arguments.append(f"--{name.replace('_', '-')}={getattr(options, name)}")
        result = compare_sides(options, arguments)
        if not options.sizes:
            result |= compare_loss_memory(options, arguments)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
