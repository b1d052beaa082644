"""The options of `init`. Imports no torch."""

from collections.abc import Mapping
from typing import ClassVar, get_args

from pydantic import Field, ValidationInfo, field_validator

from ...base.errors import RecipeError, Seq2SeqError
from ...base.options import LARGEST_SEED, FilePath
from ...data.options import Columns, Header, TableOptions
from ...warmstart.options import PlanName
from .fields import SomeFiles
from .tables import TableChoice


class InitOptions(TableChoice):
    """Options of `init`."""

    error: ClassVar[type[Seq2SeqError]] = RecipeError
    recipe_keys: ClassVar[Mapping[str, str]] = {
        "data.columns.source": "source_column",
        "data.columns.target": "target_column",
        "data.header": "header",
        "data.validation": "validation",
        "data.test": "test",
    }

    output: FilePath | None = Field(
        None,
        description="The folder to write the recipe and the splits to, or the recipe's own path, ending in .yaml; left "
        "out, it is a folder called like the file. Nothing that is there is replaced.",
    )
    source_column: Columns | None = Field(
        None, description="The column that holds the sources, of several their texts joined; left out, it is guessed."
    )
    target_column: Columns | None = Field(
        None, description="The column that holds the targets, of several their texts joined; left out, it is guessed."
    )
    header: Header = Field((), description="The names of the columns of CSV and TSV files without a header line.")
    task: str | None = Field(
        None,
        description="What is to be written: a task, or package.module:OBJECT for one of your own; left out, it is "
        "guessed from names, scripts and lengths.",
    )
    validation: SomeFiles = Field(
        None, description="The pairs to validate with; left out, some of the file are set aside."
    )
    test: SomeFiles = Field(None, description="The pairs to test with; left out, some of the file are set aside.")
    plan: str | None = Field(
        None, description="How the model is warm-started; left out, it is the one for the checkpoints."
    )
    encoder: str | None = Field(
        None,
        description="The encoder's checkpoint, a folder or a hub name; left out, it is a BERT for the texts' scripts.",
    )
    decoder: str | None = Field(
        None, description="The decoder's checkpoint, a folder or a hub name; left out, it is the encoder's."
    )
    checkpoint: str | None = Field(
        None,
        validate_default=True,
        description="An encoder-decoder to train on, in place of encoder and decoder: a folder or a hub name.",
    )
    seed: int = Field(
        1, ge=0, le=LARGEST_SEED, description="The seed by which pairs are set aside, and that of the recipe."
    )

    @property
    def table(self) -> TableOptions:
        """How tables are read."""
        return TableOptions(header=self.header, delimiter=self.delimiter, quoting=self.quoting)

    @field_validator("plan")
    @classmethod
    def _check_plan(cls, plan: str | None) -> str | None:  # as a type of its own, a flag's help would list them all
        if plan is not None and plan not in get_args(PlanName):
            raise ValueError(f"expected one of {', '.join(get_args(PlanName))}")
        return plan

    @field_validator("checkpoint")
    @classmethod
    def _check_alone(cls, checkpoint: str | None, info: ValidationInfo) -> str | None:
        others = [name for name in ("encoder", "decoder") if info.data.get(name) is not None]
        others += ["plan"] if info.data.get("plan") not in (None, "pretrained") else []
        if checkpoint is not None and others:
            raise ValueError(f"is trained on as it is; leave {' and '.join(others)} out")
        if checkpoint is None and info.data.get("plan") == "pretrained":
            raise ValueError("plan pretrained needs one: a run folder, a checkpoint folder or a hub name")
        return checkpoint
