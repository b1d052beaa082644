"""The formats and number types of an export. Imports no torch."""

from typing import Literal

Format = Literal["ctranslate2", "transformers"]
Quantization = Literal["float32", "int8", "float16", "bfloat16", "int8_float16", "int8_bfloat16"]
