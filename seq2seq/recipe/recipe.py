"""The recipe: a whole run as one frozen object, from YAML, `extends`, the task's defaults and dotted overrides.

Imports no torch. All errors of a recipe are reported at once, each with the path of its key.
"""

import math
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import Field, ValidationError, ValidationInfo, field_validator

from ..base.errors import RecipeError, ScoringError
from ..base.mappings import merge, nest
from ..base.options import Options, format_option_error
from ..data.options import DataOptions
from ..engines.options import GenerationOptions
from ..metrics.options import EvaluationOptions
from ..metrics.table import refuse_source_metrics
from ..sources.options import SourceOptions
from ..training.options import TrainingOptions
from ..warmstart.options import ModelOptions
from .task import find_task


class Recipe(Options):
    """Everything a run depends on."""

    task: str = Field(
        description="What is to be written; it has defaults of its own for lengths, metrics and generation."
    )
    seed: int = Field(
        1,
        ge=0,
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
        recipe = Recipe.model_validate(values)
    except ValidationError as error:
        errors += [format_option_error(Recipe, item, also=("extends",)) for item in error.errors()]
    if errors:
        count = "1 error" if len(errors) == 1 else f"{len(errors)} errors"
        raise RecipeError("\n".join([f"{name}: {count}", *errors]))
    return recipe


def parse_override(override: str) -> dict[str, Any]:
    """A nested mapping of one `key.path=value`, the value read as YAML. 'training.seed=3' -> {'training': {'seed': 3}}.

    Raises:
        RecipeError: there is no '=' or no key, or the value is no YAML.
    """
    key, equals, text = override.partition("=")
    if not equals or not re.fullmatch(r"\w+(\.\w+)*", key):
        raise RecipeError(
            f"{override!r}: expected an override of the form key.path=value, such as training.max_steps=10."
        )
    try:
        value = yaml.load(text, _Loader)
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a date that is none
        raise RecipeError(f"{override!r}: the value is not valid YAML ({error}).") from None
    return nest(key, value)


def dump_yaml(value: Any, *, flow: bool = False) -> str:
    """A value as YAML that loads to the same value; in one line where `flow` says so."""
    width = {"default_flow_style": True, "width": math.inf} if flow else {}
    text = yaml.dump(
        value,
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        **width,
    )
    return text.removesuffix("\n...\n").removesuffix("\n")


class _Loader(yaml.SafeLoader):
    """YAML without two traps: a repeated key is an error, and 1e-3 is a number."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        repeated = {key for key in keys if keys.count(key) > 1}
        if repeated:
            raise yaml.constructor.ConstructorError(
                None,
                None,
                f"{', '.join(sorted(map(repr, repeated)))} given more than once",
                node.start_mark,
            )
        return super().construct_mapping(node, deep)


class _Dumper(yaml.SafeDumper):
    """Quotes what `_Loader` would read as a number."""


# YAML 1.1, which PyYAML follows, wants a dot in such a number, and reads 1e-3 as a text.
for _class in (_Loader, _Dumper):
    _class.add_implicit_resolver(
        "tag:yaml.org,2002:float", re.compile(r"[-+]?[0-9][0-9_]*(\.[0-9_]*)?[eE][-+]?[0-9]+$"), list("-+0123456789")
    )


def _read_mapping(path: Path) -> dict[str, Any]:
    try:
        values = yaml.load(path.read_text(encoding="utf-8"), _Loader)
    except FileNotFoundError:
        raise RecipeError(f"{path}: there is no such recipe.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path}: the recipe cannot be read ({error}).") from None
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a date that is none
        raise RecipeError(f"{path}: not valid YAML: {error}") from None
    if not isinstance(values, dict):
        raise RecipeError(
            f"{path}: expected a mapping with task, model, data and training, found {type(values).__name__}."
        )
    return values
