"""When a run ends: its last step, or enough validations in a row without a better value. The state holds the count."""

from .options import TrainingOptions
from .state import TrainingState
from .validation import is_better


def count_validation(
    state: TrainingState,
    value: float,
    options: TrainingOptions,
) -> None:
    """Takes a value of the first validation metric into the state's count of validations without improvement.

    Compared is with the value of the last improvement, not with the best: many small steps add up to one that counts.
    """
    metric = options.validation_metrics[0]
    if is_better(metric, value, state.improved_value, by=options.early_stopping_min_improvement):
        state.improved_value = value
        state.stale_validations = 0
    else:
        state.stale_validations += 1


def find_end(
    state: TrainingState,
    options: TrainingOptions,
    max_steps: int,
) -> str | None:
    """Why a run in this state is at its end: max_steps or early_stopping; None where it goes on."""
    if state.step >= max_steps:
        return "max_steps"
    if options.early_stopping is not None and state.stale_validations >= options.early_stopping:
        return "early_stopping"
    return None


def format_end(state: TrainingState, options: TrainingOptions, max_steps: int) -> str:
    """The end that `find_end` found, for people."""
    if find_end(state, options, max_steps) == "max_steps":
        return f"all of its {max_steps} steps are done"
    return (
        f"it stopped at step {state.step} of {max_steps}, after {state.stale_validations} validations in a row "
        f"without a better {options.validation_metrics[0]} than {state.improved_value:.4g}"
    )
