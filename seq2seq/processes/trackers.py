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
Tracked = bool | int | float | str  # what trackers have a type for


def check_trackers(names: tuple[str, ...]) -> None:
    """Makes sure that every tracker is one of Accelerate's and installed; Accelerate itself leaves such out silently.

    Raises:
        RecipeError: one is not.
    """
    for name in names:
        if name not in LOGGER_TYPE_TO_CLASS:
            known = ", ".join(sorted(LOGGER_TYPE_TO_CLASS))
            raise RecipeError(f"training.trackers: {name!r} is no tracker of Accelerate's. It has: {known}.")
        if not _is_installed(name):
            command = INSTALLED_BY.get(name, f"pip install {name}")
            raise RecipeError(
                f"training.trackers: {name} is not installed here ({command}). Install it, or take it out."
            )


def _is_installed(name: str) -> bool:
    """Accelerate can tell of the trackers that it knows by a type alone."""
    return name not in LoggerType.list() or name in map(str, get_available_trackers())


def start_trackers(accelerator: Accelerator, recipe: Recipe, step: int) -> None:
    """Begins the recipe's trackers, with the recipe as their configuration, after a run's step, on the main process."""
    # What an interrupted run wrote behind its last checkpoint is written again, and must not show twice.
    settings = {"tensorboard": {"purge_step": step + 1}} if step else {}
    accelerator.init_trackers(
        PROJECT,
        config=_flatten_recipe(recipe),
        init_kwargs=settings,
    )


def _flatten_recipe(recipe: Recipe) -> dict[str, Tracked]:
    """The recipe's options by dotted key; what trackers have no type for is written out."""
    options = {}
    for key, value in flatten(recipe.model_dump(mode="json")).items():
        options[key] = value if isinstance(value, Tracked) else str(value)
    return options


def track(
    accelerator: Accelerator,
    event: dict,
    counters: dict[str, int | float],
) -> None:
    """Tells the trackers the figures of a training or validation event, without the run's counters, at its step."""
    event_name = event["event"]
    if event_name not in TRACKED_EVENTS:
        return
    figures = {}
    for name, value in event.items():
        if isinstance(value, int | float) and name not in counters:  # a skipped step has no gradient norm
            figures[f"{event_name}/{name}"] = value
    accelerator.log(figures, step=event["step"])
