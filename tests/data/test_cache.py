"""The cache of tokenized data: the ids of memory, never stale, whole or absent, and said where there can be none."""

import errno
import os
from pathlib import Path

import pytest

from seq2seq.base.errors import DataError
from seq2seq.data import cache, encoding
from seq2seq.data.cache import CACHE_VARIABLE, LEFTOVER_SECONDS, find_cache_folder, load_encoded, prepare_entry
from seq2seq.data.cache_entry import DamagedEntryError
from tests.data.cached_rows import PARTS, ROWS, build_description, load, write_rows

pytestmark = pytest.mark.usefixtures("own_cache")


def list_entries(own_cache: Path) -> list[str]:
    """Everything in the cache, hidden names too."""
    return sorted(path.name for path in (own_cache / "encoded").iterdir())


def refuse(*arguments):
    raise AssertionError("this must not be called")


# The ids.


def test_cached_ids_and_counts_are_those_made_in_memory(split):
    expected = split.encode()
    stored = load(split)
    assert build_description(stored.encoded) == build_description(expected)
    assert stored.fingerprint == expected.compute_fingerprint() == stored.encoded.compute_fingerprint()


def test_ids_cached_in_chunks_are_those_of_one_chunk(split, tokenizer, monkeypatch):
    at_once = build_description(split.encode())
    monkeypatch.setattr(encoding, "CHUNK", 2)
    assert build_description(load(split).encoded) == at_once
    assert build_description(split.encode()) == at_once


def test_second_time_nothing_is_tokenized(split, monkeypatch):
    first = build_description(load(split).encoded)
    monkeypatch.setattr(encoding, "encode_texts", refuse)
    assert build_description(load(split).encoded) == first


def test_changed_file_is_tokenized_anew(split, data):
    load(split)
    write_rows(data, ROWS[:2])
    assert [len(row) for row in load(split).encoded.sources] == [4, 2]


def test_broken_row_is_named_as_without_a_cache(split, data):
    write_rows(data, [*ROWS, {"source": "a"}])
    with pytest.raises(DataError, match=r"rows\.jsonl line 4: column 'target' is missing"):
        prepare_entry(split, "tokenizing")


def test_long_tokenization_prints_a_line_now_and_then(split, data, monkeypatch, capsys):
    write_rows(data, ROWS * 3)
    monkeypatch.setattr(encoding, "CHUNK", 2)
    monkeypatch.setattr(cache, "NOTED_EXAMPLES", 4)
    prepare_entry(split, "tokenizing data.train")
    assert capsys.readouterr().err == "tokenizing data.train 4  pairs\ntokenizing data.train 8  pairs\n"


# Whole or absent.


def test_entry_is_a_folder_of_the_key(split, own_cache):
    folder = prepare_entry(split, "tokenizing")
    assert folder == own_cache / "encoded" / split.compute_key()
    assert sorted(path.name for path in folder.iterdir()) == sorted([*PARTS, "summary.json"])


@pytest.mark.parametrize("crash", [DataError("broken row"), KeyboardInterrupt()], ids=repr)
def test_nothing_is_left_of_an_entry_that_was_begun(split, own_cache, monkeypatch, crash):
    whole = encoding.encode_texts

    def encode_once(tokenizer, texts):
        monkeypatch.setattr(encoding, "encode_texts", fail)
        return whole(tokenizer, texts)

    def fail(*arguments):
        raise crash

    monkeypatch.setattr(encoding, "CHUNK", 1)
    monkeypatch.setattr(encoding, "encode_texts", encode_once)
    with pytest.raises(type(crash)):
        prepare_entry(split, "tokenizing")
    assert list_entries(own_cache) == []


def test_leftover_of_a_crash_is_no_entry_and_goes_after_a_day(split, own_cache):
    key = split.compute_key()
    for name, age in (("old", LEFTOVER_SECONDS + 60), ("young", LEFTOVER_SECONDS - 3600)):
        leftover = own_cache / "encoded" / f".{key[:16]}.{name}.partial"
        leftover.mkdir(parents=True)
        (leftover / PARTS[0]).write_bytes(b"half")
        moment = leftover.stat().st_mtime - age
        os.utime(leftover / PARTS[0], (moment, moment))
        os.utime(leftover, (moment, moment))
    assert build_description(load(split).encoded) == build_description(split.encode())
    assert list_entries(own_cache) == [f".{key[:16]}.young.partial", key]


