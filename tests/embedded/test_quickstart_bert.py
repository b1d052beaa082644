"""The embedded BERT: small, able to write the quickstart's texts, and kept away from its held-out pairs."""

import importlib.util
import itertools
from pathlib import Path

import pytest

from seq2seq.base.files import embedded_folder
from seq2seq.embedded.corpus import SPLITS, generate_pairs, load_pairs
from seq2seq.text.tokenizers import decode_ids, encode_texts, load_tokenizer

SCRIPT = Path(__file__).parents[2] / "launch" / "pretrain_quickstart_bert.py"
FOLDER = embedded_folder("quickstart-bert")


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("pretrain_quickstart_bert", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_it_is_at_most_6_megabytes():
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) <= 6_000_000


@pytest.mark.parametrize("split", SPLITS)
def test_its_tokenizer_writes_every_text_of_the_quickstart(split):
    tokenizer = load_tokenizer(FOLDER)
    texts = [text for pair in load_pairs(split) for text in pair[:2]]
    assert [decode_ids(tokenizer, ids) for ids in encode_texts(tokenizer, texts)] == texts


def test_pretraining_text_has_no_text_of_a_held_out_pair(script):
    lines = script.generate_lines(30_000)
    held_out = {text for split in ("validation", "test") for pair in load_pairs(split) for text in pair[:2]}
    assert len(lines) == 30_000
    assert not held_out.intersection(lines)


def test_pretraining_stops_where_a_held_out_text_is_drawn(script, monkeypatch):
    leaked = load_pairs("test")[0]
    monkeypatch.setattr(script, "generate_pairs", lambda held_out, seed: itertools.repeat(leaked))
    with pytest.raises(SystemExit, match="2 held-out texts are in the pre-training text"):
        script.generate_lines(10)


def test_no_content_word_of_a_test_pair_occurs_in_pretraining_with_its_template(script):
    seen = itertools.islice(generate_pairs(held_out=False, seed=script.PRETRAINING_SEED), 20_000)
    pretrained = {(pair.template, word) for pair in seen for word in pair.words}
    tested = {(pair.template, word) for pair in load_pairs("test") for word in pair.words}
    assert pretrained.isdisjoint(tested)
