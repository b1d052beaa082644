"""The model: transformers' encoder-decoder with shared parameters and a loss that is right under any split of a batch.

Knows nothing of checkpoints on disk, plans or tokenizers. Shapes: B examples, S source and T target positions, N real
target tokens of the batch, H width, V vocabulary.
"""

from dataclasses import dataclass

import torch
from transformers import EncoderDecoderConfig, EncoderDecoderModel, GenerationConfig
from transformers.modeling_outputs import ModelOutput, Seq2SeqLMOutput

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
        super().__init__(config)
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
            attention_mask = input_ids.ne(self.config.pad_token_id).long()
        if labels is None:
            return super().forward(input_ids=input_ids, attention_mask=attention_mask, **kwargs)
        if unknown := sorted(name for name, value in kwargs.items() if value is not None):
            raise TypeError(
                f"with labels, forward takes input_ids, attention_mask and label_smoothing; found {unknown}"
            )
        encoder_states = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        if hasattr(self, "enc_to_dec_proj"):
            encoder_states = self.enc_to_dec_proj(encoder_states)
        # Pads stand only behind real tokens and a decoder looks only back: it needs no mask of its own.
        decoder_states = self.decoder.base_model(
            input_ids=self.shift_right(labels),
            encoder_hidden_states=encoder_states,
            encoder_attention_mask=attention_mask,
            use_cache=False,
        ).last_hidden_state
        real = labels.ne(IGNORED_LABEL)
        logits = self.decoder.lm_head(decoder_states[real])
        return TokenLoss(*compute_loss_sums(logits, labels[real], label_smoothing))

    def shift_right(self, labels: torch.Tensor) -> torch.Tensor:
        """Decoder inputs of labels: the begin mark in front, the last label dropped, -100 replaced by the pad.

        Example: begin 101, pad 0: [[7, 8, 102], [9, 102, -100]] -> [[101, 7, 8], [101, 9, 102]].
        """
        begin = labels.new_full((labels.shape[0], 1), self.config.decoder_start_token_id)
        shifted = torch.cat([begin, labels[:, :-1]], dim=1)
        return shifted.masked_fill(shifted.eq(IGNORED_LABEL), self.config.pad_token_id)

    @property
    def max_source_positions(self) -> int:
        """The longest source, in tokens, that the position table allows."""
        return self.config.encoder.max_position_embeddings

    @property
    def max_target_positions(self) -> int:
        """The longest target, in tokens with its end mark, that the position table allows."""
        return self.config.decoder.max_position_embeddings


def set_special_tokens(config: EncoderDecoderConfig, *, begin_id: int, end_id: int, pad_id: int) -> None:
    """Writes the marks to every config; to be called before the model is built, whose tables freeze the pad's row."""
    for part in (config, config.encoder, config.decoder):
        part.bos_token_id, part.eos_token_id, part.pad_token_id = begin_id, end_id, pad_id
    config.decoder_start_token_id = begin_id


def set_dropout(config: EncoderDecoderConfig, dropout: float) -> None:
    """Sets the hidden and attention dropout of both sides; to be called before the model is built."""
    for side in (config.encoder, config.decoder):
        side.hidden_dropout_prob = side.attention_probs_dropout_prob = dropout
