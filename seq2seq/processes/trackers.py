"""Experiment trackers of a run, through Accelerate: which can be used, where they begin, what they are told."""

from accelerate import Accelerator
from accelerate.tracking import LOGGER_TYPE_TO_CLASS, get_available_trackers
from accelerate.utils import LoggerType

from ..base.errors import RecipeError
from ..base.mappings import flatten
from ..recipe.recipe import Recipe

PROJECT = "seq2seq"  # what trackers group runs by; TensorBoard makes it a folder
INSTALLED_BY = {"tensorboard": "pip install .[trackers]"}
TRACKED_EVENTS = ("train", "validation")


def check_trackers(names: tuple[str, ...]) -> None:
    """Makes sure that every tracker is one of Accelerate's and installed; Accelerate itself leaves such out silently.

    Raises:
        RecipeError: one is not.
    """
    for name in names:
        if name not in LOGGER_TYPE_TO_CLASS:
            known = ", ".join(sorted(LOGGER_TYPE_TO_CLASS))
            raise RecipeError(f"training.trackers: {name!r} is no tracker of Accelerate's. It has: {known}.")
        if name in LoggerType.list() and name not in map(str, get_available_trackers()):
            raise RecipeError(
                f"training.trackers: {name} is not installed here ({INSTALLED_BY.get(name, f'pip install {name}')}). "
                "Install it, or take it out."
            )


def start_trackers(accelerator: Accelerator, recipe: Recipe, step: int) -> None:
    """Begins the recipe's trackers, with the recipe as their configuration, after a run's step, on the main process."""
    # What an interrupted run wrote behind its last checkpoint is written again, and must not show twice.
    settings = {"tensorboard": {"purge_step": step + 1}} if step else {}
    accelerator.init_trackers(PROJECT, config=flatten_recipe(recipe), init_kwargs=settings)


def flatten_recipe(recipe: Recipe) -> dict[str, bool | int | float | str]:
    """The recipe's options by dotted key; what trackers have no type for is written out."""
    flat = flatten(recipe.model_dump(mode="json"))
    return {key: value if isinstance(value, bool | int | float | str) else str(value) for key, value in flat.items()}


def track(accelerator: Accelerator, event: dict, counters: dict[str, int | float]) -> None:
    """Tells the trackers the figures of a training or validation event, without the run's counters, at its step."""
    if event["event"] in TRACKED_EVENTS:
        figures = {
            f"{event['event']}/{name}": value
            for name, value in event.items()
            if isinstance(value, int | float) and name not in counters  # a skipped step has no gradient norm
        }
        accelerator.log(figures, step=event["step"])
