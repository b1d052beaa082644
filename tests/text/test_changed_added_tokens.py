"""Added tokens in folders of earlier versions, and in those that others changed since.

Expected ids and texts are those of plain transformers on the same folder.
"""

import itertools
import json
from pathlib import Path

import pytest
from tokenizers import Tokenizer
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from seq2seq.text.tokenizers import TokenizerPair, decode_ids, encode_texts, load_tokenizer, make_bare
from seq2seq.text.trimming import trim_tokenizer
from tests.text.added_tokens import MARKS, TEXTS, cut, decode, encode, highlight, publish


def write_as_before(folder: Path, plain: PreTrainedTokenizerFast) -> PreTrainedTokenizerFast:
    """What was saved up to November 2026: special tokens as they were published, to be split; roles alone are named."""
    layout = json.loads(plain.backend_tokenizer.to_str()) | {"post_processor": None}
    PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(json.dumps(layout)),
        split_special_tokens=True,
        model_input_names=["input_ids", "attention_mask"],
        clean_up_tokenization_spaces=False,
        model_max_length=64,
        **plain.special_tokens_map,
    ).save_pretrained(folder)
    return AutoTokenizer.from_pretrained(folder)


@pytest.mark.parametrize("family", ["bert", "bart", "t5"])
def test_folder_of_an_earlier_version_is_read_as_its_model_was_trained(tmp_path, family):
    plain = publish(tmp_path / "plain", family, [highlight(), "<new>"])
    before = write_as_before(tmp_path / "before", plain)
    texts = [*TEXTS, *MARKS]
    expected = before(texts)["input_ids"]
    assert plain.convert_tokens_to_ids("<hl>") not in itertools.chain(*expected)
    bare = load_tokenizer(tmp_path / "before")
    assert encode_texts(bare, texts) == expected
    assert decode_ids(bare, plain.convert_tokens_to_ids(["<hl>"])) == ""
    TokenizerPair(bare, bare).save(tmp_path / "again", max_source_tokens=64)
    assert encode_texts(load_tokenizer(tmp_path / "again"), texts) == expected
    trimmed, _ = trim_tokenizer(bare, texts)
    assert cut(trimmed, "<hl>") == cut(bare, "<hl>")


def test_tokenizer_that_splits_its_special_tokens_is_obeyed(tmp_path):
    publish(tmp_path, "bart", [highlight()])
    settings = json.loads((tmp_path / "tokenizer_config.json").read_text())
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(settings | {"split_special_tokens": True}))
    plain = AutoTokenizer.from_pretrained(tmp_path)
    assert encode_texts(load_tokenizer(tmp_path), TEXTS) == encode(plain, TEXTS)


@pytest.mark.parametrize("family", ["bert", "t5", "bart"])
def test_special_token_that_was_added_to_one_of_ours_is_a_token_of_its_own(tmp_path, family):
    bare = make_bare(publish(tmp_path / "plain", family, [highlight()]))
    TokenizerPair(bare, bare).save(tmp_path / "saved", max_source_tokens=64)
    changed = AutoTokenizer.from_pretrained(tmp_path / "saved")
    changed.add_special_tokens({"extra_special_tokens": ["<q>"]})
    changed.save_pretrained(tmp_path / "changed")
    again = load_tokenizer(tmp_path / "changed")
    assert cut(again, "<hl><q>") == ["<hl>", "<q>"]
    ids = again.convert_tokens_to_ids(["<q>", *cut(bare, "the"), "<hl>", "<q>", *cut(bare, " cat"), "<q>"])
    assert decode_ids(again, ids) == decode_ids(bare, encode_texts(bare, ["the cat"])[0])
    TokenizerPair(again, again).save(tmp_path / "again", max_source_tokens=64)
    assert decode(AutoTokenizer.from_pretrained(tmp_path / "again"), [ids]) == [decode_ids(again, ids)]
