"""Names to choose among, for options and commands. Imports nothing heavy."""

from typing import Literal

EngineName = str
LengthPenaltyForm = Literal["power", "gnmt"]
EarlyStopping = bool | Literal["never"]
GenerationPrecision = Literal["fp32", "bf16", "fp16"]
