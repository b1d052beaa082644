"""Detokenization: what each tokenizer's spacing is undone to, written out by hand; and there and back by libraries."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nltk.tokenize import TreebankWordTokenizer

from seq2seq.text.detokenization import detokenize, restore_entities
from seq2seq.text.normalization import normalize_text


@pytest.mark.parametrize(
    ("tokenized", "written"),
    [
        ("She left , he stayed ; why ?", "She left, he stayed; why?"),
        ("Three ways : run , hide , pray !", "Three ways: run, hide, pray!"),
        ("The lake ( 12 % salt ) [ see 3 ] is dry .", "The lake (12% salt) [see 3] is dry."),
        ("Wait ... no", "Wait... no"),
        ("They opened at 9 : 30 .", "They opened at 9:30."),
        ("It costs $ 5 , in US$ 6 .", "It costs $5, in US$6."),
        ("Many $ signs", "Many $ signs"),
        ("¿ Quién ?", "¿Quién?"),
    ],
)
def test_marks_stand_where_they_are_written(tokenized, written):
    assert detokenize(tokenized) == written


@pytest.mark.parametrize(
    ("tokenized", "written"),
    [
        ("It 's theirs , we 're late and I 'd go , I 'll say .", "It's theirs, we're late and I'd go, I'll say."),
        ("They do n't , ca n't and WO N'T .", "They don't, can't and WON'T."),
        ("He don 't know .", "He don't know."),  # Moses
        ("It ’ s Ann 's , isn ’ t it", "It’s Ann's, isn’t it"),
        ("I ’ve gon na go ; you can not .", "I’ve gonna go; you cannot."),
        ("At five o 'clock", "At five o'clock"),
        ("l' homme qu' il a vu", "l'homme qu'il a vu"),
        ("in the '90s", "in the '90s"),
    ],
)
def test_contractions_close_up(tokenized, written):
    assert detokenize(tokenized) == written


@pytest.mark.parametrize(
    ("tokenized", "written"),
    [
        ('He said " no " and " yes " .', 'He said "no" and "yes".'),
        ("`` Go , '' she said , `` now . ''", '"Go," she said, "now."'),  # Treebank
        ("The song '' Blue Hat '' and '' Red '' .", 'The song "Blue Hat" and "Red".'),  # WikiSplit
        ("He called it `` odd ''", 'He called it "odd"'),
        ('A last one " at the end "', 'A last one "at the end"'),
        ('It ends in "', 'It ends in"'),
        ("„ Ja “ , sagte er .", "„Ja“, sagte er."),
        ("“ Yes ” , he said .", "“Yes”, he said."),
        ("` One ' and ' two ' .", "'One' and 'two'."),
        ("Known as ' the cat ' .", "Known as 'the cat'."),
        ("The players ' union met .", "The players' union met."),
        ("‘ Stay ’ , she said .", "‘Stay’, she said."),
    ],
)
def test_quotation_marks_are_paired(tokenized, written):
    assert detokenize(tokenized) == written


@pytest.mark.parametrize(
    ("tokenized", "written"),
    [
        ("one -LRB- two -RRB- -LSB- 3 -RSB-", "one (two) [3]"),
        ("and\\/or", "and\\/or"),
        ("either \\/ or", "either / or"),
        ("an all @-@ out win , 1 @,@ 000 to 2 @.@ 5", "an all-out win, 1,000 to 2.5"),
        ("Ann &apos;s &quot; R &amp; B &quot;", 'Ann\'s "R & B"'),
        ("&#91; 5 &#93; &lt; 6 &#124; 7", "[5] < 6 | 7"),
    ],
)
def test_escapes_are_undone(tokenized, written):
    assert detokenize(tokenized) == written


@pytest.mark.parametrize("text", ["a - b", "a / b", "R & B", "19 -- 20"])
def test_spacing_that_says_nothing_stays(text):
    assert detokenize(text) == text


def test_entity_of_an_entity_is_undone_once():
    assert restore_entities("&amp;quot;") == "&quot;"


def test_detokenize_is_a_step_of_normalization():
    assert normalize_text("One . <::::> It 's two .", ["join_sentences", "detokenize"]) == "One. It's two."


WRITTEN = [
    "It wasn't his, she said; they'd (surely) paid 5% more!",
    'He called it "a mess", didn\'t he?',
    "Tom's brothers, Ann and Bob, cannot come: they're ill.",
    "[1] It costs $20.",
]


@pytest.mark.parametrize("text", WRITTEN)
def test_text_comes_back_from_the_treebank_tokenizer(text):
    tokens = TreebankWordTokenizer().tokenize(text)
    assert " ".join(tokens) != text
    assert detokenize(" ".join(tokens)) == text


@given(st.lists(st.sampled_from("a Ann it 's n't , . ( ) - \" ' players $ 5 : % @ na".split()), max_size=12))
def test_nothing_but_spaces_changes(tokens):
    assert detokenize(" ".join(tokens)).replace(" ", "") == "".join(tokens)
