"""Commands run in this process."""

import io
import sys

import pytest

from seq2seq.cli.main import main


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
