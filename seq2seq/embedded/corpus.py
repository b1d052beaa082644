"""The quickstart corpus: English sentence fusion made from a grammar, the same on every machine.

A pair is two short sentences and the one sentence that joins them. The cue in the source (a connective, a pronoun, an
auxiliary) decides which construction joins them, so there is one right answer. Knows nothing of files or tokens.

Held out: for every template a quarter of each word class is reserved. Training pairs never use a reserved word in that
template; validation and test pairs use nothing else. So no (template, content word) of a test pair occurs in training.
"""

import hashlib
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import NamedTuple

from .lexicon import LEXICON, Person, article, word_key

HELD_OUT_SHARE = 0.25  # of every word class, for every template


@cache
def held_out_words(template: str, word_class: str) -> frozenset[str]:
    """The words of a class that the training pairs of this template never use (the head word, as `word_key` gives)."""
    keys = sorted({word_key(entry) for entry in LEXICON[word_class]})
    ranked = sorted(keys, key=lambda key: hashlib.sha256(f"{template} {key}".encode()).digest())
    return frozenset(ranked[: max(2, round(HELD_OUT_SHARE * len(ranked)))])


@cache
def allowed_words(template: str, word_class: str, held_out: bool) -> tuple[tuple, ...]:
    """The entries of a class that a pair of this template may use on its side of the hold-out."""
    reserved = held_out_words(template, word_class)
    return tuple(entry for entry in LEXICON[word_class] if (word_key(entry) in reserved) == held_out)


@dataclass
class Draw:
    """Random words for one pair of one template, remembering which content words it used."""

    template: str
    held_out: bool
    rng: random.Random
    words: list[str] = field(default_factory=list)

    def pick(self, word_class: str) -> tuple:
        allowed = allowed_words(self.template, word_class, self.held_out)
        entry = self.rng.choice([entry for entry in allowed if word_key(entry) not in self.words])
        self.words.append(word_key(entry))
        return entry

    def thing(self) -> str:
        """A definite noun phrase, half of the time with an adjective: 'the old lamp'."""
        quality = f"{self.pick('quality').word} " if self.rng.random() < 0.4 else ""
        return f"the {quality}{self.pick('thing').noun}"

    def adjunct(self) -> str:
        """Nothing, or a place or time with a leading space: ' in the garden'."""
        chance = self.rng.random()
        if chance < 0.5:
            return ""
        return f" {self.pick('place' if chance < 0.75 else 'time').phrase}"

    def past_phrase(self) -> str:
        """A verb phrase in the past: 'sold the old lamp in the garden'."""
        return f"{self.pick('verb').past} {self.thing()}{self.adjunct()}"


# Two clauses and the one that joins them, without capitals and full stops.
Clauses = tuple[str, str, str]


def sentence(text: str) -> str:
    """Upper-case first letter and a full stop."""
    return f"{text[0].upper()}{text[1:]}."


def _second_subject(draw: Draw, first: Person) -> str:
    """Either the pronoun of the first subject or another person."""
    return first.pronoun if draw.rng.random() < 0.5 else draw.pick("person").phrase


def _linked(cue: str, conjunction: str) -> Callable[[Draw], Clauses]:
    """'A. <cue>, B.' -> '<conjunction> A, B.'"""

    def build(draw: Draw) -> Clauses:
        person = draw.pick("person")
        first = f"{person.phrase} {draw.past_phrase()}"
        second = f"{_second_subject(draw, person)} {draw.past_phrase()}"
        return first, f"{cue}, {second}", f"{conjunction} {first}, {second}"

    return build


def _reason_after(draw: Draw) -> Clauses:
    person = draw.pick("person")
    first = f"{person.phrase} {draw.past_phrase()}"
    second = f"{_second_subject(draw, person)} {draw.past_phrase()}"
    return first, f"this was because {second}", f"{first} because {second}"


def _relative_subject(draw: Draw) -> Clauses:
    person, first, second = draw.pick("person"), draw.past_phrase(), draw.past_phrase()
    return f"{person.phrase} {first}", f"{person.pronoun} {second}", f"{person.phrase}, who {first}, {second}"


