"""An entry of the cache: mapped as it was written, any damage noticed and the entry made again."""

import numpy
import pytest

from seq2seq.data import cache_entry
from seq2seq.data.cache import prepare_entry
from seq2seq.data.cache_entry import DamagedEntryError
from tests.data.cached_rows import PARTS, build_description, load

pytestmark = pytest.mark.usefixtures("own_cache")


def test_cached_ids_are_mapped_from_the_file(split):
    encoded = load(split).encoded
    for array in (encoded.sources.ids, encoded.sources.lengths, encoded.labels.ids, encoded.labels.lengths):
        assert type(array) is numpy.ndarray
        assert isinstance(array.base, numpy.memmap)


@pytest.mark.parametrize("part", PARTS)
def test_flipped_bit_is_noticed_and_the_entry_made_again(split, capsys, part):
    expected = build_description(split.encode())
    path = prepare_entry(split, "tokenizing") / part
    content = bytearray(path.read_bytes())
    content[5] ^= 1
    path.write_bytes(content)
    assert build_description(load(split).encoded) == expected
    assert (
        "is damaged (its ids or lengths are not those that were written). It is made again." in capsys.readouterr().err
    )


@pytest.mark.parametrize("part", PARTS)
def test_file_cut_short_is_noticed_and_the_entry_made_again(split, capsys, part):
    expected = build_description(split.encode())
    path = prepare_entry(split, "tokenizing") / part
    path.write_bytes(path.read_bytes()[:-4])
    assert build_description(load(split).encoded) == expected
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
    expected = build_description(split.encode())
    (prepare_entry(split, "tokenizing") / part).unlink()
    assert build_description(load(split).encoded) == expected
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
