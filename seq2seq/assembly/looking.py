"""Pairs of texts with what the model attended to: for files, pictures and the page."""

import math
import string
import unicodedata
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedTokenizerFast

from ..analysis.attention import Attention, HeadStatistics, compute_attention, compute_statistics
from ..checkpoints.folder import Checkpoint
from ..generation.generator import Generator
from ..modeling.attention_sites import KINDS
from ..reports.attention_maps import build_layer_maps, name_layer
from ..reports.plots import save_figure
from ..text.tokenizers import encode_texts

WORD_MARKS = "#Ġ▁Ċ"  # by which tokenizers mark where a word begins or goes on


@dataclass(frozen=True)
class LookedAt:
    """A pair and its attention. Tokens of the target are those that the decoder reads: its begin mark first."""

    source: str
    target: str
    source_tokens: list[str]
    target_tokens: list[str]
    special: dict[str, list[bool]]
    attention: Attention

    def name_sides(self, kind: str) -> tuple[str, str]:
        """Which side attends, and to which."""
        return {"encoder": ("source", "source"), "decoder": ("target", "target"), "cross": ("target", "source")}[kind]

    def list_tokens(self, side: str) -> list[str]:
        return self.source_tokens if side == "source" else self.target_tokens

    def compute_statistics(self, kind: str) -> HeadStatistics:
        _, keys = self.name_sides(kind)
        punctuation = [is_punctuation(token) for token in self.list_tokens(keys)]
        return compute_statistics(self.attention.weights[kind], self.special[keys], punctuation)

    def describe(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("source", "target", "source_tokens", "target_tokens")}

    def to_page(self) -> dict[str, Any]:
        """What the page shows."""
        weights = {kind: tensor.numpy() for kind, tensor in self.attention.weights.items()}
        title = self.source if len(self.source) <= 60 else f"{self.source[:59]}…"
        return {"title": title, "source": self.source_tokens, "target": self.target_tokens, **weights}

    def draw(self, folder: Path) -> None:
        """A PNG for each layer of each kind of attention."""
        for kind in KINDS:
            queries, keys = map(self.list_tokens, self.name_sides(kind))
            for layer, weights in enumerate(self.attention.weights[kind].numpy()):
                figure = build_layer_maps(weights, queries, keys, name_layer(kind, layer))
                save_figure(figure, folder / f"{kind}_{layer}.png")


def look_at_pair(checkpoint: Checkpoint, generator: Generator, source: str, target: str) -> LookedAt:
    """What the model attends to when it reads a source and, position by position, a target.

    Raises:
        ValueError: a text has no token or more than the model's limits, or the model does not give its weights.
    """
    tokenizers, framing = checkpoint.tokenizers, checkpoint.framing
    [bare] = generator.encode_sources([source])
    if not bare:
        raise ValueError("the source has no token")
    if (long := generator.find_long([source])) is not None:
        raise ValueError(f"the source has {long[1]} tokens with its marks, at most {generator.max_source_tokens} fit")
    ids, _ = framing.frame_source(bare, generator.max_source_tokens)
    limit = checkpoint.description.max_target_tokens
    labels, was_cut = framing.frame_target(encode_texts(tokenizers.target, [target])[0], limit)
    if was_cut:
        raise ValueError(f"the target has more than {limit} tokens with its end mark")
    read = [framing.begin_id, *labels[:-1]]
    attention = compute_attention(checkpoint.model, ids, read)
    source_tokens, source_special = _name_tokens(tokenizers.source, ids)
    target_tokens, target_special = _name_tokens(tokenizers.target, read)
    special = {"source": source_special, "target": target_special}
    return LookedAt(source, target, source_tokens, target_tokens, special, attention)


def _name_tokens(tokenizer: PreTrainedTokenizerFast, ids: Sequence[int]) -> tuple[list[str], list[bool]]:
    """The tokens of ids, and which are special."""
    marks = set(tokenizer.all_special_ids)
    return tokenizer.convert_ids_to_tokens(list(ids)), [index in marks for index in ids]


def is_punctuation(token: str) -> bool:
    """Whether a token is nothing but punctuation. '##,' -> True, '▁a' -> False"""
    bare = token.strip(WORD_MARKS) or token
    return all(letter in string.punctuation or unicodedata.category(letter).startswith("P") for letter in bare)


def average_statistics(pairs: Sequence[LookedAt]) -> dict[str, dict[str, list[list[float | None]]]]:
    """Means over pairs, by kind of attention and statistic, by layer and head; None for a head that was pruned."""
    means: dict[str, dict[str, list[list[float | None]]]] = {kind: {} for kind in KINDS}
    for kind in KINDS:
        rows = [pair.compute_statistics(kind) for pair in pairs]
        for name in asdict(rows[0]) if rows else ():
            layers = torch.stack([getattr(row, name) for row in rows]).mean(dim=0).tolist()
            means[kind][name] = [[None if math.isnan(value) else value for value in heads] for heads in layers]
    return means