def _relative_object(draw: Draw) -> Clauses:
    person, verb, noun, quality = draw.pick("person"), draw.pick("verb"), draw.pick("thing").noun, draw.pick("quality")
    subject = draw.rng.choice(("it", f"the {noun}"))
    return (
        f"{person.phrase} {verb.past} the {noun}",
        f"{subject} was {quality.word}",
        f"{person.phrase} {verb.past} the {noun} that was {quality.word}",
    )


def _apposition(draw: Draw) -> Clauses:
    person, job, phrase = draw.pick("name"), draw.pick("job").noun, draw.past_phrase()
    return (
        f"{person.phrase} is {article(job)} {job}",
        f"{person.pronoun} {phrase}",
        f"{person.phrase}, {article(job)} {job}, {phrase}",
    )


def _verb_coordination(draw: Draw) -> Clauses:
    person, first, second = draw.pick("person"), draw.past_phrase(), draw.past_phrase()
    return f"{person.phrase} {first}", f"{person.pronoun} also {second}", f"{person.phrase} {first} and {second}"


def _object_coordination(draw: Draw) -> Clauses:
    person, verb, first, second, tail = (
        draw.pick("person"), draw.pick("verb"), draw.thing(), draw.thing(), draw.adjunct(),
    )  # fmt: skip
    return (
        f"{person.phrase} {verb.past} {first}{tail}",
        f"{person.pronoun} {verb.past} {second} too",
        f"{person.phrase} {verb.past} {first} and {second}{tail}",
    )


def _subject_coordination(draw: Draw) -> Clauses:
    first, second, verb, thing, tail = (
        draw.pick("person"), draw.pick("person"), draw.pick("verb"), draw.thing(), draw.adjunct(),
    )  # fmt: skip
    return (
        f"{first.phrase} often {verb.third} {thing}{tail}",
        f"{second.phrase} does so too",
        f"{first.phrase} and {second.phrase} often {verb.base} {thing}{tail}",
    )


def _purpose(draw: Draw) -> Clauses:
    person, first, verb, thing = draw.pick("person"), draw.past_phrase(), draw.pick("verb"), draw.thing()
    return (
        f"{person.phrase} {first}",
        f"{person.pronoun} wanted to {verb.base} {thing}",
        f"{person.phrase} {first} to {verb.base} {thing}",
    )


def _without(draw: Draw) -> Clauses:
    person, first, verb, thing = draw.pick("person"), draw.past_phrase(), draw.pick("verb"), draw.thing()
    return (
        f"{person.phrase} {first}",
        f"{person.pronoun} did not {verb.base} {thing}",
        f"{person.phrase} {first} without {verb.gerund} {thing}",
    )


def _condition(draw: Draw) -> Clauses:
    first, second = draw.pick("person"), draw.pick("person")
    condition = f"{first.phrase} {draw.pick('verb').third} {draw.thing()}{draw.adjunct()}"
    result = f"{second.phrase} will {draw.pick('verb').base} {draw.thing()}"
    return f"perhaps {condition}", f"in that case, {result}", f"if {condition}, {result}"


def _adjective_moved(draw: Draw) -> Clauses:
    noun, quality, person, verb = draw.pick("thing").noun, draw.pick("quality"), draw.pick("person"), draw.pick("verb")
    tail = draw.adjunct()
    return (
        f"the {noun} was {quality.word}",
        f"{person.phrase} {verb.past} it{tail}",
        f"{person.phrase} {verb.past} the {quality.word} {noun}{tail}",
    )


def _gerund_opening(draw: Draw) -> Clauses:
    person, verb, thing, second = draw.pick("person"), draw.pick("verb"), draw.thing(), draw.past_phrase()
    return (
        f"{person.phrase} {verb.past} {thing}",
        f"at the same moment, {person.pronoun} {second}",
        f"{verb.gerund} {thing}, {person.phrase} {second}",
    )


def _neither(draw: Draw) -> Clauses:
    first, second, verb, thing, tail = (
        draw.pick("person"), draw.pick("person"), draw.pick("verb"), draw.thing(), draw.adjunct(),
    )  # fmt: skip
    return (
        f"{first.phrase} did not {verb.base} {thing}{tail}",
        f"{second.phrase} did not do so either",
        f"neither {first.phrase} nor {second.phrase} {verb.past} {thing}{tail}",
    )


