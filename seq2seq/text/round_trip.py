"""Whether texts come back from a tokenizer: what a model that knows every right token could write, and what not.

The share that does is the ceiling of an exact match.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from transformers import PreTrainedTokenizerFast

from .coverage import batch_texts, build_normalize
from .normalization import normalize_text
from .tokenizers import decode_ids, encode_texts, list_dropped

SHOWN = 2  # examples of each kind


@dataclass(frozen=True)
class Returned:
    """A text and what came back."""

    text: str
    came_back: str

    def is_exact(self) -> bool:
        return self.came_back == self.text

    def is_equal_after(self, normalization: Sequence[str]) -> bool:
        return normalize_text(self.came_back, normalization) == normalize_text(self.text, normalization)


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


@dataclass(frozen=True)
class Spelling:
    """A text as a tokenizer spells it.

    ids: of its tokens, without marks.
    returned: the text, and what an output shows of it.
    unknown: the parts of the text that are unknown to the vocabulary.
    is_whole: whether all of it is spelled, but for white space and what the tokenizer's normalizer changes, such as
    case.
    """

    ids: tuple[int, ...]
    returned: Returned
    unknown: tuple[str, ...]
    is_whole: bool


def spell_text(tokenizer: PreTrainedTokenizerFast, text: str) -> Spelling:
    """How a tokenizer spells a text: BERT's, which lower-cases, makes 'the' of 'The', and nothing of '☃'."""
    return next(spell_texts(tokenizer, [text]))


def spell_texts(tokenizer: PreTrainedTokenizerFast, texts: Sequence[str]) -> Iterator[Spelling]:
    """How a tokenizer spells each text."""
    normalize = build_normalize(tokenizer)
    for text, ids in zip(texts, encode_texts(tokenizer, texts), strict=True):
        unknown: tuple[str, ...] = ()
        if tokenizer.unk_token_id in ids:
            unknown = tuple(_list_unknown(tokenizer, text))
        # Tokens with a role that an output leaves out are spelled all the same.
        spelled = tokenizer.decode(ids, skip_special_tokens=False)
        shown = _leave_out_dropped(tokenizer, text, ids)
        is_whole = not unknown and _squeeze(spelled) == _squeeze(normalize(shown))
        yield Spelling(tuple(ids), Returned(text, decode_ids(tokenizer, ids)), unknown, is_whole)


def _leave_out_dropped(
    tokenizer: PreTrainedTokenizerFast,
    text: str,
    ids: Sequence[int],
) -> str:
    """The text without those of its tokens that no output shows, whatever their case, as some are read."""
    for token in list_dropped(tokenizer):
        if tokenizer.convert_tokens_to_ids(token) in ids:
            text = re.sub(re.escape(token), " ", text, flags=re.IGNORECASE)
    return text


def _list_unknown(tokenizer: PreTrainedTokenizerFast, text: str) -> Iterator[str]:
    encoding = tokenizer.backend_tokenizer.encode(text, add_special_tokens=False)
    for token_id, (start, end) in zip(encoding.ids, encoding.offsets, strict=True):
        if token_id == tokenizer.unk_token_id:
            yield text[start:end]


def _squeeze(text: str) -> str:
    """The text without white space."""
    return "".join(text.split())


def measure_round_trip(
    tokenizer: PreTrainedTokenizerFast,
    texts: Iterable[str],
    normalization: Sequence[str],
) -> RoundTrip:
    """Writes every text into tokens and back; `normalization` names the normalizers of the lenient comparison."""
    count = 0
    exact = 0
    normalized = 0
    with_unknown = 0
    changed: list[Returned] = []
    changed_normalized: list[Returned] = []
    unknown: list[Returned] = []
    for batch in batch_texts(texts):
        for text, ids in zip(batch, encode_texts(tokenizer, batch), strict=True):
            count += 1
            returned = Returned(text, decode_ids(tokenizer, ids))
            if returned.is_exact():
                exact += 1
            else:
                changed.append(returned)
            if returned.is_equal_after(normalization):
                normalized += 1
            else:
                changed_normalized.append(returned)
            if tokenizer.unk_token_id in ids:
                with_unknown += 1
                unknown.append(returned)
        # Of a large corpus, all that do not come back would fill the memory.
        del changed[SHOWN:], changed_normalized[SHOWN:], unknown[SHOWN:]
    return RoundTrip(
        texts=count,
        exact=exact,
        normalized=normalized,
        with_unknown=with_unknown,
        changed=tuple(changed),
        changed_normalized=tuple(changed_normalized),
        unknown=tuple(unknown),
    )
