"""The recipe that tests of runs train by."""

from functools import partial

import pytest

from tests.training.runs import write_recipe


@pytest.fixture
def recipe(tiny_bert, tmp_path):
    """A function that writes a recipe file with changes to training and returns its path."""
    return partial(write_recipe, tmp_path, tiny_bert)
