"""Does the one-pass importance of heads rank them as leaving each of them out does?

    python tests/benchmarks/head_importance.py --checkpoint DIR --data FILE --pairs 64

Weighs the heads by the gradient at their gates, then closes one gate after the other and measures the loss of the same
pairs. Prints Spearman's rank correlation of the two, over all heads and by kind of attention; the last line is one
JSON object. Takes one pass over the pairs for every head.
"""

import argparse
import json

import torch

import seq2seq
from seq2seq.analysis.importance import compute_importance
from seq2seq.analysis.pruning_rounds import Pairs
from seq2seq.base.console import build_table, output, show_progress
from seq2seq.data.examples import load_examples
from seq2seq.generation.loading import build_source, encode_pairs
from seq2seq.modeling.attention_sites import KINDS, gated, list_sites


def rank(values: list[float]) -> torch.Tensor:
    return torch.tensor(values).argsort().argsort().float()


def correlate(first: list[float], second: list[float]) -> float:
    """Spearman's rank correlation of values without ties."""
    return torch.corrcoef(torch.stack([rank(first), rank(second)]))[0, 1].item()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", required=True, help="a checkpoint or a run folder")
    parser.add_argument("--data", required=True, help="pairs with the columns source and target")
    parser.add_argument("--pairs", type=int, default=64, help="how many of them, from the first")
    parser.add_argument("--batch-tokens", type=int, default=4096)
    options = parser.parse_args()
    checkpoint = seq2seq.load_checkpoint(options.checkpoint)
    layout = seq2seq.read_layout(checkpoint)
    source = build_source(checkpoint, layout)
    examples = load_examples([options.data], layout, source)[: options.pairs]
    pairs = Pairs(encode_pairs(checkpoint, examples, source), options.batch_tokens, source.collate)
    model, sites = checkpoint.model, list_sites(checkpoint.model)
    importance = compute_importance(model, pairs.build_batches())
    base = pairs.compute_loss(model, lambda count: None)
    rows = []
    with show_progress("heads left out", sum(site.heads for site in sites)) as bar:
        for site in sites:
            for head in range(site.heads):
                gate = torch.ones(site.heads).index_fill(0, torch.tensor(head), 0.0)
                with gated([site], {site.name: gate}):
                    loss = pairs.compute_loss(model, lambda count: None)
                rows.append((site.kind, importance[site.name][head].item(), loss - base))
                bar.advance(1)
    figures = {}
    for kind in ("all", *KINDS):
        chosen = [row for row in rows if kind in ("all", row[0])]
        weights, rises = [row[1] for row in chosen], [row[2] for row in chosen]
        figures[kind] = {
            "heads": len(chosen),
            "rank_correlation": correlate(weights, rises),
            "rank_correlation_of_change": correlate(weights, [abs(rise) for rise in rises]),
            "heads_better_left_out": sum(rise < 0 for rise in rises),
        }
    header = ["attention", "heads", "with the rise of the loss", "with its change, up or down", "loss falls without"]
    table = [
        [kind, str(row["heads"]), f"{row['rank_correlation']:.2f}", f"{row['rank_correlation_of_change']:.2f}",
         str(row["heads_better_left_out"])]
        for kind, row in figures.items()
    ]  # fmt: skip
    output().print(build_table(f"Rank correlation, {len(examples)} pairs, loss {base:.4f}", header, table))
    print(json.dumps({"loss": base} | figures))


if __name__ == "__main__":
    main()
