"""What training and generation rely on, over any encoder-decoder of transformers: summed losses of real target tokens.

Shapes: B examples, S source and T target positions, N real target tokens of the batch, V vocabulary.
"""

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from transformers import PreTrainedModel
from transformers.modeling_outputs import BaseModelOutput, ModelOutput, Seq2SeqLMOutput

from ..base.errors import CheckpointError
from .loss import LossSums, apply_cross_entropy
from .masks import build_target_mask, prepare_cross_mask, prepare_sources
from .parts import find_table
from .sharing import Sharing

if TYPE_CHECKING:
    from transformers import PreTrainedModel as _Mixed  # what every class is that this one is mixed into
else:
    _Mixed = object

Criterion = Callable[[torch.Tensor, torch.Tensor], LossSums]
IGNORED_LABEL = -100  # transformers' and torch's mark for positions without a target


@dataclass
class TokenLoss(ModelOutput):
    """Sums over the N target tokens of a batch; divide by the tokens of the whole step, once.

    objective: what to minimise, smoothed where asked.
    negative_log_likelihood: the unsmoothed sum, without gradient, for reports.
    """

    objective: torch.Tensor = None  # type: ignore[assignment]  # transformers asks for defaults
    negative_log_likelihood: torch.Tensor = None  # type: ignore[assignment]


