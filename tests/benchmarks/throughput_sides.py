"""The sides of training_throughput.py, each in a process of its own: our trainer, Seq2SeqTrainer, the loss alone."""

import argparse
import json
import resource
import sys
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode
from transformers import (
    DataCollatorForSeq2Seq,
    EncoderDecoderModel,
    Seq2SeqTrainer,
    Seq2SeqTrainingArguments,
    TrainerCallback,
)

import seq2seq
from seq2seq.checkpoints.folder import read_checkpoint
from seq2seq.data.batching import BatchOrder
from seq2seq.data.encoding import EncodedExamples, encode_examples
from seq2seq.data.examples import load_examples
from seq2seq.data.loader import Step, StepLoader, fixed_micro_batches
from seq2seq.data.options import LayoutOptions
from seq2seq.data.ragged import RaggedIds
from seq2seq.modeling.loss import compute_linear_cross_entropy
from seq2seq.modeling.token_loss import IGNORED_LABEL, TokenLossModel
from seq2seq.sources.padding import collate_ids
from seq2seq.sources.source import SourceContext
from seq2seq.sources.text import TextSource
from seq2seq.training.execution import compile_layers, enable_gradient_checkpointing
from seq2seq.training.freezing import Freezing
from seq2seq.training.objectives.cross_entropy import CrossEntropy
from seq2seq.training.objectives.objective import ObjectiveContext
from seq2seq.training.optimizers import build_optimizer
from seq2seq.training.options import TrainingOptions
from seq2seq.training.state import TrainingState
from seq2seq.training.trainer import Callbacks, Trainer

WARM_UP_STEPS = 3
LEARNING_RATE = 1e-4
MARK = "@"  # opens the lines that a side speaks to the main process


class Turns:
    """A side's end of the conversation: it waits for its turn before some steps, and reports what it did since."""

    def __init__(self, steps: int) -> None:
        self.steps, self.done, self.real, self.padded, self.begun = steps, 0, 0, 0, 0.0

    def wait(self) -> None:
        """To be called before each step."""
        if self.done == 0 or (self.done >= WARM_UP_STEPS and (self.done - WARM_UP_STEPS) % self.steps == 0):
            self.report()
            self.begun = time.perf_counter()
        self.done += 1

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
        for step in super().steps(epoch, used_batches):
            padded = sum(batch["input_ids"].numel() + batch["labels"].numel() for batch in step.micro_batches)
            self.turns.wait()
            # Before the step, as nobody comes back here behind the last one.
            self.turns.count(step.source_tokens + step.target_tokens, padded)
            yield step


def run_ours(options: argparse.Namespace, turns: Turns | None) -> torch.nn.Module:
    """Our trainer on the training pairs; returns the model."""
    model = read_checkpoint(Path(options.folder) / "checkpoint").model.train()
    examples, _ = load_pairs(options)
    if options.pairs:
        examples = repeat(examples, options.pairs)
    train_ours(model, examples, options, turns)
    return model


def train_ours(
    model: TokenLossModel, examples: EncodedExamples, options: argparse.Namespace, turns: Turns | None, **changes: Any
) -> None:
    """Our trainer at some steps. changes: options of `training:` besides."""
    settings = TrainingOptions(
        batch_examples=options.batch_examples,
        length_window=1 if options.side == "ours_window_1" else 50,
        micro_batch_tokens=options.micro_batch_tokens,
        max_steps=count_steps(options),
        learning_rate=LEARNING_RATE,
        schedule="constant",
        precision=options.precision,
        **changes,
    )
    accelerator = Accelerator(
        mixed_precision="no" if options.precision == "fp32" else options.precision, cpu=not torch.cuda.is_available()
    )
    order = BatchOrder(
        examples.sources.lengths, examples.labels.lengths, seed=1, length_window=settings.length_window,
        batch_examples=options.batch_examples,
    )  # fmt: skip
    loader = TurnLoader(
        examples, order, partial(collate_ids, pad_id=model.source_pad_id), settings.micro_batch_tokens, turns=turns
    )
    if settings.gradient_checkpointing:
        enable_gradient_checkpointing(model)
    if options.side == "ours_compiled":
        compile_layers(model)
    freezing = Freezing(model.to(accelerator.device), settings)
    optimizer = build_optimizer(model, {}, settings)
    freezing.begin(1)
    trainer = Trainer(
        model=model,
        optimizer=accelerator.prepare_optimizer(optimizer),
        objective=CrossEntropy(CrossEntropy.Options(), ObjectiveContext(0.0, 1, None, None, accelerator.device)),
        loader=loader,
        accelerator=accelerator,
        options=settings,
        max_steps=settings.max_steps,
        seed=1,
        state=TrainingState(),
        callbacks=Callbacks(None, lambda state, best: None, lambda state: None, lambda event: None),
        freezing=freezing,
    )
    trainer.train()


