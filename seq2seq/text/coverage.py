"""How well a tokenizer serves some texts: how many tokens it makes of them, and whether they come back."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from transformers import PreTrainedTokenizerFast

from ..base.errors import TokenizerError
from ..base.formats import format_share
from .normalization import collapse_spaces
from .tokenizers import decode_ids, encode_texts
from .vocabulary import find_marking

BATCH_TEXTS = 1000  # encoded at a time, so that a large corpus need not fit in memory as tokens


@dataclass(frozen=True)
class Coverage:
    """Counts over some texts; words are what white space separates, shares lie between 0 and 1.

    `tokens_per_word` is the fertility of Rust et al. 2021. `returning_texts` is the share of texts that decode to
    themselves as the tokenizer normalises them (lower-cased, say), white space aside.
    """

    texts: int
    characters: int
    words: int
    tokens: int
    tokens_per_word: float
    single_token_words: float
    unknown_tokens: int
    returning_texts: float
    used_vocabulary: float


def measure_coverage(tokenizer: PreTrainedTokenizerFast, texts: Iterable[str]) -> Coverage:
    """Encodes and decodes every text.

    Raises:
        TokenizerError: there is no word in the texts.
    """
    normalize = build_normalize(tokenizer)
    words: Counter[str] = Counter()
    tokens: Counter[int] = Counter()
    count = 0
    characters = 0
    returning = 0
    for batch in batch_texts(texts):
        for text, ids in zip(batch, encode_texts(tokenizer, batch), strict=True):
            count += 1
            characters += len(text)
            words.update(text.split())
            tokens.update(ids)
            returning += collapse_spaces(decode_ids(tokenizer, ids)) == collapse_spaces(normalize(text))
    if not words:
        raise TokenizerError(f"Coverage needs text; {count} texts were given, and none holds a word.")
    return Coverage(
        texts=count,
        characters=characters,
        words=words.total(),
        tokens=tokens.total(),
        tokens_per_word=tokens.total() / words.total(),
        single_token_words=_count_single_token_words(tokenizer, words) / words.total(),
        unknown_tokens=tokens[tokenizer.unk_token_id],
        returning_texts=returning / count,
        used_vocabulary=len(tokens) / len(tokenizer),
    )


def coverage_rows(coverages: dict[str, Coverage]) -> tuple[list[str], list[list[str]]]:
    """Header and cells, a row for each name."""
    header = [
        "", "texts", "characters", "words", "tokens", "tokens per word", "words of one token", "unknown tokens",
        "texts that come back", "vocabulary used",
    ]  # fmt: skip
    return header, [_to_row(name, coverage) for name, coverage in coverages.items()]


def _to_row(name: str, coverage: Coverage) -> list[str]:
    """The cells of a coverage, its name first."""
    return [
        name,
        f"{coverage.texts:,}",
        f"{coverage.characters:,}",
        f"{coverage.words:,}",
        f"{coverage.tokens:,}",
        f"{coverage.tokens_per_word:.2f}",
        format_share(coverage.single_token_words),
        f"{coverage.unknown_tokens:,}",
        format_share(coverage.returning_texts),
        format_share(coverage.used_vocabulary),
    ]


def batch_texts(texts: Iterable[str]) -> Iterator[list[str]]:
    """The texts in lists of at most BATCH_TEXTS."""
    remaining = iter(texts)
    while batch := list(islice(remaining, BATCH_TEXTS)):
        yield batch


def _count_single_token_words(tokenizer: PreTrainedTokenizerFast, words: Counter[str]) -> int:
    # Inside a text a space precedes the word; byte-level vocabularies have it in the token.
    space = " " if find_marking(tokenizer) == "byte-level" else ""
    count = 0
    for batch in batch_texts(words):
        inside = [space + word for word in batch]
        for word, ids in zip(batch, encode_texts(tokenizer, inside), strict=True):
            if len(ids) == 1 and ids[0] != tokenizer.unk_token_id:
                count += words[word]
    return count


def build_normalize(tokenizer: PreTrainedTokenizerFast) -> Callable[[str], str]:
    """What a tokenizer makes of a text before it splits it; added tokens may stay as they are written."""
    normalizer = tokenizer.backend_tokenizer.normalizer
    if normalizer is None:
        return str
    kept = []
    for token in tokenizer.added_tokens_decoder.values():
        if not token.special and not token.normalized:
            kept.append(token.content)
    longest_first = sorted(kept, key=len, reverse=True)
    pattern = re.compile("|".join(map(re.escape, longest_first)) or r"(?!)")  # that one fits nowhere

    def normalize(text: str) -> str:
        parts = []
        start = 0
        for match in pattern.finditer(text):
            parts += [normalizer.normalize_str(text[start : match.start()]), match[0]]
            start = match.end()
        parts.append(normalizer.normalize_str(text[start:]))
        # Some normalizers write spaces as sentencepiece's '▁' already.
        return "".join(parts).replace("▁", " ")

    return normalize
