"""The model: transformers' encoder-decoder with shared parameters and a loss that is right under any split of a batch.

Knows nothing of checkpoints on disk, plans or tokenizers. Shapes: B examples, S source and T target positions, N real
target tokens of the batch, H width, V vocabulary.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from functools import cache, wraps
from typing import Any

import torch
from torch import nn
from transformers import (
    AutoModel,
    AutoModelForTextEncoding,
    EncoderDecoderConfig,
    EncoderDecoderModel,
    GenerationConfig,
    PreTrainedConfig,
    PreTrainedModel,
)
from transformers.modeling_outputs import ModelOutput

from ..families.configs import count_positions
from ..families.table import find_family
from .generation_config import read_marks
from .loss import LossSums, compute_linear_cross_entropy
from .masks import build_target_mask, prepare_cross_mask
from .sharing import Sharing, apply_sharing
from .token_loss import TokenLossModel, select_real


class Seq2SeqModel(TokenLossModel, EncoderDecoderModel):
    """`EncoderDecoderModel` that keeps its sharing and, given labels, returns summed losses instead of full logits."""

    config: EncoderDecoderConfig
    published_class = EncoderDecoderModel

    def __init__(self, config: EncoderDecoderConfig, sharing: Sharing) -> None:
        # First, as the parent's constructor ties the weights and so asks for it.
        self.sharing = sharing
        # A checkpoint's own type, half precision perhaps, would be that of every parameter built.
        for part in (config, config.encoder, config.decoder):
            part.dtype = torch.float32
        super().__init__(config, encoder=_build_encoder(config.encoder))
        # A child with its own generation config would be asked instead of ours.
        self.decoder.generation_config = None
        self.generation_config = GenerationConfig(**read_marks(config))

    def tie_weights(self, *args, **kwargs) -> None:
        """Called by transformers whenever weights may have been replaced."""
        super().tie_weights(*args, **kwargs)
        apply_sharing(self.encoder, self.decoder, self.sharing)

    def build_published(self) -> EncoderDecoderModel:
        with torch.device("meta"):
            config = deepcopy(self.config)
            # Of its own accord transformers takes the config of a T5 encoder for a whole T5.
            return EncoderDecoderModel(config, encoder=_build_encoder(config.encoder))

    def compute_logits(
        self,
        *,
        decoder_input_ids: torch.Tensor,
        real: torch.Tensor,
        **sources: torch.Tensor,
    ) -> torch.Tensor:
        """Logits (N, V) at the real positions; without a known LM head they are computed at all of them first."""
        inputs = {
            "input_ids": decoder_input_ids,
            "attention_mask": build_target_mask(decoder_input_ids, self.decoder),
            "encoder_hidden_states": self._project(self.encode(sources).last_hidden_state),
            "encoder_attention_mask": prepare_cross_mask(sources.get("attention_mask"), self.decoder),
            "use_cache": False,
        }
        lm_head = self._list_lm_head_modules()
        if not lm_head:
            return select_real(self.decoder(**inputs).logits, real)
        states = select_real(self.decoder.base_model(**inputs).last_hidden_state, real)
        for module in lm_head:
            states = module(states)
        return states

    def compute_loss(
        self,
        inputs: dict[str, torch.Tensor],
        labels: torch.Tensor,
        label_smoothing: float,
    ) -> LossSums:
        """The loss of the real labels, with a known LM head's output layer and loss worked out together."""
        output_layer = self.decoder.get_output_embeddings()
        device = labels.device.type
        # Worked out together, gradients of float16 would be cast before the scaler has scaled them.
        is_float16 = torch.is_autocast_enabled(device) and torch.get_autocast_dtype(device) is torch.float16
        if is_float16 or not (self._list_lm_head_modules() and isinstance(output_layer, nn.Linear)):
            return super().compute_loss(inputs, labels, label_smoothing)
        with _without_rows(output_layer) as seen:
            self.compute_logits(**inputs)
        (states,) = seen
        return compute_linear_cross_entropy(
            states,
            output_layer.weight,
            output_layer.bias,
            labels,
            label_smoothing,
        )

    @property
    def sides(self) -> tuple[PreTrainedModel, PreTrainedModel]:
        return self.encoder, self.decoder

    def _project(self, states: torch.Tensor) -> torch.Tensor:
        """States (B, S, decoder's H) of an encoder, as the decoder attends to them."""
        # transformers builds the projection only between sides of different widths.
        if hasattr(self, "enc_to_dec_proj"):
            return self.enc_to_dec_proj(states)
        return states

    def _list_lm_head_modules(self) -> tuple[nn.Module, ...]:
        """The modules from the decoder's states to its logits, in order; empty where its family's are not known."""
        names = find_family(self.decoder.config).head
        return tuple(getattr(self.decoder, name) for name in names)

    @property
    def source_pad_id(self) -> int:
        """The id that fills up sources; the target's may be another."""
        return self.config.encoder.pad_token_id

    @property
    def max_source_positions(self) -> int | None:
        """The longest source, in tokens, that the positions allow; None where nothing limits it."""
        return count_positions(self.config.encoder)

    @property
    def max_target_positions(self) -> int | None:
        """The longest target, in tokens with its end mark, that the positions allow; None where nothing limits it."""
        return count_positions(self.config.decoder)


