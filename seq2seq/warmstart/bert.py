"""BERT into BertGeneration, exactly: the layers are the same, the embeddings lose a table.

BertGeneration has no token types, and BERT adds row 0 of that table at every position of a text. Adding that row to
every row of the position table gives the same sums and leaves alone the word embeddings, which the output layer uses.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from transformers import BertGenerationConfig

from ..errors import WarmStartError
from .sources import SourceCheckpoint

PREFIXES = ("bert.",)
POSITIONS = "embeddings.position_embeddings.weight"
TOKEN_TYPES = "embeddings.token_type_embeddings.weight"


@dataclass(frozen=True)
class ConvertedTensor:
    """One BertGeneration parameter: its name there, its numbers, the tensors of the file it was made of."""

    name: str
    value: torch.Tensor
    tensors: tuple[str, ...]
    converted: bool


def convert_config(source: SourceCheckpoint) -> BertGenerationConfig:
    """The BertGeneration shape of a BERT checkpoint; special tokens are set later, from the tokenizer.

    Raises:
        WarmStartError: the checkpoint is of another family or uses relative positions.
    """
    config = source.config
    if config.model_type != "bert":
        raise WarmStartError(
            f"{source.name}: expected a BERT checkpoint (model_type 'bert'), found model_type {config.model_type!r}. "
            "The plans built so far start from BERT."
        )
    if getattr(config, "position_embedding_type", "absolute") != "absolute":
        raise WarmStartError(
            f"{source.name}: positions are {config.position_embedding_type!r}; only absolute ones convert exactly."
        )
    return BertGenerationConfig(
        vocab_size=config.vocab_size,
        hidden_size=config.hidden_size,
        num_hidden_layers=config.num_hidden_layers,
        num_attention_heads=config.num_attention_heads,
        intermediate_size=config.intermediate_size,
        hidden_act=config.hidden_act,
        hidden_dropout_prob=config.hidden_dropout_prob,
        attention_probs_dropout_prob=config.attention_probs_dropout_prob,
        max_position_embeddings=config.max_position_embeddings,
        initializer_range=config.initializer_range,
        layer_norm_eps=config.layer_norm_eps,
    )


def convert_tensors(source: SourceCheckpoint, wanted: list[str]) -> Iterator[ConvertedTensor]:
    """The BertGenerationEncoder parameters `wanted`, from a BERT checkpoint with or without prefix and heads.

    Raises:
        WarmStartError: the file lacks a tensor; nothing is left random in silence.
    """
    found = source.find_names(PREFIXES)
    needed = [*wanted, TOKEN_TYPES] if POSITIONS in wanted else wanted
    missing = [name for name in needed if name not in found]
    if missing:
        raise WarmStartError(
            f"{source.name}: {len(missing)} tensors that the plan copies are not in the weights, for instance "
            f"{', '.join(missing[:3])} (found {len(found)}, for instance {', '.join(sorted(found)[:3])})."
        )
    for name in wanted:
        value = source.load_tensor(found[name])
        if name == POSITIONS:
            value = value + source.load_tensor(found[TOKEN_TYPES])[0]
            yield ConvertedTensor(name, value, (found[name], found[TOKEN_TYPES]), converted=True)
        else:
            yield ConvertedTensor(name, value, (found[name],), converted=False)
