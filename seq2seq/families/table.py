"""What this project must know of transformers' model families beyond their classes.

Families that are not in the table work too where their classes do; what needs the table says so.
"""

from dataclasses import dataclass, replace
from typing import Literal

from torch import nn
from transformers import PreTrainedConfig, PreTrainedModel

T5_FAMILIES = ("t5", "mt5", "umt5")  # whole encoder-decoders whose encoder has a class of its own
DROPOUT_SETTINGS = (
    "hidden_dropout_prob", "attention_probs_dropout_prob",  # the BERT families
    "dropout", "attention_dropout", "activation_dropout",  # DistilBERT, BART
    "embedding_dropout", "mlp_dropout",  # ModernBERT
    "resid_pdrop", "embd_pdrop", "attn_pdrop",  # GPT-2
    "dropout_rate",  # T5
)  # fmt: skip


@dataclass(frozen=True)
class Family:
    """Where a family keeps things in its body, the model without head.

    layers: the list of layers; None where layers share their parameters.
    positions: the table of learned positions, None where there is none.
    first_position: the row of position 0; counts_from_pad: whether that is the row behind the pad id's (see
        `find_family`).
    first_layer_differs: whether layer 0 is built otherwise; of_first_layer: what it alone holds, for all layers.
    head: the decoder's modules from states to logits, in order; empty where the family has no causal head here.
    cross_attention: how the decoder layer names its attention to the source.
    mixed_precision: whether it runs under autocast; else it runs in float32 there.
    """

    layers: str | None = "encoder.layer"
    positions: str | None = "embeddings.position_embeddings.weight"
    first_position: int = 0
    counts_from_pad: bool = False
    first_layer_differs: bool = False
    of_first_layer: str | None = None
    head: tuple[str, ...] = ()
    cross_attention: Literal["bert", "gpt2"] | None = None
    mixed_precision: bool = True


_BERT = Family(head=("cls",), cross_attention="bert")
_ROBERTA = Family(counts_from_pad=True, head=("lm_head",), cross_attention="bert")
_ROBERTA_ENCODER = Family(counts_from_pad=True)
_T5 = Family(layers="encoder.block", positions=None, of_first_layer="relative_attention_bias")

FAMILIES = {
    "bert": _BERT,
    "bert-generation": Family(head=("lm_head",), cross_attention="bert"),
    "roberta": _ROBERTA,
    "xlm-roberta": _ROBERTA,
    "camembert": _ROBERTA,
    "electra": Family(head=("generator_predictions", "generator_lm_head"), cross_attention="bert"),
    "rembert": _BERT,
    "gpt2": Family(layers="h", positions="wpe.weight", head=("lm_head",), cross_attention="gpt2"),
    # transformers 5.23 fills DeBERTa's bfloat16 scores with the lowest float32, which does not fit.
    "deberta": Family(positions=None, mixed_precision=False),
    "deberta-v2": Family(positions=None),
    "distilbert": Family(layers="transformer.layer"),
    "albert": Family(layers=None),
    "mpnet": Family(first_position=2),
    "modernbert": Family(layers="layers", positions=None, first_layer_differs=True),
    "eurobert": Family(layers="layers", positions=None),
    "longformer": _ROBERTA_ENCODER,
    "t5": _T5,
    "mt5": _T5,
    "umt5": Family(layers="encoder.block", positions=None),
    "data2vec-text": _ROBERTA,
    "xlm-roberta-xl": Family(counts_from_pad=True, head=("lm_head",)),
    "roberta-prelayernorm": Family(counts_from_pad=True, head=("lm_head",)),
    "luke": _ROBERTA_ENCODER,
    "ibert": _ROBERTA_ENCODER,
    "markuplm": _ROBERTA_ENCODER,
}


def find_family(config: PreTrainedConfig) -> Family | None:
    """What is known of a config's family, or None.

    DeBERTa has a position table only where its config says so; RoBERTa counts positions from its pad id.
    """
    family = FAMILIES.get(config.model_type)
    if family is not None and family.counts_from_pad:
        return replace(family, first_position=config.pad_token_id + 1)
    if config.model_type in ("deberta", "deberta-v2") and config.position_biased_input:
        return replace(family, positions=Family.positions)
    return family


def count_positions(config: PreTrainedConfig) -> int | None:
    """How many tokens a side can take; None where no table and no training length limits it."""
    family = find_family(config)
    rows = getattr(config, "max_position_embeddings", None)
    if rows is None or rows < 1 or (config.model_type in ("deberta", "deberta-v2") and family.positions is None):
        return None
    return rows - (family.first_position if family else 0)


def set_positions(config: PreTrainedConfig, positions: int) -> None:
    """Makes room for as many tokens; to be called before the model is built."""
    family = find_family(config)
    if getattr(config, "max_relative_positions", 1) < 1:  # DeBERTa's word for: as many as positions
        config.max_relative_positions = config.max_position_embeddings
    config.max_position_embeddings = positions + (family.first_position if family else 0)


def set_dropout(config: PreTrainedConfig, dropout: float) -> None:
    """Sets every dropout of the layers, on both sides; to be called before the model is built."""
    sides = (config.encoder, config.decoder) if config.model_type == "encoder-decoder" else (config,)
    for side in sides:
        for setting in DROPOUT_SETTINGS:
            if hasattr(side, setting):
                setattr(side, setting, dropout)


def list_head_modules(decoder: PreTrainedModel) -> tuple[nn.Module, ...]:
    """The modules from a decoder's states to its logits, in order; empty where the family is not in the table."""
    family = find_family(decoder.config)
    return tuple(getattr(decoder, name) for name in family.head) if family else ()
