"""Files of outputs that grow: whole lines, and a way to go on after a kill at any point."""

import io
import json
import os
import sys
from pathlib import Path

import pytest

from seq2seq.base.errors import DataError
from seq2seq.base.files import format_json_lines
from seq2seq.data.plain_text import read_texts
from seq2seq.generation.outputs import STANDARD_OUTPUT, UNFINISHED, OutputFile, Progress, check_output, format_lines

SETTINGS = {"num_beams": 4, "weights": {"model.safetensors": "ab"}}


def begin(path, settings=SETTINGS, resume=False) -> tuple[OutputFile, Progress | None]:
    output = OutputFile(path, settings)
    return output, output.begin(resume=resume)


def append(output: OutputFile, progress: Progress, *lines: str) -> None:
    progress.texts += len(lines)
    output.append("".join(f"{line}\n" for line in lines), progress)


@pytest.fixture
def half(tmp_path):
    """The path of a file with two of its lines."""
    output, progress = begin(tmp_path / "out.txt")
    append(output, progress, "a", "ä")
    return tmp_path / "out.txt"


def test_lines_stand_in_the_file_as_soon_as_they_are_appended(half):
    assert half.read_text(encoding="utf-8") == "a\nä\n"


@pytest.fixture
def first_format(half):
    """The same file, as the first format told of it, for outputs of a search with two options of today's."""
    beside = half.with_name("out.txt.unfinished.json")
    values = json.loads(beside.read_text())
    del values["format"]
    beside.write_text(json.dumps(values | {"settings": {"num_beams": 2}}))
    return half


def test_file_of_the_first_format_is_gone_on_with(first_format):
    """What it lacks is as it was then: top_k 0, and the marks that there are."""
    settings = {"num_beams": 2, "top_k": 0, "framing": {"begin_id": 2}}
    assert OutputFile(first_format, settings).begin(resume=True).texts == 2


def test_file_of_the_first_format_is_not_gone_on_with_by_a_new_option(first_format):
    with pytest.raises(DataError, match="was begun with top_k 0, found 5"):
        OutputFile(first_format, {"num_beams": 2, "top_k": 5}).begin(resume=True)


def test_file_of_a_later_format_is_refused(half):
    beside = half.with_name("out.txt.unfinished.json")
    beside.write_text(json.dumps(json.loads(beside.read_text()) | {"format": 3}))
    with pytest.raises(DataError, match=r"unfinished\.json: format 3 is unknown; this version reads 1 to 2\."):
        begin(half, resume=True)


def test_finished_file_has_nothing_beside_it(half):
    output, progress = begin(half, resume=True)
    append(output, progress, "b")
    output.finish()
    assert half.read_text(encoding="utf-8") == "a\nä\nb\n"
    assert [path.name for path in half.parent.iterdir()] == ["out.txt"]


def test_finished_file_is_not_gone_on_with_and_may_be_written_anew(half):
    OutputFile(half, SETTINGS).finish()
    assert begin(half, resume=True)[1] is None
    assert half.read_text(encoding="utf-8") == "a\nä\n"
    output, progress = begin(half)
    assert progress == Progress()
    append(output, progress, "c")
    assert half.read_bytes() == b"c\n"


def test_finished_file_stays_until_there_are_outputs_to_take_its_place(half):
    OutputFile(half, SETTINGS).finish()
    output, _ = begin(half)
    assert half.read_text(encoding="utf-8") == "a\nä\n"
    begin(half, resume=True)  # the new run was killed, and begins again
    assert half.read_text(encoding="utf-8") == "a\nä\n"
    output.finish()  # of an input without any text
    assert half.read_bytes() == b""


@pytest.mark.parametrize("rest", ["", "b", "b\nc\n"])
def test_what_was_not_recorded_is_cut_off(half, rest):
    with half.open("a") as file:
        file.write(rest)
    _, progress = begin(half, resume=True)
    assert (progress.texts, progress.bytes, half.read_text(encoding="utf-8")) == (2, 5, "a\nä\n")


