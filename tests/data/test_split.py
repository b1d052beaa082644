"""The key of a split: another one for whatever the ids depend on, the same for everything else."""

from dataclasses import replace

import pytest

from seq2seq.base.errors import DataError
from seq2seq.data import readers
from seq2seq.data import split as split_module
from seq2seq.data.options import ColumnOptions, LayoutOptions
from seq2seq.data.readers import Row
from seq2seq.text.tokenizers import TokenizerPair, load_tokenizer
from tests.conftest import build_source
from tests.data.cached_rows import ROWS, write_rows


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
        {"max_target_tokens": 4},
    ],
    ids=str,
)
def test_changed_option_has_another_key(split, change):
    assert replace(split, **change).compute_key() != split.compute_key()


def test_changed_limit_of_sources_has_another_key(split):
    source = build_source(split.tokenizers.source, split.framing, 5)
    assert replace(split, source=source).compute_key() != split.compute_key()


@pytest.mark.parametrize("mark", ["begin_id", "end_id", "pad_id", "source_prefix", "source_suffix", "target_prefix"])
def test_changed_framing_has_another_key(split, mark):
    value = 7 if mark.endswith("id") else (7,)
    changed = replace(split, framing=replace(split.framing, **{mark: value}))
    assert changed.compute_key() != split.compute_key()


@pytest.mark.parametrize("side", ["source", "target"])
def test_changed_tokenizer_has_another_key(split, tiny_bert, side):
    other = load_tokenizer(tiny_bert)
    other.backend_tokenizer.normalizer = None  # the same vocabulary, another way into it
    pair = replace(split.tokenizers, **{side: other})
    changed = replace(split, tokenizers=pair, source=build_source(pair.source, split.framing, 4))
    assert changed.compute_key() != split.compute_key()


def test_equal_tokenizers_have_the_same_key_whether_one_object_or_two(split, tiny_bert):
    again = TokenizerPair(load_tokenizer(tiny_bert), load_tokenizer(tiny_bert))
    source = build_source(again.source, split.framing, 4)
    assert replace(split, tokenizers=again, source=source).compute_key() == split.compute_key()


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

    monkeypatch.setattr("seq2seq.base.files.compute_sha256", fail)
    with pytest.raises(DataError, match=r"rows\.jsonl: reading failed: Input/output error"):
        split.compute_key()
