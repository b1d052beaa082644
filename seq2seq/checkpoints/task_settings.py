"""Prompts and options that a published checkpoint names for a task, in `task_specific_params` of its config.json.

T5 writes summaries behind "summarize: " and translations behind "translate English to German: ". Keys are those of the
pipelines of transformers 4: summarization, translation_en_to_de.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

from transformers import GenerationConfig

from ..base.errors import CheckpointError
from ..base.files import load_json
from ..text.tokenizers import encode_texts
from .folder import CONFIG_FILE, Checkpoint
from .published import read_generation_options

TRANSLATION = "translation_"


def find_task_settings(
    folder: Path, task: str, source_language: str | None, target_language: str | None
) -> dict[str, Any] | None:
    """What a published folder says about a task; None where it says nothing.

    Raises:
        CheckpointError: it translates by prompts, and not between these languages; or what it says is no mapping.
    """
    listed = load_json(folder / CONFIG_FILE).get("task_specific_params") or {}
    if not isinstance(listed, dict) or not all(isinstance(settings, dict) for settings in listed.values()):
        raise CheckpointError(
            f"{folder / CONFIG_FILE}: expected task_specific_params to hold the settings of each task by its name, "
            f"found {str(listed)[:80]}. Mend it, or take it out."
        )
    if task != "translation":
        return listed.get(task)
    prompted = [key for key, settings in listed.items() if key.startswith(TRANSLATION) and settings.get("prefix")]
    key = f"{TRANSLATION}{source_language}_to_{target_language}"
    if prompted and key not in prompted:
        pairs = ", ".join(name.removeprefix(TRANSLATION).replace("_to_", " to ") for name in prompted)
        raise CheckpointError(
            f"{folder} translates by prompts, {pairs}. Set source_language and target_language to one of these pairs "
            f"(found: {source_language} to {target_language})."
        )
    return listed.get(key)


def apply_task_settings(checkpoint: Checkpoint, settings: dict[str, Any]) -> Checkpoint:
    """The same checkpoint with the prompt in front of every source, and the options for those of the checkpoint."""
    prompt = encode_texts(checkpoint.tokenizers.source, [settings.get("prefix", "").strip()])[0]
    framing = replace(checkpoint.framing, source_prefix=(*checkpoint.framing.source_prefix, *prompt))
    named = GenerationConfig(**{name: value for name, value in settings.items() if name != "prefix"})
    description = replace(
        checkpoint.description,
        framing=framing.to_dict(),
        generation=checkpoint.description.generation | read_generation_options(named),
    )
    return replace(checkpoint, framing=framing, description=description)
