"""Commands run in this process, a checkpoint and data for them."""

import io
import json
import sys

import pytest

from seq2seq.checkpoints.folder import write_checkpoint
from seq2seq.cli.main import main
from tests.conftest import build_description, shake


@pytest.fixture
def seq2seq(monkeypatch, capsys):
    """Runs a command in this process; returns exit code, standard output and standard error."""

    def run(*arguments: str, stdin: bytes = b""):
        monkeypatch.setattr(sys, "argv", ["seq2seq", *map(str, arguments)])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        return ended.value.code, captured.out, captured.err

    return run


@pytest.fixture
def checkpoint(started, tmp_path):
    shake(started.model)
    write_checkpoint(tmp_path / "ckpt", started.model, started.tokenizers, build_description(started, num_beams=2))
    return tmp_path / "ckpt"


@pytest.fixture
def pairs(tmp_path):
    path = tmp_path / "pairs.jsonl"
    rows = [{"source": "the cat sat", "target": "a cat"}, {"source": "a dog ran", "target": "a dog ran"}]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path
