"""The cache of tokenized data: the ids of memory, never stale, whole or absent, repaired where damaged."""

import errno
import json
import os
from dataclasses import replace
from pathlib import Path

import numpy
import pytest

from seq2seq.data import cache, cache_entry, encoding, readers
from seq2seq.data import split as split_module
from seq2seq.data.cache import (
    CACHE_VARIABLE,
    LEFTOVER_SECONDS,
    find_cache_folder,
    load_encoded,
    prepare_entry,
)
from seq2seq.data.cache_entry import DamagedEntryError, StoredExamples
from seq2seq.data.encoding import EncodedExamples
from seq2seq.data.options import ColumnOptions, LayoutOptions
from seq2seq.data.readers import Row
from seq2seq.data.split import Split
from seq2seq.errors import DataError
from seq2seq.text.framing import derive_framing
from seq2seq.text.tokenizers import TokenizerPair, load_tokenizer

ROWS = [
    {"source": "the big red cat sat", "target": "a cat", "other": "a dog"},
    {"source": "the bird", "target": "the small bird flew and sat", "other": "a fish"},
    {"source": "a fish swam", "target": "a fish", "other": "the sea"},
]
PARTS = ["sources.lengths.bin", "sources.ids.bin", "labels.lengths.bin", "labels.ids.bin"]


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch) -> Path:
    """A cache of the test's own."""
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="module")
def tokenizer(tiny_bert):
    return load_tokenizer(tiny_bert)


@pytest.fixture
def data(tmp_path) -> Path:
    return write_rows(tmp_path / "rows.jsonl", ROWS)


@pytest.fixture
def split(data, tokenizer) -> Split:
    """The rows above; sources are cut at 4 tokens, targets at 5."""
    pair = TokenizerPair(tokenizer, tokenizer)
    return Split((str(data),), LayoutOptions(), pair, derive_framing(tokenizer), 4, 5)


