"""The tokens of one text as people read them, and which of them are punctuation."""

import string
import unicodedata
from collections.abc import Sequence

from transformers import PreTrainedTokenizerFast

from ..errors import TokenizerError
from .vocabulary import find_marking, read_token

SPACE, NEWLINE = "Ġ", "Ċ"  # as byte-level vocabularies write them; they would be invisible


def name_tokens(tokenizer: PreTrainedTokenizerFast, ids: Sequence[int]) -> list[str]:
    """The tokens of ids; those of byte-level vocabularies by the characters that their bytes stand for.

    'ĠcafÃ©' -> 'Ġcafé'; bytes that are no whole character, as 'â' of a dash in three tokens, -> '\\xe2'
    """
    tokens = tokenizer.convert_ids_to_tokens(list(ids))
    if _find_marking(tokenizer) != "byte-level":
        return tokens
    added = tokenizer.added_tokens_decoder
    return [token if index in added else _show_bytes(token) for index, token in zip(ids, tokens, strict=True)]


def _show_bytes(token: str) -> str:
    starts_word, surface = read_token("byte-level", token)
    text = surface.decode("utf-8", errors="backslashreplace")
    return SPACE * starts_word + text.replace(" ", SPACE).replace("\n", NEWLINE)


def find_punctuation(tokenizer: PreTrainedTokenizerFast, ids: Sequence[int]) -> list[bool]:
    """Which tokens of a text are punctuation and nothing else; every part of a mark that was cut into bytes is."""
    marking, added = _find_marking(tokenizer), tokenizer.added_tokens_decoder
    tokens = zip(ids, tokenizer.convert_ids_to_tokens(list(ids)), strict=True)
    surfaces = [b"" if index in added else read_token(marking, token).surface for index, token in tokens]
    # For every byte of the text, whether its character is punctuation; bytes of none become lone surrogates.
    text = b"".join(surfaces).decode("utf-8", errors="surrogateescape")
    marked = [is_mark for letter in text for is_mark in [_is_punctuation(letter)] * _count_bytes(letter)]
    found, start = [], 0
    for surface in surfaces:
        own = marked[start : start + len(surface)]
        found.append(bool(own) and all(own))
        start += len(surface)
    return found


def _find_marking(tokenizer: PreTrainedTokenizerFast) -> str:
    try:
        return find_marking(tokenizer)
    except TokenizerError:
        return ""  # tokens are read as they stand


def _count_bytes(letter: str) -> int:
    return len(letter.encode("utf-8", errors="surrogateescape"))


def _is_punctuation(letter: str) -> bool:
    return letter in string.punctuation or unicodedata.category(letter).startswith("P")
