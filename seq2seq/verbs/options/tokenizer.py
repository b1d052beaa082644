"""The options of `train_tokenizer`. Imports no torch."""

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field

from ...base.errors import Seq2SeqError, TokenizerError
from ...base.options import FilePath
from ...data.options import Columns, EmptyRows, Header, LayoutOptions
from ...data.training_texts import Sides
from ...text.normalization import Normalization
from ...text.options import Kind
from .fields import Files, Overwrite
from .tables import TableChoice


class TokenizerOptions(TableChoice):
    """Options of `train_tokenizer`."""

    error: ClassVar[type[Seq2SeqError]] = TokenizerError
    recipe_keys: ClassVar[Mapping[str, str]] = {
        "data.columns.source": "source_column",
        "data.columns.target": "target_column",
        "data.header": "header",
        "data.normalization": "normalization",
        "data.empty": "empty",
    }

    data: Files = Field(
        description="The texts to train on: data files, named as in a recipe, or plain text, one text a line."
    )
    output: FilePath = Field(description="The folder to write; it must be new or empty.")
    overwrite: Overwrite = False
    kind: Kind = Field("unigram", description="How texts are split: by unigram, bpe or wordpiece.")
    size: int = Field(
        8000, gt=0, le=2_000_000, description="How many tokens there are, special ones and bytes among them."
    )
    lowercase: bool = Field(False, description="Whether every text is lower-cased; accents stay.")
    character_coverage: float | None = Field(
        None,
        ge=0.98,
        le=1,
        description="The share of all characters that the alphabet must hold, 0.98 to 1; left out, 0.9995 where bytes "
        "stand in for the rest, and 1 for wordpiece.",
    )
    columns: Sides = Field(
        "both", description="Which sides of the pairs are trained on: both, source or target; plain text has none."
    )
    source_column: Columns = Field(
        ("source",),
        description="The column that holds the sources; of several, the texts that are there are joined by a space.",
    )
    target_column: Columns = Field(
        ("target",),
        description="The column that holds the targets; of several, the texts that are there are joined by a space.",
    )
    header: Header = Field((), description="The names of the columns of CSV and TSV files without a header line.")
    normalization: Normalization = Field(
        (),
        description="The normalizers that every text goes through as it is read, as under data.normalization of a "
        "recipe.",
    )
    empty: EmptyRows = Field(
        "refuse",
        description="What becomes of rows with an empty text: refuse lists them and stops, skip leaves them out and "
        "says how many.",
    )

    @property
    def layout(self) -> LayoutOptions:
        """How rows are read."""
        columns: Any = {"source": self.source_column, "target": self.target_column}
        return LayoutOptions(
            columns=columns,
            header=self.header,
            delimiter=self.delimiter,
            quoting=self.quoting,
            normalization=self.normalization,
            empty=self.empty,
        )
