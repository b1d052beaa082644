"""The model: transformers' encoder-decoder with shared parameters and a loss that is right under any split of a batch.

Knows nothing of checkpoints on disk, plans or tokenizers. Shapes: B examples, S source and T target positions, N real
target tokens of the batch, H width, V vocabulary.
"""

from contextlib import nullcontext
from dataclasses import dataclass

import torch
from transformers import (
    AutoModel,
    AutoModelForTextEncoding,
    EncoderDecoderConfig,
    EncoderDecoderModel,
    GenerationConfig,
    PreTrainedConfig,
    PreTrainedModel,
)
from transformers.modeling_outputs import ModelOutput, Seq2SeqLMOutput

from .families import count_positions, find_family, find_head
from .generation_config import read_marks
from .loss import compute_loss_sums
from .sharing import Sharing, apply_sharing

IGNORED_LABEL = -100  # transformers' and torch's mark for positions without a target


@dataclass
class TokenLoss(ModelOutput):
    """Sums over the N target tokens of a batch; divide by the tokens of the whole step, once.

    objective: what to minimise, smoothed where asked.
    negative_log_likelihood: the unsmoothed sum, without gradient, for reports.
    """

    objective: torch.Tensor | None = None
    negative_log_likelihood: torch.Tensor | None = None


class Seq2SeqModel(EncoderDecoderModel):
    """`EncoderDecoderModel` that keeps its sharing and, given labels, returns summed losses instead of full logits."""

    config: EncoderDecoderConfig

    def __init__(self, config: EncoderDecoderConfig, sharing: Sharing) -> None:
        self.sharing = sharing
        super().__init__(config, encoder=build_encoder(config.encoder))
        # A child with its own generation config would be asked instead of ours.
        self.decoder.generation_config = None
        self.generation_config = GenerationConfig(**read_marks(config))

    def tie_weights(self, *args, **kwargs) -> None:
        """Called by transformers whenever weights may have been replaced."""
        super().tie_weights(*args, **kwargs)
        apply_sharing(self.encoder, self.decoder, self.sharing)

    def forward(
        self,
        input_ids: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
        label_smoothing: float = 0.0,
        **kwargs,
    ) -> TokenLoss | Seq2SeqLMOutput:
        """With labels, the losses of their tokens; without, transformers' forward pass (what `generate` calls).

        A missing source mask is made from the pad id. Labels are targets without the begin mark, filled up with -100.

        Shape: input_ids and attention_mask (B, S), labels (B, T); logits are computed at the N real labels only.
        """
        if attention_mask is None and input_ids is not None:
            attention_mask = input_ids.ne(self.config.encoder.pad_token_id).long()
        if labels is None:
            return super().forward(input_ids=input_ids, attention_mask=attention_mask, **kwargs)
        if unknown := sorted(name for name, value in kwargs.items() if value is not None):
            raise TypeError(
                f"with labels, forward takes input_ids, attention_mask and label_smoothing; found {unknown}"
            )
        encoder_states = self._encode(input_ids, attention_mask)
        real = labels.ne(IGNORED_LABEL)
        # Pads stand only behind real tokens and a decoder looks only back: it needs no mask of its own.
        logits = self._decode(
            real,
            input_ids=self.shift_right(labels),
            encoder_hidden_states=encoder_states,
            encoder_attention_mask=attention_mask,
            use_cache=False,
        )
        return TokenLoss(*compute_loss_sums(logits, labels[real], label_smoothing))

    def _encode(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """States (B, S, decoder's H) of the sources, as the decoder attends to them."""
        family = find_family(self.encoder.config)
        autocast = torch.autocast(input_ids.device.type, enabled=False)
        with nullcontext() if family is None or family.mixed_precision else autocast:
            states = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        return self.enc_to_dec_proj(states) if hasattr(self, "enc_to_dec_proj") else states

    def _decode(self, real: torch.Tensor, **inputs) -> torch.Tensor:
        """Logits (N, V) at the real positions; a family without a known head computes them at all positions first."""
        head = find_head(self.decoder)
        if not head:
            return self.decoder(**inputs).logits[real]
        states = self.decoder.base_model(**inputs).last_hidden_state[real]
        for module in head:
            states = module(states)
        return states

    def shift_right(self, labels: torch.Tensor) -> torch.Tensor:
        """Decoder inputs of labels: the begin mark in front, the last label dropped, -100 replaced by the pad.

        Example: begin 101, pad 0: [[7, 8, 102], [9, 102, -100]] -> [[101, 7, 8], [101, 9, 102]].
        """
        begin = labels.new_full((labels.shape[0], 1), self.config.decoder_start_token_id)
        shifted = torch.cat([begin, labels[:, :-1]], dim=1)
        return shifted.masked_fill(shifted.eq(IGNORED_LABEL), self.config.pad_token_id)

    @property
    def tied_names(self) -> set[str]:
        """Names that transformers itself ties to others when it loads a file, which therefore need not hold them."""
        return set(self.all_tied_weights_keys)

    @property
    def max_source_positions(self) -> int | None:
        """The longest source, in tokens, that the positions allow; None where nothing limits it."""
        return count_positions(self.config.encoder)

    @property
    def max_target_positions(self) -> int | None:
        """The longest target, in tokens with its end mark, that the positions allow; None where nothing limits it."""
        return count_positions(self.config.decoder)


def build_encoder(config: PreTrainedConfig) -> PreTrainedModel:
    """The encoder of a config with random weights, without the pooler; what no source can reach is frozen."""
    # AutoModel knows a T5 only whole; its encoder alone is in the other mapping.
    auto_class = AutoModelForTextEncoding if config.model_type in ("t5", "mt5", "umt5") else AutoModel
    encoder = auto_class.from_config(config)
    if getattr(encoder, "pooler", None) is not None:
        encoder.pooler = None
    for name, parameter in encoder.named_parameters():
        if "_global." in name:  # Longformer's attention of marked tokens; sources have none
            parameter.requires_grad_(False)
    return encoder


def set_special_tokens(
    config: EncoderDecoderConfig, *, begin_id: int, end_id: int, pad_id: int, source_pad_id: int
) -> None:
    """Writes the marks to every config; to be called before the model is built, whose tables freeze the pad's row."""
    config.encoder.pad_token_id = source_pad_id
    for part in (config, config.decoder):
        part.bos_token_id, part.eos_token_id, part.pad_token_id = begin_id, end_id, pad_id
    config.decoder_start_token_id = begin_id
