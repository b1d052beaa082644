"""A log of the console: kept until its file is named, whatever the console shows."""

import pytest

from seq2seq.base.console import be_quiet, build_table, errors, keep_log, messages, output, show_progress, write_log_to
from seq2seq.base.errors import DataError


def test_log_has_what_was_told_before_and_after_its_file_was_named(tmp_path, capsys):
    with keep_log(True):
        messages().print("before")
        write_log_to(tmp_path / "log.txt", "heading")
        with be_quiet():
            messages().print("hidden [b]")
            output().print(build_table("Title", ["a"], [["x"]]))
            with show_progress("training", 3) as bar:
                bar.note("loss 1.5")
        errors().print("warning")
    errors().print("of nobody")
    heading, *lines = (tmp_path / "log.txt").read_text().splitlines()
    assert heading.endswith("+00:00 heading")
    assert lines[:3] == ["before", "hidden [b]", "Title"]
    assert lines[-2:] == ["training 0/3  loss 1.5", "warning"]
    assert capsys.readouterr().err == "before\nwarning\nof nobody\n"


def test_log_ends_with_the_error_that_ended_the_block(tmp_path):
    with pytest.raises(DataError, match="gone"), keep_log(True):
        write_log_to(tmp_path / "log.txt", "heading")
        raise DataError("gone")
    assert (tmp_path / "log.txt").read_text().splitlines()[1:] == ["DataError: gone"]


def test_log_that_cannot_be_written_stops_nothing(tmp_path):
    with keep_log(True):
        write_log_to(tmp_path / "no folder/log.txt", "heading")
        messages().print("told")


def test_nothing_is_written_where_no_log_is_kept(tmp_path):
    with keep_log(False):
        write_log_to(tmp_path / "log.txt", "heading")
        messages().print("told")
    assert not (tmp_path / "log.txt").exists()
