"""Pruning as a whole: layers, then heads round by round, with the figures of every stage."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import torch

from ..base.console import ProgressBar, show_progress
from ..base.memory import is_out_of_memory
from ..data.collation import move_batch
from ..data.encoding import EncodedExamples
from ..data.loader import fixed_micro_batches
from ..modeling.attention_sites import gated, list_sites
from ..modeling.head_removal import list_siblings, remove_heads
from ..modeling.layers import remove_layers
from ..modeling.token_loss import TokenLossModel, evaluating
from ..sources.source import CollateSources
from .head_pruning import Gates, choose_at_random, choose_by_importance, list_kept, plan_counts
from .layer_pruning import LayerCounts, count_trials, drop_layers

Figures = dict[str, float]  # loss, and metrics by name
Score = Callable[[TokenLossModel], Figures]
CHECK_TOLERANCE = 1e-3  # relative, of the loss of a batch: sums in another order stay far below it


@dataclass(frozen=True)
class Pairs:
    """Pairs as a model is weighed and measured on them, in batches of at most `batch_tokens` padded tokens.

    collate_sources: the source's.
    """

    encoded: EncodedExamples
    batch_tokens: int
    collate_sources: CollateSources

    def __len__(self) -> int:
        return len(self.encoded)

    def build_batches(self) -> Iterator[dict[str, torch.Tensor]]:
        return fixed_micro_batches(
            self.encoded,
            self.collate_sources,
            micro_batch_tokens=self.batch_tokens,
        )

    def compute_loss(
        self,
        model: TokenLossModel,
        advance: Callable[[int], None],
    ) -> float:
        """Nats a target token."""
        # On the device, which is waited for once, at the end.
        total = torch.zeros((), dtype=torch.float64, device=model.device)
        with evaluating(model):
            for batch in self.build_batches():
                total += _compute_loss(model, batch)
                advance(len(batch["labels"]))
        return total.item() / len(self.encoded.labels.ids)


@torch.no_grad()
def _compute_loss(model: TokenLossModel, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
    inputs = move_batch(batch, model.device)
    return model(**inputs).negative_log_likelihood.double()


@dataclass(frozen=True)
class HeadOptions:
    """How heads are pruned.

    keep: the share of heads that stays.
    per_round: the share of all heads that goes in a round, after which those left are weighed anew.
    normalized: as in `choose_by_importance`.
    seed: of the random order; None draws no curve.
    """

    keep: float
    per_round: float
    normalized: bool
    seed: int | None


def check_heads(model: TokenLossModel, pairs: Pairs, options: HeadOptions) -> None:
    """Makes sure, on a copy and the first pairs, that heads can go: better before an hour of weighing than after.

    Raises:
        ValueError: as `remove_heads`; no head would go, or fewer would be left than one for each site; or the family's
            attention does not run with fewer heads, or computes something else.
    """
    counts = plan_counts(model, options.keep, options.per_round)
    total = counts[0]
    least = len(list_siblings(model))
    if round(options.keep * total) < least:
        raise ValueError(
            f"each of {least} attention sites keeps at least one of its heads, {least / total:.2f} of all "
            f"{total}; asked for was {options.keep:g}"
        )
    if len(counts) == 1:
        raise ValueError(f"of {total} heads, keeping {options.keep:g} removes none")
    *_, gates = choose_at_random(model, [total, least], seed=0)
    _check_fewer_heads(model, gates, next(pairs.build_batches()))


def _check_fewer_heads(
    model: TokenLossModel,
    gates: Gates,
    batch: Mapping[str, torch.Tensor],
) -> None:
    """Makes sure that a copy without the heads that gates close computes what the whole model does behind them.

    Raises:
        ValueError: it does not run, or computes something else.
    """
    model_type = model.config.model_type
    smaller = deepcopy(model)
    remove_heads(smaller, list_kept(gates))
    with evaluating(model), evaluating(smaller), gated(list_sites(model), gates):
        expected = _compute_loss(model, batch).item()
        try:
            loss = _compute_loss(smaller, batch).item()
        except RuntimeError as error:
            if is_out_of_memory(error):
                raise
            raise ValueError(f"the attention of a {model_type} does not run with fewer heads: {error}") from None
    # So written that a loss that is not a number is refused too.
    if not abs(loss - expected) <= CHECK_TOLERANCE * abs(expected):
        raise ValueError(
            f"a {model_type} with fewer heads computes something else: a loss of {loss:g}, not {expected:g}"
        )


def prune_layers(
    model: TokenLossModel,
    layer_counts: LayerCounts,
    pairs: Pairs,
) -> tuple[TokenLossModel, list[dict[str, Any]]]:
    """The model with fewer layers, and the loss after each removal.

    Raises:
        ValueError: as `check_layer_counts`.
    """
    stages: list[dict[str, Any]] = []
    smaller = model
    trials = count_trials(model, layer_counts)
    with show_progress("trying layers", len(pairs) * trials) as bar:

        def measure(tried: TokenLossModel) -> float:
            return pairs.compute_loss(tried, bar.advance)

        for (encoder, decoder), loss in drop_layers(model, layer_counts, measure):
            stages.append({"encoder": encoder, "decoder": decoder, "loss": loss})
    if stages:
        # Built once more: none of the models that were tried was kept.
        last = stages[-1]
        smaller = remove_layers(model, last["encoder"], last["decoder"])
    return smaller, stages


def prune_heads(
    model: TokenLossModel,
    pairs: Pairs,
    test: Pairs,
    score: Score | None,
    options: HeadOptions,
) -> list[dict[str, Any]]:
    """Removes heads from the model, and returns the curve: figures by number of heads left, in both orders.

    None goes where the share that stays is rounded to all of them.

    Args:
        pairs: heads are weighed on them. test: losses are of them.
        score: metrics of what a model writes, of the same pairs as the losses.

    Raises:
        ValueError: as `remove_heads`; see `check_heads`.
    """
    counts = plan_counts(model, options.keep, options.per_round)
    weighed_pairs = len(pairs) * (len(counts) - 1)
    measured_pairs = 0
    if options.seed is not None:
        measured_pairs = len(test) * (2 * len(counts) - 1)  # with all heads both orders are one
    with show_progress("pruning", weighed_pairs + measured_pairs) as bar:
        chosen = choose_by_importance(
            model,
            pairs.build_batches,
            counts,
            normalized=options.normalized,
            advance=bar.advance,
        )
        if options.seed is None:
            curve: list[dict[str, Any]] = []
            *_, gates = chosen
        else:
            drawn = choose_at_random(model, counts, options.seed)
            curve, gates = _measure_curve(
                model,
                test,
                score,
                counts,
                chosen,
                drawn,
                bar,
            )
    remove_heads(model, list_kept(gates))
    return curve


def _measure_curve(
    model: TokenLossModel,
    test: Pairs,
    score: Score | None,
    counts: Sequence[int],
    chosen: Iterator[Gates],
    drawn: Iterator[Gates],
    bar: ProgressBar,
) -> tuple[list[dict[str, Any]], Gates]:
    """The curve, and the gates at its end."""

    def measure(gates: Gates) -> Figures:
        with gated(list_sites(model), gates):
            figures = {"loss": test.compute_loss(model, bar.advance)}
            if score is not None:
                figures |= score(model)
            return figures

    total = counts[0]
    curve = []
    gates: Gates = {}
    # In step, since `chosen` weighs heads anew only when its next gates are asked for.
    for count, gates, others in zip(counts, chosen, drawn, strict=True):
        by_importance = measure(gates)
        row = {
            "heads": count,
            "share": count / total,
            "by_importance": by_importance,
            "at_random": measure(others) if count < total else by_importance,
        }
        curve.append(row)
    return curve, gates
