"""Which families can serve as encoder or decoder of a free pair: what is known of them, what every pair must pass."""

from collections.abc import Callable
from inspect import signature

import torch
from transformers import MODEL_FOR_CAUSAL_LM_MAPPING, MODEL_MAPPING, PreTrainedConfig

from ..base.errors import WarmStartError
from ..families.table import T5_FAMILIES
from ..modeling.encoder_decoder import Seq2SeqModel
from .sources import SourceCheckpoint

GOOD_ENCODERS = "bert, roberta, electra, deberta, distilbert, mpnet, modernbert or t5"
GOOD_DECODERS = "bert, roberta, electra, gpt2 or rembert"
# Families that load and run, but wrongly, measured with transformers 5.23.
REFUSED_ENCODERS = {
    "fnet": "mixes padding into the real tokens",
    "canine": "mixes padding into the real tokens",
    "yoso": "mixes padding into the real tokens",
    "convbert": "mixes padding into the real tokens",
    "big_bird": "changes its kind of attention with the length of the input, for good",
}
REFUSED_DECODERS = {
    "megatron-bert": "fails where source and target differ in length",
    "big_bird": "fails in its attention to the source",
    "gpt_bigcode": "fails in its attention to the source",
}
TOLERANCE = 1e-3  # of the largest state or logit; rounding stays two orders below, a mistake does not


def refuse_families(encoder: SourceCheckpoint, decoder: SourceCheckpoint) -> None:
    """Refuses a pair of which transformers has no working encoder or decoder class.

    Raises:
        WarmStartError: naming the reason and what to use instead.
    """
    for side, source, reason, instead in (
        ("encoder", encoder, _refuse_encoder(encoder), GOOD_ENCODERS),
        ("decoder", decoder, _refuse_decoder(decoder), GOOD_DECODERS),
    ):
        if reason:
            raise WarmStartError(
                f"model.{side}: {source.name}: a model of type {source.config.model_type!r} cannot be the {side}: it "
                f"{reason}. Use {instead}."
            )


def _refuse_encoder(source: SourceCheckpoint) -> str | None:
    config = source.config
    if config.model_type in REFUSED_ENCODERS:
        return REFUSED_ENCODERS[config.model_type]
    if type(config) not in MODEL_MAPPING:
        return "has no encoder class in transformers"
    if config.is_encoder_decoder and config.model_type not in T5_FAMILIES:
        return "is an encoder-decoder already, to be trained on with plan pretrained"
    return None


def _refuse_decoder(source: SourceCheckpoint) -> str | None:
    config = source.config
    if config.model_type in REFUSED_DECODERS:
        return REFUSED_DECODERS[config.model_type]
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
    checks: tuple[tuple[str, str, Callable[[Seq2SeqModel], bool]], ...] = (
        ("encoder", "lets padding change the states of real tokens", _encoder_ignores_padding),
        ("encoder", "does not look ahead: it is a decoder", _encoder_looks_ahead),
        ("decoder", "does not attend to the source", _decoder_attends_to_source),
        ("decoder", "looks ahead in the target", _decoder_is_causal),
        ("decoder", "gives other logits with its cache than without", _cache_changes_nothing),
    )
    for side, reason, holds in checks:
        name, instead = (encoder, GOOD_ENCODERS) if side == "encoder" else (decoder, GOOD_DECODERS)
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
