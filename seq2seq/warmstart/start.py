"""The warm start itself: a plan and checkpoints in, a model, its tokenizers and the origin of every parameter out."""

from dataclasses import dataclass, replace

import torch
from transformers import EncoderDecoderConfig

from ..base.errors import WarmStartError
from ..base.randomness import derive_seed
from ..families.configs import build_shape, count_positions, find_positions, set_dropout
from ..families.table import add_families, find_family
from ..modeling.build import build_model
from ..modeling.encoder_decoder import set_special_tokens
from ..modeling.sharing import Sharing
from ..modeling.token_loss import TokenLossModel
from ..text.framing import Framing, derive_framing, find_source_marks, first_id
from ..text.tokenizers import TokenizerPair, load_tokenizer
from .cross_attention import start_cross_attention
from .filling import fill_model
from .options import ModelOptions, ShapeOptions
from .origin import OriginReport, report_started
from .plans import PLANS, Plan, build_pair_plan
from .serving import check_pair, refuse_families
from .sides import Side, build_side
from .sources import SourceCheckpoint, find_source_folder
from .vocabulary import Corpus, OldRows, load_vocabularies


@dataclass(frozen=True)
class WarmStart:
    """A model ready to train, in evaluation mode and float32."""

    model: TokenLossModel
    tokenizers: TokenizerPair
    framing: Framing
    origin: OriginReport


def warm_start(options: ModelOptions, *, seed: int = 1, corpus: Corpus | None = None) -> WarmStart:
    """Starts an encoder-decoder by a plan of Rothe et al. 2020, or from any pair of checkpoints.

    Warm sides are exact: the encoder's states equal the checkpoint's. The sides that the plan names random and, unless
    the options say otherwise, the encoder-decoder attention are drawn from the model's initialiser with `seed`.
    `corpus` is what model.trim_vocabulary trims to.

    Raises:
        WarmStartError: a checkpoint is missing, of a family that cannot serve, or lacks a tensor; two checkpoints do
            not fit; an option does not fit the checkpoints; or as `add_families`.
        TokenizerError: a tokenizer is missing or has no begin, end or pad mark.
    """
    add_families(options.families, "model.families", WarmStartError)
    sources = _open_sources(options)
    one_checkpoint = sources[0] is sources[1]
    if options.plan == "pair":
        plan = build_pair_plan(share=options.share, one_checkpoint=one_checkpoint)
    else:
        plan = PLANS[options.plan]
    if options.source_tokenizer != options.target_tokenizer:
        plan = replace(plan, one_table=False)
    _check_sources(plan, *sources)
    vocabularies = load_vocabularies(plan, *sources, options, corpus)
    tokenizers = vocabularies.tokenizers
    plan = replace(plan, one_table=plan.one_table and vocabularies.one)
    framing = derive_framing(tokenizers.target)
    if options.source_marks:
        prefix, suffix = find_source_marks(tokenizers.source)
        framing = replace(framing, source_prefix=prefix, source_suffix=suffix)
    old_rows = (vocabularies.source_rows, vocabularies.target_rows)
    encoder, decoder = build_sides(plan, *sources, options, rows=tuple(map(len, old_rows)), old_rows=old_rows)
    source_pad_id = first_id(tokenizers.source, "pad_token")
    _check_pad("encoder", encoder, source_pad_id)
    _check_pad("decoder", decoder, framing.pad_id)
    config = build_config(encoder, decoder)
    if options.dropout is not None:
        set_dropout(config, options.dropout)
    set_special_tokens(
        config,
        begin_id=framing.begin_id,
        end_id=framing.end_id,
        pad_id=framing.pad_id,
        source_pad_id=source_pad_id,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(seed, "initial weights"))
        model = build_model(config, find_sharing(plan))
    model.eval()
    written = fill_model(model, plan, encoder, decoder)
    if options.plan == "pair":
        check_pair(model, encoder.source.name, decoder.source.name)
    notes = start_cross_attention(model, options.cross_attention, written)
    origin = report_started(plan.name, model, written, notes, vocabularies.notes)
    return WarmStart(model, tokenizers, framing, origin)


def _open_sources(options: ModelOptions) -> tuple[SourceCheckpoint, SourceCheckpoint]:
    if options.shape is not None:
        shape = _open_shape(options.shape, options.source_tokenizer)
        return shape, shape
    encoder = SourceCheckpoint.open(options.encoder or options.decoder)
    decoder = SourceCheckpoint.open(options.decoder or options.encoder)
    return encoder, encoder if decoder.folder.resolve() == encoder.folder.resolve() else decoder


def _open_shape(shape: ShapeOptions, tokenizer: str) -> SourceCheckpoint:
    """A BERT of a shape that no checkpoint has; its vocabulary is the tokenizer's."""
    folder = find_source_folder(tokenizer)
    rows = max(load_tokenizer(folder).get_vocab().values()) + 1
    config = build_shape(vocab_size=rows, **shape.model_dump())
    return SourceCheckpoint("model.shape", folder, config)


