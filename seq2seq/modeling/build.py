"""Every kind of encoder-decoder from its config: warm-started pairs and families that are published whole."""

from collections.abc import Mapping, Sequence
from copy import deepcopy

import torch
from transformers import EncoderDecoderConfig, PreTrainedConfig

from ..families.configs import set_own_settings
from ..families.table import find_family
from .encoder_decoder import Seq2SeqModel
from .head_removal import remove_heads
from .native import find_native_class
from .sharing import Sharing
from .token_loss import TokenLossModel


def build_model(
    config: PreTrainedConfig,
    sharing: Sharing,
    pruned: Mapping[str, Sequence[int]] | None = None,
) -> TokenLossModel:
    """The model of a checkpoint's config, with random weights.

    Args:
        pruned: by attention site the heads that it has, where these are not all of the config's.

    Raises:
        ValueError: transformers has no encoder-decoder for the config, or none that trains; or as `remove_heads`.
    """
    model = _build_whole(config, sharing)
    remove_heads(model, pruned or {})
    return model


def build_like(
    model: TokenLossModel,
    config: PreTrainedConfig,
    pruned: Mapping[str, Sequence[int]] | None = None,
) -> TokenLossModel:
    """A model of another config or with other heads, to be filled from `model`: all else is alike; evaluation mode."""
    # The weights drawn here are all replaced: they must not move on the caller's random state.
    with torch.random.fork_rng(devices=[]):
        built = build_model(config, model.sharing, pruned)
    built.to(model.device, model.dtype)
    built.generation_config = deepcopy(model.generation_config)
    return built.eval()


def _build_whole(config: PreTrainedConfig, sharing: Sharing) -> TokenLossModel:
    reason = find_family(config).no_training
    if reason is not None:
        raise ValueError(f"model_type {config.model_type!r} is refused: {reason}")
    set_own_settings(config)
    if isinstance(config, EncoderDecoderConfig):
        return Seq2SeqModel(config, sharing)
    native = find_native_class(config.__class__)
    if native is None:
        raise ValueError(f"model_type {config.model_type!r} is no encoder-decoder that writes text")
    return native(config)


def find_published_architecture(model: TokenLossModel) -> str:
    """The name of the class with which plain transformers loads a model."""
    return model.published_class.__name__
