"""The quickstart corpus: English sentence fusion made from a grammar, the same on every machine.

A pair is two short sentences and the one sentence that joins them. The cue in the source (a connective, a pronoun, an
auxiliary) decides which construction joins them, so there is one right answer. Knows nothing of files or tokens.

No (template, content word) of a validation or test pair occurs in training; draw.py says how words are held out.
"""

import random
from collections.abc import Iterator
from typing import NamedTuple

from .draw import Draw
from .templates import TEMPLATES

SPLITS = {"train": 8000, "validation": 300, "test": 500}  # pairs


def sentence(text: str) -> str:
    """Upper-case first letter and a full stop."""
    return f"{text[0].upper()}{text[1:]}."


class FusionPair(NamedTuple):
    """One generated pair; `words` are the content words it uses, for the hold-out."""

    source: str
    target: str
    template: str
    words: tuple[str, ...]


def generate_pairs(*, held_out: bool, seed: int) -> Iterator[FusionPair]:
    """Endless pairs, templates drawn evenly; `held_out` chooses reserved or unreserved words (see draw.py)."""
    # Python makes the same numbers of a text on every machine, whatever its hash seed.
    rng = random.Random(f"quickstart {seed} {held_out}")
    names = list(TEMPLATES)
    while True:
        draw = Draw(rng.choice(names), held_out, rng)
        clauses = TEMPLATES[draw.template](draw)
        yield FusionPair(
            source=f"{sentence(clauses.first)} {sentence(clauses.second)}",
            target=sentence(clauses.joined),
            template=draw.template,
            words=tuple(draw.words),
        )


def load_pairs(split: str) -> list[FusionPair]:
    """The pairs of one split, without repetitions; validation and test share none.

    Raises:
        KeyError: the split is none of SPLITS.
    """
    wanted = SPLITS[split]
    skipped = SPLITS["validation"] if split == "test" else 0  # both come from one stream, validation first
    seen: dict[str, FusionPair] = {}
    for pair in generate_pairs(held_out=split != "train", seed=1):
        seen.setdefault(pair.source, pair)
        if len(seen) == skipped + wanted:
            return list(seen.values())[skipped:]
    raise AssertionError("the generator is endless")
