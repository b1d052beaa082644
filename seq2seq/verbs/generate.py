"""Texts written for a list or a stream."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, overload

from ..base.signatures import takes_options
from ..checkpoints.folder import Checkpoint
from ..engines.exported import ExportedModel
from ..engines.options import GenerationChoice
from ..generation.generator import Generator
from ..generation.loading import load_generator
from .generate_file import report_odd

# What `generate` and the task functions take: a name, or what is loaded.
Model = str | Path | Checkpoint | ExportedModel | Generator


@overload
def generate(
    checkpoint: Model,
    texts: Sequence[str],
    **given: Any,
) -> list[str]: ...


@overload
def generate(
    checkpoint: Model,
    texts: Iterator[str],
    **given: Any,
) -> Iterator[str]: ...


@overload
def generate(
    checkpoint: Model,
    texts: Iterable[str],
    **given: Any,
) -> list[str] | Iterator[str]: ...


@takes_options(GenerationChoice)
def generate(
    checkpoint: Model,
    texts: Iterable[str],
    **given: Any,
) -> list[str] | Iterator[str]:
    """Writes one output for each text, in order; an empty text gives an empty output.

    A list gives a list. An iterator gives an iterator, which reads a window of 1,024 texts at a time; see
    `Generator.stream` for other windows. Texts of a list that were truncated or mended are counted on standard error.
    Options left out are the checkpoint's own.

    Example: generate("runs/quickstart", ["Tom sold the lamp. It was old."], num_beams=4, max_target_tokens=64)

    Args:
        checkpoint: a run folder, a checkpoint folder or a hub name; or what `load_checkpoint` or `load_generator` gave.

    Raises:
        CheckpointError, GenerationError: as `load_generator`; or an entry is no string.
    """
    generator = load_generator(checkpoint, **given)
    if isinstance(texts, Iterator):
        return generator.stream(texts)
    generated = generator.generate(texts)
    report_odd(generated.count_odd(), generator.max_source_tokens)
    return generated.texts