def run_transformers(options: argparse.Namespace, turns: Turns) -> torch.nn.Module:
    """Seq2SeqTrainer on the same pairs; returns the model."""
    model = EncoderDecoderModel.from_pretrained(Path(options.folder) / "checkpoint")
    examples, _ = load_pairs(options)
    tokenizer = seq2seq.load_checkpoint(Path(options.folder) / "checkpoint").tokenizers.source
    train_transformers(model, examples, DataCollatorForSeq2Seq(tokenizer), options, turns)
    return model


def train_transformers(
    model: EncoderDecoderModel,
    examples: EncodedExamples,
    pad: DataCollatorForSeq2Seq,
    options: argparse.Namespace,
    turns: Turns,
    **changes: Any,
) -> None:
    """Seq2SeqTrainer at the same steps. changes: training arguments besides."""
    rows = [
        {"input_ids": source.tolist(), "attention_mask": [1] * len(source), "labels": labels.tolist()}
        for source, labels in zip(iterate(examples.sources), iterate(examples.labels), strict=True)
    ]
    counts: deque[tuple[int, int]] = deque()

    def collate(features: list[dict]) -> dict:
        batch = pad(features)
        real = sum(len(row["input_ids"]) + len(row["labels"]) for row in features)
        counts.append((real, batch["input_ids"].numel() + batch["labels"].numel()))
        return batch

    class TakeTurns(TrainerCallback):
        def on_step_begin(self, args, state, control, **kwargs):
            turns.wait()

        def on_step_end(self, args, state, control, **kwargs):
            turns.count(*counts.popleft())

    trainer = Seq2SeqTrainer(
        model=model,
        args=Seq2SeqTrainingArguments(
            output_dir=str(Path(options.folder) / options.side),
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
            **changes,
        ),
        train_dataset=rows,
        data_collator=collate,
        callbacks=[TakeTurns()],
    )  # fmt: skip
    trainer.train()


def count_steps(options: argparse.Namespace) -> int:
    return WARM_UP_STEPS + options.rounds * options.steps


def load_pairs(options: argparse.Namespace) -> tuple[EncodedExamples, EncodedExamples]:
    """The pairs to train on, and those at the file's end that are held out."""
    checkpoint = seq2seq.load_checkpoint(Path(options.folder) / "checkpoint")
    context = SourceContext(checkpoint.tokenizers.source, checkpoint.framing, options.max_source_tokens)
    source = TextSource(TextSource.Options(), context)
    examples = load_examples([options.data], LayoutOptions(), source)
    parts = examples[: -options.held_out], examples[-options.held_out :]
    first, second = (
        encode_examples(
            part,
            source,
            checkpoint.tokenizers,
            checkpoint.framing,
            max_target_tokens=options.max_target_tokens,
        )
        for part in parts
    )
    return first, second


def repeat(examples: EncodedExamples, pairs: int) -> EncodedExamples:
    """The first so many pairs of the examples repeated without end."""
    positions = [position % len(examples) for position in range(pairs)]
    sides = (RaggedIds([ids[position] for position in positions]) for ids in (examples.sources, examples.labels))
    return replace(examples, **dict(zip(("sources", "labels"), sides, strict=True)))


def iterate(ids: RaggedIds) -> Iterator:
    return (ids[index] for index in range(len(ids)))


@torch.no_grad()
def compute_held_out_loss(model: torch.nn.Module, options: argparse.Namespace) -> float:
    """Mean loss of a target token, by whole logits of transformers' forward pass for every side alike."""
    model.eval()
    _, held_out = load_pairs(options)
    pad, total, tokens = model.config.pad_token_id, 0.0, 0
    for batch in fixed_micro_batches(held_out, partial(collate_ids, pad_id=pad), micro_batch_tokens=8192):
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
    before = measure_bytes()
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


def measure_bytes() -> int:
    if torch.cuda.is_available():
        return torch.cuda.memory_allocated()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def measure_peak_bytes() -> int:
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def count_flops_of_a_token(model: torch.nn.Module, options: argparse.Namespace) -> float:
    """Floating-point operations for each real token of a step's pairs, forward and backward, padding included."""
    examples, _ = load_pairs(options)
    order = BatchOrder(
        examples.sources.lengths,
        examples.labels.lengths,
        seed=1,
        length_window=50,
        batch_examples=options.batch_examples,
    )
    loader = StepLoader(examples, order, partial(collate_ids, pad_id=model.source_pad_id), options.micro_batch_tokens)
    step = next(loader.steps())
    with FlopCounterMode(display=False) as counter:
        for batch in step.micro_batches:
            model.train()(**{name: tensor.to(model.device) for name, tensor in batch.items()}).objective.backward()
    return counter.get_total_flops() / (step.source_tokens + step.target_tokens)


def main() -> None:
    """What a side's process does, given its options as JSON."""
    options = argparse.Namespace(**json.loads(sys.argv[1]))
    if options.side.startswith("loss"):
        return measure_loss_memory(options)
    turns = Turns(options.steps)
    model = (run_ours if options.side.startswith("ours") else run_transformers)(options, turns)
    turns.report()
    words = {"peak_bytes": measure_peak_bytes(), "held_out_loss": compute_held_out_loss(model, options)}
    say(words | ({"flops": count_flops_of_a_token(model, options)} if options.side == "ours" else {}))


if __name__ == "__main__":
    main()