def test_file_that_was_never_made_begins(tmp_path):
    begin(tmp_path / "out.txt")
    (tmp_path / "out.txt").unlink()
    assert begin(tmp_path / "out.txt", resume=True)[1] == Progress()
    assert begin(tmp_path / "new.txt", resume=True)[1] == Progress()


def test_unfinished_file_is_not_overwritten_in_silence(half):
    with pytest.raises(DataError, match=r"out\.txt is unfinished, 2 texts are written\. Go on with it with --resume"):
        begin(half)
    assert half.read_text(encoding="utf-8") == "a\nä\n"


def test_unfinished_file_is_begun_again_where_that_is_asked_for(half):
    half.with_name(half.name + UNFINISHED).write_text("{}")  # even a broken record is no obstacle
    output = OutputFile(half, SETTINGS)
    progress = output.begin(resume=False, overwrite=True)
    assert progress == Progress()
    append(output, progress, "c")
    assert half.read_text() == "c\n"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (SETTINGS | {"num_beams": 1}, "begun with num_beams 4, found 1"),
        (SETTINGS | {"weights": {}}, r"begun with weights \{'model.safetensors': 'ab'\}, found \{\}"),
        (SETTINGS | {"top_k": 3}, "begun with top_k 0, found 3"),
    ],
)
def test_file_is_not_gone_on_with_by_other_settings(half, settings, message):
    with pytest.raises(DataError, match=message):
        begin(half, settings, resume=True)


def test_shortened_file_is_refused(half):
    half.write_text("a\n")
    with pytest.raises(DataError, match="has 2 bytes where 5 were written"):
        begin(half, resume=True)


@pytest.mark.parametrize("content", ["{}", "[]", '{"texts": 2}'])
def test_broken_record_is_refused(half, content):
    half.with_name(half.name + UNFINISHED).write_text(content)
    with pytest.raises(DataError, match=r"unfinished\.json: expected bytes, counts, digest, format, settings, texts"):
        begin(half, resume=True)


def test_counts_go_on(half):
    output, progress = begin(half, resume=True)
    progress.count({"empty": 1, "truncated": 0})
    append(output, progress, "b")
    _, progress = begin(half, resume=True)
    progress.count({"empty": 2, "truncated": 1})
    assert progress.counts == {"empty": 3, "truncated": 1}


def test_standard_output_is_written_at_once_and_cannot_be_gone_on_with(capsys):
    output, progress = begin(STANDARD_OUTPUT)
    append(output, progress, "a")
    assert capsys.readouterr().out == "a\n"
    output.finish()
    with pytest.raises(DataError, match="Only a file can be gone on with"):
        begin(STANDARD_OUTPUT, resume=True)


def test_device_is_written_to_and_nothing_beside_it(tmp_path):
    (tmp_path / "null").symlink_to("/dev/null")
    output, progress = begin(tmp_path / "null")
    append(output, progress, "a")
    output.finish()
    assert [path.name for path in tmp_path.iterdir()] == ["null"]


def test_full_disk_is_one_message():
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    output, progress = begin(Path("/dev/full"))
    with pytest.raises(DataError, match=r"/dev/full cannot be written \(No space left on device\)"):
        append(output, progress, "a")


def test_full_standard_output_is_one_message(monkeypatch):
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    output, progress = begin(STANDARD_OUTPUT)
    with Path("/dev/full").open("wb", buffering=0) as full:
        monkeypatch.setattr("sys.stdout", io.TextIOWrapper(full, write_through=True))
        with pytest.raises(DataError, match=r"Standard output cannot be written \(No space left on device\)"):
            append(output, progress, "a")


def test_standard_output_is_utf8_whatever_the_terminal(monkeypatch):
    printed = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(printed, encoding="ascii"))
    append(*begin(STANDARD_OUTPUT), "ä")
    assert printed.getvalue().decode() == "ä\n"