def write_rows(path: Path, rows: list[dict]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def load(split: Split) -> StoredExamples:
    return load_encoded(split, prepare_entry(split, "tokenizing"))


def describe(encoded: EncodedExamples) -> tuple:
    return (
        *([row.tolist() for row in side] for side in (encoded.sources, encoded.labels)),
        encoded.source_truncation,
        encoded.target_truncation,
    )


def list_entries(own_cache: Path) -> list[str]:
    """Everything in the cache, hidden names too."""
    return sorted(path.name for path in (own_cache / "encoded").iterdir())


def refuse(*arguments):
    raise AssertionError("this must not be called")


# The ids.


def test_cached_ids_and_counts_are_those_made_in_memory(split):
    expected = split.encode()
    stored = load(split)
    assert describe(stored.encoded) == describe(expected)
    assert stored.fingerprint == expected.compute_fingerprint() == stored.encoded.compute_fingerprint()


def test_ids_cached_in_chunks_are_those_of_one_chunk(split, tokenizer, monkeypatch):
    at_once = describe(split.encode())
    monkeypatch.setattr(encoding, "CHUNK", 2)
    assert describe(load(split).encoded) == at_once
    assert describe(split.encode()) == at_once


def test_cached_ids_are_mapped_from_the_file(split):
    encoded = load(split).encoded
    for array in (encoded.sources.ids, encoded.sources.lengths, encoded.labels.ids, encoded.labels.lengths):
        assert type(array) is numpy.ndarray
        assert isinstance(array.base, numpy.memmap)


def test_second_time_nothing_is_tokenized(split, monkeypatch):
    first = describe(load(split).encoded)
    monkeypatch.setattr(encoding, "encode_texts", refuse)
    assert describe(load(split).encoded) == first


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


# The key.


def test_same_content_under_another_path_has_the_same_key(split, data, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    moved = data.rename(tmp_path / "elsewhere" / "renamed.jsonl")
    key = replace(split, names=(str(moved),)).compute_key()
    moved.rename(data)
    assert split.compute_key() == key


@pytest.mark.parametrize(
    "change",
    [
        {"layout": LayoutOptions(columns=ColumnOptions(target="other"))},
        {"layout": LayoutOptions(columns=ColumnOptions(references="other"))},
        {"layout": LayoutOptions(header=["source", "target"])},
        {"layout": LayoutOptions(normalization=["lowercase"])},
        {"max_source_tokens": 5},
        {"max_target_tokens": 4},
    ],
    ids=str,
)
def test_changed_option_has_another_key(split, change):
    assert replace(split, **change).compute_key() != split.compute_key()


@pytest.mark.parametrize("mark", ["begin_id", "end_id", "pad_id", "source_prefix", "source_suffix", "target_prefix"])
def test_changed_framing_has_another_key(split, mark):
    value = 7 if mark.endswith("id") else (7,)
    changed = replace(split, framing=replace(split.framing, **{mark: value}))
    assert changed.compute_key() != split.compute_key()


@pytest.mark.parametrize("side", ["source", "target"])
def test_changed_tokenizer_has_another_key(split, tiny_bert, side):
    other = load_tokenizer(tiny_bert)
    other.backend_tokenizer.normalizer = None  # the same vocabulary, another way into it
    changed = replace(split, tokenizers=replace(split.tokenizers, **{side: other}))
    assert changed.compute_key() != split.compute_key()


def test_equal_tokenizers_have_the_same_key_whether_one_object_or_two(split, tiny_bert):
    again = TokenizerPair(load_tokenizer(tiny_bert), load_tokenizer(tiny_bert))
    assert replace(split, tokenizers=again).compute_key() == split.compute_key()


def test_changed_byte_of_a_file_has_another_key(split, data):
    before = split.compute_key()
    data.write_bytes(data.read_bytes().replace(b"the bird", b"the Bird"))
    assert split.compute_key() != before


def test_order_of_files_is_part_of_the_key(split, tmp_path):
    names = [str(write_rows(tmp_path / f"{number}.jsonl", [ROWS[number]])) for number in (0, 1)]
    keys = {replace(split, names=tuple(order)).compute_key() for order in (names, names[::-1], names[:1])}
    assert len(keys) == 3


def test_how_a_file_is_read_is_part_of_the_key(split, tmp_path):
    # The same bytes are one row of two cells as CSV and TSV, but a quotation mark is another thing there.
    for ending in ("csv", "tsv", "tsv.gz"):
        (tmp_path / f"a.{ending}").write_text('source\ttarget\n"a"\tb\n')
    keys = {replace(split, names=(str(tmp_path / f"a.{ending}"),)).compute_key() for ending in ("csv", "tsv", "tsv.gz")}
    assert len(keys) == 3


@pytest.mark.parametrize(("name", "changed"), [("_hash_code", lambda: "changed"), ("FORMAT", "changed")])
def test_changed_code_has_another_key(split, monkeypatch, name, changed):
    before = split.compute_key()
    monkeypatch.setattr(split_module, name, changed)
    assert split.compute_key() != before


def test_other_version_of_the_tokenizers_library_has_another_key(split, monkeypatch):
    before = split.compute_key()
    monkeypatch.setattr(split_module.tokenizers_library, "__version__", "0.0.0")
    assert split.compute_key() != before


def test_key_of_hub_rows_is_that_of_their_used_columns(split, monkeypatch):
    def compute_key(*rows: dict) -> str:
        monkeypatch.setattr(readers, "_read_hub", lambda name: (Row(f"{name} row", row) for row in rows))
        return replace(split, names=("hub:any::train",)).compute_key()

    first, second = {"source": "a", "target": "b"}, {"source": "c", "target": "d"}
    key = compute_key(first, second)
    assert compute_key(first | {"unused": "x"}, second) == key
    others = [compute_key(*rows) for rows in ([first], [second, first], [first, second | {"target": "D"}])]
    assert len({key, *others}) == 4


def test_embedded_splits_have_keys_of_their_own(split):
    names = [("embedded:quickstart:validation",), ("embedded:quickstart:test",)]
    assert len({replace(split, names=name).compute_key() for name in names}) == 2


def test_missing_file_is_named(split, data):
    data.unlink()
    with pytest.raises(DataError, match=r"rows\.jsonl: there is no such file"):
        split.compute_key()


def test_file_that_cannot_be_read_is_named(split, monkeypatch):
    def fail(path):
        raise OSError("Input/output error")

    monkeypatch.setattr("seq2seq.files.compute_sha256", fail)
    with pytest.raises(DataError, match=r"rows\.jsonl: reading failed: Input/output error"):
        split.compute_key()


# Damage.


@pytest.mark.parametrize("part", PARTS)
def test_flipped_bit_is_noticed_and_the_entry_made_again(split, capsys, part):
    expected = describe(split.encode())
    path = prepare_entry(split, "tokenizing") / part
    content = bytearray(path.read_bytes())
    content[5] ^= 1
    path.write_bytes(content)
    assert describe(load(split).encoded) == expected
    assert (
        "is damaged (its ids or lengths are not those that were written). It is made again." in capsys.readouterr().err
    )


@pytest.mark.parametrize("part", PARTS)
def test_file_cut_short_is_noticed_and_the_entry_made_again(split, capsys, part):
    expected = describe(split.encode())
    path = prepare_entry(split, "tokenizing") / part
    path.write_bytes(path.read_bytes()[:-4])
    assert describe(load(split).encoded) == expected
    assert "is damaged" in capsys.readouterr().err


def test_bytes_moved_from_one_file_to_the_next_are_noticed(split):
    folder = prepare_entry(split, "tokenizing")
    lengths, ids = folder / PARTS[0], folder / PARTS[1]
    ids.write_bytes(lengths.read_bytes()[-4:] + ids.read_bytes())
    lengths.write_bytes(lengths.read_bytes()[:-4])
    with pytest.raises(DamagedEntryError, match="its ids or lengths are not those that were written"):
        cache_entry.check_entry(folder)


@pytest.mark.parametrize("part", [*PARTS, "summary.json"])
def test_missing_file_of_an_entry_is_noticed_and_the_entry_made_again(split, capsys, part):
    expected = describe(split.encode())
    (prepare_entry(split, "tokenizing") / part).unlink()
    assert describe(load(split).encoded) == expected
    assert "is damaged" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda text: text[:40], r"summary\.json cannot be read"),
        (lambda text: "[]", r"summary\.json cannot be read"),
        (lambda text: "{}", r"summary\.json cannot be read"),
        (lambda text: text.replace('"truncated": 1', '"truncated": 0'), r"summary\.json is not as it was written"),
    ],
)
def test_damaged_summary_is_noticed(split, damage, message):
    folder = prepare_entry(split, "tokenizing")
    summary = folder / "summary.json"
    summary.write_text(damage(summary.read_text()))
    with pytest.raises(DamagedEntryError, match=message):
        cache_entry.check_entry(folder)


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
    assert describe(load(split).encoded) == describe(split.encode())
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
    assert describe(load(split).encoded) == describe(split.encode())
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
    assert describe(stored.encoded) == describe(split.encode())
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