@contextmanager
def _without_rows(output_layer: nn.Linear) -> Iterator[list[torch.Tensor]]:
    """Lets the output layer compute nothing, and lists the states (N, H) that it was to have computed logits of."""
    seen: list[torch.Tensor] = []

    def take(module: nn.Module, inputs: tuple[torch.Tensor]) -> tuple[torch.Tensor]:
        seen.append(inputs[0])
        return (inputs[0][:0],)

    handle = output_layer.register_forward_pre_hook(take)
    try:
        yield seen
    finally:
        handle.remove()


def _build_encoder(config: PreTrainedConfig) -> PreTrainedModel:
    """The encoder of a config with random weights, without the pooler; what no source can reach is frozen.

    One that does not run under autocast leaves it, whoever calls: the loss, transformers' `generate`, an analysis.
    """
    # AutoModel knows an encoder-decoder only whole; the encoder alone, where it has a class, is in the other mapping.
    auto_class = AutoModelForTextEncoding if find_family(config).has_encoder_class else AutoModel
    encoder = auto_class.from_config(config)
    # Nothing reads the pooler's output: its parameters would stay without gradient, which breaks data parallelism.
    if getattr(encoder, "pooler", None) is not None:
        encoder.pooler = None
    freeze_unreached(encoder)
    encoder.register_forward_hook(_pack_states)
    if not find_family(config).mixed_precision:
        encoder.__class__ = _find_float32_class(encoder.__class__)
    return encoder


def _pack_states(module: nn.Module, inputs: tuple, output: Any) -> None:
    """Gives the states (B, S, H) memory of their own: Longformer's are part of wider ones, which GPT-2 cannot read."""
    if isinstance(output, ModelOutput):
        output["last_hidden_state"] = output["last_hidden_state"].contiguous()


@cache
def _find_float32_class(own: type[PreTrainedModel]) -> type[PreTrainedModel]:
    """The same class, whose models compute in float32 under autocast too."""

    @wraps(own.forward)  # transformers reads from its signature which inputs to hand over
    def forward(self: PreTrainedModel, *args: Any, **kwargs: Any) -> Any:
        with torch.autocast(self.device.type, enabled=False):
            return own.forward(self, *args, **kwargs)

    # Of the same name: transformers keeps what it knows of a class by that.
    return type(own.__name__, (own,), {"__module__": own.__module__, "forward": forward})


def freeze_unreached(model: PreTrainedModel) -> None:
    """Freezes what no source reaches in a model of one family: global attention, say, which no token is given here."""
    marks = find_family(model.config).unreached
    for name, parameter in model.named_parameters():
        if any(mark in name for mark in marks):
            parameter.requires_grad_(False)


def set_special_tokens(
    config: EncoderDecoderConfig, *, begin_id: int, end_id: int, pad_id: int, source_pad_id: int
) -> None:
    """Writes the marks to every config; to be called before the model is built, whose tables freeze the pad's row."""
    config.encoder.pad_token_id = source_pad_id
    for part in (config, config.decoder):
        part.bos_token_id = begin_id
        part.eos_token_id = end_id
        part.pad_token_id = pad_id
    config.decoder_start_token_id = begin_id
