"""The least recipe as a file."""

from pathlib import Path

import pytest

from tests.recipe.base_recipe import BASE_YAML


@pytest.fixture
def base(tmp_path) -> Path:
    """A file with the base recipe."""
    path = tmp_path / "base.yaml"
    path.write_text(BASE_YAML, encoding="utf-8")
    return path
