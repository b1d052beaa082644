"""Random words for a pair of the quickstart corpus, on its side of the hold-out.

Held out: for every template a quarter of each word class is reserved. Training pairs never use a reserved word in that
template; validation and test pairs use nothing else.
"""

import hashlib
import random
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from .lexicon import LEXICON, word_key

HELD_OUT_SHARE = 0.25  # of every word class, for every template


@cache
def held_out_words(template: str, word_class: str) -> frozenset[str]:
    """The words of a class that the training pairs of this template never use (the head word, as `word_key` gives)."""

    def rank(key: str) -> bytes:
        """An order of its own for every template, the same on every machine."""
        return hashlib.sha256(f"{template} {key}".encode()).digest()

    keys = sorted({word_key(entry) for entry in LEXICON[word_class]})
    # Two at least, since a pair may need two words of a class, and they are to differ.
    count = max(2, round(HELD_OUT_SHARE * len(keys)))
    return frozenset(sorted(keys, key=rank)[:count])


@cache
def allowed_words(template: str, word_class: str, held_out: bool) -> tuple[tuple, ...]:
    """The entries of a class that a pair of this template may use on its side of the hold-out."""
    reserved = held_out_words(template, word_class)
    allowed = []
    for entry in LEXICON[word_class]:
        is_reserved = word_key(entry) in reserved
        if is_reserved == held_out:
            allowed.append(entry)
    return tuple(allowed)


@cache
def _list_keyed_words(template: str, word_class: str, held_out: bool) -> tuple[tuple[str, Any], ...]:
    """The same entries, each behind its key: made once, they are looked through for every word that is drawn."""
    return tuple((word_key(entry), entry) for entry in allowed_words(template, word_class, held_out))


@dataclass
class Draw:
    """Random words for one pair of one template, remembering which content words it used."""

    template: str
    held_out: bool
    rng: random.Random
    words: list[str] = field(default_factory=list)

    def pick(self, word_class: str) -> Any:
        keyed = _list_keyed_words(self.template, word_class, self.held_out)
        unused = [word for word in keyed if word[0] not in self.words]
        key, entry = self.rng.choice(unused)
        self.words.append(key)
        return entry

    def thing(self) -> str:
        """A definite noun phrase, two times of five with an adjective: 'the old lamp'."""
        quality = ""
        if self.rng.random() < 0.4:
            quality = f"{self.pick('quality').word} "
        return f"the {quality}{self.pick('thing').noun}"

    def adjunct(self) -> str:
        """Nothing, or a place or time with a leading space: ' in the garden'."""
        chance = self.rng.random()
        if chance < 0.5:
            return ""
        word_class = "place" if chance < 0.75 else "time"
        return f" {self.pick(word_class).phrase}"

    def past_phrase(self) -> str:
        """A verb phrase in the past: 'sold the old lamp in the garden'."""
        return f"{self.pick('verb').past} {self.thing()}{self.adjunct()}"
