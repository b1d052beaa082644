"""The generation part of gpu.py: our engine against the plain loop of transformers, texts a second.

The sides and their turns are those of generation_throughput.py. The model's weights are random and its end mark is out
of reach, so that every text is written to the full length: both sides write the same number of tokens.
"""

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path

import torch
from generation_throughput import OURS, PLAIN, build_side, take_turns
from torch import nn
from training_throughput import save_start
from transformers import BertModel

import seq2seq
from seq2seq.base.console import errors
from tests.conftest import build_word_piece_tokenizer

from .sizes import POSITIONS, Size, build_bert_config, find_size, list_words, make_up_texts

Record = Callable[[dict], None]
OUT_OF_REACH = -1e4  # a number that bf16 has
SHAKE = 0.02  # so that outputs depend on their sources


def measure_generation(options: argparse.Namespace, record: Record) -> None:
    """The part `generation`: greedy and four beams, fp32 and bf16."""
    size = find_size("base", tiny=options.size == "tiny")
    texts = make_up_texts(size)
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = seq2seq.load_checkpoint(save_model(size, Path(folder)))
        for num_beams in (1, 4):
            for precision in ("fp32", "bf16"):
                errors().print(f"{num_beams} beams, {precision}: loads")
                search = argparse.Namespace(
                    num_beams=num_beams, max_target_tokens=size.written_tokens, precision=precision
                )
                sides = {name: build_side(name, checkpoint, search, Path(folder)) for name in (PLAIN, OURS)}
                seconds, outputs = take_turns(sides, texts, rounds=2)
                equal = sum(map(str.__eq__, outputs[PLAIN], outputs[OURS])) / len(texts)
                case = f"{num_beams} beams {precision}" if num_beams > 1 else f"greedy {precision}"
                for name, side in ((OURS, "ours"), (PLAIN, "transformers")):
                    record(
                        {
                            "size": "base",
                            "case": case,
                            "side": side,
                            "texts_per_second": len(texts) / seconds[name],
                            "texts": len(texts),
                            "written_tokens": size.written_tokens,
                            "equal_outputs": equal,
                        }
                    )


def save_model(size: Size, folder: Path) -> Path:
    """The checkpoint of a bert2bert of random weights that never ends a text."""
    tokenizer = build_word_piece_tokenizer(list_words(size))
    tokenizer.model_max_length = POSITIONS
    torch.manual_seed(1)
    BertModel(build_bert_config(size)).save_pretrained(folder / "bert")
    tokenizer.save_pretrained(folder / "bert")
    started = seq2seq.warm_start(plan="bert2bert", encoder=str(folder / "bert"))
    output_layer = started.model.get_decoder().get_output_embeddings()
    with torch.no_grad():
        for parameter in started.model.parameters():
            parameter += SHAKE * torch.randn_like(parameter)
        for bias in _list_biases(started.model, output_layer):
            bias[tokenizer.sep_token_id] = OUT_OF_REACH
    limits = {"max_source_tokens": POSITIONS, "max_target_tokens": size.written_tokens}
    save_start(started, argparse.Namespace(folder=folder, **limits))
    return folder / "checkpoint"


def _list_biases(model: nn.Module, output_layer: nn.Module) -> list[nn.Parameter]:
    """The bias that logits get, under each of its names."""
    named = [parameter for name, parameter in model.named_parameters() if name.endswith("lm_head.bias")]
    return [*named, output_layer.bias]