@pytest.mark.parametrize("lost", ["summary.json", PARTS[0]])
def test_entry_that_is_removed_behind_its_check_is_named(split, lost):
    folder = prepare_entry(split, "tokenizing")
    (folder / lost).unlink()
    with pytest.raises(DataError, match=r"was just there and cannot be read .*Start again\."):
        load_encoded(split, folder)


def test_two_writers_of_one_entry_do_not_hurt_each_other(split, own_cache, monkeypatch):
    sync, entered = cache.sync_folder, []

    def let_another_finish_first(folder):
        entered.append(folder)
        if len(entered) == 1:
            prepare_entry(split, "the other")
        sync(folder)

    monkeypatch.setattr(cache, "sync_folder", let_another_finish_first)
    assert build_description(load(split).encoded) == build_description(split.encode())
    assert len(entered) == 2
    assert list_entries(own_cache) == [split.compute_key()]


def test_file_that_changes_while_it_is_read_is_refused(split, data, own_cache, monkeypatch):
    def write_and_change(*arguments, write=cache.write_entry):
        write(*arguments)
        write_rows(data, ROWS[:1])

    monkeypatch.setattr(cache, "write_entry", write_and_change)
    with pytest.raises(DataError, match=r"rows\.jsonl: the data changed while it was read\. Start again\."):
        prepare_entry(split, "tokenizing")
    assert list_entries(own_cache) == []


# A cache that cannot be used.


def test_cache_that_cannot_be_written_is_said_and_the_ids_are_made_in_memory(split, tmp_path, monkeypatch, capsys):
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "file" / "cache"))
    stored = load(split)
    assert build_description(stored.encoded) == build_description(split.encode())
    assert stored.fingerprint == split.encode().compute_fingerprint()
    error = capsys.readouterr().err
    assert "tokenizing: the cache cannot be used (" in error
    assert f"made in memory, by every process and at every start. Set {CACHE_VARIABLE}" in error


def test_full_disk_is_said_and_leaves_nothing(split, own_cache, monkeypatch, capsys):
    def fail(folder):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(cache, "sync_folder", fail)
    assert prepare_entry(split, "tokenizing") is None
    assert "No space left on device" in capsys.readouterr().err
    assert list_entries(own_cache) == []


def test_name_that_is_taken_by_something_else_is_said(split, own_cache, monkeypatch, capsys):
    folder = own_cache / "encoded" / split.compute_key()
    folder.parent.mkdir(parents=True)
    folder.write_text("a file")
    assert prepare_entry(split, "tokenizing") is None
    assert "the cache cannot be used" in capsys.readouterr().err


def test_entry_that_never_reads_as_written_is_given_up(split, monkeypatch, capsys):
    def find_damage(folder):
        raise DamagedEntryError("a bad disk")

    monkeypatch.setattr(cache, "check_entry", find_damage)
    assert prepare_entry(split, "tokenizing") is None
    assert "does not stay as it is written" in capsys.readouterr().err


# Where it is.


@pytest.mark.parametrize(
    ("variables", "folder"),
    [
        ({CACHE_VARIABLE: "/a", "XDG_CACHE_HOME": "/b", "HOME": "/c"}, "/a"),
        ({"XDG_CACHE_HOME": "/b", "HOME": "/c"}, "/b/seq2seq"),
        ({"HOME": "/c"}, "/c/.cache/seq2seq"),
    ],
)
def test_cache_is_where_the_variables_say(monkeypatch, variables, folder):
    for name in (CACHE_VARIABLE, "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert find_cache_folder() == Path(folder)


def test_user_without_a_home_has_no_cache(split, monkeypatch, capsys):
    def fail():
        raise RuntimeError("Could not determine home directory.")

    for name in (CACHE_VARIABLE, "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", fail)
    with pytest.raises(OSError, match="Could not determine home directory"):
        find_cache_folder()
    assert prepare_entry(split, "tokenizing") is None
