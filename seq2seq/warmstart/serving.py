"""Which families can serve as encoder or decoder of a free pair: what is known of them, what every pair must pass."""

from collections.abc import Callable
from inspect import signature

import torch
from transformers import MODEL_FOR_CAUSAL_LM_MAPPING, MODEL_MAPPING, PreTrainedConfig

from ..base.errors import WarmStartError
from ..families.family import Side
from ..families.table import find_family, list_suggested
from ..modeling.encoder_decoder import Seq2SeqModel
from .sources import SourceCheckpoint

TOLERANCE = 1e-3  # of the largest state or logit; rounding stays two orders below, a mistake does not


def refuse_families(encoder: SourceCheckpoint, decoder: SourceCheckpoint) -> None:
    """Refuses a pair of which transformers has no working encoder or decoder class.

    Raises:
        WarmStartError: naming the reason and what to use instead.
    """
    _refuse("encoder", encoder, _find_encoder_refusal(encoder.config))
    _refuse("decoder", decoder, _find_decoder_refusal(decoder.config))


def _refuse(side: Side, source: SourceCheckpoint, reason: str | None) -> None:
    if reason is not None:
        raise WarmStartError(
            f"model.{side}: {source.name}: a model of type {source.config.model_type!r} cannot be the {side}: it "
            f"{reason}. Use {list_suggested(side)}."
        )


def _find_encoder_refusal(config: PreTrainedConfig) -> str | None:
    family = find_family(config)
    if family.no_encoder is not None:
        return family.no_encoder
    if type(config) not in MODEL_MAPPING:
        return "has no encoder class in transformers"
    if config.is_encoder_decoder and not family.has_encoder_class:
        return "is an encoder-decoder already, to be trained on with plan pretrained"
    return None


def _find_decoder_refusal(config: PreTrainedConfig) -> str | None:
    family = find_family(config)
    if family.no_decoder is not None:
        return family.no_decoder
    if type(config) not in MODEL_FOR_CAUSAL_LM_MAPPING:
        return "has no decoder class in transformers"
    if "encoder_hidden_states" not in signature(MODEL_FOR_CAUSAL_LM_MAPPING[type(config)].forward).parameters:
        return "has no attention to a source (cross-attention) in transformers"
    return None


@torch.no_grad()
def check_pair(model: Seq2SeqModel, encoder: str, decoder: str) -> None:
    """Makes sure, on a few made-up ids, that the built pair is what training and generation rely on.

    Padding changes nothing; the encoder looks both ways and the decoder only back; a cached step equals an uncached
    one; source and target may differ in length. Costs a few forward passes of five tokens.

    Raises:
        WarmStartError: naming the first that does not hold.
    """
    checks: tuple[tuple[Side, str, Callable[[Seq2SeqModel], bool]], ...] = (
        ("encoder", "lets padding change the states of real tokens", _encoder_ignores_padding),
        ("encoder", "does not look ahead: it is a decoder", _encoder_looks_ahead),
        ("decoder", "does not attend to the source", _decoder_attends_to_source),
        ("decoder", "looks ahead in the target", _decoder_is_causal),
        ("decoder", "gives other logits with its cache than without", _cache_changes_nothing),
    )
    for side, reason, holds in checks:
        name = encoder if side == "encoder" else decoder
        instead = list_suggested(side)
        try:
            held = holds(model)
        except Exception as error:  # whatever a class of transformers raises on a plain call
            first_line = (str(error).splitlines() or [""])[0]
            raise WarmStartError(
                f"model.{side}: {name}: the pair cannot run ({type(error).__name__}: {first_line}). Use {instead}."
            ) from None
        if not held:
            raise WarmStartError(f"model.{side}: {name} cannot be the {side}: it {reason}. Use {instead}.")


def _make_ids(config: PreTrainedConfig, count: int) -> torch.Tensor:
    """A row of ids that are no special tokens, where the vocabulary is large enough."""
    return (torch.arange(count) * 7 + 11).remainder(max(config.vocab_size - 10, 1))[None] + min(
        8, config.vocab_size - 1
    )


def _are_close(first: torch.Tensor, second: torch.Tensor) -> bool:
    return bool((first - second).abs().max() <= TOLERANCE * first.abs().max().clamp(min=1e-6))


def _encoder_ignores_padding(model: Seq2SeqModel) -> bool:
    ids = _make_ids(model.config.encoder, 5)
    padded = torch.cat([ids, ids.new_full((1, 4), model.config.encoder.pad_token_id)], dim=1)
    mask = torch.tensor([[1] * 5 + [0] * 4])
    alone = model.encoder(input_ids=ids, attention_mask=torch.ones_like(ids)).last_hidden_state
    return _are_close(alone, model.encoder(input_ids=padded, attention_mask=mask).last_hidden_state[:, :5])


def _encoder_looks_ahead(model: Seq2SeqModel) -> bool:
    ids = _make_ids(model.config.encoder, 5)
    changed = ids.clone()
    changed[0, 1] = ids[0, 3]
    states = [
        model.encoder(input_ids=i, attention_mask=torch.ones_like(i)).last_hidden_state[:, 0] for i in (ids, changed)
    ]
    return not torch.equal(*states)


def _compute_logits(model: Seq2SeqModel, source: torch.Tensor, target: torch.Tensor, **inputs) -> torch.Tensor:
    return model(input_ids=source, decoder_input_ids=target, use_cache=False, **inputs).logits


def _decoder_attends_to_source(model: Seq2SeqModel) -> bool:
    source, target = _make_ids(model.config.encoder, 5), _make_ids(model.config.decoder, 3)
    return not torch.equal(_compute_logits(model, source, target), _compute_logits(model, source[:, :4], target))


def _decoder_is_causal(model: Seq2SeqModel) -> bool:
    source, target = _make_ids(model.config.encoder, 5), _make_ids(model.config.decoder, 4)
    return _are_close(_compute_logits(model, source, target)[:, :3], _compute_logits(model, source, target[:, :3]))


def _cache_changes_nothing(model: Seq2SeqModel) -> bool:
    source, target = _make_ids(model.config.encoder, 5), _make_ids(model.config.decoder, 3)
    first = model(input_ids=source, decoder_input_ids=target[:, :2], use_cache=True)
    last = model(
        input_ids=source, decoder_input_ids=target[:, 2:], past_key_values=first.past_key_values, use_cache=True
    )
    whole = _compute_logits(model, source, target)
    return _are_close(whole, torch.cat([first.logits, last.logits], dim=1))
