"""The warm start itself: a plan and checkpoints in, a model, its tokenizers and the origin of every parameter out."""

from copy import deepcopy
from dataclasses import dataclass

import torch
from transformers import BertGenerationConfig, EncoderDecoderConfig, PreTrainedTokenizerFast

from ..errors import WarmStartError
from ..modeling.encoder_decoder import Seq2SeqModel, set_dropout, set_special_tokens
from ..modeling.sharing import Sharing, find_shared_names
from ..randomness import derive_seed
from ..text.framing import Framing, derive_framing
from ..text.tokenizers import TokenizerPair, have_equal_vocabularies, load_tokenizer
from .bert import ConvertedTensor, convert_config, convert_tensors
from .origin import OriginReport, ParameterOrigin, find_part
from .plans import Plan, find_plan
from .sources import SourceCheckpoint

# What was copied, by the first name of the parameter it went to.
Written = dict[str, tuple[SourceCheckpoint, ConvertedTensor]]

ENCODER_PREFIX, DECODER_PREFIX = "encoder.", "decoder.bert."
WORD_EMBEDDINGS = "embeddings.word_embeddings.weight"


@dataclass(frozen=True)
class WarmStart:
    """A model ready to train, in evaluation mode and float32."""

    model: Seq2SeqModel
    tokenizers: TokenizerPair
    framing: Framing
    origin: OriginReport


def warm_start(
    *, plan: str, encoder: str, decoder: str | None = None, dropout: float | None = None, seed: int = 1
) -> WarmStart:
    """Starts a BertGeneration pair by one of the plans of Rothe et al. 2020.

    Encoder, decoder and output layer use one embedding table, warm if either side is. Warm sides are exact: the
    encoder's states equal BertModel's. The encoder-decoder attention, and the sides that the plan names random, are
    drawn from the model's initialiser with `seed`; the output bias starts at zero.

    Args:
        encoder: hub name or folder; random parts take their shape and vocabulary from it.
        decoder: hub name or folder; None means the encoder's. Only plans with a warm decoder take another.
        dropout: hidden and attention dropout of both sides; None keeps the checkpoints' own.

    Raises:
        WarmStartError: a checkpoint is missing, of another family, or lacks a tensor; or two checkpoints do not fit.
        TokenizerError: the tokenizer is missing or has no begin, end or pad mark.
    """
    chosen = find_plan(plan)
    encoder_source = SourceCheckpoint.open(encoder)
    decoder_source = encoder_source if decoder in (None, encoder) else SourceCheckpoint.open(decoder)
    tokenizer = load_tokenizer(encoder_source.folder)
    framing = derive_framing(tokenizer)
    config = _build_config(chosen, encoder_source, decoder_source)
    if dropout is not None:
        set_dropout(config, dropout)
    set_special_tokens(config, begin_id=framing.begin_id, end_id=framing.end_id, pad_id=framing.pad_id)
    _check_vocabulary(encoder_source, decoder_source, tokenizer, config)

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(seed, "initial weights"))
        model = Seq2SeqModel(config, Sharing(embeddings=True, layers=chosen.share_layers))
    origins = _copy_weights(model, chosen, encoder_source, decoder_source)
    report = _report_origins(model, chosen, origins)
    return WarmStart(model.eval(), TokenizerPair(tokenizer, tokenizer), framing, report)


def _build_config(plan: Plan, encoder: SourceCheckpoint, decoder: SourceCheckpoint) -> EncoderDecoderConfig:
    if decoder is not encoder and not plan.warm_decoder:
        raise WarmStartError(
            f"Plan {plan.name} draws its decoder at random, in the encoder's shape; {decoder.name} would not be used. "
            "Leave model.decoder out."
        )
    encoder_config = convert_config(encoder)
    decoder_config = convert_config(decoder if plan.warm_decoder else encoder)
    if plan.share_layers and decoder is not encoder:
        raise WarmStartError(f"Plan {plan.name} shares one checkpoint's parameters; leave model.decoder out.")
    if encoder_config.hidden_size != decoder_config.hidden_size:
        raise WarmStartError(
            f"{encoder.name} is {encoder_config.hidden_size} wide and {decoder.name} {decoder_config.hidden_size}; "
            f"plan {plan.name} uses one embedding table for both. Choose checkpoints of one width."
        )
    if encoder_config.vocab_size != decoder_config.vocab_size:
        raise WarmStartError(
            f"{encoder.name} has {encoder_config.vocab_size} rows of embeddings and {decoder.name} "
            f"{decoder_config.vocab_size}; plan {plan.name} uses one table for both. Choose checkpoints of one size."
        )
    return EncoderDecoderConfig.from_encoder_decoder_configs(encoder_config, decoder_config)


