"""Whether an exported model is the model it was made from: log-probabilities of given targets, and outputs."""

from collections.abc import Sequence
from dataclasses import dataclass

from ..base.errors import ExportError, GenerationError
from .batching import Ids
from .engine import Engine, Hypothesis
from .options import GenerationOptions

TOLERANCE = 1e-4  # of the log-probability of a token, and of the compared scores of two outputs that tie


@dataclass(frozen=True)
class Equality:
    """How an export compares with its model on some texts.

    largest_difference: of the log-probability of a token of a given target.
    equal: greedy outputs that are the same; ties: others that the model finds as good within `TOLERANCE`, or better.
    equal_beams: the same outputs of a beam search; None where the engine has none. Libraries stop a search by rules of
        their own and choose otherwise among beams that were dropped, so that a few differ though every log-probability
        is the same.
    """

    texts: int
    largest_difference: float
    equal: int
    ties: int
    equal_beams: int | None

    def check(self) -> None:
        """Makes sure that an export in full precision is its model.

        Raises:
            ExportError: saying what differs.
        """
        differences = []
        # So written that a difference that is not a number is refused too.
        if not self.largest_difference <= TOLERANCE:
            differences.append(
                f"the log-probability of a token differs by {self.largest_difference:.2g}, more than {TOLERANCE:g}"
            )
        different = self.texts - self.equal - self.ties
        if different:
            differences.append(f"{different} of {self.texts} greedy outputs differ and are no ties")
        if differences:
            raise ExportError(f"{' and '.join(differences)}. The export is not the model, and was not kept.")


def compare_engines(
    ours: Engine,
    exported: Engine,
    sources: Sequence[Ids],
    labels: Sequence[Ids],
    beams: GenerationOptions,
) -> Equality:
    """Scores the given targets with both, and writes the greedy outputs and those of a beam search.

    Args:
        sources, labels: ids with their marks, those of targets with the end mark.
        beams: the search, which ours must be able to do.
    """
    # Greedy, since two libraries that agree on every token must write the same; a search has rules of its own.
    greedy = beams.model_copy(update={"num_beams": 1})
    first = _write_best(ours, sources, greedy)
    second = _write_best(exported, sources, greedy)
    sources_apart: list[Ids] = []
    outputs_apart: list[list[Hypothesis]] = []
    for source, own, theirs in zip(sources, first, second, strict=True):
        if own.shown != theirs.shown:
            sources_apart.append(source)
            outputs_apart.append([own, theirs])
    # Our model judges both: an output that it finds as good was chosen by a rounding alone.
    judged = ours.score_outputs(sources_apart, outputs_apart)
    return Equality(
        texts=len(sources),
        largest_difference=_measure_difference(ours, exported, sources, labels),
        equal=len(sources) - len(judged),
        ties=sum(theirs >= own - TOLERANCE for own, theirs in judged),
        equal_beams=_count_equal_beams(ours, exported, sources, beams),
    )


def _measure_difference(
    ours: Engine,
    exported: Engine,
    sources: Sequence[Ids],
    labels: Sequence[Ids],
) -> float:
    """The largest difference between both log-probabilities of a token."""
    differences = []
    of_ours = ours.score(sources, labels)
    of_exported = exported.score(sources, labels)
    for first, second in zip(of_ours, of_exported, strict=True):
        for one, other in zip(first, second, strict=True):
            differences.append(abs(one - other))
    return max(differences, default=0.0)


def _write_best(
    engine: Engine,
    sources: Sequence[Ids],
    options: GenerationOptions,
) -> list[Hypothesis]:
    return [hypotheses[0] for hypotheses in engine.generate(sources, options)]


def _count_equal_beams(
    ours: Engine,
    exported: Engine,
    sources: Sequence[Ids],
    beams: GenerationOptions,
) -> int | None:
    try:
        exported.check(beams, max(map(len, sources), default=0))
    except GenerationError:
        return None  # it has no such search
    pairs = zip(
        _write_best(ours, sources, beams),
        _write_best(exported, sources, beams),
        strict=True,
    )
    return sum(one.shown == other.shown for one, other in pairs)
