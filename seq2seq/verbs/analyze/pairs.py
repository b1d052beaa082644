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
        tensors = {}
        for kind, weights in self.attention.weights.items():
            tensors[f"{number}.{kind}"] = weights
        for side, states in self.attention.states.items():
            tensors[f"{number}.{side}_states"] = states
        return tensors

    def compute_statistics(self, kind: SiteKind) -> HeadStatistics:
        _, keys = SIDES[kind]
        return compute_statistics(
            self.attention.weights[kind],
            self.special[keys],
            self.punctuation[keys],
        )

    def summarize(self) -> dict[str, Any]:
        return {
            "source": self.pair.source,
            "target": self.pair.target,
            "source_tokens": self.tokens["source"],
            "target_tokens": self.tokens["target"],
        }

    def to_page(self) -> dict[str, Any]:
        """What the page shows."""
        weights = {kind: tensor.numpy() for kind, tensor in self.attention.weights.items()}
        title = shorten(self.pair.source, MAX_TITLE)
        return {"title": title, **self.tokens, **weights}

    def draw(self, folder: Path) -> None:
        """A PNG for each layer of each kind of attention."""
        for kind in KINDS:
            attending, attended = SIDES[kind]
            queries = self.tokens[attending]
            keys = self.tokens[attended]
            for layer, weights in enumerate(self.attention.weights[kind].numpy()):
                title = name_layer(kind, layer)
                figure = build_layer_maps(weights, queries, keys, title)
                save_figure(figure, folder / f"{kind}_{layer}.png")


def remove_pictures(folder: Path) -> None:
    """Removes what `PairAttention.draw` wrote into the folders of an analysis, and nothing else."""
    for path in folder.glob("pair_*/*.png"):
        if PICTURE.fullmatch(f"{path.parent.name}/{path.name}"):
            path.unlink()


def frame_given_pairs(
    checkpoint: Checkpoint,
    generator: Generator,
    texts: Sequence[str],
    targets: Sequence[str],
) -> list[FramedPair]:
    """Texts with given targets.

    Raises:
        GenerationError: the lists differ in length, an entry is no text, or a target has characters that the target
            tokenizer cannot spell; its index is named.
        AnalysisError: a source has no token, or a text is too long.
    """
    texts, targets = require_pairs(texts, targets)
    sources = _frame_sources(generator, texts)
    labels = _frame_targets(checkpoint, generator, targets)
    rows = zip(texts, targets, sources, labels, strict=True)
    return [FramedPair(*row) for row in rows]


def frame_written_pairs(generator: Generator, texts: Sequence[str]) -> list[FramedPair]:
    """Texts with what the model writes for them, token by token as it was written.

    Raises:
        GenerationError: as `Generator.generate`.
        AnalysisError: a source has no token, or is too long.
    """
    texts = require_intact(texts, "Text")
    engine = generator.engine
    sources = _frame_sources(generator, texts)
    written = engine.generate(sources, generator.options, prefix=generator.prefix)
    pairs = []
    for text, source_ids, (best, *_) in zip(texts, sources, written, strict=True):
        pair = FramedPair(
            source=text,
            target=decode_ids(generator.tokenizers.target, best.shown),
            source_ids=source_ids,
            labels=best.to_labels(engine.end_id),
        )
        pairs.append(pair)
    return pairs


def _frame_sources(generator: Generator, texts: Sequence[str]) -> list[list[int]]:
    """Sources with their marks, none of them truncated."""
    framing = generator.framing
    limit = generator.max_source_tokens
    sources = []
    encoded = generator.encode_sources(texts)
    for index, (text, ids) in enumerate(zip(texts, encoded, strict=True)):
        source_ids, was_truncated = framing.frame_source(ids, limit)
        if not ids:
            raise AnalysisError(f"Text {index}, {_quote(text)}, has no token for this tokenizer. Leave it out.")
        if was_truncated:
            tokens = len(ids) + framing.source_marks
            raise AnalysisError(
                f"Text {index}, {_quote(text)}, has {tokens} tokens with its marks; the model's sources have at most "
                f"{limit}. Give a shorter one."
            )
        sources.append(source_ids)
    return sources


def _frame_targets(
    checkpoint: Checkpoint,
    generator: Generator,
    targets: Sequence[str],
) -> list[list[int]]:
    """Labels of given targets, none of them truncated."""
    framing = checkpoint.framing
    limit = checkpoint.description.max_target_tokens
    all_labels = []
    encoded = generator.encode_targets(targets)
    for index, (target, ids) in enumerate(zip(targets, encoded, strict=True)):
        labels, was_truncated = framing.frame_target(ids, limit)
        if was_truncated:
            tokens = len(ids) + framing.target_marks
            raise AnalysisError(
                f"Target {index}, {_quote(target)}, has {tokens} tokens with its marks; the model's targets have at "
                f"most {limit}. Give a shorter one."
            )
        all_labels.append(labels)
    return all_labels


def _quote(text: str) -> str:
    return repr(shorten(text, MAX_TITLE))


def look_at_pair(checkpoint: Checkpoint, pair: FramedPair) -> PairAttention:
    """What the model attends to when it reads a source and, position by position, a target.

    Raises:
        AnalysisError: the model does not give its weights, or not for a text of this length.
    """
    framing = checkpoint.framing
    # What the decoder reads is what it is to say, one position further on, as in training.
    target_ids = [framing.begin_id, *pair.labels[:-1]]
    try:
        attention = compute_attention(checkpoint.model, pair.source_ids, target_ids)
    except ValueError as error:
        tokens = len(pair.source_ids)
        raise AnalysisError(
            f"{checkpoint.folder}: {error}, here for {_quote(pair.source)}, {tokens} tokens. Choose a model that "
            "attends to all positions."
        ) from None
    source_marks = {*framing.source_prefix, *framing.source_suffix}
    target_marks = {framing.begin_id, framing.end_id, framing.pad_id, *framing.target_prefix}
    tokenizers = checkpoint.tokenizers
    return PairAttention(
        pair,
        tokens={
            "source": name_tokens(tokenizers.source, pair.source_ids),
            "target": name_tokens(tokenizers.target, target_ids),
        },
        special={
            "source": [index in source_marks for index in pair.source_ids],
            "target": [index in target_marks for index in target_ids],
        },
        punctuation={
            "source": mark_punctuation(tokenizers.source, pair.source_ids),
            "target": mark_punctuation(tokenizers.target, target_ids),
        },
        attention=attention,
    )


def average_statistics(pairs: Sequence[PairAttention]) -> dict[str, dict[str, list[list[float | None]]]]:
    """Means over pairs, by kind of attention and statistic, by layer and head; None for a head that was pruned."""
    means: dict[str, dict[str, list[list[float | None]]]] = {}
    for kind in KINDS:
        means[kind] = {}
        rows = [pair.compute_statistics(kind) for pair in pairs]
        if not rows:
            continue
        for name in asdict(rows[0]):
            values = torch.stack([getattr(row, name) for row in rows])
            layers = values.mean(dim=0).tolist()
            means[kind][name] = [_replace_nan(heads) for heads in layers]
    return means


def _replace_nan(values: list[float]) -> list[float | None]:
    """JSON has no NaN, which stands for a head that was pruned."""
    return [None if math.isnan(value) else value for value in values]
