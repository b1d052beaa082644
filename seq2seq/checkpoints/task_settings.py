"""Prompts and options that a published checkpoint names for a task, in `task_specific_params` of its config.json.

T5 writes summaries behind "summarize: " and translations behind "translate English to German: ". Keys are those of the
pipelines of transformers 4: summarization, translation_en_to_de.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

from ..base.errors import CheckpointError
from ..base.files import load_json
from ..modeling.generation_config import read_marks
from ..text.tokenizers import encode_texts
from .folder import CONFIG_FILE, Checkpoint, find_longest
from .published_generation import read_published_generation, sort_settings

TRANSLATION = "translation_"


def find_task_settings(
    folder: Path,
    task: str,
    source_language: str | None,
    target_language: str | None,
) -> dict[str, Any] | None:
    """What a published folder says about a task; None where it says nothing.

    Raises:
        CheckpointError: it translates by prompts, and not between these languages; or what it says is no mapping.
    """
    listed = _load_settings(folder / CONFIG_FILE)
    if task != "translation":
        return listed.get(task)
    prompted = []
    for key, settings in listed.items():
        if key.startswith(TRANSLATION) and settings.get("prefix"):
            prompted.append(key)
    key = f"{TRANSLATION}{source_language}_to_{target_language}"
    if prompted and key not in prompted:
        names = [name.removeprefix(TRANSLATION).replace("_to_", " to ") for name in prompted]
        pairs = ", ".join(names)
        raise CheckpointError(
            f"{folder} translates by prompts, {pairs}. Set source_language and target_language to one of these pairs "
            f"(found: {source_language} to {target_language})."
        )
    return listed.get(key)


def _load_settings(config_file: Path) -> dict[str, dict]:
    """The settings of every task that a config names."""
    listed = load_json(config_file).get("task_specific_params") or {}
    is_whole = isinstance(listed, dict) and all(isinstance(settings, dict) for settings in listed.values())
    if not is_whole:
        raise CheckpointError(
            f"{config_file}: expected task_specific_params to hold the settings of each task by its name, "
            f"found {str(listed)[:80]}. Mend it, or take it out."
        )
    return listed


def apply_task_settings(checkpoint: Checkpoint, settings: dict[str, Any]) -> Checkpoint:
    """The same checkpoint with the prompt in front of every source, and the options for those of the checkpoint.

    Rules about tokens are set in its model.

    Raises:
        CheckpointError: the settings contradict each other, or are not what transformers reads.
    """
    prefix = settings.get("prefix", "").strip()
    prompt = encode_texts(checkpoint.tokenizers.source, [prefix])[0]
    source_prefix = (*checkpoint.framing.source_prefix, *prompt)  # behind the marks, where the source begins
    framing = replace(checkpoint.framing, source_prefix=source_prefix)
    where = f"{checkpoint.folder}: task_specific_params of {CONFIG_FILE}"
    options = {name: value for name, value in settings.items() if name != "prefix"}
    generation = sort_settings(options, where)
    generation.check_rows(len(checkpoint.model.get_output_embeddings().weight))
    own = {name: value for name, value in read_marks(generation.own).items() if value is not None}
    checkpoint.model.generation_config.update(**own)
    chosen = checkpoint.description.generation | generation.options
    if "max_target_tokens" not in read_published_generation(checkpoint.folder).options | generation.options:
        chosen["max_target_tokens"] = find_longest(checkpoint.model, chosen)
    description = replace(
        checkpoint.description,
        framing=framing.to_dict(),
        generation=chosen,
    )
    kept = [refusal for refusal in checkpoint.refused if refusal.name not in options]
    return replace(
        checkpoint,
        framing=framing,
        description=description,
        refused=(*kept, *generation.refused),
    )
