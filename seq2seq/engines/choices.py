"""Names to choose among, for options and commands. Imports nothing heavy."""

from typing import Literal

EngineName = Literal["transformers", "ctranslate2"]
LengthPenaltyForm = Literal["power", "gnmt"]
