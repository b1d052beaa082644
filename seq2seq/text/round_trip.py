"""Whether texts come back from a tokenizer: what a model that knows every right token could write, and what not.

The share that does is the ceiling of an exact match.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from transformers import PreTrainedTokenizerFast

from .coverage import batch_texts
from .normalization import normalize_text
from .tokenizers import decode_ids, encode_texts

SHOWN = 2  # examples of each kind


@dataclass(frozen=True)
class Returned:
    """A text and what came back."""

    text: str
    came_back: str


@dataclass(frozen=True)
class RoundTrip:
    """Counts over texts that were written into tokens and back.

    exact: came back letter by letter; normalized: came back after the same normalization of both; with_unknown: hold a
    token that is unknown to the vocabulary.
    changed, changed_normalized, unknown: the first texts that did not come back, in either sense, or hold such tokens.
    """

    texts: int
    exact: int
    normalized: int
    with_unknown: int
    changed: tuple[Returned, ...] = ()
    changed_normalized: tuple[Returned, ...] = ()
    unknown: tuple[Returned, ...] = ()


def measure_round_trip(
    tokenizer: PreTrainedTokenizerFast,
    texts: Iterable[str],
    normalization: Sequence[str],
) -> RoundTrip:
    """Writes every text into tokens and back; `normalization` names the steps of the lenient comparison."""
    count = exact = normalized = with_unknown = 0
    changed: list[Returned] = []
    changed_normalized: list[Returned] = []
    unknown: list[Returned] = []
    for batch in batch_texts(texts):
        for text, ids in zip(batch, encode_texts(tokenizer, batch), strict=True):
            found = Returned(text, decode_ids(tokenizer, ids))
            is_exact = found.came_back == text
            is_normalized = normalize_text(found.came_back, normalization) == normalize_text(text, normalization)
            has_unknown = tokenizer.unk_token_id in ids
            count, exact, normalized = count + 1, exact + is_exact, normalized + is_normalized
            with_unknown += has_unknown
            for holds, shown in (
                (not is_exact, changed),
                (not is_normalized, changed_normalized),
                (has_unknown, unknown),
            ):
                if holds and len(shown) < SHOWN:
                    shown.append(found)
    return RoundTrip(count, exact, normalized, with_unknown, tuple(changed), tuple(changed_normalized), tuple(unknown))
