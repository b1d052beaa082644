"""A smaller model: without the heads and layers that matter least."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from ..analysis.layer_pruning import LayerCounts, check_layer_counts, count_layers
from ..analysis.pruning_rounds import Figures, HeadOptions, Pairs, Score, check_heads, prune_heads, prune_layers
from ..base.errors import AnalysisError, ScoringError
from ..base.memory import explain_batch_memory
from ..base.options import build_options
from ..checkpoints.folder import Checkpoint, write_checkpoint
from ..data.encoding import count_truncated
from ..data.examples import Example, load_examples
from ..generation.loading import complete_generation, encode_pairs, load_checkpoint, load_generator, read_layout
from ..generation.outputs import check_output
from ..generation.scoring import score_predictions
from ..metrics.options import EvaluationOptions
from ..modeling.head_removal import count_heads
from ..modeling.token_loss import TokenLossModel
from ..reports.plots import save_figure
from ..reports.pruning_curve import build_pruning_curve


def prune(
    checkpoint: str | Path,
    data: Sequence[str],
    *,
    output: str | Path,
    keep: float | None = None,
    encoder_layers: int | None = None,
    decoder_layers: int | None = None,
    per_round: float = 0.1,
    normalized: bool = False,
    test: Sequence[str] | None = None,
    metrics: Sequence[str] = (),
    curve: bool = True,
    seed: int = 1,
    columns: dict[str, str | list[str]] | None = None,
    header: Sequence[str] | None = None,
    batch_tokens: int = 4096,
) -> dict[str, Any]:
    """Removes layers, then heads, and writes what is left as a checkpoint, with pruning.json and pruning.png in it.

    Layers go one after the other, the one without which the loss is lowest. Heads go in rounds, the least important
    first, weighed anew before each (see `analyze_heads`); every attention site keeps one. The checkpoint trains on,
    generates and is analyzed as any other; plain transformers and CTranslate2 load it after `export`.

    Args:
        data: names as under `data.test` of a recipe: pairs on which layers and heads are weighed.
        output: the checkpoint folder to write; it must not exist.
        keep: the share of heads that stays, of those in the layers that stay; left out: all.
        encoder_layers, decoder_layers: how many layers stay; left out: all.
        per_round: the share of all heads that goes in a round.
        normalized: ranks heads by importance divided by the l2 norm of their layer.
        test: names of the pairs that the curve is of; left out: `data`.
        metrics: of the curve, beside the loss; each takes the model's outputs for all test pairs at every point.
        curve: whether to measure it, with a random order of heads, drawn by `seed`, beside.
        columns, header: options under `data:` of a recipe, over those of the checkpoint.
        batch_tokens: pairs x (longest source + longest target) of a batch: bounds memory.

    Returns:
        What pruning.json holds: heads, layers and parameters before, when layers had gone, and after; `layer_losses`,
        `pruned` (by site, the heads left where some are gone, as numbered in the whole model), `curve`, and how many
        texts of `data` and of `test` were cut at the limits.

    Raises:
        CheckpointError, DataError: as `load_checkpoint` and `evaluate`; the output cannot be written.
        ScoringError: a metric is unknown.
        AnalysisError: nothing is to be removed, the model's family allows no such removal, too little would be left,
            metrics or test pairs are given without a curve, or memory ran out.
    """
    folder, layer_counts = Path(output), (encoder_layers, decoder_layers)
    _check_request(folder, keep, layer_counts, per_round)
    if (metrics or test is not None) and (keep is None or not curve):
        raise AnalysisError("metrics and test are of the curve of heads: set keep, and leave curve on.")
    loaded = complete_generation(load_checkpoint(checkpoint))
    layout = read_layout(loaded, columns=columns, header=header)
    examples = load_examples(data, layout)
    tested = examples if test is None else load_examples(test, layout)
    pairs, test_pairs = (Pairs(encode_pairs(loaded, chosen), batch_tokens) for chosen in (examples, tested))
    score = _build_score(loaded, tested, metrics) if metrics else None
    model = loaded.model.to("cuda" if torch.cuda.is_available() else "cpu")
    points, losses = [], []
    heads = HeadOptions(keep, per_round, normalized, seed if curve else None) if keep is not None else None
    with explain_batch_memory(batch_tokens):
        try:
            before = _count_parts(model)
            check_layer_counts(model, layer_counts)
            if heads is not None:
                check_heads(model, pairs, heads)
        except ValueError as error:
            raise AnalysisError(f"{loaded.folder}: {error}.") from None
        if layer_counts != (None, None):
            model, losses = prune_layers(model, layer_counts, pairs)
        without_layers = _count_parts(model)
        if heads is not None:
            points = prune_heads(model, pairs, test_pairs, score, heads)
    result = {
        "checkpoint": str(loaded.folder),
        "data": list(data),
        "test": list(data if test is None else test),
        "keep": keep,
        "per_round": per_round,
        "normalized": normalized,
        "seed": seed,
        **count_truncated(pairs.encoded),
        "test_truncated": count_truncated(test_pairs.encoded),
        "before": before,
        "without_layers": without_layers,
        "after": _count_parts(model),
        "layer_losses": losses,
        "pruned": model.pruned,
        "curve": points,
    }
    try:
        notes = {"pruning.json": result}
        write_checkpoint(folder, model.cpu(), loaded.tokenizers, loaded.description, notes=notes)
    except OSError as error:
        raise AnalysisError(f"{folder} cannot be written ({error.strerror}). Choose another output.") from None
    if points:
        save_figure(build_pruning_curve(points, f"{len(tested):,} pairs"), folder / "pruning.png")
    return result


def _check_request(folder: Path, keep: float | None, layer_counts: LayerCounts, per_round: float) -> None:
    if folder.exists():
        raise AnalysisError(f"{folder} exists. Choose another output, or remove it.")
    if keep is None and layer_counts == (None, None):
        raise AnalysisError("Nothing is to be removed. Say which share of heads to keep, or how many layers.")
    if not 0 < per_round <= 1 or (keep is not None and not 0 < keep < 1):
        raise AnalysisError(f"keep and per_round are shares, between 0 and 1; found {keep} and {per_round}.")
    check_output(folder)


def _build_score(loaded: Checkpoint, examples: Sequence[Example], metrics: Sequence[str]) -> Score:
    """What a model in the checkpoint's place writes for the examples, scored."""
    asked = loaded.description.evaluation | {"metrics": list(metrics)}
    evaluation = build_options(EvaluationOptions, asked, ScoringError)

    def score(model: TokenLossModel) -> Figures:
        generator = replace(load_generator(replace(loaded, model=model)), normalization=())
        texts = generator.generate([example.source for example in examples]).texts
        return score_predictions(examples, texts, evaluation).values

    return score


def _count_parts(model: TokenLossModel) -> dict[str, Any]:
    encoder, decoder = count_layers(model)
    return {
        "heads": count_heads(model),
        "layers": {"encoder": encoder, "decoder": decoder},
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
    }
