"""The model of a run made ready for the loop: on its device, sharded or equal everywhere, with optimizer and averages.

Everything of it that a checkpoint holds is put back here.
"""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
from accelerate import Accelerator
from accelerate.optimizer import AcceleratedOptimizer

from ..base.console import errors
from ..modeling.token_loss import TokenLossModel
from ..recipe.recipe import Recipe
from ..training.ema import WeightAverages, restore_weights
from ..training.execution import compile_layers, enable_gradient_checkpointing
from ..training.freezing import Freezing
from ..training.objectives.objective import Objective, ObjectiveContext
from ..training.objectives.table import find_objective
from ..training.optimizers import build_optimizer, restore_optimizer
from ..training.options import TrainingOptions
from ..training.replicas import broadcast_weights
from ..training.sharding import shard_model
from .start import Start


@dataclass(frozen=True)
class PreparedModel:
    """What the loop updates.

    optimizer: as Accelerate wraps it.
    averages: of the weights, None where the recipe asks for none.
    freezing: has begun with the next step.
    """

    model: TokenLossModel
    optimizer: AcceleratedOptimizer
    averages: WeightAverages | None
    freezing: Freezing

    def apply_averages(self) -> AbstractContextManager[dict[str, torch.Tensor]]:
        """The model holds the averages of its weights while the block runs, if the recipe asks for any.

        The block gets the weights that they stand in for.
        """
        if self.averages is None:
            return nullcontext({})
        return self.averages.applied()


def prepare_model(start: Start, options: TrainingOptions, accelerator: Accelerator) -> PreparedModel:
    """Model and optimizer as the loop uses them, in the state that the run starts with.

    Raises:
        TrainingError: what is to be frozen cannot be, or layers or processes do not fit the model.
    """
    model = start.model
    freezing = Freezing(model, options)
    # Before the optimizer is built: sharding replaces the parameters by slices.
    _place_model(model, options, accelerator)
    optimizer = build_optimizer(model, start.origin.learning_rate_groups(), options)
    restore_optimizer(optimizer, start.optimizer, freezing.list_frozen(start.state.last_update))
    averages = None if options.ema_decay is None else WeightAverages(model, options.ema_decay)
    # A checkpoint's model holds the averages, if there are any; training goes on from the weights beside it.
    if start.weights or (averages is not None and start.state.step > 0):
        restore_weights(model, start.weights)
    freezing.begin(start.state.step + 1)
    if accelerator.is_main_process:
        for line in freezing.list_spans():
            errors().print(line)
    return PreparedModel(
        # Not prepared by Accelerate, which would put autocast around every use: texts have a precision of their own.
        model=model,
        optimizer=accelerator.prepare_optimizer(optimizer),
        averages=averages,
        freezing=freezing,
    )


def build_objective(recipe: Recipe, start: Start, accelerator: Accelerator) -> Objective:
    """What the recipe's training minimises, with all that it needs."""
    options = recipe.training.objective
    context = ObjectiveContext(
        label_smoothing=recipe.training.label_smoothing,
        seed=recipe.seed,
        tokenizers=start.tokenizers,
        framing=start.framing,
        device=accelerator.device,
    )
    return find_objective(options.kind)(options.build_own(), context)


def _place_model(model: TokenLossModel, options: TrainingOptions, accelerator: Accelerator) -> None:
    """Brings a model to this process's device: its slice where the recipe shards, else all of the first one's weights.

    Raises:
        TrainingError: its layers cannot be compiled, checkpointed or shared out.
    """
    if options.gradient_checkpointing:
        enable_gradient_checkpointing(model)
    if options.compile:
        compile_layers(model)
    is_sharded = options.sharding == "fsdp"
    if is_sharded and accelerator.num_processes > 1:
        shard_model(model, accelerator.device, accelerator.num_processes, options.precision)
        return
    broadcast_weights(model.to(accelerator.device))
    if is_sharded:
        errors().print("training.sharding: a run of one process has nothing to share out; it holds all.")
