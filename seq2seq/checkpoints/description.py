"""`seq2seq.json`: what transformers cannot know about a checkpoint, typed, refusing missing and unknown keys.

config.json carries it too, under a key of ours: where transformers has saved the folder again, it stands there alone.
"""

from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Self, get_origin

from ..base.errors import CheckpointError, DataError, RecipeError
from ..base.files import load_json
from ..run_folder.old_runs import OLD_VALUES, bring_up_data, bring_up_evaluation, bring_up_generation, list_old_values
from ..sources.options import SourceOptions

DESCRIPTION_FILE = "seq2seq.json"
WEIGHTS_FILE = "model.safetensors"
TRAINING_FOLDER = "training"  # in a checkpoint that a run can go on from
CARRIED_KEY = "seq2seq"  # of config.json
# What `GenerationOptions` has where a published checkpoint says nothing, of the options that a generation config needs.
DEFAULT_GENERATION = {
    "num_beams": 4,
    "length_penalty": 1.0,
    "no_repeat_ngram_size": 0,
    "temperature": 1.0,
    "top_k": 0,
    "top_p": 1.0,
    "max_target_tokens": 128,
}
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

    @property
    def reads_text(self) -> bool:
        """Whether sources are texts, by our own tokenizing of them."""
        return self.source["kind"] == "text"

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
        return cls.from_dict(values, str(path))

    @classmethod
    def from_dict(cls, values: Any, path: str) -> Self:
        """What `to_dict` gave, in this version or an earlier one; `path` is named where it is wrong.

        Raises:
            CheckpointError: as `load`.
        """
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
    def _check_types(cls, path: str, values: dict[str, Any]) -> None:
        wrong = []
        for item in fields(cls):
            value = values[item.name]
            expected = get_origin(item.type) or item.type  # of dict[str, Any] the dict
            if not isinstance(value, expected):
                wrong.append(f"{item.name} is {type(value).__name__}, not {expected.__name__}")
        if wrong:
            raise CheckpointError(f"{path}: {', '.join(wrong)}. Put back what was written there.")


def find_description(folder: Path) -> CheckpointDescription | None:
    """That of a folder of ours, or what config.json carries of it; None in a folder of others.

    Raises:
        CheckpointError: as `CheckpointDescription.load`.
    """
    if (folder / DESCRIPTION_FILE).exists():
        return CheckpointDescription.load(folder)
    path = folder / "config.json"
    try:
        config = load_json(path)
    except DataError:  # whoever reads the config says so
        return None
    carried = config.get(CARRIED_KEY) if isinstance(config, dict) else None
    if not isinstance(carried, dict):
        return None
    return CheckpointDescription.from_dict(carried.get("description"), f"{path}: {CARRIED_KEY}.description")


def check_no_languages(folder: Path, source_language: str | None, target_language: str | None) -> None:
    """Makes sure that nobody asks a checkpoint of ours for languages: it knows its own.

    Raises:
        CheckpointError: one is asked for.
    """
    if source_language is not None or target_language is not None:
        raise CheckpointError(
            f"{folder} frames its texts as it was trained to. Leave model.source_language and model.target_language "
            "out."
        )


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