def _check_sources(plan: Plan, encoder: SourceCheckpoint, decoder: SourceCheckpoint) -> None:
    if plan.name == "pair":
        refuse_families(encoder, decoder)
    for side, source, families in (("encoder", encoder, plan.encoder), ("decoder", decoder, plan.decoder)):
        types = [model_type for family in families or () for model_type in family.model_types]
        if families is not None and source.config.model_type not in types:
            raise WarmStartError(
                f"model.{side}: {source.name}: plan {plan.name} takes a {' or '.join(types)} checkpoint here, found "
                f"model_type {source.config.model_type!r}. Choose another checkpoint, or plan pair."
            )
    if encoder is decoder:
        return
    if plan.share_layers:
        raise WarmStartError(f"Plan {plan.name} shares one checkpoint's parameters; leave model.decoder out.")
    if not plan.warm_decoder:
        raise WarmStartError(
            f"Plan {plan.name} draws its decoder at random, in the encoder's shape; {decoder.name} would not be used. "
            "Leave model.decoder out."
        )
    widths = encoder.config.hidden_size, decoder.config.hidden_size
    if plan.one_table and widths[0] != widths[1]:
        raise WarmStartError(
            f"{encoder.name} is {widths[0]} wide and {decoder.name} {widths[1]}; plan {plan.name} uses one embedding "
            "table for both. Choose checkpoints of one width."
        )
    rows = encoder.config.vocab_size, decoder.config.vocab_size
    if plan.one_table and plan.warm_encoder and rows[0] != rows[1]:
        raise WarmStartError(
            f"{encoder.name} has {rows[0]} rows of embeddings and {decoder.name} {rows[1]}; plan {plan.name} uses one "
            "table for both. Choose checkpoints of one size."
        )


def build_sides(
    plan: Plan,
    encoder: SourceCheckpoint,
    decoder: SourceCheckpoint,
    options: ModelOptions,
    *,
    rows: tuple[int, int],
    old_rows: tuple[OldRows | None, OldRows | None] = (None, None),
) -> tuple[Side, Side]:
    """Both sides as the plan and the options want them, with so many rows in their embedding tables.

    `old_rows` tells for each of them the checkpoint's rows that it begins from, where the table changes.

    Raises:
        WarmStartError: a choice of layers or a number of positions does not fit.
    """
    layers = [options.encoder_layers, options.decoder_layers]
    if plan.share_layers:
        if layers[1] not in (None, layers[0]):
            raise WarmStartError(
                f"model.decoder_layers: plan {plan.name} shares the layers of both sides; set model.encoder_layers."
            )
        layers[1] = layers[0]
    shapes = (encoder, decoder if plan.warm_decoder else encoder)
    if options.max_positions is not None:
        _check_max_positions(options.max_positions, shapes)
    is_warm = (plan.warm_encoder, plan.warm_decoder)
    converted = [_is_converted(shape, warm, options) for shape, warm in zip(shapes, is_warm, strict=True)]
    return tuple(
        build_side(shape, convert=convert, layers=choice, max_positions=options.max_positions, rows=count, old_rows=old)
        for shape, convert, choice, count, old in zip(shapes, converted, layers, rows, old_rows, strict=True)
    )


def _is_converted(shape: SourceCheckpoint, is_warm: bool, options: ModelOptions) -> bool:
    """Whether a side becomes a BertGeneration; of a family without exact conversion, one that it only gives a shape."""
    conversion = find_family(shape.config).conversion
    if conversion is None:
        return False
    return not is_warm if conversion.token_types is None else options.convert


def _check_max_positions(wanted: int, shapes: tuple[SourceCheckpoint, SourceCheckpoint]) -> None:
    available = [count_positions(shape.config) for shape in shapes]
    if all(count is None or count > wanted for count in available):
        found = " and ".join(
            f"{shape.name}: {count or 'any number'}" for shape, count in zip(shapes, available, strict=True)
        )
        raise WarmStartError(
            f"model.max_positions: {wanted} is less than the checkpoints take already ({found}); it only ever adds. "
            "Leave it out; data.max_source_tokens and data.max_target_tokens limit the texts."
        )


def _check_pad(name: str, side: Side, pad_id: int) -> None:
    """RoBERTa's kin counts positions from the pad id: another one would shift every position in silence."""
    positions = find_positions(side.config)
    own_pad = side.source.config.pad_token_id
    if positions is None and own_pad is not None and pad_id != own_pad:
        raise WarmStartError(
            f"model.{name}: {side.source.name} pads with {own_pad}, the tokenizer with {pad_id}, and whether a "
            f"{side.config.model_type} model counts positions from it is not known here. Keep its own tokenizer."
        )
    if positions is not None and positions.first not in (0, pad_id + 1):
        convert = ", or leave model.convert at true" if find_family(side.config).conversion else ""
        raise WarmStartError(
            f"model.{name}: {side.source.name} counts positions from pad id {positions.first - 1}, and the "
            f"tokenizer pads with {pad_id}. Give a tokenizer whose pad has that id{convert}."
        )


def build_config(encoder: Side, decoder: Side) -> EncoderDecoderConfig:
    """The config of both sides; transformers marks the decoder as one."""
    for setting in ("is_decoder", "add_cross_attention"):
        if getattr(encoder.config, setting, False):
            setattr(encoder.config, setting, False)
    return EncoderDecoderConfig.from_encoder_decoder_configs(encoder.config, decoder.config)


def find_sharing(plan: Plan) -> Sharing:
    """What both sides of a plan have in common."""
    return Sharing(embeddings=plan.one_table, layers=plan.share_layers)
