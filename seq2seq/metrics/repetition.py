"""Repetition: the share of predictions that say a content word twice (Rothe et al. 2020).

On XSum they count 27 to 29% of their models' summaries and 4.7% of the references. The measure is meant for outputs of
one sentence: longer texts repeat their words rightly. References and sources do not count.
"""

from collections.abc import Iterable, Sequence

from .metric import MeanMetric
from .words import is_of_letters, list_words

# English words that sentences repeat without fault. In other languages every word of letters is a content word.
FUNCTION_WORDS = frozenset(
    """
    a an the this that these those some any no every each either neither both all another other such own same
    i me my mine myself we us our ours ourselves you your yours yourself yourselves he him his himself she her hers
    herself it its itself they them their theirs themselves one ones who whom whose which what
    and or but nor so yet if because as than though although while whether when where why how since until unless
    of in on at by for with about against between into through during before after above below to from up down out off
    over under again across along among around behind beside beyond near onto per toward towards upon within without
    am is are was were be been being have has had having do does did doing will would shall should can could may might
    must not n't don't doesn't didn't isn't aren't wasn't weren't won't wouldn't can't couldn't shouldn't hasn't haven't
    it's that's there's he's she's they're we're i'm you're i've we've they've i'll we'll they'll
    there here then too very just also only more most much many few less least s t d ll re ve m
    """.split()
)


class Repetition(MeanMetric):
    """Percent of predictions with a repeated content word: a word of letters alone that is no function word."""

    name = "repetition"
    better = "lower"

    def compute_shares(
        self,
        sources: Sequence[str],
        predictions: Sequence[str],
        references: Sequence[Sequence[str]],
    ) -> Iterable[float]:
        return (float(_repeats_content_word(text)) for text in predictions)

    def format_signature(self, references: Sequence[Sequence[str]]) -> str:
        return f"texts with a repeated word of letters, lower-cased, besides {len(FUNCTION_WORDS)} English ones"


def _repeats_content_word(text: str) -> bool:
    words = [word for word in list_words(text) if is_content_word(word)]
    return len(set(words)) < len(words)


def is_content_word(word: str) -> bool:
    """Whether a lower-cased word is made of letters, apostrophes aside, and is no function word."""
    straight = word.replace("’", "'")
    return straight not in FUNCTION_WORDS and is_of_letters(straight.replace("'", ""))
