"""Training in bf16 against fp32, by how wide a model is: where `training.precision: auto` turns from one to the other.

    OMP_NUM_THREADS=1 python tests/benchmarks/precision_by_width.py
    OMP_NUM_THREADS=1 python tests/benchmarks/precision_by_width.py --pairs 128-768 768-128 --layers 2

A pair is the width of encoder and decoder, one number where both are alike: two random BERTs of it. In a round fp32 and
bf16 take turns at the same model with the same made-up micro-batches (forward, backward, clipping, AdamW step), so that
what others do on the machine meets both. Tokens are the real ones of both sides. The last line is one JSON object.
"""

import argparse
import json
import statistics
import time

import torch
from torch.nn.utils import clip_grad_norm_
from transformers import BertGenerationConfig, EncoderDecoderConfig

from seq2seq.base.console import build_table, errors, output
from seq2seq.modeling.build import build_model
from seq2seq.modeling.sharing import Sharing
from seq2seq.modeling.token_loss import IGNORED_LABEL, TokenLossModel
from seq2seq.training.optimizers import build_optimizer
from seq2seq.training.options import TrainingOptions

HEAD_WIDTH = 32  # of MiniLM, and of the quickstart's BERT
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


def build_pair(widths: str, options: argparse.Namespace) -> TokenLossModel:
    """A model of random weights and BERT's proportions."""
    of_encoder, _, of_decoder = widths.partition("-")
    sides = []
    for width in (int(of_encoder), int(of_decoder or of_encoder)):
        sides.append(
            BertGenerationConfig(
                vocab_size=options.vocabulary,
                hidden_size=width,
                num_hidden_layers=options.layers,
                num_attention_heads=width // HEAD_WIDTH,
                intermediate_size=4 * width,
                hidden_dropout_prob=options.dropout,
                attention_probs_dropout_prob=options.dropout,
                pad_token_id=0,
            )
        )
    config = EncoderDecoderConfig.from_encoder_decoder_configs(*sides, decoder_start_token_id=2, pad_token_id=0)
    return build_model(config, Sharing(embeddings=False, layers=False)).train()


def make_up_batch(options: argparse.Namespace) -> dict[str, torch.Tensor]:
    """Pairs of similar lengths, as batches have that are sorted by length; no two batches have the same shapes.

    Nor have those of a run, and what multiplies bf16 is made anew for every shape.
    """
    source_ids = _make_up_ids(options.source_tokens, options)
    labels = _make_up_ids(options.target_tokens, options)
    return {
        "input_ids": source_ids.clamp(min=0),
        "attention_mask": source_ids.ge(0).long(),
        "labels": labels.where(labels.ge(0), IGNORED_LABEL),
    }


def _make_up_ids(most: int, options: argparse.Namespace) -> torch.Tensor:
    """Ids (examples, longest); -1 behind the end of a text."""
    longest = int(torch.randint(most // 4, most + 1, ()))
    lengths = torch.randint(max(1, int(0.7 * longest)), longest + 1, (options.examples, 1))
    lengths[0] = longest
    ids = torch.randint(3, options.vocabulary, (options.examples, longest))
    return ids.where(torch.arange(longest) < lengths, -1)


def count_tokens(batch: dict[str, torch.Tensor]) -> int:
    return int(batch["attention_mask"].sum() + batch["labels"].ne(IGNORED_LABEL).sum())


class Side:
    """A model at work in one precision after the other."""

    def __init__(self, widths: str, options: argparse.Namespace) -> None:
        self.options = options
        self.model = build_pair(widths, options)
        self.optimizer = build_optimizer(self.model, {}, TrainingOptions(max_steps=1))
        self.rates: dict[str, list[float]] = {precision: [] for precision in DTYPES}

    def take_turns(self, *, counted: bool) -> None:
        batches = [make_up_batch(self.options) for _ in range(self.options.steps)]
        for precision, dtype in DTYPES.items():
            # Of this process alone: others use the machine too.
            begun = time.process_time()
            for batch in batches:
                self.update(batch, dtype)
            if counted:
                tokens = sum(map(count_tokens, batches))
                self.rates[precision].append(tokens / (time.process_time() - begun))

    def update(self, batch: dict[str, torch.Tensor], dtype: torch.dtype) -> None:
        with torch.autocast("cpu", dtype, enabled=dtype == torch.bfloat16):
            losses = self.model(**batch)
        (losses.objective / count_tokens(batch)).backward()
        clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)

    def compute_ratios(self) -> list[float]:
        """bf16 by fp32, round by round."""
        return [bf16 / fp32 for fp32, bf16 in zip(*self.rates.values(), strict=True)]


def compare(widths: str, options: argparse.Namespace) -> dict:
    side = Side(widths, options)
    for number in range(options.rounds + 1):
        side.take_turns(counted=number > 0)
        errors().print(f"{widths}: round {number}/{options.rounds}")
    ratios = side.compute_ratios()
    figures = {precision: statistics.median(rates) for precision, rates in side.rates.items()}
    return {"widths": widths, **figures, "ratio": statistics.median(ratios), "ratios": ratios}


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", nargs="+", default=["128", "256", "384", "768"])
    parser.add_argument("--layers", type=int, default=6, help="of each side")
    parser.add_argument("--vocabulary", type=int, default=8_000)
    parser.add_argument("--dropout", type=float, default=0.1)
    parser.add_argument("--examples", type=int, default=32)
    parser.add_argument("--source-tokens", type=int, default=64)
    parser.add_argument("--target-tokens", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=6, help="steps of a precision in a round")
    return parser


def main() -> None:
    options = build_parser().parse_args()
    torch.manual_seed(1)
    results = [compare(widths, options) for widths in options.pairs]
    header = ["widths", "fp32 tokens/s", "bf16 tokens/s", "bf16 / fp32", "rounds"]
    rows = [
        [
            result["widths"],
            f"{result['fp32']:,.0f}",
            f"{result['bf16']:,.0f}",
            f"{result['ratio']:.2f}",
            ", ".join(f"{ratio:.2f}" for ratio in result["ratios"]),
        ]
        for result in results
    ]
    output().print(build_table(f"Training by width, {options.layers} + {options.layers} layers", header, rows))
    print(json.dumps(results))


if __name__ == "__main__":
    main()