class TokenLossModel(_Mixed):
    """To be mixed into a model of transformers, in front of its class.

    published_class: that of transformers, which plain programs load the model with.
    thread_safe: whether several threads may compute losses and logits at the same time.
    pruned: of attention sites that have lost heads, by name, those that are left, numbered as in the whole model.
    """

    sharing: Sharing
    published_class: type[PreTrainedModel]
    thread_safe = True
    pruned: Mapping[str, list[int]] = {}

    def forward(
        self,
        input_ids: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
        real: torch.Tensor | None = None,
        label_smoothing: float = 0.0,
        criterion: Criterion | None = None,
        encoder_outputs: ModelOutput | None = None,
        **kwargs,
    ) -> TokenLoss | Seq2SeqLMOutput:
        """With labels, the losses of their tokens; without, transformers' forward pass (what `generate` calls).

        A missing mask of source ids is made from the pad id, unless `real` is given: then nothing is padded. Labels are
        targets without the begin mark, filled up with -100.

        Args:
            real: where real labels stand among all, counted row by row; left out, they are looked for, for which a GPU
                waits.
            criterion: makes the sums of logits (N, V) and real labels (N,) in place of cross-entropy.
            encoder_outputs: without labels, as of `encode`, in place of the encoder's inputs.
            kwargs: with labels, what the encoder reads in place of input_ids, by its own names.

        Shape: input_ids and attention_mask (B, S), labels (B, T), real (N,); logits are computed at the N real labels
        only.
        """
        if attention_mask is None and input_ids is not None and real is None:
            attention_mask = input_ids.ne(self.source_pad_id).long()
        if labels is None:
            if encoder_outputs is not None:
                attention_mask = prepare_cross_mask(attention_mask, self.sides[1])
                kwargs = self._mask_targets(kwargs)
            return super().forward(
                input_ids=input_ids,
                attention_mask=attention_mask,
                encoder_outputs=encoder_outputs,
                **kwargs,
            )
        named = {
            "input_ids": input_ids,
            "attention_mask": attention_mask,
            "encoder_outputs": encoder_outputs,
            **kwargs,
        }
        given = {name: value for name, value in named.items() if value is not None}
        if unknown := sorted(given.keys() - self.source_input_names):
            raise TypeError(
                "with labels, forward takes the encoder's inputs (such as input_ids, attention_mask), label_smoothing "
                f"and criterion; found {unknown}"
            )
        if real is None:
            real = find_real(labels)
        elif labels.device.type == "cpu" and real.numel() and not labels.flatten()[real].ne(IGNORED_LABEL).all():
            raise ValueError("real: names positions whose labels are -100; leave it out where labels were changed")
        inputs = given | {"decoder_input_ids": self.shift_right(labels), "real": real}
        real_labels = select_real(labels, real)
        if criterion is not None:
            sums = criterion(self.compute_logits(**inputs), real_labels)
        else:
            sums = self.compute_loss(inputs, real_labels, label_smoothing)
        return TokenLoss(*sums)

    def _mask_targets(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """What the decoder is given for the next tokens, with the mask that it would look for."""
        target_ids = inputs.get("decoder_input_ids")
        if target_ids is None or inputs.get("decoder_attention_mask") is not None:
            return dict(inputs)
        remembered = inputs.get("past_key_values")
        done = 0 if remembered is None else remembered.get_seq_length()
        return {**inputs, "decoder_attention_mask": build_target_mask(target_ids, self.sides[1], done)}

    def compute_loss(
        self,
        inputs: dict[str, torch.Tensor],
        labels: torch.Tensor,
        label_smoothing: float,
    ) -> LossSums:
        """The loss of the N real labels (N,), given what `compute_logits` takes."""
        return apply_cross_entropy(
            self.compute_logits(**inputs),
            labels,
            label_smoothing,
        )

    def compute_logits(
        self,
        *,
        decoder_input_ids: torch.Tensor,
        real: torch.Tensor,
        **sources: torch.Tensor,
    ) -> torch.Tensor:
        """Logits (N, V) at the real target positions.

        Args:
            sources: the encoder's inputs by their names: of texts input_ids and attention_mask, (B, S).

        Shape: decoder_input_ids (B, T); `real`, the positions among all of these, row by row, (N,).
        """
        raise NotImplementedError

    @property
    def sides(self) -> tuple[PreTrainedModel, PreTrainedModel]:
        """The models whose families say how encoder and decoder take masks: one twice where it is published whole."""
        return self, self

    def encode(self, sources: Mapping[str, torch.Tensor]) -> BaseModelOutput:
        """What the encoder makes of its inputs, as `forward` takes it for `encoder_outputs`: states (B, S, H)."""
        reader, _ = self.sides
        return self.get_encoder()(**prepare_sources(sources, reader), return_dict=True)

    @property
    def source_input_names(self) -> frozenset[str]:
        """The names of the inputs that the encoder takes."""
        return _list_arguments(self.get_encoder().__class__)

    def shift_right(self, labels: torch.Tensor) -> torch.Tensor:
        """Decoder inputs of labels: the begin mark in front, the last label dropped, -100 replaced by the pad.

        Example: begin 101, pad 0: [[7, 8, 102], [9, 102, -100]] -> [[101, 7, 8], [101, 9, 102]].
        """
        rows = labels.shape[0]
        begin = labels.new_full((rows, 1), self.config.decoder_start_token_id)
        shifted = torch.cat([begin, labels[:, :-1]], dim=1)
        # -100 is no row of the embedding table.
        is_ignored = shifted.eq(IGNORED_LABEL)
        return shifted.masked_fill(is_ignored, self.config.pad_token_id)

    @property
    def tied_names(self) -> set[str]:
        """Names that transformers itself ties to others when it loads a file, which therefore need not hold them."""
        return set(self.all_tied_weights_keys)

    def list_stored(self, state: Mapping[str, torch.Tensor] | None = None) -> dict[str, torch.Tensor]:
        """Every tensor of a file under its own name with its own memory, but for those that transformers ties itself.

        Args:
            state: the tensors by all their names; None: the model's own.
        """
        stored = {}
        for name, tensor in (self.state_dict() if state is None else state).items():
            if name not in self.tied_names:
                # safetensors refuses tensors that share memory, as those of tied layers do.
                stored[name] = tensor.detach().cpu().clone().contiguous()
        return stored

    def build_published(self) -> PreTrainedModel:
        """The same model in transformers' own class, without memory behind its parameters."""
        with torch.device("meta"):
            return self.published_class(deepcopy(self.config))

    def save_pretrained(
        self,
        save_directory: str | Path,
        is_main_process: bool = True,
        state_dict: Mapping[str, torch.Tensor] | None = None,
        **options,
    ) -> None:
        """Writes config and weights as transformers' own class does, for which plain programs take the model.

        What is shared is stored for both sides. Options are those of transformers' `save_pretrained`.

        Raises:
            CheckpointError: heads were removed, which no plain program can load.
        """
        if self.pruned:
            raise CheckpointError(
                f"{save_directory}: the model has lost heads at {len(self.pruned)} attention sites, and transformers "
                "cannot load it so. Write it with the method save of its checkpoint, or seq2seq export it."
            )
        published = self.build_published().to(self.dtype)
        published.generation_config = deepcopy(self.generation_config)
        published.save_pretrained(
            save_directory,
            is_main_process=is_main_process,
            state_dict=self.list_stored(state_dict),
            # Names as in the model, not those of a family's first publication.
            **{"save_original_format": False} | options,
        )

    @property
    def source_rows(self) -> int:
        """How many tokens the encoder has an embedding of; of one that reads no tokens, not to be asked."""
        return find_table(self.get_encoder()).weight.shape[0]

    @property
    def target_rows(self) -> int:
        """How many tokens the decoder has an embedding of."""
        return find_table(self.get_decoder()).weight.shape[0]

    @property
    def source_pad_id(self) -> int:
        """The id that fills up sources."""
        return self.config.pad_token_id

    @property
    def max_source_positions(self) -> int | None:
        """The longest source, in tokens, that the positions allow; None where nothing limits it."""
        raise NotImplementedError

    @property
    def max_target_positions(self) -> int | None:
        """The longest target, in tokens with its end mark, that the positions allow; None where nothing limits it."""
        raise NotImplementedError


def find_real(labels: torch.Tensor) -> torch.Tensor:
    """Where real labels stand among those of (B, T), row by row. [[7, 8], [9, -100]] -> [0, 1, 2]"""
    return labels.flatten().ne(IGNORED_LABEL).nonzero()[:, 0]


def select_real(values: torch.Tensor, real: torch.Tensor) -> torch.Tensor:
    """Those of the real positions (N, ...) among values of all (B, T, ...)."""
    return values.flatten(0, 1).index_select(0, real)


@cache
def _list_arguments(module: type[nn.Module]) -> frozenset[str]:
    return frozenset(inspect.signature(module.forward).parameters)


@contextmanager
def evaluating(model: TokenLossModel) -> Iterator[None]:
    """Puts the model into evaluation mode, and back into training mode where it was in that."""
    was_training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(was_training)