def _active(draw: Draw) -> Clauses:
    person, verb, thing, tail = draw.pick("person"), draw.pick("verb"), draw.thing(), draw.adjunct()
    return (
        f"{thing} was {verb.participle}{tail}",
        f"it was {person.phrase} who did it",
        f"{person.phrase} {verb.past} {thing}{tail}",
    )


def _instead(draw: Draw) -> Clauses:
    person, verb, thing, second = draw.pick("person"), draw.pick("verb"), draw.thing(), draw.past_phrase()
    return (
        f"{person.phrase} did not {verb.base} {thing}",
        f"instead, {person.pronoun} {second}",
        f"instead of {verb.gerund} {thing}, {person.phrase} {second}",
    )


def _not_only(draw: Draw) -> Clauses:
    person, first, second = draw.pick("person"), draw.past_phrase(), draw.past_phrase()
    return (
        f"{person.phrase} {first}",
        f"on top of that, {person.pronoun} {second}",
        f"{person.phrase} not only {first} but also {second}",
    )


def _owned(draw: Draw) -> Clauses:
    person, noun, quality, tail = draw.pick("person"), draw.pick("thing").noun, draw.pick("quality"), draw.adjunct()
    return (
        f"{person.phrase} wanted {article(noun)} {noun}{tail}",
        f"it had to be {quality.word}",
        f"{person.phrase} wanted {article(quality.word)} {quality.word} {noun}{tail}",
    )


def _so_that(draw: Draw) -> Clauses:
    noun, quality, person, verb = draw.pick("thing").noun, draw.pick("quality"), draw.pick("person"), draw.pick("verb")
    tail = draw.adjunct()
    return (
        f"the {noun} was very {quality.word}",
        f"for this reason, {person.phrase} {verb.past} it{tail}",
        f"the {noun} was so {quality.word} that {person.phrase} {verb.past} it{tail}",
    )


TEMPLATES: dict[str, Callable[[Draw], Clauses]] = {
    "concession": _linked("however", "although"),
    "cause": _linked("therefore", "because"),
    "sequence": _linked("afterwards", "after"),
    "anteriority": _linked("before that", "before"),
    "simultaneity": _linked("meanwhile", "while"),
    "reason_after": _reason_after,
    "relative_subject": _relative_subject,
    "relative_object": _relative_object,
    "apposition": _apposition,
    "verb_coordination": _verb_coordination,
    "object_coordination": _object_coordination,
    "subject_coordination": _subject_coordination,
    "purpose": _purpose,
    "without": _without,
    "condition": _condition,
    "adjective_moved": _adjective_moved,
    "gerund_opening": _gerund_opening,
    "neither": _neither,
    "active": _active,
    "instead": _instead,
    "not_only": _not_only,
    "owned": _owned,
    "so_that": _so_that,
}


class FusionPair(NamedTuple):
    """One generated pair; `words` are the content words it uses, for the hold-out."""

    source: str
    target: str
    template: str
    words: tuple[str, ...]


def generate_pairs(*, held_out: bool, seed: int) -> Iterator[FusionPair]:
    """Endless pairs, templates drawn evenly; `held_out` chooses reserved or unreserved words (see the file header)."""
    rng = random.Random(f"quickstart {seed} {held_out}")
    names = list(TEMPLATES)
    while True:
        draw = Draw(rng.choice(names), held_out, rng)
        first, second, joined = TEMPLATES[draw.template](draw)
        yield FusionPair(f"{sentence(first)} {sentence(second)}", sentence(joined), draw.template, tuple(draw.words))


SPLITS = {"train": 8000, "validation": 300, "test": 500}  # pairs


def load_pairs(split: str) -> list[FusionPair]:
    """The pairs of one split, without repetitions; validation and test share none.

    Raises:
        KeyError: the split is none of SPLITS.
    """
    wanted = SPLITS[split]
    skipped = SPLITS["validation"] if split == "test" else 0
    seen: dict[str, FusionPair] = {}
    for pair in generate_pairs(held_out=split != "train", seed=1):
        seen.setdefault(pair.source, pair)
        if len(seen) == skipped + wanted:
            return list(seen.values())[skipped:]
    raise AssertionError("the generator is endless")
