"""The warm start itself: a plan and checkpoints in, a model, its tokenizers and the origin of every parameter out."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from transformers import EncoderDecoderConfig

from ..base.errors import WarmStartError
from ..base.randomness import derive_seed
from ..checkpoints.carried import carry
from ..checkpoints.description import CheckpointDescription
from ..checkpoints.folder import save_checkpoint
from ..families.configs import build_shape, count_positions, find_positions, set_dropout
from ..families.family import Family
from ..families.table import add_families, find_family
from ..modeling.build import build_model
from ..modeling.encoder_decoder import set_special_tokens
from ..modeling.sharing import Sharing
from ..modeling.token_loss import TokenLossModel
from ..text.framing import Framing, derive_framing, find_source_marks
from ..text.tokenizers import TokenizerPair, load_tokenizer
from .cross_attention import start_cross_attention
from .filling import fill_model
from .options import ModelOptions, ShapeOptions
from .origin import OriginReport, report_started
from .plans import PLANS, Plan, build_pair_plan
from .published_checkpoint import PublishedCheckpoint, find_published_folder
from .serving import check_pair, refuse_families
from .sides import Side, build_side
from .vocabulary import Corpus, OldRows, load_vocabularies


@dataclass(frozen=True)
class WarmStart:
    """A model ready to train, in evaluation mode and float32.

    description: what a checkpoint of it says of itself, before anything is known of a task and its data.
    """

    model: TokenLossModel
    tokenizers: TokenizerPair
    framing: Framing
    origin: OriginReport
    description: CheckpointDescription

    def __post_init__(self) -> None:
        carry(self.model.config, self.description, self.tokenizers)  # whoever saves the model alone

    def save(self, folder: str | Path) -> None:
        """Writes the model as it is now: a new folder for `load_checkpoint`, plan pretrained and plain transformers.

        Raises:
            CheckpointError: as `save_checkpoint`.
        """
        save_checkpoint(Path(folder), self.model, self.tokenizers, self.description)


def warm_start(
    options: ModelOptions,
    *,
    seed: int = 1,
    corpus: Corpus | None = None,
) -> WarmStart:
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
    published_encoder, published_decoder = _open_checkpoints(options)
    plan = _choose_plan(options, one_checkpoint=published_encoder is published_decoder)
    _check_checkpoints(plan, published_encoder, published_decoder)
    vocabularies = load_vocabularies(
        plan,
        published_encoder,
        published_decoder,
        options,
        corpus,
    )
    tokenizers = vocabularies.tokenizers
    plan = replace(plan, one_table=plan.one_table and vocabularies.one)
    encoder, decoder = build_sides(
        plan,
        published_encoder,
        published_decoder,
        options,
        rows=(len(vocabularies.source_rows), len(vocabularies.target_rows)),
        old_rows=(vocabularies.source_rows, vocabularies.target_rows),
    )
    framing = _choose_framing(tokenizers, options)
    model = _build_random(plan, encoder, decoder, tokenizers, framing, options.dropout, seed)
    written = fill_model(model, plan, encoder, decoder)
    # Before the attention to the source starts silent, perhaps: the check wants to see it at work.
    if options.plan == "pair":
        check_pair(model, encoder.checkpoint.name, decoder.checkpoint.name)
    notes = start_cross_attention(model, options.cross_attention, written)
    origin = report_started(
        plan.name,
        model,
        written,
        notes,
        vocabularies.notes,
    )
    return WarmStart(
        model=model,
        tokenizers=tokenizers,
        framing=framing,
        origin=origin,
        description=_summarize_started(plan, model, framing),
    )


def _summarize_started(plan: Plan, model: TokenLossModel, framing: Framing) -> CheckpointDescription:
    """Lengths are those of a checkpoint that was published without any; the search is the plainest."""
    max_target_tokens = min(model.max_target_positions or 128, 128)
    return CheckpointDescription(
        plan=plan.name,
        task="",
        sharing=model.sharing.to_dict(),
        framing=framing.to_dict(),
        layout={},
        max_source_tokens=model.max_source_positions or 512,
        max_target_tokens=max_target_tokens,
        generation={"num_beams": 1, "max_target_tokens": max_target_tokens},
        evaluation={},
    )


def _choose_plan(options: ModelOptions, *, one_checkpoint: bool) -> Plan:
    if options.plan == "pair":
        plan = build_pair_plan(share=options.share, one_checkpoint=one_checkpoint)
    else:
        plan = PLANS[options.plan]
    if options.source_tokenizer != options.target_tokenizer:
        return replace(plan, one_table=False)
    return plan


def _choose_framing(tokenizers: TokenizerPair, options: ModelOptions) -> Framing:
    framing = derive_framing(tokenizers.target)
    if not options.source_marks:
        return framing
    prefix, suffix = find_source_marks(tokenizers.source)
    return replace(framing, source_prefix=prefix, source_suffix=suffix)


def _build_random(
    plan: Plan,
    encoder: Side,
    decoder: Side,
    tokenizers: TokenizerPair,
    framing: Framing,
    dropout: float | None,
    seed: int,
) -> TokenLossModel:
    """The model of both sides with random weights, in evaluation mode.

    Raises:
        WarmStartError: a side counts its positions from another pad id than its tokenizer's.
    """
    source_pad_id = tokenizers.source.pad_token_id
    _check_pad("encoder", encoder, source_pad_id)
    _check_pad("decoder", decoder, framing.pad_id)
    config = build_config(encoder, decoder)
    if dropout is not None:
        set_dropout(config, dropout)
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
    return model.eval()


def _open_checkpoints(options: ModelOptions) -> tuple[PublishedCheckpoint, PublishedCheckpoint]:
    if options.shape is not None:
        shape = _open_shape(options.shape, options.source_tokenizer)  # type: ignore[arg-type]  # the options asked for it
        return shape, shape
    named = [name for name in (options.encoder, options.decoder) if name]  # one alone is for both sides
    encoder = PublishedCheckpoint.open(named[0])
    decoder = PublishedCheckpoint.open(named[-1])
    # One object, by which all that follows knows one checkpoint from two.
    if decoder.folder.resolve() == encoder.folder.resolve():
        decoder = encoder
    return encoder, decoder


def _open_shape(shape: ShapeOptions, tokenizer: str) -> PublishedCheckpoint:
    """A BERT of a shape that no checkpoint has; its vocabulary is the tokenizer's."""
    folder = find_published_folder(tokenizer)
    vocabulary = load_tokenizer(folder).get_vocab()
    config = build_shape(vocab_size=max(vocabulary.values()) + 1, **shape.model_dump())
    return PublishedCheckpoint("model.shape", folder, config)


