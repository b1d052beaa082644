"""What an engine is: it writes and scores ids, whichever library computes, and can write a checkpoint for that library.

The same options give the same outputs. Knows no text and no library; `table.py` has the engines that ship.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from ..base.errors import ExportError, GenerationError
from ..checkpoints.folder import Checkpoint
from ..modeling.token_loss import TokenLossModel
from ..sources.source import Source, Stored
from .batching import ALONE, Advance, Ids, Share
from .options import GenerationOptions

EXPORT_FILE = "export.json"  # of an exported folder: the engine's name, the number type, the limits of positions
EXACT = "float32"  # the number type in which an export must be equal to its model


@dataclass(frozen=True)
class Hypothesis:
    """An output as target ids without begin and end mark; what was forced is part of it.

    is_ended: whether an end mark followed. score: its log-probability under the model, where it was asked for.
    other_end: the end mark that followed, of a model of several, where it is not the engine's `end_id`.
    """

    ids: list[int]
    is_ended: bool
    score: float | None = None
    other_end: int | None = None

    @property
    def shown(self) -> list[int]:
        """The ids of its text: an end mark besides the model's own may be a word of it, such as a full stop."""
        return self.ids if self.other_end is None else [*self.ids, self.other_end]

    def to_labels(self, end_id: int) -> list[int]:
        """The ids with the end mark that followed; the engine's own is given."""
        if self.is_ended and self.other_end is None:
            return [*self.ids, end_id]
        return self.shown


class Engine(ABC):
    """A loaded model that writes and scores ids. One of the user's own is a class, named package.module:CLASS.

    end_id: the id of the target's end mark; of several, the one that a model is trained with.
    share: which process computes which batches. On several, each calls the methods with the same arguments and gets
    all results.
    """

    end_id: int
    share: Share = ALONE

    @classmethod
    def can(cls, folder: Path) -> bool:
        """Whether the engine can load a folder that was not exported for it; looks at the names of files alone."""
        return False

    @classmethod
    @abstractmethod
    def load(cls, folder: Path) -> Self:
        """The engine of a folder that it can load.

        Raises:
            GenerationError, CheckpointError: its library is missing, or the folder is broken.
        """

    @classmethod
    def export(
        cls,
        checkpoint: Checkpoint,
        model: TokenLossModel,
        folder: Path,
        quantization: str,
    ) -> None:
        """Writes what `load` reads into an empty folder, beside which tokenizers, description and export.json come.

        Args:
            model: the checkpoint's, with all heads in place.
            quantization: number type of the weights; in float32 the export must be equal to the model.

        Raises:
            ExportError: the engine cannot hold the model, knows no such number type, or has no format of its own.
        """
        raise ExportError(f"{cls.__name__} has no format of its own to write.")

    def with_share(self, share: Share) -> Self:
        """The same engine, whose batches are shared otherwise."""
        shared = copy(self)
        object.__setattr__(shared, "share", share)  # engines may be frozen
        return shared

    def with_source(self, source: Source) -> Self:
        """The same engine for sources that are cut elsewhere, where it looks at more than what is stored of them."""
        return self

    @abstractmethod
    def check(self, options: GenerationOptions, max_source_tokens: int) -> None:
        """Refuses what it cannot do.

        Raises:
            GenerationError: naming the option, or the limit of positions.
        """

    def generate(
        self,
        sources: Sequence[Stored],
        options: GenerationOptions,
        advance: Advance = lambda sources: None,
        *,
        prefix: Ids = (),
        places: Sequence[int] | None = None,
    ) -> list[list[Hypothesis]]:
        """The best outputs of each source, in their order, the best first; draws stand in the order of drawing.

        Args:
            sources: as they are stored, with their marks, none of them empty: of texts token ids.
            advance: told again and again how many sources were finished.
            prefix: ids that every output begins with.
            places: number of each source in the whole input, by which it is drawn; left out: 0, 1, 2 ...

        Raises:
            GenerationError: an option is beyond the engine, a text beyond the model's positions, or the prefix is as
                long as an output may be.
        """
        longest = max(self.measure(sources), default=0)
        self.check(options, longest)
        check_prefix(prefix, options)
        if places is None:
            places = range(len(sources))
        outputs = self.write(sources, options, advance, prefix, places)
        if options.scores:
            # Of its own: the sums that a search compares are changed by its penalties.
            outputs = self.add_scores(sources, outputs)
        return outputs

    def measure(self, sources: Sequence[Stored]) -> list[int]:
        """The length of each source in positions that the decoder attends to."""
        return [len(source) for source in sources]

    @abstractmethod
    def write(
        self,
        sources: Sequence[Stored],
        options: GenerationOptions,
        advance: Advance,
        prefix: Ids,
        places: Sequence[int],
    ) -> list[list[Hypothesis]]:
        """What `generate` returns but for the scores, of arguments that were checked."""

    @abstractmethod
    def score(
        self,
        sources: Sequence[Stored],
        labels: Sequence[Ids],
        advance: Advance = lambda pairs: None,
    ) -> list[list[float]]:
        """The log-probability of each label of each target, given its source and the labels before it.

        Natural logarithms.

        Args:
            sources: as for `generate`.
            labels: ids of the targets with their end mark; one that was truncated has none.
        """

    def add_scores(
        self,
        sources: Sequence[Stored],
        outputs: Sequence[Sequence[Hypothesis]],
    ) -> list[list[Hypothesis]]:
        """The same outputs of each source with their log-probabilities."""
        scored: list[list[Hypothesis]] = []
        for hypotheses, scores in zip(outputs, self.score_outputs(sources, outputs), strict=True):
            pairs = zip(hypotheses, scores, strict=True)
            scored.append([replace(hypothesis, score=score) for hypothesis, score in pairs])
        return scored

    def score_outputs(
        self,
        sources: Sequence[Stored],
        outputs: Sequence[Sequence[Hypothesis]],
    ) -> list[list[float]]:
        """The log-probability of each output of each source, its end mark included where it has one."""
        repeated: list[Stored] = []  # a source for each of its outputs
        labels: list[Ids] = []
        for source, hypotheses in zip(sources, outputs, strict=True):
            for hypothesis in hypotheses:
                repeated.append(source)
                labels.append(hypothesis.to_labels(self.end_id))
        of_tokens = iter(self.score(repeated, labels))
        return [[sum(next(of_tokens)) for _ in hypotheses] for hypotheses in outputs]


