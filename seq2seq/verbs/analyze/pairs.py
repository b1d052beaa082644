"""Pairs of texts with what the model attended to: for files, pictures and the page."""

import math
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from ...analysis.attention import Attention, HeadStatistics, compute_attention, compute_statistics
from ...base.errors import AnalysisError
from ...checkpoints.folder import Checkpoint
from ...generation.generator import Generator, require_intact, require_pairs
from ...modeling.attention_sites import KINDS, SiteKind
from ...reports.attention_maps import build_layer_maps, name_layer
from ...reports.markdown import shorten
from ...reports.plots import save_figure
from ...text.token_names import mark_punctuation, name_tokens
from ...text.tokenizers import decode_ids

# The side of a pair that attends, and the one that is attended to.
SIDES: dict[SiteKind, tuple[str, str]] = {
    "encoder": ("source", "source"), "decoder": ("target", "target"), "cross": ("target", "source"),
}  # fmt: skip

PICTURE = re.compile(rf"pair_\d+/({'|'.join(KINDS)})_\d+\.png")
MAX_TITLE = 60  # characters of a text that stands for its pair


@dataclass(frozen=True)
class FramedPair:
    """A pair as texts and as ids with their marks. labels: what the decoder is to say, with the end mark if it came."""

    source: str
    target: str
    source_ids: list[int]
    labels: list[int]


@dataclass(frozen=True)
class PairAttention:
    """A pair and its attention. Of the target, tokens are those that the decoder reads: its begin mark first.

    tokens, special, punctuation: of the "source" and of the "target". special: the marks around a text.
    """

    pair: FramedPair
    tokens: dict[str, list[str]]
    special: dict[str, list[bool]]
    punctuation: dict[str, list[bool]]
    attention: Attention

    def name_tensors(self, number: int) -> dict[str, torch.Tensor]:
        """All that is saved of the n-th pair."""
        weights = {f"{number}.{kind}": tensor for kind, tensor in self.attention.weights.items()}
        states = {f"{number}.{side}_states": tensor for side, tensor in self.attention.states.items()}
        return weights | states

    def compute_statistics(self, kind: SiteKind) -> HeadStatistics:
        _, keys = SIDES[kind]
        return compute_statistics(self.attention.weights[kind], self.special[keys], self.punctuation[keys])

    def summarize(self) -> dict[str, Any]:
        tokens = {f"{side}_tokens": names for side, names in self.tokens.items()}
        return {"source": self.pair.source, "target": self.pair.target, **tokens}

    def to_page(self) -> dict[str, Any]:
        """What the page shows."""
        weights = {kind: tensor.numpy() for kind, tensor in self.attention.weights.items()}
        return {"title": shorten(self.pair.source, MAX_TITLE), **self.tokens, **weights}

    def draw(self, folder: Path) -> None:
        """A PNG for each layer of each kind of attention."""
        for kind in KINDS:
            queries, keys = (self.tokens[side] for side in SIDES[kind])
            for layer, weights in enumerate(self.attention.weights[kind].numpy()):
                figure = build_layer_maps(weights, queries, keys, name_layer(kind, layer))
                save_figure(figure, folder / f"{kind}_{layer}.png")


def remove_pictures(folder: Path) -> None:
    """Removes what `PairAttention.draw` wrote into the folders of an analysis, and nothing else."""
    for path in folder.glob("pair_*/*.png"):
        if PICTURE.fullmatch(f"{path.parent.name}/{path.name}"):
            path.unlink()


def frame_given_pairs(
    checkpoint: Checkpoint, generator: Generator, texts: Sequence[str], targets: Sequence[str]
) -> list[FramedPair]:
    """Texts with given targets.

    Raises:
        GenerationError: the lists differ in length, or an entry is no text; its index is named.
        AnalysisError: a source has no token, or a text is too long.
    """
    texts, targets = require_pairs(texts, targets)
    sources, limit, pairs = _frame_sources(generator, texts), checkpoint.description.max_target_tokens, []
    encoded = generator.encode_targets(targets)
    for index, (text, target, source_ids, ids) in enumerate(zip(texts, targets, sources, encoded, strict=True)):
        labels, was_cut = checkpoint.framing.frame_target(ids, limit)
        if was_cut:
            tokens = len(ids) + checkpoint.framing.target_marks
            raise AnalysisError(
                f"Target {index}, {_quote(target)}, has {tokens} tokens with its marks; the model's targets have at "
                f"most {limit}. Give a shorter one."
            )
        pairs.append(FramedPair(text, target, source_ids, labels))
    return pairs


