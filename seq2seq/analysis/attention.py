"""What a model attends to: the weights of every head and the states of every layer, for one pair at a time.

Shapes: L layers of a side, A heads, S source and T target positions, H width.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from transformers import PreTrainedModel

from ..modeling.attention_sites import list_sites
from ..modeling.head_removal import number_heads
from ..modeling.token_loss import TokenLossModel, evaluating


@dataclass(frozen=True)
class Attention:
    """One pair as the model saw it.

    weights: of "encoder" (L, A, S, S), "decoder" (L, A, T, T) and "cross" (L, A, T, S); a row sums to one over what the
    position attends to. Heads keep the numbers that they had in the whole model; one that was pruned is nan.
    states: of "encoder" (L + 1, S, H) and "decoder" (L + 1, T, H), the embeddings first.
    """

    weights: dict[str, torch.Tensor]
    states: dict[str, torch.Tensor]


@torch.no_grad()
def compute_attention(model: TokenLossModel, source: Sequence[int], decoder_input: Sequence[int]) -> Attention:
    """The attention of a pair, dropout off, whatever implementation the model otherwise attends by.

    Args:
        source: ids with their marks. decoder_input: the begin mark and the target's ids: what the decoder reads.

    Raises:
        ValueError: the model does not give the weights of all its heads.
    """
    inputs = torch.tensor([list(source)], device=model.device)
    with evaluating(model), _eager(model):
        outputs = model(
            input_ids=inputs,
            attention_mask=torch.ones_like(inputs),
            decoder_input_ids=torch.tensor([list(decoder_input)], device=model.device),
            use_cache=False,
            output_attentions=True,
            output_hidden_states=True,
        )
    weights = {
        "encoder": outputs.encoder_attentions,
        "decoder": outputs.decoder_attentions,
        "cross": outputs.cross_attentions,
    }
    sizes = {"encoder": (len(source),) * 2, "decoder": (len(decoder_input),) * 2}
    sizes["cross"] = (len(decoder_input), len(source))
    for kind, layers in weights.items():
        # Of local attention some have windows (Longformer, LED, LongT5), some a dict of two kinds (Pegasus-X).
        if not layers or not all(isinstance(t, torch.Tensor) and t.shape[-2:] == sizes[kind] for t in layers):
            raise ValueError(f"a {model.config.model_type} does not give the weights of its {kind} attention")
    states = {"encoder": outputs.encoder_hidden_states, "decoder": outputs.decoder_hidden_states}
    numbers = {kind: [number_heads(model, site) for site in list_sites(model) if site.kind == kind] for kind in weights}
    return Attention(
        {kind: _stack_heads(layers, numbers[kind]) for kind, layers in weights.items()},
        {side: torch.stack([layer[0].float().cpu() for layer in found]) for side, found in states.items()},
    )


def _stack_heads(layers: Sequence[torch.Tensor], numbers: Sequence[list[int]]) -> torch.Tensor:
    """Weights (1, heads left, Q, K) of each layer as (L, A, Q, K); nan where a head was pruned."""
    if len(numbers) < len(layers):  # layers that share their parameters are one site
        numbers = [numbers[0]] * len(layers)
    heads = 1 + max(map(max, numbers))
    whole = torch.full((len(layers), heads, *layers[0].shape[-2:]), torch.nan)
    for stacked, weights, left in zip(whole, layers, numbers, strict=True):
        stacked[left] = weights[0].float().cpu()
    return whole


@contextmanager
def _eager(model: PreTrainedModel) -> Iterator[None]:
    """Attention is computed the plain way, which alone has the weights, while the block runs."""
    parts = [module for module in model.modules() if isinstance(module, PreTrainedModel)]
    before = [part.config._attn_implementation for part in parts]
    model.set_attn_implementation("eager")
    try:
        yield
    finally:
        for part, implementation in zip(parts, before, strict=True):
            part.config._attn_implementation = implementation


@dataclass(frozen=True)
class HeadStatistics:
    """Means over the positions that attend, each (L, A).

    entropy: of the weights, in nats. confidence: the highest weight. distance: how many positions lie between a
    position and what it attends to; for cross attention the source's positions are first stretched to the target's
    length. special: the weight on the marks around a text. punctuation: that on tokens of nothing else.
    """

    entropy: torch.Tensor
    confidence: torch.Tensor
    distance: torch.Tensor
    special: torch.Tensor
    punctuation: torch.Tensor


def compute_statistics(weights: torch.Tensor, special: Sequence[bool], punctuation: Sequence[bool]) -> HeadStatistics:
    """The statistics of each head of one kind of attention.

    Args:
        weights: (L, A, Q, K), of queries to keys. special, punctuation: of the K tokens attended to.
    """
    queries, keys = weights.shape[-2:]
    stretch = (queries - 1) / (keys - 1) if keys > 1 else 0.0
    distances = (torch.arange(queries)[:, None] - torch.arange(keys)[None] * stretch).abs()
    return HeadStatistics(
        entropy=torch.special.entr(weights).sum(dim=-1).mean(dim=-1),
        confidence=weights.amax(dim=-1).mean(dim=-1),
        distance=(weights * distances).sum(dim=-1).mean(dim=-1),
        # Products, as a sum over no token would be a figure for a head that was pruned, too.
        special=(weights * torch.tensor(special)).sum(dim=-1).mean(dim=-1),
        punctuation=(weights * torch.tensor(punctuation)).sum(dim=-1).mean(dim=-1),
    )
