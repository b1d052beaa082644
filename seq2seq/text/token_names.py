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
    is_byte_level = _find_marking(tokenizer) == "byte-level"
    added = tokenizer.added_tokens_decoder
    names = []
    for token_id, token in zip(ids, tokenizer.convert_ids_to_tokens(list(ids)), strict=True):
        if token is None:
            names.append(f"<id {token_id}>")
        elif is_byte_level and token_id not in added:
            names.append(_show_bytes(token))
        else:
            names.append(token)
    return names


def _show_bytes(token: str) -> str:
    starts_word, surface = read_token("byte-level", token)
    text = surface.decode("utf-8", errors="backslashreplace")
    name = "".join(map(_show, text))
    if starts_word:
        return SIGNS[ord(" ")] + name
    return name


def _show(letter: str) -> str:
    if letter.isprintable() and letter != " ":
        return letter
    if letter.isascii():
        return SIGNS[ord(letter)]
    return letter.encode("unicode_escape").decode()


def mark_punctuation(tokenizer: PreTrainedTokenizerFast, ids: Sequence[int]) -> list[bool]:
    """Which tokens of a text are punctuation and nothing else but white space.

    Every part of a mark that was broken into bytes is.
    """
    surfaces = _list_surfaces(tokenizer, ids)
    # The character of every byte of the text; bytes of none are lone surrogates.
    letters = []
    for letter in b"".join(surfaces).decode("utf-8", errors="surrogateescape"):
        letters += [letter] * _count_bytes(letter)
    marks = []
    start = 0
    for surface in surfaces:
        end = start + len(surface)
        written = [letter for letter in letters[start:end] if not letter.isspace()]
        marks.append(bool(written) and all(map(_is_punctuation, written)))
        start = end
    return marks


def _list_surfaces(tokenizer: PreTrainedTokenizerFast, ids: Sequence[int]) -> list[bytes]:
    """What each token writes; nothing for special and added ones."""
    marking = _find_marking(tokenizer)
    added = tokenizer.added_tokens_decoder
    surfaces = []
    for token_id, token in zip(ids, tokenizer.convert_ids_to_tokens(list(ids)), strict=True):
        if token is None or token_id in added:
            surfaces.append(b"")
        else:
            surfaces.append(read_token(marking, token).surface)
    return surfaces


def _find_marking(tokenizer: PreTrainedTokenizerFast) -> str:
    try:
        return find_marking(tokenizer)
    except TokenizerError:
        return ""  # tokens are read as they stand


def _count_bytes(letter: str) -> int:
    return len(letter.encode("utf-8", errors="surrogateescape"))


def _is_punctuation(letter: str) -> bool:
    if letter in string.punctuation:  # some of these, such as + and $, are symbols to Unicode
        return True
    return unicodedata.category(letter).startswith("P")
