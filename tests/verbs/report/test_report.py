"""`seq2seq.report`: several runs are compared where an output is named."""

import pytest

import seq2seq
from seq2seq.base.errors import ScoringError
from tests.reports.made_up_run import write_run


def test_runs_compared_from_python_need_an_output(tmp_path):
    runs = [write_run(tmp_path / name).path for name in ("warm", "cold")]
    with pytest.raises(ScoringError, match="Found 2 runs and no output"):
        seq2seq.report(*runs)
    assert seq2seq.report(*runs, output=tmp_path / "compared") == tmp_path / "compared/README.md"
