"""Encoder-decoders that are published whole (BART, mBART, T5, Marian ...), with the loss of this project."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import torch
from torch import nn
from transformers import (
    MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING,
    GenerationConfig,
    PreTrainedConfig,
    PreTrainedModel,
)

from ..families.configs import count_side_positions
from .encoder_decoder import freeze_unreached
from .generation_config import read_marks
from .masks import build_target_mask, prepare_sources
from .sharing import Sharing
from .token_loss import TokenLossModel, select_real


class NativeModel(TokenLossModel):
    """Mixed into the family's own class, which keeps its layers, names and framing."""

    thread_safe = False  # the output layer is told by a hook which positions to compute

    def __init__(self, config: PreTrainedConfig) -> None:
        config.dtype = torch.float32  # not the checkpoint's own, perhaps half precision
        self.sharing = Sharing(embeddings=False, layers=False)
        super().__init__(config)
        freeze_unreached(self)
        self.generation_config = GenerationConfig(**read_marks(config))

    def compute_logits(
        self,
        *,
        decoder_input_ids: torch.Tensor,
        real: torch.Tensor,
        **sources: torch.Tensor,
    ) -> torch.Tensor:
        """Logits (N, V): the family's own forward pass, with its output layer at the real positions alone if it can."""
        inputs = {
            **prepare_sources(sources, self),
            "decoder_input_ids": decoder_input_ids,
            "decoder_attention_mask": build_target_mask(decoder_input_ids, self),
        }
        output_layer = self.get_output_embeddings()
        if not isinstance(output_layer, nn.Linear):  # FSMT's is the table that its decoder reads from
            return select_real(super().forward(**inputs, use_cache=False).logits, real)
        with _at_real_positions(output_layer, real):
            outputs = super().forward(**inputs, use_cache=False)
        return outputs.logits.flatten(0, -2)

    @property
    def max_source_positions(self) -> int | None:
        return count_side_positions(self.config, "encoder")

    @property
    def max_target_positions(self) -> int | None:
        return count_side_positions(self.config, "decoder")


@contextmanager
def _at_real_positions(output_layer: nn.Module, real: torch.Tensor) -> Iterator[None]:
    """Lets the output layer see states (B, T, H) at the N real positions alone, as (N, H)."""
    handle = output_layer.register_forward_pre_hook(lambda module, inputs: (select_real(inputs[0], real),))
    try:
        yield
    finally:
        handle.remove()


@cache
def find_native_class(config_class: type[PreTrainedConfig]) -> type[PreTrainedModel] | None:
    """The family's class with our loss, or None where transformers has no encoder-decoder for the config."""
    if config_class not in MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING:
        return None
    own = MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING[config_class]
    return type(f"Native{own.__name__}", (NativeModel, own), {"__module__": __name__, "published_class": own})
