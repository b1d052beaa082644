"""The recipe: a whole run as one frozen object, from YAML, `extends`, the task's defaults and dotted overrides.

Imports no torch. All errors of a recipe are reported at once, each with the path of its key.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError, ValidationInfo, field_validator
from yaml import YAMLError

from ..base.errors import RecipeError, ScoringError
from ..base.mappings import merge, nest
from ..base.options import LARGEST_SEED, Options, format_option_error
from ..data.options import DataOptions
from ..engines.options import GenerationOptions
from ..metrics.options import EvaluationOptions
from ..metrics.table import refuse_source_metrics
from ..sources.options import SourceOptions
from ..training.options import TrainingOptions
from ..warmstart.options import ModelOptions
from .foreign_keys import FOREIGN_KEYS
from .near_recipe import format_recipe_hint
from .task import find_task
from .yaml_text import TrapError, dump_yaml, holds_comment, read_yaml


class Recipe(Options):
    """Everything a run depends on."""

    task: str = Field(
        description="What is to be written; it has defaults of its own for lengths, metrics and generation."
    )
    seed: int = Field(
        1,
        ge=0,
        le=LARGEST_SEED,
        description="The seed of initial weights, data order and dropout.",
    )
    output: str = Field(description="The run folder; it must be new or empty, unless the run in it is resumed.")
    source: SourceOptions = Field(SourceOptions(), description="What a source is.")
    model: ModelOptions = Field(description="What the model starts from.")
    data: DataOptions = Field(description="Which texts are read, and how much of them.")
    training: TrainingOptions = Field(
        description="How long, how fast and in which batches is trained, and what is kept."
    )
    generation: GenerationOptions = Field(GenerationOptions(), description="How texts are written.")
    evaluation: EvaluationOptions = Field(EvaluationOptions(), description="How written texts are scored.")

    @field_validator("training")
    @classmethod
    def _check_micro_batches(cls, training: TrainingOptions, info: ValidationInfo) -> TrainingOptions:
        data = info.data.get("data")
        if data is not None:
            longest = data.max_source_tokens + data.max_target_tokens
            if training.micro_batch_tokens < longest:
                raise ValueError(
                    f"micro_batch_tokens is {training.micro_batch_tokens}, but one pair may have {longest} tokens "
                    "(data.max_source_tokens + data.max_target_tokens)"
                )
        return training

    @field_validator("training")
    @classmethod
    def _check_early_stopping(cls, training: TrainingOptions, info: ValidationInfo) -> TrainingOptions:
        data = info.data.get("data")
        if training.early_stopping is not None and data is not None and not data.validation:
            raise ValueError("early_stopping needs validations to count; name files under data.validation")
        return training

    @field_validator("training")
    @classmethod
    def _check_validation(cls, training: TrainingOptions, info: ValidationInfo) -> TrainingOptions:
        of_text = [metric for metric in training.validation_metrics if metric != "loss"]
        data = info.data.get("data")
        if of_text and data is not None and not data.validation:
            raise ValueError(
                f"validation_metrics names {', '.join(of_text)}, and there is nothing to validate with; "
                "name files under data.validation"
            )
        return training

    @field_validator("model")
    @classmethod
    def _check_trimming(cls, model: ModelOptions, info: ValidationInfo) -> ModelOptions:
        source = info.data.get("source")
        if model.trim_vocabulary and source is not None and not source.find_kind().is_text:
            raise ValueError(f"trim_vocabulary needs texts on both sides, and {source.kind} is none; leave it out")
        return model

    @field_validator("evaluation")
    @classmethod
    def _check_source_metrics(cls, evaluation: EvaluationOptions, info: ValidationInfo) -> EvaluationOptions:
        source = info.data.get("source")
        training = info.data.get("training")
        if source is not None and training is not None and not source.find_kind().is_text:
            measured = [metric for metric in training.validation_metrics if metric != "loss"]
            try:
                refuse_source_metrics([*evaluation.metrics, *measured])
            except ScoringError as error:
                raise ValueError(str(error)) from None
        return evaluation

    def to_yaml(self) -> str:
        """The resolved recipe as YAML that loads to the same recipe."""
        return dump_yaml(self.model_dump(mode="json")) + "\n"


def load_recipe(path: str | Path, overrides: Iterable[str] = ()) -> Recipe:
    """Loads a recipe file, merges it over the file it `extends`, and applies overrides such as `training.max_steps=10`.

    Raises:
        RecipeError: as `load_values`; or the result is no valid recipe, in which case the message lists every error.
    """
    return build_recipe(load_values(path, overrides), str(path))


def load_values(path: str | Path, overrides: Iterable[str] = ()) -> dict[str, Any]:
    """What a recipe file, the file it `extends` and overrides say, before the task and defaults fill it up.

    Raises:
        RecipeError: a file is missing or no YAML, or an override has no such form.
    """
    path = Path(path)
    values = _read_mapping(path)
    base = values.pop("extends", None)
    if base is not None:
        base_values = _read_mapping(path.parent / str(base))
        if "extends" in base_values:
            raise RecipeError(f"{path}: extends {base}, which extends another file. Only one level is allowed.")
        values = merge(base_values, values)
    for override in overrides:
        changes = parse_override(override)
        if "extends" in changes:
            raise RecipeError(f"{override!r}: extends stands in the recipe file alone. Give another file instead.")
        values = merge(values, changes)
    return values


def build_recipe(values: Mapping[str, Any], name: str = "recipe") -> Recipe:
    """A recipe from a plain mapping, filled up with its task's defaults; `name` opens the error message.

    Raises:
        RecipeError: with every error of the mapping, one a line.
    """
    errors = []
    values = dict(values)
    if isinstance(values.get("task"), str):
        try:
            values = merge(find_task(values["task"]).recipe_defaults(), values)
        except RecipeError as error:
            errors.append(str(error))
    try:
        recipe = Recipe.model_validate(_follow_targets(values))
    except ValidationError as error:
        for item in error.errors():
            line = format_option_error(
                Recipe,
                item,
                also=("extends",),
                foreign=FOREIGN_KEYS,
                from_yaml=True,
            )
            errors.append(line)
    if errors:
        count = "1 error" if len(errors) == 1 else f"{len(errors)} errors"
        raise RecipeError("\n".join([f"{name}: {count}", *errors]))
    return recipe


def _follow_targets(values: Mapping[str, Any]) -> dict[str, Any]:
    """The same recipe, whose outputs may be as long as its targets where it does not say how long they may be.

    {'data': {'max_target_tokens': 64}} -> {'data': ..., 'generation': {'max_target_tokens': 64}}
    """
    data = values.get("data")
    generation = values.get("generation", {})
    if not isinstance(data, Mapping) or not isinstance(generation, Mapping):
        return dict(values)  # which is told as it is checked
    if generation.get("max_target_tokens") is not None:
        return dict(values)
    longest = data.get("max_target_tokens", DataOptions.model_fields["max_target_tokens"].default)
    return merge(values, nest("generation.max_target_tokens", longest))


def parse_override(override: str) -> dict[str, Any]:
    """A nested mapping of one `key.path=value`, the value read as YAML. 'training.seed=3' -> {'training': {'seed': 3}}.

    Raises:
        RecipeError: there is no '=' or no key, or the value is no YAML, is read as something else than it looks like,
            or holds a comment.
    """
    key, equals, text = override.partition("=")
    if not equals or not re.fullmatch(r"\w+(\.\w+)*", key):
        raise RecipeError(
            f"{override!r}: expected an override of the form key.path=value, such as training.max_steps=10."
        )
    try:
        value = read_yaml(text)
        has_comment = holds_comment(text)
    except TrapError as error:
        raise RecipeError(f"{override!r}: {error.problem}.") from None
    except YAMLError as error:
        raise RecipeError(f"{override!r}: the value is not valid YAML ({error}).") from None
    if has_comment:
        raise RecipeError(f"{override!r}: YAML takes what stands behind # for a comment. Put the value in quotes.")
    return nest(key, value)


def _read_mapping(path: Path) -> dict[str, Any]:
    try:
        values = read_yaml(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RecipeError(f"{path}: there is no such recipe.{format_recipe_hint(path)}") from None
    except IsADirectoryError:
        raise RecipeError(
            f"{path}: the recipe cannot be read: expected a file, found a folder.{format_recipe_hint(path)}"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path}: the recipe cannot be read ({error}).") from None
    except TrapError as error:
        raise RecipeError(f"{path}: {error}") from None
    except YAMLError as error:
        raise RecipeError(f"{path}: not valid YAML: {error}") from None
    if not isinstance(values, dict):
        raise RecipeError(
            f"{path}: expected a mapping with task, model, data and training, found {type(values).__name__}."
        )
    return values
