"""The quickstart as a whole: slow, so it runs on request (launch/test.sh -m slow)."""

import json

import pytest

import seq2seq
from tests.test_recipes_folder import ROOT


def score(tmp_path, *overrides: str) -> float:
    folder = seq2seq.train(ROOT / "recipes/quickstart.yaml", [f"output={tmp_path / 'run'}", *overrides])
    return next(iter(json.loads((folder / "scores.json").read_text())["rows"].values()))["exact_match"]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_warm_start_learns_to_fuse(tmp_path):
    assert score(tmp_path) > 40  # 66 to 68 by seed in docs/results.md


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_random_start_does_not_in_the_same_steps(tmp_path):
    assert score(tmp_path, "model.plan=rnd2rnd") < 5
