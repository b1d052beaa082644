"""The options of `generate_file`, over what the checkpoint was trained with. Imports no torch."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import Field

from ...base.options import MOST, FilePath, Flag, Strings
from ...data.options import Header
from ...engines.choices import EngineName
from ...engines.options import GenerationChoice
from ...generation.windows import WINDOW_TEXTS
from .fields import Overwrite
from .tables import TableChoice


class GenerateFileOptions(TableChoice, GenerationChoice):
    """Options of `generate_file`."""

    recipe_keys: ClassVar[Mapping[str, str]] = {"data.columns.source": "columns", "data.header": "header"}

    output: FilePath = Field(
        Path("-"), description="The file to write, by its name plain text or .jsonl; - is standard output."
    )
    overwrite: Overwrite = False
    columns: Annotated[Strings | None, Flag("--column")] = Field(
        None, description="The columns of rows that hold the source; left out, they are those of the checkpoint."
    )
    header: Header | None = Field(
        None,
        description="The names of the columns of CSV and TSV files without a header line; left out, they are those of "
        "the checkpoint.",
    )
    engine: EngineName | None = Field(
        None,
        description="The engine to run the checkpoint with: transformers, ctranslate2 or package.module:CLASS; left "
        "out, it is the one that the checkpoint is for.",
    )
    resume: bool = Field(
        False, description="Whether to go on with an output that was not finished, from where it was written to."
    )
    strict: bool = Field(
        False,
        description="Whether to refuse texts that would be truncated, and what is no text in UTF-8, which otherwise is "
        "mended.",
    )
    window_texts: Annotated[int, Flag("--window")] = Field(
        WINDOW_TEXTS,
        ge=1,
        le=MOST,
        description="How many texts each process sorts by length and writes together; fewer appear sooner, more pad "
        "less.",
    )
