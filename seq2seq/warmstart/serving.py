"""Which families can serve as encoder or decoder of a free pair: what is known of them, what every pair must pass."""

from collections.abc import Callable
from inspect import signature

import torch
from transformers import MODEL_FOR_CAUSAL_LM_MAPPING, MODEL_MAPPING, PreTrainedConfig

from ..base.errors import WarmStartError
from ..families.family import Side
from ..families.table import find_family, list_suggested
from ..modeling.encoder_decoder import Seq2SeqModel
from .published_checkpoint import PublishedCheckpoint

TOLERANCE = 1e-3  # of the largest state or logit; rounding stays two orders below, a mistake does not


def refuse_families(encoder: PublishedCheckpoint, decoder: PublishedCheckpoint) -> None:
    """Refuses a pair of which transformers has no working encoder or decoder class.

    Raises:
        WarmStartError: naming the reason and what to use instead.
    """
    _refuse("encoder", encoder, _find_encoder_refusal(encoder.config))
    _refuse("decoder", decoder, _find_decoder_refusal(decoder.config))


def _refuse(
    side: Side,
    checkpoint: PublishedCheckpoint,
    reason: str | None,
) -> None:
    if reason is not None:
        raise WarmStartError(
            f"model.{side}: {checkpoint.name}: a model of type {checkpoint.config.model_type!r} cannot be the {side}: "
            f"it {reason}. Use {list_suggested(side)}."
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

    Padding changes nothing; the encoder looks both ways and the decoder only back; a cached pass equals an uncached
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
    # Special tokens are mostly the first ids, sometimes the last: the first 8 are left out, and the last 2.
    first = min(8, config.vocab_size - 1)
    different = max(config.vocab_size - 10, 1)
    # Seven apart, from an arbitrary one: all that counts is that no two are alike.
    ids = (torch.arange(count) * 7 + 11).remainder(different) + first
    return ids[None]


def _are_close(first: torch.Tensor, second: torch.Tensor) -> bool:
    difference = (first - second).abs().max()
    largest = first.abs().max().clamp(min=1e-6)
    return bool(difference <= TOLERANCE * largest)


def _compute_states(model: Seq2SeqModel, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    return model.encoder(input_ids=ids, attention_mask=mask).last_hidden_state


def _encoder_ignores_padding(model: Seq2SeqModel) -> bool:
    ids = _make_ids(model.config.encoder, 5)
    padding = ids.new_full((1, 4), model.config.encoder.pad_token_id)
    mask = torch.tensor([[1] * 5 + [0] * 4])
    alone = _compute_states(model, ids, torch.ones_like(ids))
    padded = _compute_states(model, torch.cat([ids, padding], dim=1), mask)
    return _are_close(alone, padded[:, :5])


def _encoder_looks_ahead(model: Seq2SeqModel) -> bool:
    ids = _make_ids(model.config.encoder, 5)
    # Another token behind the first one, whose state tells whether it is seen from there.
    changed = ids.clone()
    changed[0, 1] = ids[0, 3]
    mask = torch.ones_like(ids)
    before = _compute_states(model, ids, mask)[:, 0]
    after = _compute_states(model, changed, mask)[:, 0]
    return not torch.equal(before, after)


def _compute_logits(
    model: Seq2SeqModel,
    source: torch.Tensor,
    target: torch.Tensor,
    **inputs,
) -> torch.Tensor:
    return model(
        input_ids=source,
        decoder_input_ids=target,
        use_cache=False,
        **inputs,
    ).logits


def _decoder_attends_to_source(model: Seq2SeqModel) -> bool:
    source = _make_ids(model.config.encoder, 5)
    target = _make_ids(model.config.decoder, 3)
    of_whole = _compute_logits(model, source, target)
    of_shorter = _compute_logits(model, source[:, :4], target)
    return not torch.equal(of_whole, of_shorter)


def _decoder_is_causal(model: Seq2SeqModel) -> bool:
    source = _make_ids(model.config.encoder, 5)
    target = _make_ids(model.config.decoder, 4)
    whole = _compute_logits(model, source, target)
    beginning = _compute_logits(model, source, target[:, :3])
    return _are_close(whole[:, :3], beginning)


def _cache_changes_nothing(model: Seq2SeqModel) -> bool:
    source = _make_ids(model.config.encoder, 5)
    target = _make_ids(model.config.decoder, 3)
    first = model(
        input_ids=source,
        decoder_input_ids=target[:, :2],
        use_cache=True,
    )
    last = model(
        input_ids=source,
        decoder_input_ids=target[:, 2:],
        past_key_values=first.past_key_values,
        use_cache=True,
    )
    cached = torch.cat([first.logits, last.logits], dim=1)
    return _are_close(_compute_logits(model, source, target), cached)
