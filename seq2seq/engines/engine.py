"""What writes ids, whichever library computes: the same options, the same outputs."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from ..base.errors import GenerationError
from .batching import Spread
from .options import GenerationOptions


@dataclass(frozen=True)
class Hypothesis:
    """An output as target ids without begin and end mark; what was forced is part of it.

    is_ended: whether the end mark followed. score: its log-probability under the model, where it was asked for.
    """

    ids: list[int]
    is_ended: bool
    score: float | None = None

    def to_labels(self, end_id: int) -> list[int]:
        """The ids with the end mark where it followed."""
        return [*self.ids, end_id] if self.is_ended else self.ids


class Engine(ABC):
    """A loaded model that writes and scores ids.

    spread: which process computes which batches. On several, each calls the methods with the same arguments and gets
    all results.
    """

    spread: Spread

    @property
    @abstractmethod
    def end_id(self) -> int:
        """The id of the target's end mark."""

    @abstractmethod
    def check(self, options: GenerationOptions, max_source_tokens: int) -> None:
        """Refuses what it cannot do.

        Raises:
            GenerationError: naming the option, or the limit of positions.
        """

    def generate(
        self,
        sources: Sequence[Sequence[int]],
        options: GenerationOptions,
        advance: Callable[[int], None] = lambda sources: None,
        *,
        prefix: Sequence[int] = (),
        places: Sequence[int] | None = None,
    ) -> list[list[Hypothesis]]:
        """The best outputs of each source, in their order, the best first; draws stand in the order of drawing.

        Args:
            sources: token ids with their marks, none of them empty.
            advance: told again and again how many sources were finished.
            prefix: ids that every output begins with.
            places: number of each source in the whole input, by which it is drawn; left out: 0, 1, 2 ...

        Raises:
            GenerationError: an option is beyond the engine, a text beyond the model's positions, or the prefix is as
                long as an output may be.
        """
        self.check(options, max(map(len, sources), default=0))
        check_prefix(prefix, options)
        outputs = self.write(sources, options, advance, prefix, range(len(sources)) if places is None else places)
        return self.add_scores(sources, outputs) if options.scores else outputs

    @abstractmethod
    def write(
        self,
        sources: Sequence[Sequence[int]],
        options: GenerationOptions,
        advance: Callable[[int], None],
        prefix: Sequence[int],
        places: Sequence[int],
    ) -> list[list[Hypothesis]]:
        """What `generate` returns but for the scores, of arguments that were checked."""

    @abstractmethod
    def score(
        self,
        sources: Sequence[Sequence[int]],
        labels: Sequence[Sequence[int]],
        advance: Callable[[int], None] = lambda pairs: None,
    ) -> list[list[float]]:
        """The log-probability of each label of each target, given its source and the labels before it.

        Natural logarithms.

        Args:
            sources: token ids with their marks, none of them empty.
            labels: ids of the targets with their end mark; one that was cut has none.
        """

    def add_scores(
        self,
        sources: Sequence[Sequence[int]],
        outputs: Sequence[Sequence[Hypothesis]],
    ) -> list[list[Hypothesis]]:
        """The same outputs of each source with their log-probabilities."""
        flat = [(source, output) for source, hypotheses in zip(sources, outputs, strict=True) for output in hypotheses]
        labels = [output.to_labels(self.end_id) for _, output in flat]
        scores = iter(self.score([source for source, _ in flat], labels))
        return [[replace(output, score=sum(next(scores))) for output in hypotheses] for hypotheses in outputs]


def check_positions(limits: dict[str, int | None], wanted: dict[str, int]) -> None:
    """Refuses sides ("source", "target") that shall be longer than their position tables; None is no limit.

    Raises:
        GenerationError: naming the limit.
    """
    for side, tokens in wanted.items():
        if limits[side] is not None and tokens > limits[side]:
            raise GenerationError(
                f"A {side} of {tokens} tokens was asked for, but the model has {limits[side]} positions. "
                f"Set max_{side}_tokens to at most {limits[side]}, or train a model with model.max_positions={tokens}."
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