def _check_checkpoints(
    plan: Plan,
    encoder: PublishedCheckpoint,
    decoder: PublishedCheckpoint,
) -> None:
    if plan.name == "pair":
        refuse_families(encoder, decoder)
    _check_family("encoder", encoder, plan.encoder, plan.name)
    _check_family("decoder", decoder, plan.decoder, plan.name)
    if encoder is not decoder:
        _check_two(plan, encoder, decoder)


def _check_family(
    side: str,
    checkpoint: PublishedCheckpoint,
    families: Sequence[Family] | None,
    plan_name: str,
) -> None:
    """Makes sure that a checkpoint is of one of the families that a plan takes; None takes any."""
    if families is None:
        return
    types = [model_type for family in families for model_type in family.model_types]
    if checkpoint.config.model_type not in types:
        raise WarmStartError(
            f"model.{side}: {checkpoint.name}: plan {plan_name} takes a {' or '.join(types)} checkpoint here, found "
            f"model_type {checkpoint.config.model_type!r}. Choose another checkpoint, or plan pair."
        )


def _check_two(
    plan: Plan,
    encoder: PublishedCheckpoint,
    decoder: PublishedCheckpoint,
) -> None:
    """Makes sure that a plan has use for two checkpoints, and that one table serves both where it has one."""
    if plan.share_layers:
        raise WarmStartError(f"Plan {plan.name} shares one checkpoint's parameters; leave model.decoder out.")
    if not plan.warm_decoder:
        raise WarmStartError(
            f"Plan {plan.name} draws its decoder at random, in the encoder's shape; {decoder.name} would not be used. "
            "Leave model.decoder out."
        )
    of_encoder = encoder.config
    of_decoder = decoder.config
    if plan.one_table and of_encoder.hidden_size != of_decoder.hidden_size:
        raise WarmStartError(
            f"{encoder.name} is {of_encoder.hidden_size} wide and {decoder.name} {of_decoder.hidden_size}; plan "
            f"{plan.name} uses one embedding table for both. Choose checkpoints of one width."
        )
    if plan.one_table and plan.warm_encoder and of_encoder.vocab_size != of_decoder.vocab_size:
        raise WarmStartError(
            f"{encoder.name} has {of_encoder.vocab_size} rows of embeddings and {decoder.name} "
            f"{of_decoder.vocab_size}; plan {plan.name} uses one table for both. Choose checkpoints of one size."
        )


