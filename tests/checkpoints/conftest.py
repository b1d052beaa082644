"""Published folders of six families, and copies of them with further settings."""

import json
import shutil
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from tests.checkpoints.published_settings import FAMILIES, change_json
from tests.published import save_published


@pytest.fixture(scope="session")
def published(tmp_path_factory):
    """A folder of each family; those with biases behind their output layer end their outputs often."""
    folders = {}
    for family in FAMILIES:
        folder = save_published(tmp_path_factory.mktemp(family), family)
        weights = load_file(folder / "model.safetensors")
        if "final_logits_bias" in weights:
            end = json.loads((folder / "generation_config.json").read_text())["eos_token_id"]
            weights["final_logits_bias"][0, end] += 4.0
        save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
        folders[family] = folder
    return folders


@pytest.fixture
def publish(published, tmp_path):
    """A copy of a family's folder, with further settings in one of its files; None takes a setting out."""

    def publish(family: str, name: str = "generation_config.json", **settings) -> Path:
        folder = tmp_path / family
        if not folder.exists():
            shutil.copytree(published[family], folder)
        change_json(folder / name, **settings)
        return folder

    return publish
