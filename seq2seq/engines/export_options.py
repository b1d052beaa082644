"""The formats and number types of an export. Imports no torch."""

from typing import Literal

Format = str  # the name of an engine: one of engines/table.py, or package.module:CLASS
Quantization = Literal["float32", "int8", "float16", "bfloat16", "int8_float16", "int8_bfloat16"]
