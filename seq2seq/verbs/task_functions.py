"""Texts written for the tasks by their names, in place of the pipelines that transformers 5 removed."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from ..base.errors import GenerationError
from ..base.signatures import takes_options
from ..checkpoints.description import find_description
from ..checkpoints.find import find_checkpoint
from ..checkpoints.folder import Checkpoint
from ..checkpoints.task_settings import apply_task_settings, find_task_settings
from ..engines.exported import ExportedModel
from ..engines.options import GenerationChoice
from ..generation.generator import Generator
from ..generation.loading import load_model
from ..recipe.task import TASKS
from .generate import Model, generate


@takes_options(GenerationChoice)
def summarize(
    checkpoint: Model,
    texts: Iterable[str],
    **given: Any,
) -> list[str] | Iterator[str]:
    """Writes a summary of each text; otherwise as `generate`.

    Published checkpoints that name a prompt and options for this task, such as T5's "summarize: ", get them.

    Example: summarize("facebook/bart-large-cnn", [article])

    Raises:
        CheckpointError, GenerationError: as `generate`; or the checkpoint was trained for another task.
    """
    return generate(_load_for("summarization", checkpoint), texts, **given)


@takes_options(GenerationChoice)
def split(
    checkpoint: Model,
    sentences: Iterable[str],
    **given: Any,
) -> list[str] | Iterator[str]:
    """Writes each sentence as several simple ones, in one text; otherwise as `generate`.

    Raises:
        CheckpointError, GenerationError: as `generate`; or the checkpoint was trained for another task.
    """
    return generate(_load_for("sentence_splitting", checkpoint), sentences, **given)


@takes_options(GenerationChoice)
def fuse(
    checkpoint: Model,
    texts: Iterable[str | Sequence[str]],
    **given: Any,
) -> list[str] | Iterator[str]:
    """Writes one sentence for each text of several, or for each list of sentences; otherwise as `generate`.

    Example: fuse("runs/quickstart", [["Tom sold the lamp.", "It was old."]])

    Raises:
        CheckpointError, GenerationError: as `generate`; or the checkpoint was trained for another task.
    """
    if isinstance(texts, str):
        raise GenerationError("Expected a list of texts, found one text. Put it into a list: [text].")
    joined = (" ".join(text) if _is_list_of_texts(text) else text for text in texts)
    model = _load_for("sentence_fusion", checkpoint)
    # By its type `generate` knows what to give back: a list for a list, else a stream.
    return generate(model, joined if isinstance(texts, Iterator) else list(joined), **given)


def _is_list_of_texts(value: Any) -> bool:
    """Whether these are sentences to be joined; what is neither that nor a text is named further on."""
    return isinstance(value, Sequence) and not isinstance(value, str) and all(isinstance(one, str) for one in value)


@takes_options(GenerationChoice)
def translate(
    checkpoint: Model,
    texts: Iterable[str],
    *,
    source_language: str | None = None,
    target_language: str | None = None,
    **given: Any,
) -> list[str] | Iterator[str]:
    """Writes a translation of each text; otherwise as `generate`.

    Example: translate("google-t5/t5-small", ["A red lamp."], source_language="en", target_language="de")

    Args:
        source_language, target_language: of a published checkpoint for several: codes of its tokenizer such as en_XX,
            or, where it asks for prompts as T5 does, those of its prompts such as en.

    Raises:
        CheckpointError, GenerationError: as `generate`; the checkpoint was trained for another task, or has not these
            languages.
        TokenizerError: its tokenizer has not these languages.
    """
    model = _load_for(
        "translation",
        checkpoint,
        source_language,
        target_language,
    )
    return generate(model, texts, **given)


def _load_for(
    task: str,
    model: Model,
    source_language: str | None = None,
    target_language: str | None = None,
) -> Checkpoint | ExportedModel | Generator:
    """A model for a task; a generator is taken as it is."""
    languages = {"source_language": source_language, "target_language": target_language}
    if isinstance(model, str | Path):
        folder = find_checkpoint(model)
        settings = None
        if find_description(folder) is None:
            settings = find_task_settings(folder, task, **languages)
        loaded = load_model(model) if settings else load_model(model, **languages)
        model = apply_task_settings(loaded, settings) if settings else loaded
    elif source_language is not None or target_language is not None:
        raise GenerationError("Languages are chosen while a model is loaded. Give its name, or load it with them.")
    if not isinstance(model, Generator) and model.description.task in set(TASKS) - {task}:
        raise GenerationError(
            f"{model.folder} was trained for {model.description.task}, not {task}. Use the function of that name, or "
            "seq2seq.generate."
        )
    return model
