"""Which pairs a checkpoint is measured on: what `evaluate`, `prune` and `analyze_heads` share. Imports no torch."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import Field

from ...base.options import Flag
from ...data.options import ColumnChoice, EmptyRows, Header
from ...engines.options import SourceChoice
from .fields import Files
from .tables import TableChoice


class PairOptions(TableChoice, SourceChoice):
    """Which pairs a checkpoint is measured on, and how they are read."""

    recipe_keys: ClassVar[Mapping[str, str]] = {
        "data.columns": "columns",
        "data.header": "header",
        "data.empty": "empty",
    }

    data: Files = Field(
        description="The data files, named as in a recipe: a file, hub:NAME:CONFIG:SPLIT or embedded:quickstart:SPLIT."
    )
    columns: Annotated[ColumnChoice | None, Flag("--{}-column")] = Field(
        None,
        description="The columns that hold source, target and references; what is left out is as the checkpoint says.",
    )
    header: Header | None = Field(
        None,
        description="The names of the columns of CSV and TSV files without a header line; left out, they are those of "
        "the checkpoint.",
    )
    empty: EmptyRows | None = Field(
        None,
        description="What becomes of rows with an empty source, target or reference: refuse lists them and stops, skip "
        "leaves them out and says how many; left out, it is as the checkpoint says.",
    )

    @property
    def layout(self) -> dict[str, Any]:
        """What was chosen of how rows are read."""
        columns = None
        if self.columns is not None:
            columns = self.columns.model_dump(exclude_none=True)
            if "references" in self.columns.model_fields_set:  # there None is a choice: no column
                columns["references"] = self.columns.references
        return {
            "columns": columns,
            "header": self.header,
            "delimiter": self.delimiter,
            "quoting": self.quoting,
            "empty": self.empty,
        }
