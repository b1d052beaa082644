"""What `import seq2seq` offers, to programs and to whoever presses Tab."""

import tomllib
from pathlib import Path

import pytest

import seq2seq

ROOT = Path(__file__).parent.parent
VERBS = {
    "analyze_attention", "analyze_heads", "average", "compare", "evaluate", "export", "fuse", "generate",
    "generate_file", "init", "inspect", "prune", "push", "report", "score", "split", "summarize", "train",
    "train_tokenizer",
    "translate", "warm_start",
}  # fmt: skip


def test_dir_lists_the_verbs_and_nothing_that_happens_to_be_imported():
    assert set(dir(seq2seq)) == set(seq2seq.__all__) | {"__version__"}
    assert set(dir(seq2seq)) > VERBS
    assert "import_module" not in dir(seq2seq)


@pytest.mark.parametrize("name", seq2seq.__all__)
def test_every_public_name_leads_somewhere(name):
    assert getattr(seq2seq, name).__doc__


def test_name_that_is_not_there_is_no_attribute():
    with pytest.raises(AttributeError, match="module 'seq2seq' has no attribute 'trian'"):
        seq2seq.trian  # noqa: B018


def test_version_is_that_of_the_package():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert seq2seq.__version__ == project["project"]["version"]


def test_package_says_that_it_is_typed():
    assert (ROOT / "seq2seq/py.typed").read_text() == ""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert "py.typed" in project["tool"]["setuptools"]["package-data"]["seq2seq"]
