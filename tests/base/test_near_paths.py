"""The path that was meant where one is not there."""

from pathlib import Path

import pytest

from seq2seq.base.near_paths import find_near_path, format_near_path


@pytest.fixture
def working(tmp_path, monkeypatch):
    for name in ("data/train.jsonl", "data/valid.csv.gz", "data/pairs/test.tsv", "recipes/mine.yaml", "Notes.TXT"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("asked", "near"),
    [
        ("data/trian.jsonl", "data/train.jsonl"),
        ("data/train.json", "data/train.jsonl"),
        ("data/train", "data/train.jsonl"),
        ("data/train.jsonl.gz", "data/train.jsonl"),
        ("data/valid.csv", "data/valid.csv.gz"),
        ("data/Train.jsonl", "data/train.jsonl"),
        ("dta/train.jsonl", "data/train.jsonl"),
        ("train.jsonl", "data/train.jsonl"),
        ("test.tsv", "data/pairs/test.tsv"),
        ("pairs/test.tsv", "data/pairs/test.tsv"),
        ("project/data/train.jsonl", "data/train.jsonl"),
        ("recipes/mine.yml", "recipes/mine.yaml"),
        ("notes.txt", "Notes.TXT"),
    ],
)
def test_near_path_is_found(working, asked, near):
    assert find_near_path(Path(asked)) == Path(near)


@pytest.mark.parametrize("asked", ["data/other.jsonl", "nowhere/a/b", "x**y", "[", "/", "/nowhere/x.jsonl", "."])
def test_path_like_no_other_has_no_hint(working, asked):
    assert format_near_path(Path(asked)) == ""


def test_a_folder_is_no_file(working):
    assert find_near_path(Path("dat")) is None
    assert format_near_path(Path("dat"), Path.is_dir) == " Did you mean data?"


def test_absolute_paths_are_looked_for_in_their_folder(working, tmp_path):
    assert find_near_path(tmp_path / "data" / "train.json") == tmp_path / "data" / "train.jsonl"
