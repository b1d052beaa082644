"""Framing: the marks of a target, and what a limit leaves of it."""

import pytest
from tokenizers import Tokenizer, models
from transformers import PreTrainedTokenizerFast

from seq2seq.base.errors import TokenizerError
from seq2seq.text.framing import Framing, derive_framing, find_source_marks, first_id

FRAMING = Framing(begin_id=101, end_id=102, pad_id=0)
PIECES = ["<pad>", "<a>", "<b>", "<c>", "<d>"]  # ids 0 to 4


def build_tokenizer(**roles) -> PreTrainedTokenizerFast:
    backend = Tokenizer(models.WordLevel({piece: index for index, piece in enumerate(PIECES)}, unk_token="<pad>"))
    return PreTrainedTokenizerFast(tokenizer_object=backend, **roles)


@pytest.mark.parametrize(
    ("ids", "limit", "labels", "truncated"),
    [
        ([7, 8, 9], 10, [7, 8, 9, 102], False),
        ([7, 8, 9], 4, [7, 8, 9, 102], False),  # 3 tokens and the end mark are 4
        ([7, 8, 9], 3, [7, 8, 9], True),  # no room for the end mark
        ([7, 8, 9], 2, [7, 8], True),
        ([], 2, [102], False),
    ],
)
def test_target_ends_with_the_end_mark_unless_it_was_truncated(ids, limit, labels, truncated):
    assert FRAMING.frame_target(ids, limit) == (labels, truncated)


def test_framing_leaves_the_ids_given_as_they_were():
    ids = [7, 8]
    FRAMING.frame_target(ids, 10)
    assert ids == [7, 8]


def test_framing_as_a_dict_builds_the_same_framing():
    assert Framing(**FRAMING.to_dict()) == FRAMING


@pytest.mark.parametrize(
    ("roles", "framing"),
    [
        ({"cls_token": "<a>", "sep_token": "<b>", "pad_token": "<pad>"}, Framing(1, 2, 0)),
        ({"bos_token": "<c>", "eos_token": "<d>", "pad_token": "<pad>"}, Framing(3, 4, 0)),
        (
            {"cls_token": "<a>", "bos_token": "<c>", "sep_token": "<b>", "eos_token": "<d>", "pad_token": "<pad>"},
            Framing(3, 4, 0),
        ),
        ({"bos_token": "<c>", "eos_token": "<c>", "pad_token": "<pad>"}, Framing(3, 3, 0)),
    ],
    ids=["cls and sep", "bos and eos", "bos and eos come first", "one mark for both ends"],
)
def test_marks_are_derived_from_the_tokenizers_roles(roles, framing):
    assert derive_framing(build_tokenizer(**roles)) == framing


@pytest.mark.parametrize(
    ("roles", "message"),
    [
        ({"sep_token": "<b>", "pad_token": "<pad>"}, "has no begin mark"),
        ({"cls_token": "<a>", "pad_token": "<pad>"}, "has no end mark"),
        ({"cls_token": "<a>", "sep_token": "<b>"}, "has no pad mark .*<a>.*Set cls_token or bos_token"),
        ({}, "has no begin and no end and no pad mark"),
        (
            {"cls_token": "<a>", "eos_token": "<b>", "pad_token": "<b>"},
            "uses '<b>' both as pad and as begin or end mark",
        ),
        ({"cls_token": "<a>", "eos_token": "<b>", "pad_token": "<a>"}, "uses '<a>' both as pad"),
    ],
)
def test_tokenizer_without_marks_of_their_own_is_refused(roles, message):
    with pytest.raises(TokenizerError, match=message):
        derive_framing(build_tokenizer(**roles))


def test_first_filled_role_counts():
    assert first_id(build_tokenizer(bos_token="<c>"), "cls_token", "bos_token") == 3


def test_no_filled_role_gives_none():
    assert first_id(build_tokenizer(), "cls_token", "bos_token") is None


@pytest.mark.parametrize(
    ("roles", "marks"),
    [
        ({"cls_token": "<a>", "sep_token": "<b>"}, ((1,), (2,))),
        ({"bos_token": "<c>", "eos_token": "<d>"}, ((3,), (4,))),
        ({"bos_token": "<c>", "eos_token": "<d>", "sep_token": "<b>"}, ((3,), (4,))),
        ({"eos_token": "<d>"}, ((), (4,))),
    ],
    ids=["BERT", "EuroBERT", "BertGeneration", "T5"],
)
def test_source_marks_are_those_of_the_encoders_family(roles, marks):
    assert find_source_marks(build_tokenizer(**roles)) == marks


def test_a_source_tokenizer_without_marks_is_refused():
    with pytest.raises(TokenizerError, match=r"model\.source_marks: .*no mark.*or model\.source_marks to false"):
        find_source_marks(build_tokenizer(pad_token="<pad>"))
