"""What a recipe says about the data: files, columns, lengths. Imports no torch."""

from pydantic import Field, field_validator

from ..options import Options, Strings


class ColumnOptions(Options):
    """Which column of a row holds what."""

    source: str = "source"
    target: str = "target"
    references: str = Field("references", description="A list of acceptable targets; rows without it have the target.")


class DataOptions(Options):
    """The section `data` of a recipe. Lengths left out are the task's."""

    train: Strings = Field(description="Files, hub:NAME:CONFIG:SPLIT or embedded:quickstart:SPLIT; read in order.")
    validation: Strings = Field((), description="Like train; empty means no validation.")
    test: Strings = Field((), description="Like train; scored once, by the best checkpoint, when training ends.")
    columns: ColumnOptions = ColumnOptions()
    max_source_tokens: int = Field(128, gt=0, description="Longer sources are cut there and counted.")
    max_target_tokens: int = Field(
        128, gt=1, description="Counts the end mark, not the begin mark; a truncated target gets no end mark."
    )

    @field_validator("train")
    @classmethod
    def _require_files(cls, train: tuple[str, ...]) -> tuple[str, ...]:
        if not train:
            raise ValueError("name at least one file")
        return train
