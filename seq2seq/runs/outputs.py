"""Texts that a run writes with its model, by all of its processes: for validation, and for data.test at its end."""

from collections.abc import Sequence
from typing import Any

from accelerate import Accelerator

from ..engines.options import GenerationOptions
from ..engines.transformers import TransformersEngine
from ..generation.generator import Generated, Generator
from ..modeling.token_loss import TokenLossModel
from ..processes.group import generate_in_processes
from ..sources.source import Source
from .start import Start


class OutputWriter:
    """Writes texts as the run's own sources are read: with its tokenizers, framing and limit."""

    def __init__(self, start: Start, source: Source, accelerator: Accelerator) -> None:
        self.start = start
        self.source = source
        self.accelerator = accelerator

    def write(self, model: TokenLossModel, sources: Sequence[Any], options: GenerationOptions) -> Generated:
        """Outputs of a model, each process writing its share, all of them in order everywhere."""
        generator = self._build_generator(model, options)
        return generate_in_processes(self.accelerator, generator, sources)

    def write_alone(self, model: TokenLossModel, sources: Sequence[Any], options: GenerationOptions) -> Generated:
        """Outputs of a model, written by the process that calls this."""
        return self._build_generator(model, options).generate(sources)

    def _build_generator(self, model: TokenLossModel, options: GenerationOptions) -> Generator:
        model.to(self.accelerator.device)
        return Generator(
            TransformersEngine(model, source=self.source),
            self.source,
            self.start.tokenizers,
            self.start.framing,
            options,
            is_prepared=True,
        )