def build_sides(
    plan: Plan,
    encoder: PublishedCheckpoint,
    decoder: PublishedCheckpoint,
    options: ModelOptions,
    *,
    rows: tuple[int, int],
    old_rows: tuple[OldRows | None, OldRows | None] = (None, None),
) -> tuple[Side, Side]:
    """Both sides as the plan and the options want them.

    Args:
        rows: of the embedding tables of both sides.
        old_rows: where a table changes, the checkpoint's rows that each of its rows begins from.

    Raises:
        WarmStartError: a choice of layers or a number of positions does not fit.
    """
    decoder_layers = options.decoder_layers
    if plan.share_layers:
        if decoder_layers not in (None, options.encoder_layers):
            raise WarmStartError(
                f"model.decoder_layers: plan {plan.name} shares the layers of both sides; set model.encoder_layers."
            )
        decoder_layers = options.encoder_layers
    # A random decoder is built in the encoder's shape.
    decoder_shape = decoder if plan.warm_decoder else encoder
    if options.max_positions is not None:
        _check_max_positions(options.max_positions, (encoder, decoder_shape))
    encoder_side = build_side(
        encoder,
        convert=_is_converted(encoder, plan.warm_encoder, options),
        layers=options.encoder_layers,
        max_positions=options.max_positions,
        rows=rows[0],
        old_rows=old_rows[0],
    )
    decoder_side = build_side(
        decoder_shape,
        convert=_is_converted(decoder_shape, plan.warm_decoder, options),
        layers=decoder_layers,
        max_positions=options.max_positions,
        rows=rows[1],
        old_rows=old_rows[1],
    )
    return encoder_side, decoder_side


def _is_converted(
    shape: PublishedCheckpoint,
    is_warm: bool,
    options: ModelOptions,
) -> bool:
    """Whether a side becomes a BertGeneration; of a family without exact conversion, one that it only gives a shape."""
    conversion = find_family(shape.config).conversion
    if conversion is None:
        return False
    return not is_warm if conversion.token_types is None else options.convert


def _check_max_positions(wanted: int, shapes: tuple[PublishedCheckpoint, PublishedCheckpoint]) -> None:
    available = [count_positions(shape.config) for shape in shapes]
    if all(count is None or count > wanted for count in available):
        named = zip(shapes, available, strict=True)
        taken = " and ".join(f"{shape.name}: {count or 'any number'}" for shape, count in named)
        raise WarmStartError(
            f"model.max_positions: {wanted} is less than the checkpoints take already ({taken}); it only ever adds. "
            "Leave it out; data.max_source_tokens and data.max_target_tokens limit the texts."
        )


def _check_pad(name: str, side: Side, pad_id: int) -> None:
    """RoBERTa's kin counts positions from the pad id: another one would shift every position in silence."""
    positions = find_positions(side.config)
    own_pad = side.checkpoint.config.pad_token_id
    if positions is None and own_pad is not None and pad_id != own_pad:
        raise WarmStartError(
            f"model.{name}: {side.checkpoint.name} pads with {own_pad}, the tokenizer with {pad_id}, and whether a "
            f"{side.config.model_type} model counts positions from it is not known here. Keep its own tokenizer."
        )
    if positions is not None and positions.first not in (0, pad_id + 1):
        convert = ", or leave model.convert at true" if find_family(side.config).conversion else ""
        raise WarmStartError(
            f"model.{name}: {side.checkpoint.name} counts positions from pad id {positions.first - 1}, and the "
            f"tokenizer pads with {pad_id}. Give a tokenizer whose pad has that id{convert}."
        )


def build_config(encoder: Side, decoder: Side) -> EncoderDecoderConfig:
    """The config of both sides; transformers marks the decoder as one."""
    # A checkpoint that was a decoder says so in its config, and would not look ahead as an encoder either.
    for setting in ("is_decoder", "add_cross_attention"):
        if getattr(encoder.config, setting, False):
            setattr(encoder.config, setting, False)
    return EncoderDecoderConfig.from_encoder_decoder_configs(encoder.config, decoder.config)


def find_sharing(plan: Plan) -> Sharing:
    """What both sides of a plan have in common."""
    return Sharing(embeddings=plan.one_table, layers=plan.share_layers)
