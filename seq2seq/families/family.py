"""What the house asks of a family of models: one row of data, with a few small functions where data does not do.

A row knows names and settings of transformers, nothing of ours. What it leaves out is not known: whoever needs it says
so, or tries the names that are common. The body is a model without its head. Imports neither torch nor transformers.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar

if TYPE_CHECKING:
    from transformers import PreTrainedConfig

Side = Literal["encoder", "decoder"]
# Of sources: 1 and 0 (B, S); as attention reads it, (B, 1, 1, S); or that and one of near places, by types of layers.
Masks = Literal["padding", "broadcast", "layer_types"]
Told = TypeVar("Told")


@dataclass(frozen=True)
class Layers:
    """Where the layers are, and what keeps one from standing without the others.

    path: of their list in the body; None where they share their parameters.
    groups: the config's setting for how many layers there are in truth, where they share.
    first_differs: whether layer 0 is built otherwise and has to stay the first.
    of_first: what layer 0 alone holds, for all layers.
    scaled_by_number: the config's switch by which a layer's number goes into its attention.
    per_layer: the config's settings that may be lists with one entry a layer.
    """

    path: str | None
    groups: str | None = None
    first_differs: bool = False
    of_first: str | None = None
    scaled_by_number: str | None = None
    per_layer: tuple[str, ...] = ("layer_types",)


@dataclass(frozen=True)
class Positions:
    """How positions are told apart.

    table: the name of the learned table in the body; None where there is none, as with relative and rotary positions.
    first: the row of position 0. behind_pad: whether that is the row behind the pad id's, whatever that is.
    limited: whether the config's max_position_embeddings limits a text, by the table or by the training.
    switch: the config's setting without which there is neither table nor limit.
    relative: the config's setting of relative positions that, below 1, stands for max_position_embeddings.
    """

    table: str | None
    first: int = 0
    behind_pad: bool = False
    limited: bool = True
    switch: str | None = None
    relative: str | None = None


@dataclass(frozen=True)
class AttentionNames:
    """How the modules that attend, and their parts, are called.

    modules: the last part of the path of a module that attends. outputs: in it, the projection in which its heads meet.
    cross: the modules of a decoder's layer that are for the source: those that attend to it, and their norms.
    projections: the modules, or parameters of their own, in front of the attention, whose rows are those of heads. Of
        one that joins several (query, key and value), each comes with the rows of all its heads.
    head_by_head: such modules that join them head by head.
    of_all_heads: tables that all heads have in common, so that none can go alone.
    counts, widths: attributes of modules that hold the number of heads, and heads x width.
    """

    modules: tuple[str, ...]
    outputs: tuple[str, ...]
    cross: tuple[str, ...] = ()
    projections: tuple[str, ...] = ()
    head_by_head: tuple[str, ...] = ()
    of_all_heads: tuple[str, ...] = ()
    counts: tuple[str, ...] = ("num_attention_heads", "n_heads", "num_heads")
    widths: tuple[str, ...] = ("all_head_size", "split_size")


NO_NAMES = AttentionNames(modules=(), outputs=())  # of a row that leaves its own out


@dataclass(frozen=True)
class Partner:
    """A part of the attention to the source, and the part of its layer's self-attention that is like it.

    name, like: their names in a layer.
    columns: where `like` joins query, key and value, which of its columns are this part's: the first and the one
        behind the last, in widths of the states. note: what these are, in words.
    """

    name: str
    like: str
    columns: tuple[int, int] | None = None
    note: str = ""

    def rename(self, name: str) -> str:
        """The name of a parameter of this part as that of its partner."""
        return name.replace(f".{self.name}.", f".{self.like}.")


@dataclass(frozen=True)
class CrossAttention:
    """How the attention to the source can start otherwise than at random; names in a layer.

    output: its output projection. norm: the norm behind it; None where norms stand before.
    """

    partners: tuple[Partner, ...]
    output: str
    norm: str | None = None


@dataclass(frozen=True)
class Conversion:
    """How a checkpoint becomes a BertGeneration.

    settings: BertGeneration's settings for a config, beyond those that all configs of transformers name alike.
    token_types: the table of token types, whose row 0 every position gets; None where weights cannot be converted: then
        the family only gives a random side its shape.
    """

    settings: Callable[["PreTrainedConfig"], dict[str, Any]]
    token_types: str | None = None


@dataclass(frozen=True)
class AttentionLayout:
    """An attention for CTranslate2; names in a layer.

    inputs: the projections in front, as CTranslate2 joins them: query, key and value together, or, to the source, the
        query and then key and value.
    """

    inputs: tuple[tuple[str, ...], ...]
    output: str
    norm: str


@dataclass(frozen=True)
class CTranslate2Layout:
    """What CTranslate2's Transformer layers are made of here. It has learned positions, the norm before or behind.

    sides: what a model can be exported as. pre_norm: whether norms stand before attention and feed-forward.
    activation, epsilon: the config's settings for them. fixed: settings, each with the value that it must have.
    inner, outer, inner_norm: the feed-forward part; names in a layer.
    embedding_norm, final_norm: names in the body; None where there is none.
    """

    sides: tuple[Side, ...]
    pre_norm: bool
    activation: str
    epsilon: str
    self_attention: AttentionLayout
    cross_attention: AttentionLayout
    inner: str
    outer: str
    inner_norm: str
    embedding_norm: str | None = None
    final_norm: str | None = None
    fixed: tuple[tuple[str, Any], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Family:
    """All that is known of a family of models beyond its classes.

    A family that is close to another derives from its row by `dataclasses.replace`.

    What it is:
        model_types: transformers' names of the models that the row is for, the best known one first.
        suggested: the sides that messages suggest it for. base: its config in base size, as published.
        lacks_pad: whether its vocabulary has no pad token, which then gets a row of its own.
        bare_texts: whether published pairs of it read bare texts, whatever their tokenizer puts around them.

    Where it keeps things:
        layers: of the body. whole_layers: the names of their list in either side of an encoder-decoder published whole.
        positions; attention; head: the decoder's modules from states to logits, in order.
        dropouts: the config's settings for dropout. Where they or the names of `attention` are left out, the table of
        families puts the common ones in their place.
        layer_drops, experts: its settings that leave out layers at random, or send tokens to some experts.
        unreached: marks in the names of parameters that no source reaches here.

    What can be done with it:
        cross_attention; conversion; ctranslate2.
        has_encoder_class: whether it is an encoder-decoder whose encoder alone has a class of its own.
        mixed_precision: whether it runs under autocast; else it runs in float32 there.
        masks: in what form it takes the mask of sources without a look at its values.
        searches_unmasked: whether it looks into ids and positions that come without a mask.

    Why something cannot be done, in words behind "it" or its model type; None where nothing is known against it:
        no_encoder, no_decoder: serve as that side of a pair. no_training: be trained at all, as an encoder-decoder
        published whole. no_pruning: lose heads.
    """

    model_types: tuple[str, ...]
    suggested: tuple[Side, ...] = ()
    base: Callable[[], "PreTrainedConfig"] | None = None
    lacks_pad: bool = False
    bare_texts: bool = False

    layers: Layers | None = None
    whole_layers: tuple[str, ...] = ()
    positions: Positions | None = None
    attention: AttentionNames = NO_NAMES
    head: tuple[str, ...] = ()
    dropouts: tuple[str, ...] = ()
    layer_drops: tuple[str, ...] = ("encoder_layerdrop", "decoder_layerdrop", "layerdrop")
    experts: str = "num_experts"
    unreached: tuple[str, ...] = ()

    cross_attention: CrossAttention | None = None
    conversion: Conversion | None = None
    ctranslate2: CTranslate2Layout | None = None
    has_encoder_class: bool = False
    mixed_precision: bool = True
    masks: Masks = "padding"
    searches_unmasked: bool = False

    no_encoder: str | None = None
    no_decoder: str | None = None
    no_training: str | None = None
    no_pruning: str | None = None

    @property
    def name(self) -> str:
        """What stands for the family in messages and tables."""
        return self.model_types[0]


def require(told: Told | None, what: str) -> Told:
    """What a row tells, for those who get there with no family that leaves it out.

    Raises:
        LookupError: it is left out after all; `what` names it.
    """
    if told is None:
        raise LookupError(f"the row of this family does not tell its {what}; that has to be looked at before")
    return told
