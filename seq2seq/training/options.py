"""What a recipe says about training. Imports no torch."""

import math
from collections.abc import Iterator
from typing import Annotated, Any, Literal, get_args

from pydantic import Field, ValidationInfo, field_validator

from ..base.options import MOST, Options, Strings, require_field_name
from ..metrics.options import check_metrics
from ..metrics.table import find_metric
from ..warmstart.options import LearningRateGroup
from .objectives.options import ObjectiveOptions

SMALLEST_RATE = 1e-30
LARGEST_RATE = 1000
LearningRate = Annotated[float, Field(ge=SMALLEST_RATE, le=LARGEST_RATE)]
Steps = Annotated[int, Field(ge=0, le=MOST)]
PositiveSteps = Annotated[int, Field(gt=0, le=MOST)]
AveragingFactor = Annotated[float, Field(ge=0, lt=1)]
Precision = Literal["auto", "fp32", "bf16", "fp16"]
FreezablePart = Literal["embeddings", "encoder", "decoder", "cross_attention", "output"]  # modeling/parts.py's Part

# Options that must be over before the last step: what would never come else, and what to do.
_NEVER = {
    "warmup_steps": ("the peak rate would never be used", "warm up for fewer"),
    "warmups": ("the peak rate would never be used", "warm up for fewer"),
    "freeze": ("the part would never be trained", "give null if that is meant"),
    "embeddings_only_steps": ("the rest would never be trained", "freeze the other parts with null if that is meant"),
}


