"""A run folder made up from figures that tests know by heart; no training."""

import json
from pathlib import Path
from typing import Any

import yaml

from seq2seq.base.mappings import merge
from seq2seq.run_folder.folder import RunFolder
from seq2seq.run_folder.record import RunRecord, load_run_record

RECIPE = {
    "task": "sentence_fusion",
    "seed": 3,
    "output": "runs/made_up",
    "model": {"plan": "bert2bert", "encoder": "some/bert", "decoder": None, "dropout": 0.0},
    "data": {
        "train": ["hub:some/pairs:plain:train"],
        "validation": ["data/pairs/validation.jsonl"],
        "test": ["hub:some/pairs:plain:test"],
        "max_source_tokens": 8,
        "max_target_tokens": 6,
    },
    "training": {"max_steps": 4, "learning_rate": 0.001, "learning_rates": {}, "validation_metrics": ["loss"]},
    "generation": {"num_beams": 4},
    "evaluation": {"metrics": ["exact_match", "sari"]},
}
ORIGIN = {
    "totals": {"total": 50, "embeddings": 40, "initialised": 40, "random": 10},
    "plan": "bert2bert",
    "parameters": [
        {"name": "e", "part": "embeddings", "kind": "copied", "shape": [10, 4], "file": "some/bert/model.safetensors"},
        {"name": "c", "part": "cross_attention", "kind": "random", "shape": [2, 5], "file": None},
        {"name": "o", "part": "output", "kind": "shared", "shape": [10, 4], "file": None},
    ],
    "unused_tensors": ["pooler"],
    "notes": ["source vocabulary: 10 of 20 tokens kept"],
}
ENVIRONMENT = {
    "date": "2026-01-02T03:04:05+00:00", "command": "seq2seq train made_up.yaml", "python": "3.11.1",
    "platform": "Linux", "processors": 2, "device": "CPU", "packages": {"torch": "2.13.0", "numpy": "2.4.6"},
}  # fmt: skip
SIDE = {"texts": 16, "tokens": 48, "cut": 4, "longest": 11, "limit": 8}
INPUTS = {
    "splits": {
        "train": {
            "pairs": 16,
            "source": SIDE | {"lengths": {"bin_tokens": 1, "counts": [0, 5, 7, 0, 0, 0, 0, 4]}},
            "target": SIDE | {"cut": 0, "longest": 5, "limit": 6, "lengths": {"bin_tokens": 1, "counts": [16]}},
        }
    },
    "hub_models": {"encoder": "some/bert"},
    "model": {"class": "EncoderDecoderModel", "hands_over_t5_encoder": False, "two_tokenizers": False, "pruned": False},
}
SCORES = {
    "split": "test",
    "examples": 2,
    "checkpoint": "checkpoints/step_00000004",
    "rows": {"bert2bert": {"exact_match": 50.0, "sari": 61.23456}, "copy of the source": {"sari": 20.0}},
    "intervals": {"bert2bert": {"exact_match": [0.0, 100.0], "sari": [55.5, 66.6]}},
    "bootstrap": {"resamples": 1000, "level": 0.95, "seed": 1},
    "signatures": {"exact_match": "any reference", "sari": "n 1-4"},
}
PREDICTIONS = [
    {"source": "a b. c d.", "prediction": "a b and c d.", "references": ["a b and c d."]},
    {"source": "e f. g h.", "prediction": "e f.", "references": ["e f and g h.", "g h and e f."]},
]


def count(step: int) -> dict[str, Any]:
    """The counters of a step: 4 pairs, 20 source and 10 target tokens and 15 seconds each."""
    return {
        "step": step, "examples": 4 * step, "source_tokens": 20 * step, "target_tokens": 10 * step,
        "seconds": 15.0 * step,
    }  # fmt: skip


EVENTS = [
    {"event": "train", "loss": 3.0, "gradient_norm": 2.0, "learning_rate": 0.001, **count(2)},
    {"event": "validation", "loss": 2.5, "sari": 40.0, **count(2)},
    {"event": "train", "loss": 2.0, "gradient_norm": None, "learning_rate": 0.0005, **count(4)},
    {"event": "validation", "loss": 2.25, "sari": 45.0, **count(4)},
    {"event": "end", "reason": "max_steps", **count(4)},
]


def write_run(
    path: Path,
    *,
    recipe: dict | None = None,
    origin: dict | None = None,
    inputs: dict | None = INPUTS,
    events: list[dict] = EVENTS,
    scores: dict | None = SCORES,
    predictions: list[dict] | None = PREDICTIONS,
) -> RunFolder:
    """Writes the made-up run, with changes to its recipe and origin; what is None is left out."""
    folder = RunFolder(path)
    path.mkdir(parents=True)
    folder.recipe.write_text(yaml.safe_dump(merge(RECIPE, recipe or {})))
    folder.progress.write_text("".join(json.dumps(event) + "\n" for event in events))
    written = {
        folder.origin: ORIGIN | (origin or {}), folder.environment: ENVIRONMENT, folder.inputs: inputs,
        folder.scores: scores,
    }  # fmt: skip
    for file, values in written.items():
        if values is not None:
            file.write_text(json.dumps(values))
    if predictions is not None:
        folder.write_predictions("test", predictions)
    return folder


def build_record(path: Path, **changes: Any) -> RunRecord:
    return load_run_record(write_run(path, **changes))
