"""What a run measures on its validation data: the loss, what the sources are worth, and scores of texts it writes.

A few of those texts are shown; where none are scored, they are written for that, by the main process alone.
"""

import math
from collections.abc import Iterator, Mapping, Sequence

import torch
from accelerate import Accelerator

from ..base.console import errors
from ..base.errors import GenerationError
from ..base.memory import is_out_of_memory
from ..data.encoding import EncodedExamples
from ..data.examples import show_sources
from ..data.loader import fixed_micro_batches
from ..data.survey import space_evenly
from ..generation.scoring import score_predictions
from ..metrics.options import EvaluationOptions
from ..modeling.token_loss import TokenLossModel
from ..recipe.recipe import Recipe
from ..reports.source_gain import format_source_gain, is_unread
from ..reports.validation_samples import ValidationSample
from ..training.execution import run_uncompiled
from ..training.sharding import gather_model
from ..training.tf32 import multiplying_by_tf32
from ..training.validation import compute_source_gain, compute_validation_loss
from .outputs import OutputWriter
from .preparation import PreparedModel
from .splits import TextData
from .start import Start

GAIN_PAIRS = 128  # of the validation set, which the source gain is measured on
# How samples are written where nothing else is: cheaply, and without a draw.
GREEDY = {"num_beams": 1, "num_outputs": 1, "sampling": False, "scores": False}


class Validation:
    """The validations of a run; every process holds one, and all measure at once.

    source_gain: of the last validation; None before the first, and where the recipe asks for no loss.
    samples: of the last validation, on the main process; none where they cannot be written.
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
        self.samples: list[ValidationSample] = []
        self._sampled_rows = self._choose_rows()
        # Read now, so that a run of days may outlive its files.
        self._sampled = data.read_rows(self._sampled_rows)
        self._most_tokens: int | None = None

    def measure(self) -> dict[str, float]:
        """The recipe's validation metrics, and the source gain beside the loss; the same on every process."""
        options = self.recipe.training
        with self.prepared.apply_averages(), run_uncompiled(options.compile):
            model = gather_model(self.start.model, self.accelerator.device)
            values: dict[str, float] = {}
            if "loss" in options.validation_metrics:
                with multiplying_by_tf32(options.tf32):
                    values["loss"], self.source_gain = self._measure_losses(model)
            text_metrics = tuple(metric for metric in options.validation_metrics if metric != "loss")
            texts: Sequence[str] = ()
            if text_metrics:
                texts = self._write_texts(model)
                values |= self._score_texts(texts, text_metrics)
            # What is not finite ends the run; its outputs would tell nothing.
            is_finite = all(map(math.isfinite, values.values()))
            self.samples = self._collect_samples(model, texts) if is_finite else []
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

    def _write_texts(self, model: TokenLossModel) -> list[str]:
        """Outputs for the first pairs, as many as the recipe says."""
        examples = self.data.examples[: self.recipe.training.validation_texts]
        sources = [example.source for example in examples]
        # Metrics read the best output alone: what else the recipe asks for would be written and thrown away.
        only_best = self.recipe.generation.model_copy(update={"num_outputs": 1, "scores": False})
        return self.outputs.write(model, sources, only_best).texts

    def _score_texts(self, texts: Sequence[str], metrics: tuple[str, ...]) -> Mapping[str, float]:
        evaluation = self.evaluation.model_copy(update={"metrics": metrics})
        shown = show_sources(self.data.examples[: len(texts)], self.data.split.source)
        return score_predictions(shown, texts, evaluation).values

    def _choose_rows(self) -> list[int]:
        """Evenly spaced rows of those that texts are written for: of sorted data, not its beginning alone."""
        options = self.recipe.training
        pairs = len(self.data.encoded)
        return space_evenly(min(pairs, options.validation_texts or pairs), options.validation_samples).tolist()

    def list_samples(self) -> list[ValidationSample]:
        """Those of the last validation, on the main process."""
        return self.samples

    def _collect_samples(self, model: TokenLossModel, texts: Sequence[str]) -> list[ValidationSample]:
        """Samples from the same pairs at every validation.

        Args:
            texts: what was written for the first pairs already; where that is nothing, samples are written greedily.
        """
        if not self.accelerator.is_main_process:
            return []
        outputs = [texts[row] for row in self._sampled_rows] if texts else self._write_greedily(model)
        shown = show_sources(self._sampled[: len(outputs)], self.data.split.source)
        samples = []
        for example, output in zip(shown, outputs, strict=True):
            samples.append(ValidationSample(example.source, example.references[0], output))
        return samples

    def _write_greedily(self, model: TokenLossModel) -> list[str]:
        """Outputs of the main process alone; none, and none from then on, where it cannot write them.

        A run without test data may have come here without being able to, and goes on.
        """
        greedy = self.recipe.generation.model_copy(update=GREEDY)
        sources = [example.source for example in self._sampled]
        try:
            return self.outputs.write_alone(model, sources, greedy).texts if sources else []
        except (GenerationError, RuntimeError, MemoryError) as error:
            if not isinstance(error, GenerationError) and not is_out_of_memory(error):
                raise
            reason = str(error)
        # Behind the block, as in `_measure_losses`.
        self._sampled_rows = []
        self._sampled = []
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        errors().print(f"Validation at step {self.start.state.step}: from here on no samples are written. {reason}")
        return []

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