def test_standard_output_that_takes_text_alone_gets_text(monkeypatch):
    monkeypatch.setattr("sys.stdout", io.StringIO())
    append(*begin(STANDARD_OUTPUT), "ä")
    assert sys.stdout.getvalue() == "ä\n"


def test_pipe_ends_with_the_last_window_and_not_before(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    output, progress = begin(tmp_path / "pipe")
    append(output, progress, "a")
    assert os.read(reader, 9) == b"a\n"
    with pytest.raises(BlockingIOError):  # a closed pipe would give b"", the end
        os.read(reader, 9)
    output.finish()
    assert os.read(reader, 9) == b""
    os.close(reader)


def test_output_where_nothing_is_written_yet_begins_anew(tmp_path):
    begin(tmp_path / "out.txt")
    output, progress = begin(tmp_path / "out.txt", SETTINGS | {"num_beams": 1})
    append(output, progress, "a")
    assert begin(tmp_path / "out.txt", SETTINGS | {"num_beams": 1}, resume=True)[1] == progress


def test_of_two_runs_over_a_finished_file_the_second_to_write_stops(half):
    OutputFile(half, SETTINGS).finish()
    (first, progress), (second, other) = begin(half), begin(half)
    append(second, other, "new")
    with pytest.raises(DataError, match=r"has 4 bytes where 5 were written: it was removed, or something"):
        append(first, progress, "c")


@pytest.mark.parametrize("rest", ["", "a\nb\nc\n"])
def test_file_that_something_else_changes_is_not_written_on(half, rest):
    output, progress = begin(half, resume=True)
    half.write_text(rest)
    with pytest.raises(DataError, match=f"has {len(rest)} bytes where 5 were written: it was removed, or something"):
        append(output, progress, "d")
    assert half.read_text() == rest


def test_of_two_runs_on_one_file_the_second_to_write_stops(half):
    (first, progress), (second, other) = begin(half, resume=True), begin(half, resume=True)
    append(second, other, "c")
    with pytest.raises(DataError, match="Let one run alone write to it"):
        append(first, progress, "c")
    second.finish()
    assert half.read_text(encoding="utf-8") == "a\nä\nc\n"


def test_name_that_is_too_long_is_one_message(tmp_path):
    with pytest.raises(DataError, match=r"cannot be written \(File name too long\)"):
        begin(tmp_path / f"{'a' * 245}.txt")  # with .unfinished.json behind it
    with pytest.raises(DataError, match=r"cannot be written \(File name too long\)"):
        check_output(tmp_path / f"{'a' * 300}.txt")


def test_file_that_may_not_be_written_is_one_message_and_left_as_it_is(tmp_path, monkeypatch):
    (tmp_path / "out.txt").write_text("a\n")

    def refuse(path, *arguments, **options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(DataError, match=r"out\.txt cannot be written \(Permission denied\)"):
        begin(tmp_path / "out.txt")
    assert [path.name for path in tmp_path.iterdir()] == ["out.txt"]


def test_device_may_stand_in_a_folder_that_cannot_be_written_to(monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: path == Path("/dev/null"))
    check_output(Path("/dev/null"))


def test_line_breaks_of_outputs_become_spaces_and_are_counted():
    assert format_lines(["a\nb\r\nc", "d\re", "f", ""]) == ("a b c\nd e\nf\n\n", 2)


def test_formatted_outputs_are_read_back_in_place(tmp_path):
    outputs = ["a\u2028b", "", "c\x85", "ä", "\x0b", "\x1c"]
    (tmp_path / "a.txt").write_text(format_lines(outputs)[0], encoding="utf-8", newline="\n")
    assert [text.text for text in read_texts(str(tmp_path / "a.txt"))] == outputs


def test_rows_are_a_json_object_a_line():
    assert [json.loads(line) for line in format_json_lines([{"source": "a\nä"}, {}]).split("\n")[:-1]] == [
        {"source": "a\nä"}, {},
    ]  # fmt: skip
