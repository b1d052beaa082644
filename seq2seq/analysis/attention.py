"""What a model attends to: the weights of every head and the states of every layer, for one pair at a time.

Shapes: L layers of a side, A heads, S source and T target positions, H width.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from transformers import PreTrainedModel
from transformers.modeling_outputs import Seq2SeqLMOutput

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
def compute_attention(
    model: TokenLossModel,
    source: Sequence[int],
    decoder_input: Sequence[int],
) -> Attention:
    """The attention of a pair, dropout off, whatever implementation the model otherwise attends by.

    Args:
        source: ids with their marks. decoder_input: the begin mark and the target's ids: what the decoder reads.

    Raises:
        ValueError: the model does not give the weights of all its heads.
    """
    outputs = _run_eagerly(model, source, decoder_input)
    weights = {
        "encoder": outputs.encoder_attentions,
        "decoder": outputs.decoder_attentions,
        "cross": outputs.cross_attentions,
    }
    sizes = {
        "encoder": (len(source), len(source)),
        "decoder": (len(decoder_input), len(decoder_input)),
        "cross": (len(decoder_input), len(source)),
    }
    for kind, layers in weights.items():
        if not _are_whole(layers, sizes[kind]):
            raise ValueError(f"a {model.config.model_type} does not give the weights of its {kind} attention")
    sites = list_sites(model)
    stacked = {}
    for kind, layers in weights.items():
        numbers = [number_heads(model, site) for site in sites if site.kind == kind]
        stacked[kind] = _stack_heads(layers, numbers)
    states = {
        "encoder": _stack_states(outputs.encoder_hidden_states),
        "decoder": _stack_states(outputs.decoder_hidden_states),
    }
    return Attention(stacked, states)


def _run_eagerly(
    model: TokenLossModel,
    source: Sequence[int],
    decoder_input: Sequence[int],
) -> Seq2SeqLMOutput:
    inputs = torch.tensor([list(source)], device=model.device)
    with evaluating(model), _eager(model):
        return model(
            input_ids=inputs,
            attention_mask=torch.ones_like(inputs),
            decoder_input_ids=torch.tensor([list(decoder_input)], device=model.device),
            use_cache=False,
            output_attentions=True,
            output_hidden_states=True,
        )


def _are_whole(layers: Sequence[object] | None, size: tuple[int, int]) -> bool:
    """Whether every layer has the weights of all queries (Q) to all keys (K), (1, A, Q, K); `size` is (Q, K)."""
    if not layers:
        return False
    # Of local attention some have windows (Longformer, LED, LongT5), some a dict of two kinds (Pegasus-X).
    return all(isinstance(weights, torch.Tensor) and weights.shape[-2:] == size for weights in layers)


def _stack_states(layers: Sequence[torch.Tensor]) -> torch.Tensor:
    """States (1, T, H) of each layer as (L + 1, T, H)."""
    return torch.stack([states[0].float().cpu() for states in layers])


def _stack_heads(layers: Sequence[torch.Tensor], numbers: Sequence[list[int]]) -> torch.Tensor:
    """Weights (1, heads left, Q, K) of each layer as (L, A, Q, K); nan where a head was pruned."""
    if len(numbers) < len(layers):  # layers that share their parameters are one site
        numbers = [numbers[0]] * len(layers)
    heads = 1 + max(max(left) for left in numbers)
    queries, keys = layers[0].shape[-2:]
    whole = torch.full((len(layers), heads, queries, keys), torch.nan)
    for stacked, weights, left in zip(whole, layers, numbers, strict=True):
        of_pair = weights[0]
        stacked[left] = of_pair.float().cpu()
    return whole


@contextmanager
def _eager(model: PreTrainedModel) -> Iterator[None]:
    """Attention is computed the plain way, which alone has the weights, while the block runs."""
    parts = [module for module in model.modules() if isinstance(module, PreTrainedModel)]
    before = [part.config._attn_implementation for part in parts]
    # Under sdpa transformers gives empty tuples in place of the weights, without a word.
    model.set_attn_implementation("eager")
    try:
        yield
    finally:
        # Part by part, since encoder and decoder may have attended in different ways.
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


def compute_statistics(
    weights: torch.Tensor,
    special: Sequence[bool],
    punctuation: Sequence[bool],
) -> HeadStatistics:
    """The statistics of each head of one kind of attention.

    Args:
        weights: (L, A, Q, K), of queries to keys. special, punctuation: of the K tokens attended to.
    """
    queries, keys = weights.shape[-2:]
    # So that the last positions of both sides meet, as the first ones do.
    stretch = (queries - 1) / (keys - 1) if keys > 1 else 0.0
    query_positions = torch.arange(queries)[:, None]
    key_positions = torch.arange(keys)[None] * stretch
    distances = (query_positions - key_positions).abs()  # (Q, K)
    is_special = torch.tensor(special)  # (K,)
    is_punctuation = torch.tensor(punctuation)
    highest = weights.amax(dim=-1)  # (L, A, Q)
    return HeadStatistics(
        entropy=_average(torch.special.entr(weights)),
        confidence=highest.mean(dim=-1),
        distance=_average(weights * distances),
        # Products, as a sum over no token would be a figure for a head that was pruned, too.
        special=_average(weights * is_special),
        punctuation=_average(weights * is_punctuation),
    )


def _average(values: torch.Tensor) -> torch.Tensor:
    """Sums over the keys, means over the queries: (L, A, Q, K) -> (L, A)."""
    return values.sum(dim=-1).mean(dim=-1)
