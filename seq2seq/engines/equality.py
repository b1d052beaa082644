"""Whether an exported model is the model it was made from: log-probabilities of given targets, and outputs."""

from collections.abc import Sequence
from dataclasses import dataclass

from ..base.errors import ExportError, GenerationError
from .engine import Engine, Hypothesis
from .options import GenerationOptions

TOLERANCE = 1e-4  # of the log-probability of a token, and of the compared scores of two outputs that tie


@dataclass(frozen=True)
class Equality:
    """How an export compares with its model on some texts.

    largest_difference: of the log-probability of a token of a given target.
    equal: greedy outputs that are the same; ties: others that the model finds as good within `TOLERANCE`, or better.
    equal_beams: the same outputs of a beam search; None where the engine has none. Libraries stop a search by rules of
        their own and choose otherwise among beams that were cut, so that a few differ though every log-probability is
        the same.
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
        if not self.largest_difference <= TOLERANCE:
            differences.append(
                f"the log-probability of a token differs by {self.largest_difference:.2g}, more than {TOLERANCE:g}"
            )
        if different := self.texts - self.equal - self.ties:
            differences.append(f"{different} of {self.texts} greedy outputs differ and are no ties")
        if differences:
            raise ExportError(f"{' and '.join(differences)}. The export is not the model, and was not kept.")


def compare_engines(
    ours: Engine,
    exported: Engine,
    sources: Sequence[Sequence[int]],
    labels: Sequence[Sequence[int]],
    beams: GenerationOptions,
) -> Equality:
    """Scores the given targets with both, and writes the greedy outputs and those of a beam search.

    Args:
        sources, labels: ids with their marks, those of targets with the end mark.
        beams: the search, which ours must be able to do.
    """
    scores = [engine.score(sources, labels) for engine in (ours, exported)]
    differences = [
        abs(first - second) for target in zip(*scores, strict=True) for first, second in zip(*target, strict=True)
    ]
    greedy = beams.model_copy(update={"num_beams": 1})
    first = _write_best(ours, sources, greedy)
    second = _write_best(exported, sources, greedy)
    different = [index for index, output in enumerate(first) if output.ids != second[index].ids]
    scored = ours.add_scores([sources[index] for index in different], [[first[i], second[i]] for i in different])
    return Equality(
        texts=len(sources),
        largest_difference=max(differences, default=0.0),
        equal=len(sources) - len(different),
        ties=sum(theirs.score >= own.score - TOLERANCE for own, theirs in scored),
        equal_beams=_count_equal_beams(ours, exported, sources, beams),
    )


def _write_best(engine: Engine, sources: Sequence[Sequence[int]], options: GenerationOptions) -> list[Hypothesis]:
    return [hypotheses[0] for hypotheses in engine.generate(sources, options)]


def _count_equal_beams(
    ours: Engine, exported: Engine, sources: Sequence[Sequence[int]], beams: GenerationOptions
) -> int | None:
    try:
        exported.check(beams, max(map(len, sources), default=0))
    except GenerationError:
        return None
    pairs = zip(_write_best(ours, sources, beams), _write_best(exported, sources, beams), strict=True)
    return sum(one.ids == other.ids for one, other in pairs)
