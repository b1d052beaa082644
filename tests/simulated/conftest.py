"""What the tests on both simulated devices share."""

import pytest

from tests.families import save_family


@pytest.fixture(scope="module")
def save(tmp_path_factory):
    """A function that saves a tiny model of a family once."""
    folders = {}

    def save(family):
        if family not in folders:
            folders[family] = str(save_family(tmp_path_factory.mktemp("family") / family, family))
        return folders[family]

    return save
