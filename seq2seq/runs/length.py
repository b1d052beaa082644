"""How long a run is: whether one that was begun may end elsewhere than it was to, and what is recorded where it does.

A schedule that falls to zero at the last step has had other rates from the first one on; one that does not know its end
is the same run, only longer or shorter.
"""

import shlex
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from ..base.console import errors
from ..base.errors import TrainingError
from ..base.files import write_text
from ..base.mappings import flatten, merge, nest
from ..recipe.recipe import Recipe, dump_yaml
from ..run_folder.folder import RunFolder, format_command
from ..training.options import TrainingOptions
from ..training.schedules import ENDLESS_SCHEDULES
from ..warmstart.options import ModelOptions

LENGTH_KEYS = ("training.max_steps", "training.max_epochs")
KEPT_MODEL_KEYS = ("dropout", "families")  # that hold for a checkpoint as well; others say how it was put together
EVENT = "length"


def check_length(folder: RunFolder, then: Mapping[str, Any], recipe: Recipe) -> None:
    """Makes sure that a run may end where its recipe, which else is the one `then`, now says.

    Raises:
        TrainingError: its schedule ends with its steps; with the commands that lead to a longer one.
    """
    training = recipe.training
    if training.schedule in ENDLESS_SCHEDULES:
        return
    section = then.get("training", {})
    begun = _format_length(section.get("max_steps"), section.get("max_epochs"))
    asked = _format_length(training.max_steps, training.max_epochs)
    raise TrainingError(
        f"{folder.path} was begun for {begun}, and its schedule, {training.schedule}, falls to zero there: for {asked} "
        f"its rates would have been others from the first step on, and only {' and '.join(ENDLESS_SCHEDULES)} do not "
        "know their end. Either train on from its weights, in a run with a schedule of its own:\n"
        f"  {_format_second_run(folder, section, recipe)}\n"
        "or train to that length from the start:\n"
        f"  {_format_train(folder, output=f'{folder.path}_longer', **_name_length(training))}"
    )


def check_not_behind(
    folder: RunFolder,
    training: TrainingOptions,
    step: int,
    max_steps: int,
) -> None:
    """Makes sure that a run has not gone past the end that is asked for.

    Raises:
        TrainingError: it has.
    """
    if step <= max_steps:
        return
    asked = _format_length(training.max_steps, training.max_epochs)
    raise TrainingError(
        f"{folder.path} has done {step} steps already, so it cannot end after {asked}"
        + ("" if training.max_steps else f", which are {max_steps} steps")
        + ". Ask for as many steps or more, or choose another output for a shorter run."
    )


def record_length(folder: RunFolder, recipe: Recipe, step: int) -> None:
    """Writes another end than the run had into its recipe, and into progress.jsonl who asked for it and when."""
    then = folder.read_recipe()
    flat = flatten(then)
    was = {key: flat.get(key) for key in LENGTH_KEYS}
    flat_now = flatten(recipe.model_dump(mode="json"))
    now = {key: flat_now[key] for key in LENGTH_KEYS}
    if was == now:
        return
    folder.append_progress(
        {
            "event": EVENT,
            "step": step,
            "was": _drop_section(was),
            "now": _drop_section(now),
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
            "command": format_command(sys.argv),
        }
    )
    errors().print(f"The run now ends after {_format_length(**_drop_section(now))}.")
    # Behind the event: killed between the two, the run is asked for its new length, and records it, once more.
    for key, value in now.items():
        then = merge(then, nest(key, value))
    write_text(folder.recipe, dump_yaml(then) + "\n")


def _drop_section(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key.rpartition(".")[2]: value for key, value in values.items()}


def _format_length(max_steps: int | None, max_epochs: int | None) -> str:
    return f"{max_epochs} epochs" if max_steps is None else f"{max_steps} steps"


def _name_length(training: TrainingOptions) -> dict[str, Any]:
    return {"training.max_steps": training.max_steps, "training.max_epochs": training.max_epochs}


def _format_second_run(folder: RunFolder, then: Mapping[str, Any], recipe: Recipe) -> str:
    """The command of a run that begins with the weights of this one and has the steps that are missing."""
    training = recipe.training
    length = _name_length(training)
    for key, value in length.items():
        begun = then.get(key.rpartition(".")[2])
        if value is not None and begun is not None and value > begun:
            length[key] = value - begun
    model = {f"model.{key}": value for key, value in _list_model_defaults(recipe.model).items()}
    if training.warmup_steps >= (length["training.max_steps"] or training.warmup_steps + 1):
        length["training.warmup_steps"] = 0
    return _format_train(
        folder,
        output=f"{folder.path}_second",
        **{"model.plan": "pretrained", "model.checkpoint": str(folder.path)},
        **model,
        **length,
    )


def _list_model_defaults(model: ModelOptions) -> dict[str, Any]:
    """What has to be set back of a section `model` for plan pretrained, which takes its checkpoint as it is."""
    values = model.model_dump(mode="json")
    defaults = ModelOptions.model_construct().model_dump(mode="json")
    changed = {key: defaults[key] for key, value in values.items() if value != defaults[key]}
    return {key: value for key, value in changed.items() if key not in ("plan", "checkpoint", *KEPT_MODEL_KEYS)}


def _format_train(folder: RunFolder, **options: Any) -> str:
    """The command that trains by the recipe of a run, with other options where they are not the run's already."""
    then = flatten(folder.read_recipe())
    changed = {key: value for key, value in options.items() if then.get(key) != value}
    overrides = [f"{key}={value if isinstance(value, str) else dump_yaml(value)}" for key, value in changed.items()]
    return shlex.join(["seq2seq", "train", str(folder.recipe), *overrides])
