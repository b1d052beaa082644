"""The tokens of one text as people read them, and which of them are punctuation."""

import string
import unicodedata
from collections.abc import Sequence

from transformers import PreTrainedTokenizerFast

from ..base.errors import TokenizerError
from .vocabulary import SIGNS, find_marking, read_token


def name_tokens(tokenizer: PreTrainedTokenizerFast, ids: Sequence[int]) -> list[str]:
    """The tokens of ids; those of byte-level vocabularies by the characters that their bytes stand for.

    'ĠcafÃ©' -> 'Ġcafé'; bytes that are no whole character, as 'â' of a dash in three tokens, -> '\\xe2'. An id beyond
    the vocabulary, of a model that has more rows than tokens, is '<id 371>'.
    """
    is_byte_level, added = _find_marking(tokenizer) == "byte-level", tokenizer.added_tokens_decoder
    return [
        f"<id {index}>" if token is None else _show_bytes(token) if is_byte_level and index not in added else token
        for index, token in zip(ids, tokenizer.convert_ids_to_tokens(list(ids)), strict=True)
    ]


def _show_bytes(token: str) -> str:
    starts_word, surface = read_token("byte-level", token)
    text = surface.decode("utf-8", errors="backslashreplace")
    return SIGNS[ord(" ")] * starts_word + "".join(map(_show, text))


def _show(letter: str) -> str:
    if letter.isprintable() and letter != " ":
        return letter
    return SIGNS[ord(letter)] if letter.isascii() else letter.encode("unicode_escape").decode()


def mark_punctuation(tokenizer: PreTrainedTokenizerFast, ids: Sequence[int]) -> list[bool]:
    """Which tokens of a text are punctuation and nothing else but white space.

    Every part of a mark that was cut into bytes is.
    """
    marking, added = _find_marking(tokenizer), tokenizer.added_tokens_decoder
    tokens = zip(ids, tokenizer.convert_ids_to_tokens(list(ids)), strict=True)
    surfaces = [
        b"" if token is None or index in added else read_token(marking, token).surface for index, token in tokens
    ]
    # The character of every byte of the text; bytes of none are lone surrogates.
    text = b"".join(surfaces).decode("utf-8", errors="surrogateescape")
    letters = [same for letter in text for same in [letter] * _count_bytes(letter)]
    found, start = [], 0
    for surface in surfaces:
        own = [letter for letter in letters[start : start + len(surface)] if not letter.isspace()]
        found.append(bool(own) and all(map(_is_punctuation, own)))
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
