"""What is read from and set in the config of a model before it is built. Imports no torch."""

from dataclasses import replace
from typing import TYPE_CHECKING

from .family import Positions
from .table import find_family, list_side_configs

if TYPE_CHECKING:
    from transformers import PreTrainedConfig


def find_positions(config: "PreTrainedConfig") -> Positions | None:
    """How a config's family tells positions apart, with what the config has to say; None where that is not known."""
    positions = find_family(config).positions
    if positions is None:
        return None
    if positions.behind_pad:
        positions = replace(positions, first=config.pad_token_id + 1)
    if positions.switch is not None and not getattr(config, positions.switch):
        positions = replace(positions, table=None, limited=False)
    return positions


def count_positions(config: "PreTrainedConfig") -> int | None:
    """How many tokens a side can take; None where no table and no training length limits it."""
    positions = find_positions(config)
    rows = getattr(config, "max_position_embeddings", None)
    if rows is None or rows < 1:
        return None
    if positions is None:
        return rows
    return rows - positions.first if positions.limited else None


def count_side_positions(config: "PreTrainedConfig", side: str) -> int | None:
    """`count_positions` of a side of an encoder-decoder that is published whole; some have a table for each side."""
    positions = find_family(config).positions
    if positions is not None and not positions.limited:
        return None
    of_both = getattr(config, "max_position_embeddings", None)
    return getattr(config, f"max_{side}_position_embeddings", of_both)


def set_positions(config: "PreTrainedConfig", count: int) -> None:
    """Makes room for a number of tokens; to be called before the model is built."""
    positions = find_positions(config)
    relative = positions.relative if positions else None
    # It stands for the maximum, which changes below: what was trained with the old one keeps it.
    if relative is not None and getattr(config, relative) < 1:
        setattr(config, relative, config.max_position_embeddings)
    config.max_position_embeddings = count + (positions.first if positions else 0)


def set_dropout(config: "PreTrainedConfig", dropout: float) -> None:
    """Sets every dropout of the layers, on both sides; to be called before the model is built."""
    for side in list_side_configs(config):
        for setting in find_family(side).dropouts:
            if hasattr(side, setting):
                setattr(side, setting, dropout)


# How a model computes and returns, of which no number depends; the engine and the loss rely on these.
OWN_SETTINGS = {"return_dict": True, "chunk_size_feed_forward": 0}


def set_own_settings(config: "PreTrainedConfig") -> None:
    """Sets what a published config may have otherwise for its own programs; to be called before the model is built."""
    for name, value in OWN_SETTINGS.items():
        if hasattr(config, name):
            setattr(config, name, value)
    for part in config.sub_configs:
        inner = getattr(config, part, None)
        if inner is not None:
            set_own_settings(inner)


def build_shape(
    *, vocab_size: int, layers: int, hidden_size: int, attention_heads: int, intermediate_size: int, positions: int
) -> "PreTrainedConfig":
    """The config of a model that no checkpoint gives a shape to: BERT's layers."""
    from transformers import BertConfig

    return BertConfig(
        vocab_size=vocab_size,
        num_hidden_layers=layers,
        hidden_size=hidden_size,
        num_attention_heads=attention_heads,
        intermediate_size=intermediate_size,
        max_position_embeddings=positions,
    )
