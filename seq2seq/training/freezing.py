"""Freezing: parts of the model that are not trained, in the first steps or at all.

A frozen parameter requires no gradient: it has none, adds nothing to the gradient norm, does not decay, and has no
optimizer state until it thaws. The part of a shared parameter is that of its first name, as in the origin report.
"""

import math
from collections import Counter
from collections.abc import Iterator, Mapping

from ..base.errors import TrainingError
from ..modeling.parts import map_parts
from ..modeling.sharing import map_shared_names
from ..modeling.token_loss import TokenLossModel
from .options import TrainingOptions


class Freezing:
    """Which parameters of a model are frozen at which step of a run."""

    def __init__(self, model: TokenLossModel, options: TrainingOptions) -> None:
        """Freezes for good what the options freeze for the whole run, and nothing else yet.

        Raises:
            TrainingError: a part has no parameters, or shares some with a part that is frozen otherwise; or nothing
                would be trained at the first step.
        """
        self.model = model
        self.frozen_steps = _compute_frozen_steps(model, options)
        spans = set(self.frozen_steps.values()) - {0, math.inf}
        self._thaw_steps = {steps + 1 for steps in spans}
        # As behind all spans: what is built from the model before the first update is built from all it will train.
        self._set(math.inf)

    def list_frozen(self, step: int) -> set[str]:
        """The first names of the parameters that update `step` (the first is 1) leaves as they are."""
        return {name for name, steps in self.frozen_steps.items() if step <= steps}

    def begin(self, step: int) -> None:
        """Freezes what update `step`, the next one of a run, does not train; before the first update."""
        self._set(step)

    def thaw(self, step: int) -> bool:
        """Thaws what update `step` is the first to train; tells whether anything was frozen until now."""
        return step in self._thaw_steps and self._set(step)

    def _set(self, step: float) -> bool:
        """Freezes and thaws for update `step`; tells whether anything changed."""
        parameters = dict(self.model.named_parameters(remove_duplicate=False))
        changed = False
        for name, steps in self.frozen_steps.items():
            parameter = parameters[name]
            is_trained = step > steps
            changed |= parameter.requires_grad != is_trained
            parameter.requires_grad_(is_trained)
        return changed

    def list_spans(self) -> Iterator[str]:
        """A line for each span of steps, with the number of parameters frozen in it."""
        parameters = dict(self.model.named_parameters(remove_duplicate=False))
        counts: Counter[float] = Counter()
        for name, steps in self.frozen_steps.items():
            counts[steps] += parameters[name].numel()
        for steps, count in sorted(counts.items()):
            if steps == 0:  # trained from the first step on
                continue
            span = "in the whole run" if steps == math.inf else f"in steps 1 to {steps:,}"
            yield f"Frozen {span}: {count:,} parameters."


def _compute_frozen_steps(model: TokenLossModel, options: TrainingOptions) -> dict[str, float]:
    """The first steps in which each parameter is frozen, infinity for all, by its first name.

    Parameters that were built frozen, because nothing can train them, are left out.

    Raises:
        TrainingError: see `Freezing`.
    """
    by_part: dict[str, float] = {part: math.inf if steps is None else steps for part, steps in options.freeze.items()}
    parts = map_parts(model)
    further = map_shared_names(model)
    _check_parts(by_part, parts, further)
    frozen_steps: dict[str, float] = {}
    for name, parameter in model.named_parameters(remove_duplicate=False):
        if name in further or not parameter.requires_grad:
            continue
        part = parts[name]
        frozen_steps[name] = by_part.get(part, 0)
        if part != "embeddings":
            frozen_steps[name] = max(frozen_steps[name], options.embeddings_only_steps)
    if all(frozen_steps.values()):
        raise TrainingError(
            "training.freeze: no parameter of this model would be trained at the first step. Parts that are not "
            "frozen have none of their own here, see origin.json; leave another part out."
        )
    return frozen_steps


def _check_parts(
    by_part: Mapping[str, float],
    parts: Mapping[str, str],
    further: Mapping[str, str],
) -> None:
    for part in by_part:
        if part not in parts.values():
            raise TrainingError(f"training.freeze.{part}: this model has no such parameters. Leave it out.")
    for name, first in further.items():
        part = parts[name]
        owner = parts[first]
        if part == owner or part not in by_part:
            continue
        # That a side reads its words from a table makes the table no part of the side.
        if owner == "embeddings" and part != "output":
            continue
        if by_part[part] != by_part.get(owner):
            raise TrainingError(
                f"training.freeze.{part}: {name} is one parameter with {first}, of the part {owner}, and would be "
                f"frozen and trained at once. Give training.freeze.{owner} the same steps, or leave {part} out."
            )