def _check_vocabulary(
    encoder: SourceCheckpoint,
    decoder: SourceCheckpoint,
    tokenizer: PreTrainedTokenizerFast,
    config: EncoderDecoderConfig,
) -> None:
    if decoder is not encoder and not have_equal_vocabularies(tokenizer, load_tokenizer(decoder.folder)):
        raise WarmStartError(
            f"{encoder.name} and {decoder.name} have different vocabularies, and one embedding table serves both "
            "sides. Choose checkpoints with the same vocabulary."
        )
    rows = config.encoder.vocab_size
    highest = max(tokenizer.get_vocab().values())
    if highest >= rows:
        raise WarmStartError(
            f"{encoder.name}: the tokenizer gives ids up to {highest}, the embedding table has {rows} rows. "
            "The tokenizer has tokens that the checkpoint was not trained with."
        )


def _copy_weights(model: Seq2SeqModel, plan: Plan, encoder: SourceCheckpoint, decoder: SourceCheckpoint) -> Written:
    """Fills the warm sides; returns what was written, by the first name of the parameter."""
    written: Written = {}
    if plan.warm_encoder:
        written |= _copy_side(model, ENCODER_PREFIX, encoder)
    if plan.warm_decoder and not plan.share_layers:
        for name, (source, tensor) in _copy_side(model, DECODER_PREFIX, decoder).items():
            _check_one_table(name, tensor, written, encoder, decoder)
            written[name] = (source, tensor)
    return written


def _copy_side(model: Seq2SeqModel, prefix: str, source: SourceCheckpoint) -> Written:
    names = dict(model.named_parameters(remove_duplicate=False))
    canonical = find_shared_names(model)
    wanted = [
        name.removeprefix(prefix) for name in names if name.startswith(prefix) and find_part(name) != "cross_attention"
    ]
    written = {}
    for tensor in convert_tensors(source, wanted):
        parameter = names[prefix + tensor.name]
        if parameter.shape != tensor.value.shape:
            raise WarmStartError(
                f"{source.name}: tensor {tensor.tensors[0]} has shape {tuple(tensor.value.shape)}, "
                f"the config asks for {tuple(parameter.shape)}. Weights and config.json do not belong together."
            )
        with torch.no_grad():
            parameter.copy_(tensor.value)
        written[canonical.get(prefix + tensor.name, prefix + tensor.name)] = (source, tensor)
    return written


def _check_one_table(
    name: str, tensor: ConvertedTensor, written: Written, encoder: SourceCheckpoint, decoder: SourceCheckpoint
) -> None:
    if name in written and not torch.equal(written[name][1].value, tensor.value):
        raise WarmStartError(
            f"{encoder.name} and {decoder.name} have different word embeddings, and one table serves both sides. "
            "Give the same checkpoint for both."
        )


def _report_origins(model: Seq2SeqModel, plan: Plan, written: Written) -> OriginReport:
    shared = find_shared_names(model)
    rows = []
    for name, parameter in model.named_parameters(remove_duplicate=False):
        place = {"name": name, "part": find_part(name), "shape": tuple(parameter.shape)}
        if name in shared:
            rows.append(ParameterOrigin(**place, kind="shared", tensors=(shared[name],)))
        elif name in written:
            source, tensor = written[name]
            note = "token type row 0 added to every position" if tensor.converted else None
            rows.append(
                ParameterOrigin(
                    **place,
                    kind="converted" if tensor.converted else "copied",
                    file=f"{source.name}/{source.tensor_files[tensor.tensors[0]].name}",
                    tensors=tensor.tensors,
                    note=note,
                )
            )
        else:
            rows.append(ParameterOrigin(**place, kind="random", note=_describe_initial(name)))
    used = {tensor for _, converted in written.values() for tensor in converted.tensors}
    warm = {source.name: source for source, _ in written.values()}
    unused = [name for source in warm.values() for name in source.tensor_files if name not in used]
    return OriginReport(plan.name, tuple(rows), tuple(dict.fromkeys(unused)))


def _describe_initial(name: str) -> str:
    if name.endswith("bias"):
        return "zeros"
    return "ones" if "LayerNorm" in name else "normal"


def count_plan_parameters(plan: Plan, config: BertGenerationConfig) -> int:
    """Parameters of a plan at a shape, counted on the meta device, without memory."""
    pair = EncoderDecoderConfig.from_encoder_decoder_configs(deepcopy(config), deepcopy(config))
    with torch.device("meta"):
        model = Seq2SeqModel(pair, Sharing(embeddings=True, layers=plan.share_layers))
    return sum(parameter.numel() for parameter in model.parameters())
