"""The warm start itself: a plan and checkpoints in, a model, its tokenizers and the origin of every parameter out."""

from dataclasses import dataclass, replace

import torch
from transformers import EncoderDecoderConfig, PreTrainedTokenizerFast

from ..errors import WarmStartError
from ..modeling.encoder_decoder import Seq2SeqModel, set_special_tokens
from ..modeling.families import count_positions, set_dropout
from ..modeling.parts import find_parts, find_sides
from ..modeling.sharing import Sharing, find_shared_names
from ..modeling.token_loss import TokenLossModel
from ..randomness import derive_seed
from ..text.framing import Framing, derive_framing, first_id
from ..text.tokenizers import TokenizerPair, ensure_pad_token, have_equal_vocabularies, load_tokenizer
from .conversion import CONVERTIBLE
from .cross_attention import start_cross_attention
from .options import ModelOptions
from .origin import OriginReport, ParameterOrigin
from .plans import GPT2, PLANS, Plan, build_pair_plan
from .serving import check_pair, refuse_families
from .sides import FilledTensor, Side, Written, build_side
from .sources import SourceCheckpoint
from .vocabulary import Corpus, OldRows, Vocabularies, choose_vocabularies


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
            not fit; or an option does not fit the checkpoints.
        TokenizerError: a tokenizer is missing or has no begin, end or pad mark.
    """
    sources = _open_sources(options)
    one_checkpoint = sources[0] is sources[1]
    if options.plan == "pair":
        plan = build_pair_plan(share=options.share, one_checkpoint=one_checkpoint)
    else:
        plan = PLANS[options.plan]
    _check_sources(plan, *sources)
    vocabularies = _choose_vocabularies(plan, *sources, options, corpus)
    tokenizers = vocabularies.tokenizers
    plan = replace(plan, one_table=plan.one_table and vocabularies.one)
    framing = derive_framing(tokenizers.target)
    old_rows = (vocabularies.source_rows, vocabularies.target_rows)
    encoder, decoder = build_sides(plan, *sources, options, rows=tuple(map(len, old_rows)), old_rows=old_rows)
    config = build_config(encoder, decoder)
    if options.dropout is not None:
        set_dropout(config, options.dropout)
    set_special_tokens(
        config,
        begin_id=framing.begin_id,
        end_id=framing.end_id,
        pad_id=framing.pad_id,
        source_pad_id=first_id(tokenizers.source, "pad_token"),
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(seed, "initial weights"))
        model = build_model(plan, config)
    model.eval()
    written = _copy_weights(model, plan, encoder, decoder)
    if options.plan == "pair":
        check_pair(model, encoder.source.name, decoder.source.name)
    notes = start_cross_attention(model, options.cross_attention, written)
    origin = replace(_report_origins(model, plan, written, notes), notes=vocabularies.notes)
    return WarmStart(model, tokenizers, framing, origin)


def _open_sources(options: ModelOptions) -> tuple[SourceCheckpoint, SourceCheckpoint]:
    encoder = SourceCheckpoint.open(options.encoder or options.decoder)
    if options.decoder in (None, options.encoder) or options.encoder is None:
        return encoder, encoder
    return encoder, SourceCheckpoint.open(options.decoder)


def _check_sources(plan: Plan, encoder: SourceCheckpoint, decoder: SourceCheckpoint) -> None:
    if plan.name == "pair":
        refuse_families(encoder, decoder)
    for side, source, families in (("encoder", encoder, plan.encoder), ("decoder", decoder, plan.decoder)):
        if families is not None and source.config.model_type not in families:
            raise WarmStartError(
                f"model.{side}: {source.name}: plan {plan.name} takes a {' or '.join(families)} checkpoint here, found "
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


def _load_tokenizers(plan: Plan, encoder: SourceCheckpoint, decoder: SourceCheckpoint) -> TokenizerPair:
    """The tokenizers of both sides; with one table, that of the warm side serves both."""
    target = _load_tokenizer(decoder if plan.warm_decoder else encoder)
    if encoder is decoder or (plan.one_table and not plan.warm_encoder):
        return TokenizerPair(target, target)
    source = _load_tokenizer(encoder)
    if have_equal_vocabularies(source, target):
        return TokenizerPair(source, source)
    if plan.one_table:
        raise WarmStartError(
            f"{encoder.name} and {decoder.name} have different vocabularies, and one embedding table serves both "
            "sides. Choose checkpoints with the same vocabulary."
        )
    return TokenizerPair(source, target)


def _load_tokenizer(source: SourceCheckpoint) -> PreTrainedTokenizerFast:
    tokenizer = load_tokenizer(source.folder)
    highest, rows = max(tokenizer.get_vocab().values()), source.config.vocab_size
    if highest >= rows:
        raise WarmStartError(
            f"{source.name}: the tokenizer gives ids up to {highest}, the embedding table has {rows} rows. "
            "The tokenizer has tokens that the checkpoint was not trained with."
        )
    return ensure_pad_token(tokenizer)


def _choose_vocabularies(
    plan: Plan, encoder: SourceCheckpoint, decoder: SourceCheckpoint, options: ModelOptions, corpus: Corpus | None
) -> Vocabularies:
    own = _load_tokenizers(plan, encoder, decoder)
    target = decoder if plan.warm_decoder else encoder
    source = target if plan.one_table and not plan.warm_encoder else encoder
    rows = (source.config.vocab_size, target.config.vocab_size)
    vocabularies = choose_vocabularies(own, rows, options, corpus)
    if plan.share_layers and not vocabularies.one:
        raise WarmStartError(
            f"Plan {plan.name} shares the embedding table; give model.source_tokenizer and model.target_tokenizer the "
            "same folder."
        )
    return vocabularies


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
    becomes_bert_generation = [options.convert and shape.config.model_type in CONVERTIBLE for shape in shapes]
    if not plan.warm_encoder and shapes[0].config.model_type in GPT2:  # only gives a random encoder its shape
        becomes_bert_generation[0] = True
    return tuple(
        build_side(shape, convert=convert, layers=choice, max_positions=options.max_positions, rows=count, old_rows=old)
        for shape, convert, choice, count, old in zip(
            shapes, becomes_bert_generation, layers, rows, old_rows, strict=True
        )
    )


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


def build_config(encoder: Side, decoder: Side) -> EncoderDecoderConfig:
    """The config of both sides; transformers marks the decoder as one."""
    for setting in ("is_decoder", "add_cross_attention"):
        if getattr(encoder.config, setting, False):
            setattr(encoder.config, setting, False)
    return EncoderDecoderConfig.from_encoder_decoder_configs(encoder.config, decoder.config)


def build_model(plan: Plan, config: EncoderDecoderConfig) -> Seq2SeqModel:
    """The model of a plan with random weights."""
    return Seq2SeqModel(config, Sharing(embeddings=plan.one_table, layers=plan.share_layers))


def find_warm_names(model: Seq2SeqModel, side: str, converted: bool) -> tuple[dict[str, str], dict[str, str]]:
    """The parameters that a plan fills on a side, as {name in the side's body: name in the model}: body and head.

    A converted decoder has no head to fill: BertGeneration's output layer is the table, its bias starts at zero.
    """
    parts, head = find_parts(model), f"{side}."
    body = find_sides(model)[0 if side == "encoder" else 1]
    names = [name for name in parts if name.startswith(f"{side}.") and name not in model.tied_names]
    in_body = {
        name.removeprefix(body): name for name in names if name.startswith(body) and parts[name] != "cross_attention"
    }
    in_head = {name.removeprefix(head): name for name in names if not name.startswith(body)}
    return in_body, {} if converted else in_head


def _copy_weights(model: Seq2SeqModel, plan: Plan, encoder: Side, decoder: Side) -> Written:
    """Fills the warm sides; returns what was written, by the first name of the parameter."""
    written: Written = {}
    if plan.warm_encoder:
        written |= _copy_side(model, plan, "encoder", encoder)
    if plan.warm_decoder:
        for name, (source, tensor) in _copy_side(model, plan, "decoder", decoder).items():
            _check_one_table(name, tensor, written, encoder, decoder)
            written[name] = (source, tensor)
    return written


def _copy_side(model: Seq2SeqModel, plan: Plan, name: str, side: Side) -> Written:
    parameters = dict(model.named_parameters(remove_duplicate=False))
    first_names = find_shared_names(model)
    body, head = find_warm_names(model, name, side.converted)
    if name == "decoder" and plan.share_layers:
        body = {}
    places = body | head
    shapes = [{inner: parameters[place].shape for inner, place in names.items()} for names in (body, head)]
    written: Written = {}
    for tensor in side.read_tensors(*shapes):
        place = places[tensor.name]
        with torch.no_grad():
            parameters[place].copy_(tensor.value)
        written[first_names.get(place, place)] = (side.source, tensor)
    return written


def _check_one_table(name: str, tensor: FilledTensor, written: Written, encoder: Side, decoder: Side) -> None:
    if name in written and not torch.equal(written[name][1].value, tensor.value):
        raise WarmStartError(
            f"{encoder.source.name} and {decoder.source.name} have different word embeddings, and one table serves "
            "both sides. Give the same checkpoint for both."
        )


def _report_origins(model: Seq2SeqModel, plan: Plan, written: Written, notes: dict[str, str]) -> OriginReport:
    shared, parts = find_shared_names(model), find_parts(model)
    rows = []
    for name, parameter in model.named_parameters(remove_duplicate=False):
        place = {"name": name, "part": parts[name], "shape": tuple(parameter.shape)}
        if name in shared:
            rows.append(ParameterOrigin(**place, kind="shared", tensors=(shared[name],)))
        elif name in written:
            source, tensor = written[name]
            changes = (*tensor.changes, *((notes[name],) if name in notes else ()))
            rows.append(
                ParameterOrigin(
                    **place,
                    kind="converted" if tensor.changes else "copied",
                    file=f"{source.name}/{source.weights.files[tensor.tensors[0]].name}",
                    tensors=tensor.tensors,
                    note="; ".join(changes) or None,
                )
            )
        else:
            note = notes.get(name) or _describe_initial(name, parameter)
            rows.append(ParameterOrigin(**place, kind="random", note=note))
    used = {tensor for _, filled in written.values() for tensor in filled.tensors}
    warm = {source.name: source for source, _ in written.values()}
    unused = [name for source in warm.values() for name in source.weights.files if name not in used]
    return OriginReport(plan.name, tuple(rows), tuple(dict.fromkeys(unused)))


def _describe_initial(name: str, parameter: torch.Tensor) -> str:
    for value, word in ((0, "zeros"), (1, "ones")):
        if bool((parameter == value).all()):
            return word
    return "uniform" if name.startswith("enc_to_dec_proj") else "normal"
