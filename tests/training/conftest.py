"""The recipe that tests of runs train by."""

from pathlib import Path

import pytest
import yaml

from tests.training.runs import write_pairs


@pytest.fixture
def recipe(tiny_bert, tmp_path):
    """A function that writes a recipe file with changes to training and returns its path."""

    def write(name: str = "run", model: dict | None = None, data: dict | None = None, **training) -> Path:
        values = {
            "task": "sentence_fusion",
            "output": str(tmp_path / name),
            "model": {"plan": "bert2bert", "encoder": str(tiny_bert)} | (model or {}),
            "data": {
                "train": write_pairs(tmp_path / "train.jsonl", 40),
                "max_source_tokens": 16,
                "max_target_tokens": 16,
            }
            | (data or {}),
            "training": {"batch_examples": 8, "max_steps": 6, "log_every_steps": 1, "learning_rate": 1e-3} | training,
            "generation": {"num_beams": 1, "max_target_tokens": 10},
        }
        path = tmp_path / f"{name}.yaml"
        path.write_text(yaml.safe_dump(values))
        return path

    return write
