"""BERT and RoBERTa into BertGeneration, exactly: the layers are the same, the embeddings lose two peculiarities.

BertGeneration has no token types, and both families add row 0 of that table at every position of a text: adding it to
every row of the position table gives the same sums and leaves alone the word embeddings, which the output layer uses.
RoBERTa counts positions from its pad id plus one: the rows before that are cut.
"""

import torch
from transformers import BertGenerationConfig, PreTrainedConfig

from ..families.table import count_positions, find_family
from .plans import BERT, GPT2, ROBERTA

CONVERTIBLE = BERT + ROBERTA
POSITIONS = "embeddings.position_embeddings.weight"
TOKEN_TYPES = "embeddings.token_type_embeddings.weight"


def convert_config(config: PreTrainedConfig) -> BertGenerationConfig:
    """The BertGeneration shape of a BERT or RoBERTa checkpoint, or of a GPT-2 for a random side in its shape.

    Special tokens are set later, from the tokenizer.
    """
    if config.model_type in GPT2:
        own = {
            "intermediate_size": config.n_inner or 4 * config.n_embd,
            "hidden_act": config.activation_function,
            "hidden_dropout_prob": config.resid_pdrop,
            "attention_probs_dropout_prob": config.attn_pdrop,
            "layer_norm_eps": config.layer_norm_epsilon,
        }
    else:
        names = (
            "intermediate_size", "hidden_act", "hidden_dropout_prob", "attention_probs_dropout_prob", "layer_norm_eps",
        )  # fmt: skip
        own = {setting: getattr(config, setting) for setting in names}
    return BertGenerationConfig(
        vocab_size=config.vocab_size,
        hidden_size=config.hidden_size,
        num_hidden_layers=config.num_hidden_layers,
        num_attention_heads=config.num_attention_heads,
        max_position_embeddings=count_positions(config),
        initializer_range=config.initializer_range,
        **own,
    )


def convert_positions(
    positions: torch.Tensor, token_types: torch.Tensor, config: PreTrainedConfig
) -> tuple[torch.Tensor, tuple[str, ...]]:
    """The BertGeneration position table of a checkpoint, and what was done to get it.

    Shape: positions (first position + P, H), token_types (types, H); gives (P, H).
    """
    first = find_family(config).first_position
    changes = (f"rows from {first} on",) if first else ()
    return positions[first:] + token_types[0], (*changes, "token type row 0 added to every position")
