"""What a run measures on its validation data: the loss, what the sources are worth, and scores of texts it writes."""

from collections.abc import Iterator, Mapping

import torch
from accelerate import Accelerator

from ..base.console import errors
from ..data.encoding import EncodedExamples
from ..data.examples import show_sources
from ..data.loader import fixed_micro_batches
from ..generation.scoring import score_predictions
from ..metrics.options import EvaluationOptions
from ..modeling.token_loss import TokenLossModel
from ..recipe.recipe import Recipe
from ..reports.source_gain import format_source_gain, is_unread
from ..training.execution import run_uncompiled
from ..training.sharding import gather_model
from ..training.validation import compute_source_gain, compute_validation_loss
from .outputs import OutputWriter
from .preparation import PreparedModel
from .splits import TextData
from .start import Start

GAIN_PAIRS = 128  # of the validation set, which the source gain is measured on


class Validation:
    """The validations of a run; every process holds one, and all measure at once.

    source_gain: of the last validation; None before the first, and where the recipe asks for no loss.
    """

    def __init__(
        self,
        recipe: Recipe,
        start: Start,
        data: TextData,
        prepared: PreparedModel,
        outputs: OutputWriter,
        evaluation: EvaluationOptions,
        accelerator: Accelerator,
    ) -> None:
        self.recipe = recipe
        self.start = start
        self.data = data
        self.prepared = prepared
        self.outputs = outputs
        self.evaluation = evaluation
        self.accelerator = accelerator
        self.source_gain: float | None = None
        self._most_tokens: int | None = None

    def measure(self) -> dict[str, float]:
        """The recipe's validation metrics, and the source gain beside the loss; the same on every process."""
        options = self.recipe.training
        with self.prepared.apply_averages(), run_uncompiled(options.compile):
            model = gather_model(self.start.model, self.accelerator.device)
            values: dict[str, float] = {}
            if "loss" in options.validation_metrics:
                values["loss"], self.source_gain = self._measure_losses(model)
            text_metrics = tuple(metric for metric in options.validation_metrics if metric != "loss")
            if text_metrics:
                values |= self._score_texts(model, text_metrics)
        figures = {metric: values[metric] for metric in options.validation_metrics}
        if self.source_gain is not None:
            figures["source_gain"] = self.source_gain
        return figures

    def _measure_losses(self, model: TokenLossModel) -> tuple[float, float | None]:
        """The loss, and what the sources are worth.

        Where memory runs out it is done again, in smaller batches: a validation changes nothing.

        Raises:
            MemoryError: memory does not hold the longest pair.
        """
        sources = self.data.encoded.sources.lengths
        targets = self.data.encoded.labels.lengths
        while True:
            try:
                return self._compute_loss(model), self._compute_source_gain(model)
            except MemoryError:
                if self.micro_batch_tokens <= (sources + targets).max():
                    raise
            # Behind the block, whose error holds on to what its batch was computed with.
            self._halve_micro_batches(at_most=len(sources) * int(sources.max() + targets.max()))

    def _halve_micro_batches(self, at_most: int) -> None:
        """Lets batches of several pairs be half as large as before, when no data made them larger than `at_most`."""
        self._most_tokens = min(self.micro_batch_tokens, at_most) // 2
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        if self.accelerator.is_main_process:
            errors().print(
                f"Validation at step {self.start.state.step}: memory ran out. From here on its batches of several "
                f"pairs have at most {self.micro_batch_tokens} tokens."
            )

    @property
    def micro_batch_tokens(self) -> int:
        """The most padded tokens of a batch of several pairs: what is left of them since memory ran out."""
        of_training = self.start.state.micro_batch_tokens or self.recipe.training.micro_batch_tokens
        return of_training if self._most_tokens is None else min(of_training, self._most_tokens)

    def _compute_loss(self, model: TokenLossModel) -> float:
        return compute_validation_loss(model, self._build_micro_batches(self.data.encoded), self.accelerator)

    def _compute_source_gain(self, model: TokenLossModel) -> float | None:
        """None where there is no pair of another source to exchange it with."""
        sides = self.data.encoded.exchange_sources(GAIN_PAIRS)
        if sides is None:
            return None
        pairs, exchanged = sides
        return compute_source_gain(
            model,
            self._build_micro_batches(pairs),
            self._build_micro_batches(exchanged),
            self.accelerator,
        )

    def _score_texts(self, model: TokenLossModel, metrics: tuple[str, ...]) -> Mapping[str, float]:
        examples = self.data.examples[: self.recipe.training.validation_texts]
        sources = [example.source for example in examples]
        # Metrics read the best output alone: what else the recipe asks for would be written and thrown away.
        only_best = self.recipe.generation.model_copy(update={"num_outputs": 1, "scores": False})
        predictions = self.outputs.write(model, sources, only_best).texts
        evaluation = self.evaluation.model_copy(update={"metrics": metrics})
        shown = show_sources(examples, self.data.split.source)
        return score_predictions(shown, predictions, evaluation).values

    def _build_micro_batches(self, encoded: EncodedExamples) -> Iterator[dict[str, torch.Tensor]]:
        return fixed_micro_batches(
            encoded,
            self.data.split.source.collate,
            micro_batch_tokens=self.micro_batch_tokens,
            process=self.accelerator.process_index,
            processes=self.accelerator.num_processes,
        )

    def warn_of_unread_sources(self) -> None:
        """Says so where the model has learned to write, but not to read."""
        if not self.accelerator.is_main_process:
            return
        if self.source_gain is not None and is_unread(self.source_gain):
            errors().print(f"The sources are {format_source_gain(self.source_gain, self.start.state.step)}")
