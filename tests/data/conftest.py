"""A split of three rows, its tokenizer, and a cache of a test's own for those that ask for one."""

from pathlib import Path

import pytest

from seq2seq.data.cache import CACHE_VARIABLE
from seq2seq.data.options import LayoutOptions
from seq2seq.data.split import Split
from seq2seq.text.framing import derive_framing
from seq2seq.text.tokenizers import TokenizerPair, load_tokenizer
from tests.conftest import build_source
from tests.data.cached_rows import ROWS, write_rows


@pytest.fixture
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
    """The rows of `cached_rows`; sources are cut at 4 tokens, targets at 5."""
    pair = TokenizerPair(tokenizer, tokenizer)
    framing = derive_framing(tokenizer)
    return Split((str(data),), LayoutOptions(), build_source(tokenizer, framing, 4), pair, framing, 5)
