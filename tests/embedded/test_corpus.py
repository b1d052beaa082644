"""The quickstart corpus: held-out words never leak, splits are disjoint, the English is right."""

import hashlib
import os
import re
import subprocess
import sys
from collections import defaultdict
from itertools import islice

import pytest

from seq2seq.embedded.corpus import SPLITS, generate_pairs, load_pairs
from seq2seq.embedded.draw import Draw, allowed_words, held_out_words
from seq2seq.embedded.lexicon import LEXICON, VERBS, article, word_key
from seq2seq.embedded.templates import TEMPLATES

# By ear, over all words that can follow an article.
AN_WORDS = set(
    "anchor engine actor editor engineer artist officer author old empty expensive ugly enormous ancient orange "
    "elegant odd".split()
)


@pytest.fixture(scope="module")
def splits():
    return {split: load_pairs(split) for split in SPLITS}


def list_forms() -> dict[str, frozenset[str]]:
    """Every surface form, lower-case, and its content words (two for 'broken'); independent of how pairs are drawn."""
    forms = defaultdict(set)
    for verb in VERBS:
        for form in verb:
            forms[form].add(verb.base)
    for entry in (entry for word_class in LEXICON if word_class != "verb" for entry in LEXICON[word_class]):
        forms[word_key(entry).lower()].add(word_key(entry))
    return {form: frozenset(words) for form, words in forms.items()}


FORMS = list_forms()
ANY_FORM = re.compile(rf"\b({'|'.join(sorted(map(re.escape, FORMS), key=len, reverse=True))})\b")


def scan_words(pair) -> set[frozenset[str]]:
    """The content words of a pair, found in its texts; each with the other words that look the same."""
    return {FORMS[form] for form in ANY_FORM.findall(f"{pair.source} {pair.target}".lower())}


def test_no_content_word_of_a_test_pair_occurs_in_training_with_its_template(splits):
    trained = {(pair.template, word) for pair in splits["train"] for word in scan_words(pair)}
    for split in ("validation", "test"):
        assert not trained & {(pair.template, word) for pair in splits[split] for word in scan_words(pair)}


def test_every_word_of_the_test_split_is_known_from_training(splits):
    trained = set().union(*map(scan_words, splits["train"]))
    assert set().union(*map(scan_words, splits["test"])) <= trained


def test_words_noted_with_a_pair_are_those_in_its_texts(splits):
    for pair in splits["train"][:2000] + splits["test"]:
        word_groups = scan_words(pair)
        assert set(pair.words) <= set().union(*word_groups)
        assert all(words & set(pair.words) for words in word_groups)


def test_pair_uses_no_content_word_twice(splits):
    assert all(len(set(pair.words)) == len(pair.words) for pair in splits["train"])


def test_quarter_of_the_words_is_held_out():
    # 40 verbs: 40 / 4 = 10.
    assert [len(held_out_words(template, "verb")) for template in TEMPLATES] == [10] * len(TEMPLATES)


def test_allowed_words_of_both_sides_part_the_class():
    for word_class, entries in LEXICON.items():
        sides = [allowed_words("cause", word_class, held_out) for held_out in (False, True)]
        assert sorted(sides[0] + sides[1]) == sorted(entries)


def test_templates_hold_out_different_words():
    assert held_out_words("cause", "verb") != held_out_words("concession", "verb")


def test_splits_have_their_sizes(splits):
    assert {split: len(pairs) for split, pairs in splits.items()} == {"train": 8000, "validation": 300, "test": 500}


def test_splits_are_disjoint_and_without_repetitions(splits):
    sources = [pair.source for pairs in splits.values() for pair in pairs]
    assert len(set(sources)) == len(sources)


def test_every_split_has_every_template(splits):
    assert all({pair.template for pair in pairs} == set(TEMPLATES) for pairs in splits.values())


def test_unknown_split_is_refused():
    with pytest.raises(KeyError, match="dev"):
        load_pairs("dev")


def test_corpus_is_the_same_in_another_process_with_another_hash_seed(splits):
    code = (
        "import hashlib; from seq2seq.embedded.corpus import load_pairs; "
        "print(hashlib.sha256(repr(load_pairs('test')).encode()).hexdigest())"
    )
    environment = os.environ | {"PYTHONHASHSEED": "12345"}
    command = [sys.executable, "-c", code]
    printed = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.strip()
    assert printed == hashlib.sha256(repr(splits["test"]).encode()).hexdigest()


@pytest.mark.parametrize("held_out", [False, True])
def test_seeds_give_different_pairs(held_out):
    first, second = (list(islice(generate_pairs(held_out=held_out, seed=seed), 50)) for seed in (1, 2))
    assert first != second


def test_targets_differ_from_sources(splits):
    assert all(pair.source != pair.target for pairs in splits.values() for pair in pairs)


def test_source_is_two_sentences_and_target_is_one(splits):
    two, one = re.compile(r"[A-Z][^.]*\. [A-Z][^.]*\."), re.compile(r"[A-Z][^.]*\.")
    for pair in splits["train"]:
        assert two.fullmatch(pair.source), pair.source
        assert one.fullmatch(pair.target), pair.target


def test_source_has_one_right_target():
    targets = {}
    for pair in islice(generate_pairs(held_out=False, seed=1), 20_000):
        assert targets.setdefault(pair.source, pair.target) == pair.target


def test_articles_in_the_corpus_are_right(splits):
    articles = set()
    for pair in splits["train"] + splits["test"]:
        articles |= set(re.findall(r"\b(an?) (\w+)", f"{pair.source} {pair.target}"))
    assert {mark for mark, _ in articles} == {"a", "an"}
    assert [(mark, word) for mark, word in articles if (mark == "an") != (word in AN_WORDS)] == []


@pytest.mark.parametrize(("word", "expected"), [("engine", "an"), ("lamp", "a"), ("useful", "a"), ("ugly", "an")])
def test_article_follows_the_sound(word, expected):
    assert article(word) == expected


def test_pick_avoids_words_already_used():
    class First:
        """Chooses the first entry it may."""

        def choice(self, entries):
            return entries[0]

    draw = Draw("cause", False, First())
    assert draw.pick("verb") != draw.pick("verb")
    assert len(set(draw.words)) == 2
