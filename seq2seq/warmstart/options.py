"""What a recipe says about the model: its plan, where the weights come from, dropout. Imports no torch."""

from typing import Literal

from pydantic import Field, field_validator

from ..options import Options

PlanName = Literal[
    "rnd2rnd", "bert2rnd", "rnd2bert", "bert2bert", "bertshare", "robertashare", "rnd2gpt", "bert2gpt", "roberta2gpt",
    "pair", "pretrained",
]  # fmt: skip
BUILT_PLANS = ("rnd2rnd", "bert2rnd", "rnd2bert", "bert2bert", "bertshare")


class ModelOptions(Options):
    """The section `model` of a recipe."""

    plan: PlanName = Field("bert2bert", description="How the model is warm-started; the names of Rothe et al. 2020.")
    encoder: str | None = Field(
        None,
        validate_default=True,
        description="Hub name or folder; random parts take their shape and vocabulary from it.",
    )
    decoder: str | None = Field(None, description="Hub name or folder; left out: the encoder's.")
    share: bool = Field(False, description="For plan pair: one set of layer parameters for both sides.")
    checkpoint: str | None = Field(None, description="For plan pretrained: an encoder-decoder to train on.")
    dropout: float | None = Field(None, ge=0, lt=1, description="null keeps the checkpoint's own.")

    @field_validator("plan")
    @classmethod
    def _refuse_what_is_not_built(cls, plan: str) -> str:
        if plan not in BUILT_PLANS:
            raise ValueError(f"this version builds {', '.join(BUILT_PLANS)}; plan {plan!r} is not built yet")
        return plan

    @field_validator("encoder")
    @classmethod
    def _require_encoder(cls, encoder: str | None) -> str | None:
        if encoder is None:
            raise ValueError("every plan needs one, a hub name or a folder")
        return encoder

    @field_validator("share")
    @classmethod
    def _refuse_share(cls, share: bool) -> bool:
        if share:
            raise ValueError("is for plan pair alone; bertshare shares by itself")
        return share

    @field_validator("checkpoint")
    @classmethod
    def _refuse_checkpoint(cls, checkpoint: str | None) -> str | None:
        if checkpoint is not None:
            raise ValueError("is for plan pretrained alone, which is not built yet; set model.encoder")
        return checkpoint
