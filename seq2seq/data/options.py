"""What a recipe says about the data: files, columns, lengths. Imports no torch."""

from typing import Annotated

from pydantic import AfterValidator, Field, field_validator

from ..base.options import Options, Strings
from ..text.normalization import Normalization


def _check_columns(columns: tuple[str, ...]) -> tuple[str, ...]:
    if not columns or not all(columns):
        raise ValueError("name at least one column, and none without a name")
    return _check_once(columns)


def _check_once(names: tuple[str, ...]) -> tuple[str, ...]:
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"{', '.join(map(repr, repeated))} named more than once")
    return names


Columns = Annotated[Strings, AfterValidator(_check_columns)]
Header = Annotated[Strings, AfterValidator(_check_once)]


class ColumnOptions(Options):
    """Which column of a row holds what. A dot leads into a column: `translation.en`."""

    source: Columns = Field(("source",), description="One, or several that are joined by a space where they have text.")
    target: Columns = Field(("target",), description="Like source.")
    references: str = Field("references", description="A list of acceptable targets; rows without it have the target.")


class LayoutOptions(Options):
    """How rows become texts: the part of `DataOptions` that goes with a checkpoint."""

    columns: ColumnOptions = ColumnOptions()
    header: Header = ()
    normalization: Normalization = ()


class DataOptions(Options):
    """The section `data` of a recipe. Lengths left out are the task's."""

    train: Strings = Field(
        description="Files, hub:NAME[@REVISION]:CONFIG:SPLIT or embedded:quickstart:SPLIT; read in order."
    )
    validation: Strings = Field((), description="Like train; empty means no validation.")
    test: Strings = Field((), description="Like train; scored once, by the best checkpoint, when training ends.")
    columns: ColumnOptions = Field(ColumnOptions(), description="Which column of a row holds what.")
    header: Header = Field(
        (), description="Names of the columns of CSV and TSV files that have no header line; empty: they have one."
    )
    normalization: Normalization = Field(
        (), description="Steps on every source, target and reference as it is read, and on sources of generation."
    )
    max_source_tokens: int = Field(128, gt=0, description="Longer sources are cut there and counted.")
    max_target_tokens: int = Field(
        128, gt=1, description="Counts the end mark, not the begin mark; a truncated target gets no end mark."
    )

    @property
    def layout(self) -> LayoutOptions:
        """What `read_examples` needs to know."""
        return LayoutOptions(columns=self.columns, header=self.header, normalization=self.normalization)

    @field_validator("train")
    @classmethod
    def _require_files(cls, train: tuple[str, ...]) -> tuple[str, ...]:
        if not train:
            raise ValueError("name at least one file")
        return train