def explain_batch(count: int, options: GenerationOptions) -> str:
    """What is told where memory ran out in a batch of a number of sources."""
    return (
        f"Memory ran out with {count} sources in a batch. Lower generation.batch_tokens "
        f"(now {options.tokens_at_once}), num_beams or max_target_tokens."
    )


def explain_scored_batch(count: int) -> str:
    """What is told where memory ran out in a batch of a number of given pairs, whose size is ours."""
    return f"Memory ran out where {count} given pairs were scored at once. Shorten the texts, or use the CPU."


def check_positions(limits: dict[str, int | None], wanted: dict[str, int]) -> None:
    """Refuses sides ("source", "target") that shall be longer than their position tables; None is no limit.

    Raises:
        GenerationError: naming the limit.
    """
    for side, tokens in wanted.items():
        limit = limits[side]
        if limit is not None and tokens > limit:
            raise GenerationError(
                f"A {side} of {tokens} tokens was asked for, but the model has {limit} positions. "
                f"Set max_{side}_tokens to at most {limit}, or train a model with model.max_positions={tokens}."
            )


def check_prefix(prefix: Sequence[int], options: GenerationOptions) -> None:
    """Refuses a prefix that leaves no room for an end mark behind it.

    Raises:
        GenerationError: naming both lengths.
    """
    if prefix and len(prefix) >= options.max_target_tokens:
        raise GenerationError(
            f"target_prefix has {len(prefix)} tokens, and an output may have {options.max_target_tokens} with its end "
            "mark. Set a shorter prefix or more max_target_tokens."
        )
