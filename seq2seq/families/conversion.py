"""Other families into BertGeneration, exactly: the layers are the same, the embeddings lose two peculiarities.

BertGeneration has no token types, and a family that has them adds row 0 of that table at every position of a text:
adding it to every row of the position table gives the same sums and leaves alone the word embeddings, which the output
layer uses. Where positions are counted from the pad id plus one, the rows before that are dropped.
"""

import torch
from transformers import BertGenerationConfig, PreTrainedConfig

from .configs import count_positions, find_positions
from .family import require
from .table import find_family


def convert_config(config: PreTrainedConfig) -> BertGenerationConfig:
    """The BertGeneration shape of a config whose family has a `Conversion`.

    Special tokens are set later, from the tokenizer.
    """
    conversion = require(find_family(config).conversion, "conversion")
    return BertGenerationConfig(
        vocab_size=config.vocab_size,
        hidden_size=config.hidden_size,
        num_hidden_layers=config.num_hidden_layers,
        num_attention_heads=config.num_attention_heads,
        max_position_embeddings=count_positions(config),
        initializer_range=config.initializer_range,
        **conversion.settings(config),
    )


def convert_positions(
    positions: torch.Tensor, token_types: torch.Tensor, config: PreTrainedConfig
) -> tuple[torch.Tensor, tuple[str, ...]]:
    """The BertGeneration position table of a checkpoint, and what was done to get it.

    Shape: positions (first position + P, H), token_types (types, H); gives (P, H).
    """
    first = require(find_positions(config), "positions").first
    changes = (f"rows from {first} on",) if first else ()
    return positions[first:] + token_types[0], (*changes, "token type row 0 added to every position")
