"""A smaller model: without the heads and layers that matter least."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from ..analysis.layer_pruning import check_layer_counts, count_layers
from ..analysis.pruning_rounds import Figures, HeadOptions, Pairs, Score, check_heads, prune_heads, prune_layers
from ..base.console import errors
from ..base.errors import AnalysisError
from ..base.memory import explain_batch_memory
from ..base.options import build_options
from ..base.signatures import takes_options
from ..checkpoints.folder import Checkpoint, write_checkpoint
from ..data.empty_rows import LeftOut
from ..data.encoding import count_truncated
from ..data.examples import Example, load_examples, show_sources
from ..data.options import LayoutOptions
from ..data.references import find_other_references
from ..generation.loading import (
    build_source,
    complete_generation,
    encode_pairs,
    load_checkpoint,
    load_generator,
    read_layout,
)
from ..generation.scoring import score_predictions
from ..metrics.blindness import tell_blind_metrics
from ..metrics.options import EvaluationOptions
from ..metrics.table import refuse_source_metrics
from ..modeling.head_removal import count_heads
from ..modeling.token_loss import TokenLossModel
from ..reports.plots import save_figure
from ..reports.pruning_curve import build_pruning_curve
from ..sources.source import Source
from .early_checks import check_prune
from .options.prune import PruneOptions


@takes_options(PruneOptions)
def prune(
    checkpoint: str | Path,
    data: Sequence[str],
    **given: Any,
) -> dict[str, Any]:
    """Removes layers, then heads, and writes what is left as a checkpoint, with pruning.json and pruning.png in it.

    Layers go one after the other, the one without which the loss is lowest. Heads go in rounds, the least important
    first, weighed anew before each (see `analyze_heads`); every attention site keeps one. The checkpoint trains on,
    generates and is analyzed as any other; plain transformers and CTranslate2 load it after `export`.

    Returns:
        What pruning.json holds: heads, layers and parameters before, when layers had gone, and after; `layer_losses`,
        `pruned` (by site, the heads left where some are gone, as numbered in the whole model), `curve`, and how many
        rows of `data` and of `test` were left out and texts truncated at the limits.

    Raises:
        CheckpointError, DataError, GenerationError: as `load_checkpoint` and `evaluate`; the output cannot be written.
        ScoringError: a metric is unknown, or compares with sources that are no texts.
        AnalysisError: the output exists and is not to be replaced, nothing is to be removed, the model's family allows
            no such removal, too little would be left, metrics or test pairs are given without a curve, or memory ran
            out.
    """
    options = build_options(PruneOptions, given | {"data": data})
    check_prune(checkpoint, options)
    loaded = complete_generation(load_checkpoint(checkpoint))
    layout = read_layout(loaded, **options.layout)
    source = build_source(loaded, layout, options.max_source_tokens)
    read = _read_pairs(loaded, options.data, layout, source, options.batch_tokens)
    test = read
    if options.test is not None:
        test = _read_pairs(loaded, options.test, layout, source, options.batch_tokens)
    score = _build_score(loaded, test.examples, options.metrics, layout, source) if options.metrics else None
    removed = _remove_parts(loaded, read.pairs, test.pairs, score, options)
    result = {
        "checkpoint": str(loaded.folder),
        "data": list(options.data),
        "test": list(options.data if options.test is None else options.test),
        "keep": options.keep,
        "per_round": options.per_round,
        "normalized": options.normalized,
        "seed": options.seed,
        "max_source_tokens": source.context.max_source_tokens,
        "left_out": read.left_out.rows,
        "test_left_out": test.left_out.rows,
        **count_truncated(read.pairs.encoded),
        "test_truncated": count_truncated(test.pairs.encoded),
        **removed.to_dict(),
    }
    _write(removed.model, loaded, result, options.output)
    if removed.curve:
        figure = build_pruning_curve(removed.curve, f"{len(test.examples):,} pairs")
        save_figure(figure, options.output / "pruning.png")
    return result


@dataclass(frozen=True)
class _ReadPairs:
    """Pairs of some files as texts and as the model reads them, and the rows without text that were left out."""

    examples: list[Example]
    pairs: Pairs
    left_out: LeftOut


def _read_pairs(
    loaded: Checkpoint,
    names: Sequence[str],
    layout: LayoutOptions,
    source: Source,
    batch_tokens: int,
) -> _ReadPairs:
    left_out = LeftOut()
    examples = load_examples(names, layout, source, left_out)
    encoded = encode_pairs(loaded, examples, source, layout.empty, left_out)
    left_out.tell()
    return _ReadPairs(examples, Pairs(encoded, batch_tokens, source.collate), left_out)


@dataclass(frozen=True)
class _Removed:
    """What is left of a model, and how it came to that.

    before, without_layers: its parts, as `_count_parts` counts them, at first and when layers had gone.
    layer_losses: after each layer that went. curve: of the heads, as `prune_heads` returns it.
    """

    model: TokenLossModel
    before: dict[str, Any]
    without_layers: dict[str, Any]
    layer_losses: list[dict[str, Any]]
    curve: list[dict[str, Any]]

    def to_dict(self) -> dict[str, Any]:
        """What pruning.json tells of it."""
        return {
            "before": self.before,
            "without_layers": self.without_layers,
            "after": _count_parts(self.model),
            "layer_losses": self.layer_losses,
            "pruned": self.model.pruned,
            "curve": self.curve,
        }


def _remove_parts(
    loaded: Checkpoint,
    pairs: Pairs,
    test_pairs: Pairs,
    score: Score | None,
    options: PruneOptions,
) -> _Removed:
    """Removes layers, then heads, as the options say.

    Raises:
        AnalysisError: the model's family allows no such removal, too little would be left, or memory ran out.
    """
    model = loaded.model.to("cuda" if torch.cuda.is_available() else "cpu")
    layer_counts = (options.encoder_layers, options.decoder_layers)
    heads = _choose_heads(options)
    losses: list[dict[str, Any]] = []
    curve: list[dict[str, Any]] = []
    with explain_batch_memory(options.batch_tokens):
        try:
            before = _count_parts(model)
            # Heads too, before layers are tried one by one, which may take hours.
            check_layer_counts(model, layer_counts)
            if heads is not None:
                check_heads(model, pairs, heads)
        except ValueError as error:
            raise AnalysisError(f"{loaded.folder}: {error}.") from None
        if layer_counts != (None, None):
            model, losses = prune_layers(model, layer_counts, pairs)
        without_layers = _count_parts(model)
        if heads is not None:
            curve = prune_heads(model, pairs, test_pairs, score, heads)
    return _Removed(model, before, without_layers, losses, curve)


def _write(
    model: TokenLossModel,
    loaded: Checkpoint,
    result: dict[str, Any],
    output: Path,
) -> None:
    """Writes what is left as a checkpoint like the one that was loaded.

    Raises:
        AnalysisError: the folder cannot be written.
    """
    try:
        write_checkpoint(
            output,
            model.cpu(),
            loaded.tokenizers,
            loaded.description,
            notes={"pruning.json": result},
        )
    except OSError as error:
        raise AnalysisError(f"{output} cannot be written ({error.strerror}). Choose another output.") from None


def _choose_heads(options: PruneOptions) -> HeadOptions | None:
    """How heads go; None where all stay."""
    if options.keep is None:
        return None
    return HeadOptions(
        options.keep,
        options.per_round,
        options.normalized,
        options.seed if options.curve else None,
    )


def _build_score(
    loaded: Checkpoint,
    examples: Sequence[Example],
    metrics: Sequence[str],
    layout: LayoutOptions,
    source: Source,
) -> Score:
    """What a model in the checkpoint's place writes for the examples, scored."""
    others = find_other_references(examples, layout.columns)
    if others is not None:
        errors().print(f"data: {others}")
    asked = loaded.description.evaluation | {"metrics": list(metrics)}
    evaluation = build_options(EvaluationOptions, asked)
    if not source.is_text:
        refuse_source_metrics(metrics)
    shown = show_sources(examples, source)
    tell_blind_metrics([example.source for example in shown], [example.references for example in shown], evaluation)

    def score(model: TokenLossModel) -> Figures:
        limit = source.context.max_source_tokens
        generator = load_generator(replace(loaded, model=model), max_source_tokens=limit)
        generator = replace(generator, is_prepared=True)
        texts = generator.generate([example.source for example in examples]).texts
        return score_predictions(shown, texts, evaluation).values

    return score


def _count_parts(model: TokenLossModel) -> dict[str, Any]:
    encoder, decoder = count_layers(model)
    return {
        "heads": count_heads(model),
        "layers": {"encoder": encoder, "decoder": decoder},
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
    }