def frame_written_pairs(generator: Generator, texts: Sequence[str]) -> list[FramedPair]:
    """Texts with what the model writes for them, token by token as it was written.

    Raises:
        GenerationError: as `Generator.generate`.
        AnalysisError: a source has no token, or is too long.
    """
    texts, engine = require_intact(texts, "Text"), generator.engine
    sources = _frame_sources(generator, texts)
    written = engine.generate(sources, generator.options, prefix=generator.prefix)
    return [
        FramedPair(text, decode_ids(generator.tokenizers.target, best.ids), source_ids, best.to_labels(engine.end_id))
        for text, source_ids, (best, *_) in zip(texts, sources, written, strict=True)
    ]


def _frame_sources(generator: Generator, texts: Sequence[str]) -> list[list[int]]:
    """Sources with their marks, none of them cut."""
    framing, limit, sources = generator.framing, generator.max_source_tokens, []
    for index, (text, ids) in enumerate(zip(texts, generator.encode_sources(texts), strict=True)):
        source_ids, was_cut = framing.frame_source(ids, limit)
        if not ids:
            raise AnalysisError(f"Text {index}, {_quote(text)}, has no token for this tokenizer. Leave it out.")
        if was_cut:
            raise AnalysisError(
                f"Text {index}, {_quote(text)}, has {len(ids) + framing.source_marks} tokens with its marks; the "
                f"model's sources have at most {limit}. Give a shorter one."
            )
        sources.append(source_ids)
    return sources


def _quote(text: str) -> str:
    return repr(shorten(text, MAX_TITLE))


def look_at_pair(checkpoint: Checkpoint, pair: FramedPair) -> PairAttention:
    """What the model attends to when it reads a source and, position by position, a target.

    Raises:
        AnalysisError: the model does not give its weights, or not for a text of this length.
    """
    framing = checkpoint.framing
    tokenizers = {"source": checkpoint.tokenizers.source, "target": checkpoint.tokenizers.target}
    ids = {"source": pair.source_ids, "target": [framing.begin_id, *pair.labels[:-1]]}
    marks = {
        "source": {*framing.source_prefix, *framing.source_suffix},
        "target": {framing.begin_id, framing.end_id, framing.pad_id, *framing.target_prefix},
    }
    try:
        attention = compute_attention(checkpoint.model, ids["source"], ids["target"])
    except ValueError as error:
        tokens = len(pair.source_ids)
        raise AnalysisError(
            f"{checkpoint.folder}: {error}, here for {_quote(pair.source)}, {tokens} tokens. Choose a model that "
            "attends to all positions."
        ) from None
    return PairAttention(
        pair,
        tokens={side: name_tokens(tokenizers[side], ids[side]) for side in ids},
        special={side: [index in marks[side] for index in ids[side]] for side in ids},
        punctuation={side: mark_punctuation(tokenizers[side], ids[side]) for side in ids},
        attention=attention,
    )


def average_statistics(pairs: Sequence[PairAttention]) -> dict[str, dict[str, list[list[float | None]]]]:
    """Means over pairs, by kind of attention and statistic, by layer and head; None for a head that was pruned."""
    means: dict[str, dict[str, list[list[float | None]]]] = {kind: {} for kind in KINDS}
    for kind in KINDS:
        rows = [pair.compute_statistics(kind) for pair in pairs]
        for name in asdict(rows[0]) if rows else ():
            layers = torch.stack([getattr(row, name) for row in rows]).mean(dim=0).tolist()
            means[kind][name] = [[None if math.isnan(value) else value for value in heads] for heads in layers]
    return means