class TrainingOptions(Options):
    """The section `training` of a recipe."""

    batch_examples: int | None = Field(
        None,
        gt=0,
        le=MOST,
        description="How many pairs a step learns from, over all processes; where neither this nor batch_tokens is "
        "given, 256.",
    )
    batch_tokens: int | None = Field(
        None,
        gt=0,
        le=MOST,
        description="How many real source and target tokens a step learns from, over all processes, in place of "
        "batch_examples.",
    )
    length_window: int = Field(
        50,
        gt=0,
        le=MOST,
        description="How many batches are sorted by length together, so that little is padding; 1 is a plain random "
        "order.",
    )
    micro_batch_tokens: int = Field(
        8192,
        gt=0,
        le=MOST,
        description="How much one process holds at once, by which memory is bounded: examples x (longest source + "
        "longest target). It changes nothing but rounding, and the masks of dropout.",
    )
    max_steps: int | None = Field(
        None, gt=0, le=MOST, description="How many optimizer updates the run makes; or give max_epochs."
    )
    max_epochs: int | None = Field(
        None,
        gt=0,
        le=MOST,
        validate_default=True,
        description="How often the run goes through the training data; or give max_steps.",
    )
    learning_rate: float = Field(
        5.0e-5, ge=SMALLEST_RATE, le=LARGEST_RATE, description="The learning rate at its peak, after warm-up."
    )
    learning_rates: dict[LearningRateGroup, LearningRate] = Field(
        default_factory=dict,
        description="The rates at their peaks by where the parameters came from, in place of learning_rate. Where "
        "several names fit, the first of cross_attention, random, decoder and encoder rules.",
    )
    warmup_steps: int = Field(0, ge=0, le=MOST, description="How many steps the rate rises from zero to its peak.")
    warmups: dict[LearningRateGroup, Steps] = Field(
        default_factory=dict,
        description="How many steps the rates rise by where the parameters came from, in place of warmup_steps; each "
        "origin then has the schedule of its own warm-up. Origins are those of learning_rates.",
    )
    layer_decay: float = Field(
        1.0,
        ge=0.001,
        le=1,
        description="The factor on the peak from each layer to the one below, for parameters of origin encoder and "
        "decoder alone: the top layer of a side has its full peak, and tables and what else stands below the first "
        "layer one factor less than that layer. Random parameters and cross-attention, which are new, keep theirs.",
    )
    freeze: dict[FreezablePart, PositiveSteps | None] = Field(
        default_factory=dict,
        description="For how many of the first steps a part of the model (as origin.json names them) is not trained; "
        "null is for the whole run. A shared parameter is of the part of its first name: the encoder's, where the "
        "decoder shares it, and embeddings, where a table of words is the output layer too. Rates run on meanwhile.",
    )
    embeddings_only_steps: int = Field(
        0,
        ge=0,
        le=MOST,
        description="For how many of the first steps the tables of words alone are trained, as a new vocabulary needs.",
    )
    schedule: Literal["linear", "inverse_square_root", "cosine", "constant"] = Field(
        "linear",
        description="How the rate falls after warm-up: linear and cosine to zero, which the step after the last would "
        "have, inverse_square_root by the root of the steps, constant not at all.",
    )
    weight_decay: float = Field(
        0.01, ge=0, le=100, description="The weight decay of AdamW on matrices; biases and layer norms have none."
    )
    adam_betas: tuple[AveragingFactor, AveragingFactor] = Field(
        (0.9, 0.999),
        strict=False,
        description="The factors by which AdamW averages gradients and their squares from step to step.",
    )
    objective: ObjectiveOptions = Field(ObjectiveOptions(), description="What training minimises.")
    label_smoothing: float = Field(
        0.0, ge=0, lt=1, description="The share of a target's probability that is spread over the whole vocabulary."
    )
    max_gradient_norm: float | None = Field(
        1.0, ge=1e-9, le=1e9, description="The norm that longer gradients are scaled down to; null scales none."
    )
    precision: Precision = Field(
        "auto",
        description="The precision of products; weights stay in fp32. auto is bf16 where every process has it in "
        "hardware and the model is wide enough to gain, else fp32; it is settled as a run begins, and recorded. fp16 "
        "scales the loss and needs a GPU.",
    )
    tf32: bool = Field(
        False,
        description="Whether fp32 products are by TF32 on a CUDA GPU while the run trains, and for the loss of its "
        "validations: several times as fast, with 10 bits of a fraction in place of 23. Texts and scores are not.",
    )
    threads: int | None = Field(
        None,
        gt=0,
        le=10_000,
        description="The threads of each process on a CPU; null takes OMP_NUM_THREADS, or else one for each core that "
        "others leave free. A resumed run takes those that it had, since another number rounds differently.",
    )
    gradient_checkpointing: bool = Field(
        False,
        description="Whether each layer is computed again on the way back in place of being kept, which takes less "
        "memory and more time.",
    )
    compile: bool = Field(
        False,
        description="Whether torch.compile makes every layer faster; the first steps then take a minute more. "
        "Micro-batches of texts are filled up to at most 64 shapes.",
    )
    sharding: Literal["none", "fsdp"] = Field(
        "none",
        description="How the model is spread over processes: with none each holds all of it, with fsdp its slice of "
        "weights, gradients and optimizer state.",
    )
    trackers: Strings = Field(
        (),
        description="The trackers that are told the figures too, by Accelerate's names, such as wandb, or tensorboard, "
        "whose files stand in the run folder.",
    )
    max_skipped_steps: int = Field(
        5,
        ge=0,
        le=MOST,
        description="How many steps in a row without a finite loss and gradient are skipped before the run gives up.",
    )
    log_every_steps: int = Field(
        10, gt=0, le=MOST, description="How many steps a line of progress.jsonl averages over."
    )
    checkpoint_every_steps: int = Field(
        1000,
        gt=0,
        le=MOST,
        description="How many steps there are from one checkpoint to the next; the last step and a new best have one "
        "too.",
    )
    checkpoint_every_minutes: float | None = Field(
        15.0,
        gt=0,
        le=1_000_000,
        description="After how many minutes without a checkpoint the run saves a rescue point, which --resume goes on "
        "from. There is one at most: the next checkpoint or rescue point replaces it, and keep_checkpoints does not "
        "count it. null saves none.",
    )
    keep_checkpoints: int = Field(
        3, gt=0, le=MOST, description="How many of the newest checkpoints are kept; the best is kept besides."
    )
    validate_every_steps: int = Field(
        1000,
        gt=0,
        le=MOST,
        description="How many steps there are from one validation to the next; the last step has one too.",
    )
    validation_metrics: Strings = Field(
        ("loss",),
        description="What a validation measures: loss, or metrics, for which it writes texts. The first names the best "
        "checkpoint.",
    )
    validation_texts: int | None = Field(
        500,
        gt=0,
        le=MOST,
        description="How many of the validation pairs, from the first on, texts are written for; null is all.",
    )
    validation_samples: int = Field(
        3,
        ge=0,
        le=100,
        description="How many validation pairs, the same at every validation, are shown with the model's outputs, on "
        "the console and in progress.jsonl; where no metric needs texts, they are written greedily. 0 shows none.",
    )
    early_stopping: int | None = Field(
        None,
        gt=0,
        le=MOST,
        description="After how many validations in a row without a better first metric the run ends; null is never.",
    )
    early_stopping_min_improvement: float = Field(
        0.0,
        ge=0,
        le=1e6,
        description="How much better the first metric must get, in its own unit, for early_stopping to count it.",
    )
    ema_decay: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="The decay of a moving average of the weights, which is then validated and saved, while the "
        "optimizer goes on from the weights themselves. At update t it is min(ema_decay, (1 + t) / (10 + t)); 0.999 is "
        "a common choice, and null keeps no average.",
    )

    @field_validator("sharding")
    @classmethod
    def _check_sharding(cls, sharding: str, info: ValidationInfo) -> str:
        if sharding == "fsdp" and info.data.get("precision") == "fp16":
            raise ValueError("the loss scaling of fp16 does not know sharded gradients; set precision to bf16")
        return sharding

    @field_validator("batch_tokens")
    @classmethod
    def _check_batch_size(cls, batch_tokens: int | None, info: ValidationInfo) -> int | None:
        if batch_tokens is not None and info.data.get("batch_examples") is not None:
            raise ValueError("give either batch_examples or batch_tokens; set the other to null")
        return batch_tokens

    @field_validator("max_epochs")
    @classmethod
    def _check_length(cls, max_epochs: int | None, info: ValidationInfo) -> int | None:
        if "max_steps" in info.data and (info.data["max_steps"] is None) == (max_epochs is None):
            raise ValueError("give either max_steps or max_epochs; set the other to null")
        return max_epochs

    @field_validator(*_NEVER)
    @classmethod
    def _check_steps(cls, value: int | dict[str, int | None], info: ValidationInfo) -> int | dict[str, int | None]:
        name = require_field_name(info)
        for key, steps in _list_late_steps(name, value, info.data.get("max_steps") or math.inf):
            never, advice = _NEVER[name]
            named = "" if key == name else f"{key} is {steps}; "
            raise ValueError(f"{named}with {info.data['max_steps']} steps in all, {never}; {advice}")
        return value

    @field_validator("freeze")
    @classmethod
    def _check_freeze(cls, freeze: dict[str, int | None]) -> dict[str, int | None]:
        if set(freeze) == set(get_args(FreezablePart)):
            raise ValueError("every part of the model is frozen at the first step; leave one out")
        return freeze

    @field_validator("embeddings_only_steps")
    @classmethod
    def _check_embeddings_only(cls, steps: int, info: ValidationInfo) -> int:
        if steps and "embeddings" in info.data.get("freeze", ()):
            raise ValueError("training.freeze freezes the embeddings at the first step too; leave one of both out")
        return steps

    @field_validator("validation_metrics")
    @classmethod
    def _check_metrics(cls, metrics: tuple[str, ...]) -> tuple[str, ...]:
        if not metrics:
            raise ValueError("name at least one, for instance [loss]")
        check_metrics(metrics, also=("loss",))
        first = metrics[0]
        if first != "loss" and find_metric(first).better is None:
            raise ValueError(f"no value of {first} is better than another; name one first that can choose a checkpoint")
        return metrics

    @field_validator("early_stopping_min_improvement")
    @classmethod
    def _check_early_stopping(cls, least: float, info: ValidationInfo) -> float:
        if least and info.data.get("early_stopping") is None:
            raise ValueError("has no meaning without early_stopping; set that too")
        return least

    @property
    def batch_size(self) -> dict[str, int]:
        """The one of batch_examples and batch_tokens that holds, 256 pairs where neither is given."""
        if self.batch_tokens is not None:
            return {"batch_tokens": self.batch_tokens}
        return {"batch_examples": self.batch_examples or 256}

    def list_late_steps(self, max_steps: int) -> Iterator[tuple[str, int, str, str]]:
        """The options that a run of `max_steps` steps leaves no time for: key, steps, what would never come, advice."""
        for option, (never, advice) in _NEVER.items():
            for key, steps in _list_late_steps(option, getattr(self, option), max_steps):
                yield key, steps, never, advice


def _list_late_steps(option: str, value: Any, max_steps: float) -> list[tuple[str, int]]:
    """The keys of an option, with their steps, that are not over before the last step."""
    by_key = {f"{option}.{key}": steps for key, steps in value.items()} if isinstance(value, dict) else {option: value}
    return [(key, steps) for key, steps in by_key.items() if steps is not None and steps >= max_steps]
