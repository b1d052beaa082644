"""`seq2seq push`: a trained run, shown and uploaded into a hub in memory."""

import io

import pytest

from seq2seq.cli import push
from tests.cli.small_files import write_recipe

SAID = ("--license", "mit", "--language", "de,en", "--datasets", "none")


@pytest.fixture
def run(seq2seq, tiny_bert, tmp_path, pairs):
    assert seq2seq("train", write_recipe(tmp_path, tiny_bert, pairs))[0] == 0
    return tmp_path / "run"


def test_dry_run_lists_files_and_card(seq2seq, run, hub, tmp_path):
    code, out, err = seq2seq("push", run, "me/mine", *SAID, "--dry-run")
    assert code == 0
    listed, card = out.split("\n\n", 1)
    names = [line.split()[1] for line in listed.splitlines()]
    assert names == [
        "README.md", "config.json", "generation_config.json", "manifest.json", "model.safetensors", "seq2seq.json",
        "tokenizer.json", "tokenizer_config.json",
    ]  # fmt: skip
    assert card.startswith("---\nlanguage:\n- de\n- en\n")
    assert str(tmp_path) not in card
    assert "the cat sat" not in card
    assert "Would be uploaded to me/mine: 8 files, " in err
    assert err.endswith("Left out: training/\n")
    assert hub.calls == []


def test_upload_ends_with_the_address(seq2seq, run, hub):
    code, out, err = seq2seq("push", run, "mine", *SAID)
    assert (code, out) == (0, "https://huggingface.co/me/mine\n")
    assert f"Uploading {run}/checkpoints/step_00000002 to me/mine\nUploaded: 8 files, " in err


def test_mistake_is_told_by_the_flags(seq2seq, run, hub):
    code, _, err = seq2seq("push", run, "me/mine", "--dry-run")
    assert code == 1
    assert "HubError: A card on the hub should tell what nobody here knows of this model. Give:" in err
    assert all(f"({flag})" in err for flag in ("--license", "--language", "--datasets"))
    assert "--license-name and --license-link are of" in seq2seq("push", run, "me/mine", "--license-name", "a")[2]


def test_terminal_is_asked_for_what_is_not_known(seq2seq, run, hub, monkeypatch):
    monkeypatch.setattr(push, "can_ask", lambda: True)
    code, out, err = seq2seq("push", run, "me/mine", "--license", "mit", "--dry-run", stdin=b"de, en\nnone\n")
    assert code == 0
    assert "language:\n- de\n- en\n" in out
    assert "Languages of the texts" in err
    assert "License of the model" not in err
    code, _, err = seq2seq("push", run, "me/mine", "--dry-run", stdin=b"MIT\nde\nnone\n")
    assert code == 1
    assert "did you mean mit" in err


def test_nobody_is_asked_where_no_terminal_is(monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO())
    assert not push.can_ask()
