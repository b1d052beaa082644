"""A run as the files of its folder tell it, for cards and comparisons; no model is loaded."""

from dataclasses import dataclass
from typing import Any

import yaml

from ..errors import CheckpointError
from ..files import load_json, load_json_lines
from .run_folder import RunFolder


@dataclass(frozen=True)
class RunRecord:
    """What recipe.yaml, origin.json, environment.json, inputs.json, progress.jsonl, scores.json and predictions/ hold.

    inputs: None for a run begun before there was such a file; scores, predictions: None where nothing was tested.
    """

    folder: RunFolder
    recipe: dict[str, Any]
    origin: dict[str, Any]
    environment: dict[str, Any]
    inputs: dict[str, Any] | None
    events: list[dict[str, Any]]
    scores: dict[str, Any] | None
    predictions: list[dict[str, Any]] | None

    @property
    def name(self) -> str:
        return self.folder.path.resolve().name

    @property
    def plan(self) -> str:
        return self.recipe["model"]["plan"]

    @property
    def headline(self) -> str:
        """The metric that the run is judged by."""
        return self.recipe["evaluation"]["metrics"][0]

    def list_events(self, name: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["event"] == name]

    @property
    def counters(self) -> dict[str, int | float]:
        """Steps, pairs, tokens and seconds of training so far; zeros where nothing was logged."""
        counted = [event for event in self.events if "seconds" in event]
        names = ("step", "examples", "source_tokens", "target_tokens", "seconds")
        return {name: counted[-1][name] if counted else 0 for name in names}

    @property
    def end(self) -> str | None:
        """Why training ended; None while it has not."""
        ends = self.list_events("end")
        return ends[-1]["reason"] if ends else None


def load_run_record(folder: RunFolder) -> RunRecord:
    """A run from its folder.

    Raises:
        CheckpointError: the folder holds no run, or its recipe is not readable.
        DataError: another of its files is missing or broken.
    """
    inputs, scores, predictions = folder.inputs, folder.scores, folder.predictions("test")
    return RunRecord(
        folder=folder,
        recipe=_load_recipe(folder),
        origin=load_json(folder.origin),
        environment=load_json(folder.environment),
        inputs=load_json(inputs) if inputs.exists() else None,
        events=list(folder.read_progress()),
        scores=load_json(scores) if scores.exists() else None,
        predictions=load_json_lines(predictions) if predictions.exists() else None,
    )


def _load_recipe(folder: RunFolder) -> dict[str, Any]:
    if not folder.exists():
        raise CheckpointError(
            f"{folder.path} is no run folder: it has no {folder.recipe.name}. Give the folder of a run."
        )
    try:
        recipe = yaml.safe_load(folder.recipe.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError):
        recipe = None
    if not isinstance(recipe, dict):
        raise CheckpointError(f"{folder.recipe} is no longer the recipe that the run wrote there. Put it back.")
    return recipe
