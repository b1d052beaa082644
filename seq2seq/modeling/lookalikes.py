"""What is taken for a checkpoint and is none, told by the names of its files, and what to do to get one.

Reads no weights. Knows how trainers and formats of others lay out their folders.
"""

import json
import re
from pathlib import Path
from typing import Any

from ..base.near_paths import find_near_path
from ..run_folder.folder import RunFolder

TRAINER_STEP = re.compile(r"checkpoint-(\d+)")
TRAINER_STATE = "trainer_state.json"
ADAPTER = "adapter_config.json"
SENTENCE_TRANSFORMER = "modules.json"
WEIGHTS = ("model*.safetensors", "pytorch_model*.bin", ADAPTER)  # of transformers, or in place of them
SAVE = "Load it with transformers and write it with save_pretrained(FOLDER)"

# The ending of a file, and what to do with it.
_FILES = {
    ".gguf": "It is weights for programs in C++, which cannot be trained on or read here. Give the checkpoint that it "
    "was made from.",
    ".ckpt": "It is a checkpoint of PyTorch Lightning or TensorFlow. Load it there, and write its transformers model "
    "with save_pretrained(FOLDER).",
    ".pt": "It is a pickle of weights alone, of fairseq, OpenNMT or another toolkit. Convert it to a folder of "
    "transformers, with config.json.",
    ".pth": "It is a pickle of weights alone. Convert it to a folder of transformers, with config.json.",
    ".npz": "It is weights of another toolkit, or of JAX. Convert it to a folder of transformers, with config.json.",
    ".onnx": "It is a graph for ONNX Runtime, which cannot be trained on. Give the checkpoint that it was made from.",
    ".h5": "It is weights for TensorFlow. Load them with from_tf=True in a transformers that has it (4.x), and write "
    "them with save_pretrained(FOLDER).",
    ".msgpack": "It is weights for Flax. Load them with from_flax=True in a transformers that has it (4.x), and write "
    "them with save_pretrained(FOLDER).",
    ".zip": "Unpack it, and give the folder.",
    ".gz": "Unpack it, and give the folder.",
    ".tar": "Unpack it, and give the folder.",
}
_RECIPES = (".yaml", ".yml")
_WEIGHTS = (".safetensors", ".bin", ".json")


def find_advice(path: Path) -> str | None:
    """What to give in place of a path that leads to no checkpoint: a sentence or two; None where nobody can tell."""
    if path.is_file():
        return _find_file_advice(path)
    if path.is_dir():
        return _find_folder_advice(path)
    near = find_near_path(path, Path.is_dir)
    return None if near is None else f"Did you mean {near}?"


def _find_file_advice(path: Path) -> str | None:
    ending = path.suffix.lower()
    if ending in _WEIGHTS and (path.parent / "config.json").exists():
        return f"A checkpoint is a folder: give {path.parent}."
    if ending in _WEIGHTS:
        return "A checkpoint is a folder, with config.json and a tokenizer beside the weights. Give that."
    if ending in _RECIPES:
        output = re.search(r"^output:\s*['\"]?([^'\"#\n]+)", path.read_text(encoding="utf-8", errors="replace"), re.M)
        trained = f", {output[1].strip()}" if output else ""
        return f"It is a recipe; give the run folder that `seq2seq train {path}` writes{trained}."
    return _FILES.get(ending)


def _find_folder_advice(folder: Path) -> str | None:
    trainer = _find_trainer_advice(folder)
    if trainer is not None:
        return trainer
    if (folder / ADAPTER).exists():
        return _format_adapter_advice(folder)
    if (folder / SENTENCE_TRANSFORMER).exists():
        return _find_sentence_transformer_advice(folder)
    run = RunFolder(folder)
    if run.exists() and run.checkpoints.exists():
        return f"It is a run folder: model.plan=pretrained takes it as model.checkpoint={folder}."
    for ending, advice in _FILES.items():
        found = sorted(folder.glob(f"*{ending}"))
        if found:
            return f"It holds {found[0].name}. {advice}"
    return None


def _find_trainer_advice(folder: Path) -> str | None:
    """For the folder of transformers' Trainer, whose checkpoints lie inside it."""
    matches = [TRAINER_STEP.fullmatch(path.name) for path in folder.iterdir() if path.is_dir()]
    steps = sorted(int(match[1]) for match in matches if match)
    if not steps or any(next(folder.glob(pattern), None) for pattern in WEIGHTS):
        return None
    newest = folder / f"checkpoint-{steps[-1]}"
    best = _find_best(folder, newest)
    also = "" if best in (None, newest) else f" or {best}, its best"
    return f"It is a folder of transformers' Trainer: give the checkpoint inside, {newest}, its newest{also}."


def _find_best(folder: Path, newest: Path) -> Path | None:
    """The best checkpoint that a Trainer recorded, where it is still there; its folder may have been moved since."""
    for state in (newest / TRAINER_STATE, folder / TRAINER_STATE):
        recorded = _read_json(state).get("best_model_checkpoint")
        if isinstance(recorded, str):
            best = folder / Path(recorded).name
            return best if best.is_dir() else None
    return None


def _format_adapter_advice(folder: Path) -> str:
    base = _read_json(folder / ADAPTER).get("base_model_name_or_path")
    of = f" of {base}" if isinstance(base, str) and base else ""
    return (
        f"It is an adapter of PEFT{of}, not a model: merge the adapter, with merge_and_unload() and then "
        "save_pretrained(FOLDER) of model and tokenizer, and give that folder."
    )


def _find_sentence_transformer_advice(folder: Path) -> str | None:
    """For a folder of sentence-transformers that keeps its model in another folder."""
    if (folder / "config.json").exists():
        return None  # most keep it at the top
    inner = sorted(path.parent for path in folder.glob("*/config.json") if "Transformer" in path.parent.name)
    if inner:
        return f"It is a folder of sentence-transformers: give the model inside, {inner[0]}."
    return f"It is a folder of sentence-transformers without a transformer. {SAVE}."


def _read_json(path: Path) -> dict[str, Any]:
    """What a file of others says; nothing where it is missing or broken, as it is for a hint alone."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}
