"""`seq2seq report`: the card of a run, the page of several, and what is not written over."""

import pytest

from seq2seq.base.errors import DataError
from seq2seq.verbs.report.report import report
from tests.reports.made_up_run import write_run


def test_several_runs_are_reported_on_a_page(seq2seq, tmp_path):
    runs = [write_run(tmp_path / name).path for name in ("warm", "cold")]
    code, out, err = seq2seq("report", *runs, "--output", tmp_path / "compared", "--samples", "1")
    assert code == 0
    assert "2 test pairs" in out
    assert "p 1.000" in out  # the two are the same
    assert f"Written: {tmp_path / 'compared/README.md'}" in err
    assert not (runs[0] / "README.md").exists()
    assert seq2seq("report", *runs)[0] == 0
    assert not (runs[0] / "README.md").exists()


def test_run_reported_twice_is_refused(seq2seq, tmp_path):
    run = write_run(tmp_path / "run").path
    assert "run is named twice" in seq2seq("report", run, run)[2]


def test_comparison_replaces_no_page_of_another_kind(seq2seq, tmp_path):
    run = write_run(tmp_path / "run")
    run.card.write_text("# Mine")
    code, _, err = seq2seq("report", run.path, "--output", run.path)
    assert code == 1
    assert "README.md is there already and is no comparison of runs. Choose another output." in err
    assert run.card.read_text() == "# Mine"


def test_comparison_is_written_anew_where_one_stands_and_that_is_asked_for(seq2seq, tmp_path):
    run = write_run(tmp_path / "run").path
    command = ("report", run, "--output", tmp_path / "out")
    assert seq2seq(*command)[0] == 0
    code, _, err = seq2seq(*command)
    assert (code, err.count("out/README.md exists. Choose another output, or replace it with --overwrite")) == (1, 1)
    assert seq2seq(*command, "--overwrite")[0] == 0


def test_report_that_cannot_be_written_names_the_file(seq2seq, tmp_path):
    run = write_run(tmp_path / "run")
    run.card.mkdir()
    code, _, err = seq2seq("report", run.path)
    assert code == 1
    assert "run/README.md cannot be written: Is a directory." in err
    with pytest.raises(DataError, match=r"run/README\.md cannot be written: Is a directory"):
        report(run.path)
    (tmp_path / "file").touch()
    assert (
        "file: the folder cannot be made (File exists)"
        in seq2seq("report", run.path, "--output", tmp_path / "file/out")[2]
    )
