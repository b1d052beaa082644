"""How a command reads CSV and TSV files. Imports no torch."""

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field

from ...base.options import Options
from ...data.options import Delimiter, Quoting


class TableChoice(Options):
    """How a command reads CSV and TSV files, where it is not as their checkpoint or their first lines say."""

    recipe_keys: ClassVar[Mapping[str, str]] = {"data.delimiter": "delimiter", "data.quoting": "quoting"}

    delimiter: Delimiter | None = Field(
        None,
        description="The character between the cells of CSV and TSV files, or its name: comma, semicolon, tab or pipe; "
        "left out, it is that of the checkpoint, if any, else it is found in the first 1,000 lines.",
    )
    quoting: Quoting | None = Field(
        None,
        description="Whether quotation marks in CSV and TSV files stand around cells (quoted) or are text (none); left "
        "out, it is as the checkpoint says, if any, else as the first 1,000 lines show.",
    )
