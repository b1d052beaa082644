"""What a recipe says about the model: its plan, where weights come from, how they start. Imports no torch."""

import json
import re
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator

from ..base.errors import Seq2SeqError, WarmStartError
from ..base.objects import NAME_FORM, is_object_name
from ..base.options import Options, Strings, require_field_name

PlanName = Literal[
    "rnd2rnd", "bert2rnd", "rnd2bert", "bert2bert", "bertshare", "robertashare", "rnd2gpt", "bert2gpt", "roberta2gpt",
    "pair", "pretrained",
]  # fmt: skip
CrossAttentionStart = Literal["random", "copied", "silent"]
# What parameters may have learning rates of their own by.
LearningRateGroup = Literal["cross_attention", "random", "decoder", "encoder"]
EVERY = re.compile(r"every ([1-9]\d{0,3})")
# Bounds that no model of today comes near; what lies beyond them would not even begin to be built.
MOST_LAYERS = 1000
MOST_WIDTH = 2**18
MOST_POSITIONS = 10**6


def _check_layers(choice: object) -> object:
    is_number = type(choice) is int and 1 <= choice <= MOST_LAYERS
    is_list = isinstance(choice, list | tuple) and all(map(_is_layer, choice))
    is_every = isinstance(choice, str) and EVERY.fullmatch(choice)
    if not (choice is None or is_number or is_list or is_every):
        raise ValueError(
            "expected the first n layers (a number from 1), 'every 2', or a list of layers counted from 0, at most "
            f"{MOST_LAYERS}"
        )
    return choice


def _is_layer(layer: object) -> bool:
    return type(layer) is int and 0 <= layer < MOST_LAYERS


LayerChoice = Annotated[int | str | list[int] | None, BeforeValidator(_check_layers)]
RANDOM_ENCODER_PLANS = ("rnd2rnd", "rnd2bert", "rnd2gpt")


class ShapeOptions(Options):
    """The shape of a model that has no checkpoint to take it from: BERT's layers, both sides alike."""

    layers: int = Field(gt=0, le=MOST_LAYERS, description="How many layers each side has.")
    hidden_size: int = Field(gt=0, le=MOST_WIDTH, description="The width of the states and of the embeddings.")
    attention_heads: int = Field(
        gt=0, le=MOST_WIDTH, description="How many heads each layer has; they must divide hidden_size."
    )
    intermediate_size: int = Field(
        gt=0, le=MOST_WIDTH, description="The width inside the feed-forward part of a layer."
    )
    positions: int = Field(
        512,
        gt=0,
        le=MOST_POSITIONS,
        description="How many tokens a side takes.",
    )

    @field_validator("attention_heads")
    @classmethod
    def _check_heads(cls, heads: int, info: ValidationInfo) -> int:
        width = info.data.get("hidden_size", heads)
        if width % heads:
            raise ValueError(f"must divide hidden_size, which is {width}")
        return heads


