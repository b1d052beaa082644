"""What pruning buys: parameters, training and writing speed of a model and of its pruned forms.

    python tests/benchmarks/pruned_speed.py --data FILE CHECKPOINT [CHECKPOINT ...]

The first checkpoint is the one that the others are compared with. FILE holds pairs with the columns source and target.
In a round every model in turn trains on the same pairs (forward, backward, AdamW step) and writes for the same sources
with our engine, while the others wait. Tokens are the real ones of both sides. The last line is one JSON object.
"""

import argparse
import json
import time
from pathlib import Path

import torch

import seq2seq
from seq2seq.base.console import build_table, errors, output
from seq2seq.checkpoints.folder import Checkpoint
from seq2seq.data.encoding import EncodedExamples
from seq2seq.data.examples import Example, load_examples
from seq2seq.data.loader import fixed_micro_batches
from seq2seq.generation.loading import build_source, encode_pairs
from seq2seq.modeling.head_removal import count_heads


class Side:
    def __init__(self, folder: Path, examples: list[Example], options: argparse.Namespace) -> None:
        self.name = folder.name
        self.checkpoint: Checkpoint = seq2seq.load_checkpoint(folder)
        self.source = build_source(self.checkpoint, seq2seq.read_layout(self.checkpoint))
        pairs = examples[: options.training_pairs]
        self.encoded: EncodedExamples = encode_pairs(self.checkpoint, pairs, self.source)
        self.sources = [example.source for example in examples[: options.sources]]
        self.generator = seq2seq.load_generator(self.checkpoint, num_beams=options.num_beams)
        self.batch_tokens = options.batch_tokens
        self.training, self.writing = 0.0, 0.0
        # A rate of zero: the work of a step, and a model that writes the same texts in every round.
        self.optimizer = torch.optim.AdamW(self.checkpoint.model.parameters(), lr=0.0, weight_decay=0.0, fused=True)

    def train(self) -> float:
        """Seconds of one pass over the pairs."""
        model, begun = self.checkpoint.model.train(), time.perf_counter()
        for batch in fixed_micro_batches(self.encoded, self.source.collate, micro_batch_tokens=self.batch_tokens):
            model(**batch).objective.backward()
            self.optimizer.step()
            self.optimizer.zero_grad()
        model.eval()
        return time.perf_counter() - begun

    def write(self) -> float:
        begun = time.perf_counter()
        self.generator.generate(self.sources)
        return time.perf_counter() - begun

    @property
    def tokens(self) -> int:
        return len(self.encoded.sources.ids) + len(self.encoded.labels.ids)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoints", nargs="+", type=Path, help="checkpoints or run folders")
    parser.add_argument("--data", required=True, help="pairs with the columns source and target")
    parser.add_argument("--sources", type=int, default=64, help="how many sources to write for, from the first")
    parser.add_argument("--training-pairs", type=int, default=64, help="how many pairs to train on, from the first")
    parser.add_argument("--batch-tokens", type=int, default=4096)
    parser.add_argument("--num-beams", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=4)
    options = parser.parse_args()
    checkpoint = seq2seq.load_checkpoint(options.checkpoints[0])
    layout = seq2seq.read_layout(checkpoint)
    examples = load_examples([options.data], layout, build_source(checkpoint, layout))
    sides = [Side(folder, examples, options) for folder in options.checkpoints]
    for number in range(options.rounds + 1):
        for side in sides:
            training, writing = side.train(), side.write()
            if number:  # the first round warms up
                side.training += training
                side.writing += writing
        errors().print(f"round {number}/{options.rounds}")
    result = {
        side.name: {
            "parameters": side.checkpoint.model.num_parameters(),
            "heads": count_heads(side.checkpoint.model),
            "training_tokens_per_second": options.rounds * side.tokens / side.training,
            "texts_per_second": options.rounds * len(side.sources) / side.writing,
        }
        for side in sides
    }
    base = result[sides[0].name]
    header = ["model", "parameters", "heads", "training tokens/s", "texts/s"]
    rows = [
        [name, *(f"{value:,.{decimals}f} ({value / base[key]:.2f})" for (key, value), decimals in zip(
            figures.items(), (0, 0, 0, 2), strict=True))]
        for name, figures in result.items()
    ]  # fmt: skip
    title = f"{options.num_beams} beams, {torch.get_num_threads()} threads; in brackets the share of the first"
    output().print(build_table(title, header, rows))
    print(json.dumps(result))


if __name__ == "__main__":
    main()
