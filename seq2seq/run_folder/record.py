"""A run as the files of its folder tell it, for cards and comparisons; no model is loaded."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..base.errors import CheckpointError, DataError
from ..base.files import load_json, load_json_lines
from .folder import RunFolder
from .old_runs import bring_up_origin

# By dotted key, what cards and comparisons read of each file.
RECIPE_KEYS = (
    "task", "model.plan", "data.train", "data.validation", "data.test", "training.learning_rate", "evaluation.metrics",
)  # fmt: skip
ORIGIN_KEYS = ("totals.total", "totals.initialised", "totals.random", "parameters", "unused_tensors", "notes")
ENVIRONMENT_KEYS = ("packages",)
INPUTS_KEYS = ("splits.train", "hub_models", "model.class")
SCORES_KEYS = ("split", "examples", "checkpoint", "rows", "signatures")
PREDICTION_KEYS = ("source", "prediction", "references")
NEVER_EMPTY = {"data.train", "rows", "references"}
COUNTERS = ("step", "examples", "source_tokens", "target_tokens", "seconds")  # of a run, in its events


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
    def signatures(self) -> dict[str, str]:
        """How each metric of the scores was computed; none where nothing was tested."""
        return {} if self.scores is None else self.scores["signatures"]

    def list_events(self, name: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["event"] == name]

    @property
    def counters(self) -> dict[str, int | float]:
        """Steps, pairs, tokens and seconds of training so far; zeros where nothing was logged."""
        counters: dict[str, int | float] = dict.fromkeys(COUNTERS, 0)
        for event in self.events:
            if "seconds" in event:
                counters = {name: event[name] for name in COUNTERS}
        return counters

    @property
    def end(self) -> str | None:
        """Why training ended; None while it has not."""
        ends = self.list_events("end")
        return ends[-1]["reason"] if ends else None


Records = Mapping[str, RunRecord]  # of several runs, by the names they go by


def load_run_record(folder: RunFolder) -> RunRecord:
    """A run from its folder.

    Raises:
        CheckpointError: the folder holds no run, or its recipe is not readable.
        DataError: another of its files is missing or broken, or lacks what a run writes there.
    """
    return RunRecord(
        folder=folder,
        recipe=_load_recipe(folder),
        origin=_load(folder.origin, ORIGIN_KEYS, bring_up_origin),
        environment=_load(folder.environment, ENVIRONMENT_KEYS),
        inputs=_load(folder.inputs, INPUTS_KEYS) if folder.inputs.exists() else None,
        events=list(folder.read_progress()),
        scores=_load(folder.scores, SCORES_KEYS) if folder.scores.exists() else None,
        predictions=_load_predictions(folder.predictions("test")),
    )


def _load(
    path: Path,
    keys: Sequence[str],
    bring_up: Callable[[dict[str, Any]], dict[str, Any]] = dict,
) -> dict[str, Any]:
    value = load_json(path)
    if isinstance(value, dict):
        value = bring_up(value)
    _check(value, keys, path)
    return value


def _load_predictions(path: Path) -> list[dict[str, Any]] | None:
    if not path.exists():
        return None
    rows = load_json_lines(path)
    for number, row in enumerate(rows, 1):
        _check(row, PREDICTION_KEYS, f"{path} line {number}")
    return rows


def _check(value: Any, keys: Sequence[str], where: Path | str) -> None:
    lacking = _find_lacking(value, keys)
    if lacking is not None:
        raise DataError(
            f"{where} has no {lacking!r}, which every run writes there. Put the file back as the run wrote it."
        )


def _find_lacking(value: Any, keys: Sequence[str]) -> str | None:
    """The first of some dotted keys that is not in a value, or has nothing in it where a list or mapping is needed."""
    for key in keys:
        held = value
        for part in key.split("."):
            held = held.get(part) if isinstance(held, dict) else None
        if held is None or (held in ([], {}) and key in NEVER_EMPTY):
            return key
    return None


def _load_recipe(folder: RunFolder) -> dict[str, Any]:
    if not folder.exists():
        raise CheckpointError(
            f"{folder.path} is no run folder: it has no {folder.recipe.name}. Give the folder of a run."
        )
    recipe = folder.read_recipe()
    if _find_lacking(recipe, RECIPE_KEYS) is not None:
        raise CheckpointError(f"{folder.recipe} is no longer the recipe that the run wrote there. Put it back.")
    return recipe