class ModelOptions(Options):
    """The section `model` of a recipe."""

    error: ClassVar[type[Seq2SeqError]] = WarmStartError

    plan: PlanName = Field("bert2bert", description="How the model is warm-started; the names of Rothe et al. 2020.")
    shape: ShapeOptions | None = Field(
        None,
        description="The shape of a model of plan rnd2rnd without a checkpoint, in place of encoder. It needs "
        "source_tokenizer and target_tokenizer.",
    )
    encoder: str | None = Field(
        None,
        validate_default=True,
        description="The encoder's checkpoint, a hub name or a folder; random parts take their shape from it. A random "
        "encoder may leave it out.",
    )
    decoder: str | None = Field(
        None,
        validate_default=True,
        description="The decoder's checkpoint, a hub name or a folder; left out, it is the encoder's.",
    )
    share: bool = Field(
        False, description="Whether both sides of plan pair have one set of layer parameters between them."
    )
    convert: bool = Field(
        True,
        description="Whether BERT and RoBERTa become a BertGeneration, which is exact; false keeps their own classes "
        "and the decoder's pre-trained head transform.",
    )
    cross_attention: CrossAttentionStart = Field(
        "random",
        description="How the encoder-decoder attention starts: random as in the paper, copied from the decoder's "
        "self-attention, or silent, which is random with a zero output projection.",
    )
    encoder_layers: LayerChoice = Field(
        None,
        description="Which layers of the encoder are kept, counted from 0: the first n (a number), 'every 2', or a "
        "list; null keeps all.",
    )
    decoder_layers: LayerChoice = Field(
        None, description="Which layers of the decoder are kept, said as for encoder_layers."
    )
    max_positions: int | None = Field(
        None,
        ge=1,
        le=MOST_POSITIONS,
        description="How many tokens a side takes at least; a shorter position table is repeated.",
    )
    checkpoint: str | None = Field(
        None,
        validate_default=True,
        description="The encoder-decoder that plan pretrained trains on: one of this project (a run folder or a "
        "checkpoint) or a published one (BART, mBART, T5, Marian ...; a folder or a hub name).",
    )
    source_language: str | None = Field(
        None,
        description="The code of the source's language, such as en_XX, for plan pretrained with a checkpoint that "
        "marks languages.",
    )
    target_language: str | None = Field(
        None,
        description="The code of the target's language, such as de_DE, for plan pretrained with a checkpoint that "
        "marks languages.",
    )
    source_tokenizer: str | None = Field(
        None,
        validate_default=True,
        description="The folder of a new tokenizer of the sources (`seq2seq tokenizer train`); embeddings are carried "
        "over by token text. Name the same folder twice for one vocabulary.",
    )
    target_tokenizer: str | None = Field(
        None,
        validate_default=True,
        description="The folder of a new tokenizer of the targets, as source_tokenizer is of the sources.",
    )
    new_tokens: Literal["pieces", "mean"] = Field(
        "pieces",
        description="How a token that the old vocabulary lacks begins: as the mean of its old pieces, or with mean "
        "as the mean of all.",
    )
    source_marks: bool = Field(
        True,
        description="Whether sources stand between marks, such as [CLS] and [SEP], as in the pre-training of encoders; "
        "false leaves them out, as in the paper.",
    )
    trim_vocabulary: bool = Field(
        False,
        description="Whether only the tokens are kept that the run's data needs; nothing new becomes unknown by it.",
    )
    dropout: float | None = Field(
        None,
        ge=0,
        lt=1,
        description="The dropout of all layers; null keeps the checkpoint's own.",
    )
    families: Strings = Field(
        (),
        description="Rows of your own for families of models that the package does not know, as package.module:OBJECT. "
        "The module is imported first and may register classes with transformers.",
    )

    @field_validator("plan", mode="before")
    @classmethod
    def _refuse_decoder_alone(cls, plan: object) -> object:
        if plan == "gpt":
            raise ValueError(
                "plan gpt of the paper, a decoder alone, is not built; choose rnd2gpt, bert2gpt or roberta2gpt"
            )
        return plan

    @field_validator("families")
    @classmethod
    def _check_families(cls, families: tuple[str, ...]) -> tuple[str, ...]:
        if wrong := [name for name in families if not is_object_name(name)]:
            raise ValueError(f"expected {NAME_FORM} for each; {', '.join(wrong)} is none")
        return families

    @field_validator("checkpoint")
    @classmethod
    def _check_checkpoint(cls, checkpoint: str | None, info: ValidationInfo) -> str | None:
        plan = info.data.get("plan")
        if checkpoint is None and plan == "pretrained":
            raise ValueError("plan pretrained needs one: a run folder, a checkpoint folder or a hub name")
        if checkpoint is not None and plan not in (None, "pretrained"):
            raise ValueError("is for plan pretrained alone; set model.encoder")
        return checkpoint

    @field_validator("source_language", "target_language")
    @classmethod
    def _refuse_language(cls, language: str | None, info: ValidationInfo) -> str | None:
        if language is not None and info.data.get("plan") != "pretrained":
            raise ValueError("is for plan pretrained alone")
        return language

    @field_validator(
        "convert", "cross_attention", "encoder_layers", "decoder_layers", "max_positions", "source_tokenizer",
        "target_tokenizer", "new_tokens", "source_marks", "trim_vocabulary",
    )  # fmt: skip
    @classmethod
    def _refuse_beside_a_whole_checkpoint(cls, value: object, info: ValidationInfo) -> object:
        default = cls.model_fields[require_field_name(info)].get_default()
        if info.data.get("plan") == "pretrained" and value not in (None, default):
            raise ValueError(
                "changes how two sides are put together; plan pretrained takes its checkpoint as it is. Leave it out, "
                f"or set it to {json.dumps(default)}"
            )
        return value

    @field_validator("shape")
    @classmethod
    def _check_shape(cls, shape: ShapeOptions | None, info: ValidationInfo) -> ShapeOptions | None:
        if shape is not None and (plan := info.data.get("plan", "rnd2rnd")) != "rnd2rnd":
            raise ValueError(f"is for plan rnd2rnd alone; plan {plan} takes its shape from checkpoints")
        return shape

    @field_validator("source_tokenizer", "target_tokenizer")
    @classmethod
    def _require_tokenizer(cls, tokenizer: str | None, info: ValidationInfo) -> str | None:
        if tokenizer is None and info.data.get("shape") is not None:
            raise ValueError("model.shape has no tokenizer of its own; give the folder of one")
        return tokenizer and str(Path(tokenizer))  # a/b/ and ./a/b are the same folder, and one vocabulary

    @field_validator("encoder")
    @classmethod
    def _require_encoder(cls, encoder: str | None, info: ValidationInfo) -> str | None:
        plan = info.data.get("plan")
        if encoder is not None and info.data.get("shape") is not None:
            raise ValueError("give either this or model.shape")
        if plan == "pretrained":
            if encoder is not None:
                raise ValueError("plan pretrained takes model.checkpoint instead")
            return encoder
        if encoder is None and plan is not None and plan not in RANDOM_ENCODER_PLANS:
            raise ValueError(f"plan {plan} needs one, a hub name or a folder")
        return encoder

    @field_validator("decoder")
    @classmethod
    def _require_a_shape(cls, decoder: str | None, info: ValidationInfo) -> str | None:
        if info.data.get("plan") == "pretrained":
            if decoder is not None:
                raise ValueError("plan pretrained takes model.checkpoint instead")
        elif info.data.get("shape") is not None:
            if decoder is not None:
                raise ValueError("give either this or model.shape")
        elif decoder is None and info.data.get("encoder", "") is None:
            raise ValueError("set this, model.encoder or, for plan rnd2rnd, model.shape")
        return decoder

    @field_validator("share")
    @classmethod
    def _refuse_share(cls, share: bool, info: ValidationInfo) -> bool:
        if share and info.data.get("plan") != "pair":
            raise ValueError("is for plan pair alone; bertshare and robertashare share by themselves")
        return share
