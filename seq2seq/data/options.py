"""What a recipe says about the data: files, columns, lengths. Imports no torch."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Field, field_validator

from ..base.errors import DataError, Seq2SeqError
from ..base.mappings import merge
from ..base.options import MOST_TOKENS, Options, Strings, build_choice, build_options
from ..text.normalization import Normalization

REFERENCES = "references"  # the column that need not be there


def _check_columns(columns: tuple[str, ...]) -> tuple[str, ...]:
    if not columns or not all(columns):
        raise ValueError("name at least one column, and none without a name")
    return _check_once(columns)


def _check_once(names: tuple[str, ...]) -> tuple[str, ...]:
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"{', '.join(map(repr, repeated))} named more than once")
    return names


def _to_none(name: Any) -> Any:
    """A flag cannot say null: an empty name stands for it, and the word, which a message names."""
    return None if name in ("", "null") else name


ReferencesColumn = Annotated[str | None, BeforeValidator(_to_none)]
DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|"}


def _find_delimiter(delimiter: str) -> str:
    """The character of a delimiter that is given as such or by its name. 'tab' -> a tab, as is '\\t' of a shell"""
    character = DELIMITERS.get(delimiter, "\t" if delimiter == "\\t" else delimiter)
    if len(character) != 1 or character in '"\r\n':
        raise ValueError(f"name one character, or one of {', '.join(DELIMITERS)}")
    return character


Delimiter = Annotated[str, AfterValidator(_find_delimiter)]
Quoting = Literal["quoted", "none", "by_ending"]
EmptyRows = Literal["refuse", "skip"]
Columns = Annotated[Strings, AfterValidator(_check_columns)]
Header = Annotated[Strings, AfterValidator(_check_once)]


class ColumnOptions(Options):
    """Which column of a row holds what. A dot leads into a column: `translation.en`."""

    source: Columns = Field(
        ("source",),
        description="The column that holds the sources; of several, the texts that are there are joined by a space.",
    )
    target: Columns = Field(
        ("target",),
        description="The column that holds the targets; of several, the texts that are there are joined by a space.",
    )
    references: ReferencesColumn = Field(
        REFERENCES,
        description="The column that holds a list of acceptable targets; a row without it has its target alone, and "
        "with null, as a flag an empty name, all rows have.",
    )


class ColumnChoice(build_choice(ColumnOptions)):  # type: ignore[misc]  # mypy knows no class that a call makes
    """`ColumnOptions`, of which each may be left out."""


class TableOptions(Options):
    """How CSV and TSV files become rows, as in `DataOptions`."""

    error: ClassVar[type[Seq2SeqError]] = DataError

    header: Header = ()
    delimiter: Delimiter | None = None
    quoting: Quoting | None = None


class LayoutOptions(TableOptions):
    """How rows become texts: the part of `DataOptions` that goes with a checkpoint."""

    columns: ColumnOptions = ColumnOptions()
    normalization: Normalization = ()
    empty: EmptyRows = "refuse"


class DataOptions(Options):
    """The section `data` of a recipe. Lengths left out are the task's."""

    train: Strings = Field(
        description="The pairs to train on, read in order: files, hub:NAME[@REVISION]:CONFIG:SPLIT or "
        "embedded:quickstart:SPLIT."
    )
    validation: Strings = Field(
        (), description="The pairs to validate with, named like those to train on; without any, nothing is validated."
    )
    test: Strings = Field(
        (),
        description="The pairs to test with, named like those to train on; the best checkpoint is scored on them once, "
        "when training ends.",
    )
    columns: ColumnOptions = Field(ColumnOptions(), description="Which column of a row holds what.")
    header: Header = Field(
        (),
        description="The names of the columns of CSV and TSV files that have no header line; where it is empty, they "
        "have one.",
    )
    delimiter: Delimiter | None = Field(
        None,
        description="The character between the cells of CSV and TSV files, or its name: comma, semicolon, tab or pipe; "
        "null finds it in the first 1,000 lines, where a comma in CSV or a tab in TSV does not split them.",
    )
    quoting: Quoting | None = Field(
        None,
        description="Whether quotation marks in CSV and TSV files stand around cells (quoted) or are text (none); null "
        "finds out: they are text in TSV, unless the first 1,000 lines show otherwise; by_ending goes by the name "
        "alone, as versions did that had no such option.",
    )
    normalization: Normalization = Field(
        (),
        description="The normalizers that every source, target and reference goes through as it is read, and later "
        "every source of generation.",
    )
    empty: EmptyRows = Field(
        "refuse",
        description="What becomes of rows with an empty source, target or reference: refuse lists them and stops, skip "
        "leaves them out and says how many.",
    )
    max_source_tokens: int = Field(
        128,
        gt=0,
        le=MOST_TOKENS,
        description="How many tokens a source may have with its marks; longer ones are truncated and counted.",
    )
    max_target_tokens: int = Field(
        128,
        gt=1,
        le=MOST_TOKENS,
        description="How many tokens a target may have with its end mark; a longer one is truncated, counted, and gets "
        "no end mark.",
    )

    @property
    def layout(self) -> LayoutOptions:
        """What `read_examples` needs to know."""
        return LayoutOptions(
            columns=self.columns,
            header=self.header,
            delimiter=self.delimiter,
            quoting=self.quoting,
            normalization=self.normalization,
            empty=self.empty,
        )

    @field_validator("train")
    @classmethod
    def _require_files(cls, train: tuple[str, ...]) -> tuple[str, ...]:
        if not train:
            raise ValueError("name at least one file")
        return train


def build_layout(known: Mapping[str, Any], choice: Mapping[str, Any]) -> LayoutOptions:
    """How data is read: as a checkpoint knows it, with the options that were chosen, and are not None, over that.

    Raises:
        DataError: an option is wrong.
    """
    return build_options(
        LayoutOptions, merge(known, {name: value for name, value in choice.items() if value is not None})
    )
