"""`seq2seq.json`: what transformers cannot know about a checkpoint, typed, refusing missing and unknown keys."""

from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Self, get_origin

from ..base.errors import CheckpointError, DataError, RecipeError
from ..base.files import load_json
from ..run_folder.old_runs import OLD_VALUES, bring_up_data, bring_up_evaluation, bring_up_generation, list_old_values
from ..sources.options import SourceOptions

DESCRIPTION_FILE = "seq2seq.json"
TRAINING_FOLDER = "training"  # in a checkpoint that a run can go on from
# 1 had `columns` alone where there is `layout` now, or not even these; 1 and 2 knew nothing of pruned heads, all before
# 4 nothing of families that users bring, and all before 5 nothing of sources that are no texts.
FORMAT = 5
DEFAULT_COLUMNS = {"source": ["source"], "target": ["target"], "references": "references"}  # where format 1 named none


@dataclass(frozen=True)
class CheckpointDescription:
    """What is needed beside config and weights to use a checkpoint as it was trained.

    layout: the recipe's `data.columns`, `.header`, `.delimiter`, `.quoting`, `.normalization` and `.empty`, as later
    data is expected to be and is read.
    sharing: as in `modeling.sharing.Sharing`; framing: as in `text.framing.Framing`.
    pruned: as in `modeling.token_loss.TokenLossModel`; written from the model.
    families: the names of the user's own rows (`model.families`) that the model needs; written from the model.
    source: the recipe's section, as in `sources.options.SourceOptions`.
    generation: the recipe's section, the defaults of every later generation; evaluation: likewise for scores.
    """

    plan: str
    task: str
    sharing: dict[str, bool]
    framing: dict[str, Any]
    layout: dict[str, Any]
    max_source_tokens: int
    max_target_tokens: int
    generation: dict
    evaluation: dict
    step: int = 0
    pruned: dict[str, list[int]] = field(default_factory=dict)
    families: list[str] = field(default_factory=list)
    source: dict[str, Any] = field(default_factory=lambda: dict(OLD_VALUES["source"]))
    format: int = FORMAT

    def to_dict(self) -> dict:
        return asdict(self)

    def build_source_options(self, folder: Path) -> SourceOptions:
        """The kind of source that the model of a folder reads.

        Raises:
            CheckpointError: it is not there any more, or one of its options is not.
        """
        options = SourceOptions.model_construct(**self.source)  # not yet checked
        try:
            options.build_own()
        except RecipeError as error:
            raise CheckpointError(f"{folder / DESCRIPTION_FILE}: {error}") from None
        return options

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Reads it from a checkpoint folder.

        Raises:
            CheckpointError: it is missing or broken, of a newer format, has missing or unknown keys, or values of
                another type.
        """
        path = folder / DESCRIPTION_FILE
        try:
            values = load_json(path)
        except DataError as error:
            raise CheckpointError(f"{folder} is no checkpoint of this project: {error}") from None
        if not isinstance(values, dict):
            raise CheckpointError(f"{path}: expected a JSON object, found {type(values).__name__}.")
        values = _bring_up(values)
        number = values.get("format")
        if number != FORMAT:
            raise CheckpointError(f"{path}: format {number!r} is unknown; this version reads 1 to {FORMAT}.")
        expected = {field.name for field in fields(cls)}
        if expected != set(values):
            missing = sorted(expected - set(values))
            unknown = sorted(set(values) - expected)
            raise CheckpointError(f"{path}: missing keys {missing}, unknown keys {unknown}.")
        cls._check_types(path, values)
        return cls(**values)

    @classmethod
    def _check_types(cls, path: Path, values: dict[str, Any]) -> None:
        wrong = []
        for item in fields(cls):
            value = values[item.name]
            expected = get_origin(item.type) or item.type  # of dict[str, Any] the dict
            if not isinstance(value, expected):
                wrong.append(f"{item.name} is {type(value).__name__}, not {expected.__name__}")
        if wrong:
            raise CheckpointError(f"{path}: {', '.join(wrong)}. Put back what was written there.")


def _bring_up(values: dict[str, Any]) -> dict[str, Any]:
    """A description as today's version would have written it; what is of an unknown format stays as it is."""
    values = dict(values)
    # One format after the other: each step knows the next one alone.
    if values.get("format") == 1:
        columns = values.pop("columns", DEFAULT_COLUMNS)
        values |= {"format": 2, "layout": {"columns": columns}}
    if values.get("format") == 2:
        values |= {"format": 3, "pruned": {}}
    if values.get("format") == 3:
        values |= {"format": 4, "families": []}
    if values.get("format") == 4:
        values |= {"format": FORMAT, "source": dict(OLD_VALUES["source"])}
    if values.get("format") != FORMAT:
        return values
    sections = {
        "layout": _bring_up_layout,
        "generation": bring_up_generation,
        "evaluation": bring_up_evaluation,
    }
    for name, bring_up in sections.items():
        if isinstance(values.get(name), dict):  # what is none is refused by its type
            values[name] = bring_up(values[name])
    return values


def _bring_up_layout(layout: dict[str, Any]) -> dict[str, Any]:
    # A run goes on with its files as it read them; those that a checkpoint is given later are read as today.
    return list_old_values("data") | {"quoting": None} | bring_up_data(layout)
