"""The options of `export`. Imports no torch."""

from typing import ClassVar

from pydantic import Field

from ...base.errors import ExportError, Seq2SeqError
from ...base.options import FilePath, Options
from ...engines.export_options import Format, Quantization
from .fields import Overwrite, SomeFiles


class ExportOptions(Options):
    """Options of `export`."""

    error: ClassVar[type[Seq2SeqError]] = ExportError

    output: FilePath = Field(description="The folder to write; it must be new or empty.")
    overwrite: Overwrite = False
    format: Format = Field(
        "ctranslate2",
        description="What is to load it: ctranslate2, transformers, or an engine of your own as package.module:CLASS.",
    )
    quantization: Quantization = Field(
        "float32",
        description="The type of the numbers in the weights, for ctranslate2; all but float32 change the outputs a "
        "little.",
    )
    data: SomeFiles = Field(
        None,
        description="The data files whose first pairs the export is compared on with the model; left out, they are "
        "pairs of the embedded corpus.",
    )
