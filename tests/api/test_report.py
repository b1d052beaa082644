"""`api.report`: several runs are compared where an output is named."""

import pytest

from seq2seq import api
from seq2seq.errors import ScoringError
from tests.reports.made_up_run import write_run


def test_runs_compared_from_python_need_an_output(tmp_path):
    runs = [write_run(tmp_path / name).path for name in ("warm", "cold")]
    with pytest.raises(ScoringError, match="Found 2 runs and no output"):
        api.report(*runs)
    assert api.report(*runs, output=tmp_path / "compared") == tmp_path / "compared/README.md"
