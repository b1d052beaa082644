"""Names to choose among when a tokenizer is trained. Imports nothing heavy."""

from typing import Literal

Kind = Literal["unigram", "bpe", "wordpiece"]
