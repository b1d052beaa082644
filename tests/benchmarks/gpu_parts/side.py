"""One side of the training and memory parts of gpu.py, in a process of its own: a random model at some steps.

It speaks to `sides.py` as throughput_sides.py does to training_throughput.py: it says when it has imported all, and
builds its model when it is its turn, so that the others' models do not lie on the GPU meanwhile.
"""

import argparse
import json
import sys

import torch
from gpu_parts.sizes import Size, build_config, list_words, make_up_examples
from throughput_sides import Turns, say, train_ours, train_transformers
from torch import nn
from transformers import DataCollatorForSeq2Seq, EncoderDecoderModel

from seq2seq.modeling.build import build_model
from seq2seq.modeling.sharing import Sharing
from seq2seq.training.options import TrainingOptions
from tests.conftest import build_word_piece_tokenizer

DATA_BATCHES = 60
ROUNDED_TO = 8  # lengths of Seq2SeqTrainer's batches, as GPUs like them; that is one of its best settings


def train(options: argparse.Namespace, size: Size, turns: Turns) -> nn.Module:
    """Trains the side's model and returns it."""
    examples = make_up_examples(size, DATA_BATCHES * size.batch_examples)
    config = build_config(size)
    if not torch.cuda.is_available():
        # The way to a compilation is tried, which itself would take minutes.
        torch.compiler.set_stance("force_eager")
    torch.manual_seed(1)
    with torch.device("cuda" if torch.cuda.is_available() else "cpu"):
        if options.side == "transformers":
            model = EncoderDecoderModel(config).train()
        else:
            model = build_model(config, Sharing(embeddings=False, layers=False)).train()
    set_tf32(options.tf32)
    if options.side == "transformers":
        tokenizer = build_word_piece_tokenizer(list_words(size))
        collator = DataCollatorForSeq2Seq(tokenizer, pad_to_multiple_of=ROUNDED_TO)
        options.side = "trainer_grouped"
        train_transformers(model, examples, collator, options, turns, **list_arguments(options))
    else:
        train_ours(model, examples, options, turns, **list_options(options))
    return model


def set_tf32(wanted: bool) -> None:
    """By torch's old names, which set the new ones too; for both sides alike."""
    torch.backends.cuda.matmul.allow_tf32 = wanted
    torch.backends.cudnn.allow_tf32 = wanted


def list_options(options: argparse.Namespace) -> dict:
    """Our options of `training:` for the case."""
    chosen = {"gradient_checkpointing": options.gradient_checkpointing}
    # A version without the key leaves torch's setting alone; one with it sets it by the key.
    if "tf32" in TrainingOptions.model_fields:
        chosen["tf32"] = options.tf32
    return chosen


def list_arguments(options: argparse.Namespace) -> dict:
    """Seq2SeqTrainer's arguments for the case, besides batches by length."""
    chosen: dict = {"torch_compile": options.compiled}
    if options.gradient_checkpointing:
        chosen |= {"gradient_checkpointing": True, "gradient_checkpointing_kwargs": {"use_reentrant": False}}
    return chosen


def measure(options: argparse.Namespace) -> None:
    size = Size(**options.size)
    turns = Turns(options.steps)
    say({"imported": True})
    sys.stdin.readline()
    model = train(options, size, turns)
    turns.report()
    on_gpu = torch.cuda.is_available()
    say(
        {
            "device": torch.cuda.get_device_name() if on_gpu else "CPU",
            "peak_bytes": torch.cuda.max_memory_allocated() if on_gpu else None,
            "parameters": sum(parameter.numel() for parameter in model.parameters()),
        }
    )


def main() -> None:
    try:
        measure(argparse.Namespace(**json.loads(sys.argv[1])))
    except Exception as error:
        say({"error": f"{type(error).__name__}: {error}"[:500]})
        raise


if __name__ == "__main__":
    main()
