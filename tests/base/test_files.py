"""Files: written whole or not at all, UTF-8, and errors that name the file."""

import errno
import gzip
import json
import os
from pathlib import Path

import pytest
from safetensors import SafetensorError

from seq2seq.base import files
from seq2seq.base.errors import DataError


def test_gzipped_file_is_unpacked_by_its_name(tmp_path):
    (tmp_path / "a.txt.gz").write_bytes(gzip.compress(b"a\r\nb"))
    with files.open_bytes(tmp_path / "a.txt.gz") as file:
        assert file.read() == b"a\r\nb"


def test_plain_file_is_read_as_it_is(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"a\r\n\xff")
    with files.open_bytes(tmp_path / "a.txt") as file:
        assert file.read() == b"a\r\n\xff"


def test_text_is_written_as_utf8_with_its_own_line_ends(tmp_path):
    files.write_text(tmp_path / "a.txt", "ä\nb\r\n")
    assert (tmp_path / "a.txt").read_bytes() == b"\xc3\xa4\nb\r\n"


def test_text_written_twice_leaves_the_new_file_alone(tmp_path):
    files.write_text(tmp_path / "a.txt", "old")
    files.write_text(tmp_path / "a.txt", "new")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("a.txt", "new")]


def test_crash_before_the_replacement_leaves_the_old_file(tmp_path, monkeypatch):
    files.write_text(tmp_path / "a.txt", "old")

    def crash(*paths):
        raise KeyboardInterrupt

    monkeypatch.setattr(files.os, "replace", crash)
    with pytest.raises(KeyboardInterrupt):
        files.write_text(tmp_path / "a.txt", "new")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("a.txt", "old")]


def test_text_that_the_disk_refuses_leaves_the_old_file_alone_and_is_named(tmp_path, monkeypatch):
    files.write_text(tmp_path / "a.txt", "old")

    def refuse(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(files.os, "fsync", refuse)
    with pytest.raises(OSError, match=r"No space left on device: '.*a\.txt'"):
        files.write_text(tmp_path / "a.txt", "new")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("a.txt", "old")]


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.EDQUOT, "words of the system"),
        OSError(errno.EDQUOT, "words of the system", "another name"),
        SafetensorError(f"Error while serializing: I/O error: words of the system (os error {errno.EDQUOT})"),
        Exception(f"words of the system (os error {errno.EDQUOT})"),  # tokenizers'
    ],
)
def test_refusal_in_any_form_names_the_path(error):
    with pytest.raises(OSError, match="quota exceeded: 'a/b'") as refused, files.name_refused(Path("a/b")):
        raise error
    assert (refused.value.errno, refused.value.filename) == (errno.EDQUOT, "a/b")


@pytest.mark.parametrize("error", [ValueError("os error 28"), OSError("no number")])
def test_error_that_is_no_refusal_stays_as_it_is(error):
    with pytest.raises(type(error)) as raised, files.name_refused(Path("a/b")):
        raise error
    assert raised.value is error


def test_text_that_cannot_be_written_leaves_the_old_file(tmp_path):
    files.write_text(tmp_path / "a.txt", "old")
    with pytest.raises(UnicodeEncodeError):
        files.write_text(tmp_path / "a.txt", "new \ud800")
    assert (tmp_path / "a.txt").read_text() == "old"


def test_json_comes_back_equal(tmp_path):
    value = {"a": [1, 2.5, None, "ä\u2028\n"], "b": {"c": True}}
    files.write_json(tmp_path / "a.json", value)
    assert files.load_json(tmp_path / "a.json") == value


def test_json_is_readable_text(tmp_path):
    files.write_json(tmp_path / "a.json", {"a": "ä"})
    assert (tmp_path / "a.json").read_text(encoding="utf-8") == '{\n  "a": "ä"\n}\n'


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
def test_json_refuses_numbers_that_json_has_not(tmp_path, number):
    with pytest.raises(ValueError, match="Out of range float"):
        files.write_json(tmp_path / "a.json", {"a": number})


def test_json_lines_hold_one_object_a_line(tmp_path):
    files.write_json_lines(tmp_path / "a.jsonl", [{"a": "ä\nb"}, {"a": 2}])
    lines = (tmp_path / "a.jsonl").read_text(encoding="utf-8").split("\n")
    assert lines == ['{"a": "ä\\nb"}', '{"a": 2}', ""]


def test_json_lines_come_back_equal_with_unicode_line_separators(tmp_path):
    rows = [{"a": "x\u2028y\x85z"}, {"a": "\x0b\x1c"}]
    files.write_json_lines(tmp_path / "a.jsonl", rows)
    assert files.load_json_lines(tmp_path / "a.jsonl") == rows


@pytest.mark.parametrize("load", [files.load_json, files.load_json_lines])
def test_missing_file_is_named(tmp_path, load):
    with pytest.raises(DataError, match=r"gone\.json is missing\."):
        load(tmp_path / "gone.json")


@pytest.mark.parametrize(
    ("load", "message"), [(files.load_json, r"a\.json is not valid JSON:"), (files.load_json_lines, "not valid JSONL:")]
)
@pytest.mark.parametrize("content", [b'{"a": 1', b'{"a": "\xff"}'])
def test_broken_file_is_named(tmp_path, load, message, content):
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(DataError, match=message):
        load(tmp_path / "a.json")


def test_sha256_is_that_of_the_standard(tmp_path):
    # FIPS 180-2, appendix B.1: the digest of "abc".
    (tmp_path / "a").write_bytes(b"abc")
    assert files.compute_sha256(tmp_path / "a") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_sync_reaches_every_file_and_folder(tmp_path, monkeypatch):
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "c.txt").write_text("x")
    synced = []
    monkeypatch.setattr(files, "sync_entry", synced.append)
    files.sync_folder(tmp_path)
    assert sorted(synced) == [tmp_path, tmp_path / "a", tmp_path / "a" / "b", tmp_path / "a" / "b" / "c.txt"]


def test_sync_of_an_entry_closes_what_it_opens(tmp_path, monkeypatch):
    opened, closed = [], []
    open_descriptor, close = files.os.open, files.os.close
    monkeypatch.setattr(files.os, "open", lambda *args: opened.append(open_descriptor(*args)) or opened[-1])
    monkeypatch.setattr(files.os, "close", lambda descriptor: closed.append(descriptor) or close(descriptor))
    files.sync_entry(tmp_path)
    assert opened == closed != []


def test_embedded_checkpoint_ships_with_the_package():
    folder = files.embedded_folder("quickstart-bert")
    assert json.loads((folder / "config.json").read_text(encoding="utf-8"))["model_type"] == "bert"
