"""What the tokens of a vocabulary stand for, and which tokens of another vocabulary stand for the same.

WordPiece writes '##s' inside a word and 's' where one starts, sentencepiece 's' and '▁s', byte-level BPE 's' and 'Ġs'.
Knows nothing of weights.
"""

import json
import re
from dataclasses import dataclass
from typing import NamedTuple

from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerFast
from transformers.convert_slow_tokenizer import bytes_to_unicode

from ..base.errors import TokenizerError
from .framing import first_id
from .tokenizers import make_bare

ROLES = (("cls_token", "bos_token"), ("sep_token", "eos_token"), ("pad_token",), ("mask_token",), ("unk_token",))
SPACE = "▁"
BYTE_PIECE = re.compile(r"<0x([0-9A-F]{2})>")
WORD_STARTS = ("1", "x")  # behind one of them a text is the inside of a word; few tokens mix letters and figures


SIGNS = bytes_to_unicode()  # of bytes in byte-level tokens, visible all: Ġ for a space, Ċ for a new line
BYTES = {sign: byte for byte, sign in SIGNS.items()}


class Meaning(NamedTuple):
    """What a token stands for; in byte-level vocabularies the surface need not be whole characters."""

    starts_word: bool
    surface: bytes


@dataclass(frozen=True)
class Vocabulary:
    """A bare tokenizer with its tokens and their meanings by id.

    An id that no token has is None in both; an added token, special or not, has no meaning but its role.
    """

    tokenizer: PreTrainedTokenizerFast
    marking: str
    tokens: tuple[str | None, ...]
    meanings: tuple[Meaning | None, ...]


def match_tokens(old: PreTrainedTokenizerFast, new: PreTrainedTokenizerFast) -> list[tuple[int, ...]]:
    """For each id of the new tokenizer the old ids that stand for it.

    One id where the old one has the same token, compared by meaning; a special token is matched by its role (begin,
    end, pad, mask, unknown), any added one else by its text. Otherwise the pieces into which the old tokenizer cuts
    the token's text, unknown ones left out. Nothing where there are none.

    Example: to an old WordPiece vocabulary {"[PAD]": 0, "the": 5, "play": 6, "##ing": 7} the new sentencepiece tokens
    '<pad>', '▁the', 'ing', '▁playing', '☃' are (0,), (5,), (7,), (6, 7), ().

    Raises:
        TokenizerError: one of the tokenizers marks words in an unknown way.
    """
    known, wanted = read_vocabulary(old), read_vocabulary(new)
    same_ids = known.tokenizer.get_vocab() if known.marking == wanted.marking else {}
    index = index_meanings(known)
    special = match_special_tokens(known.tokenizer, wanted.tokenizer)
    matches: list[tuple[int, ...]] = []
    for new_id, (token, meaning) in enumerate(zip(wanted.tokens, wanted.meanings, strict=True)):
        if meaning is None:
            matches.append(special.get(new_id, ()))
        elif token in same_ids:
            matches.append((same_ids[token],))
        elif meaning in index:
            matches.append((index[meaning],))
        else:
            matches.append(_cut(known, index, meaning))
    return matches


def match_special_tokens(old: PreTrainedTokenizerFast, new: PreTrainedTokenizerFast) -> dict[int, tuple[int, ...]]:
    """Old ids of the new added tokens; a token of several roles goes by the first of them that the old one fills."""
    matches: dict[int, tuple[int, ...]] = {}
    for roles in ROLES:
        if (old_id := first_id(old, *roles)) is not None:
            for role in roles:
                if (new_id := first_id(new, role)) is not None:
                    matches.setdefault(new_id, (old_id,))
    old_ids = old.get_vocab()
    for new_id, token in new.added_tokens_decoder.items():
        if token.content in old_ids:
            matches.setdefault(new_id, (old_ids[token.content],))
    return matches


def read_vocabulary(tokenizer: PreTrainedTokenizerFast) -> Vocabulary:
    """The tokens of a tokenizer and what they stand for.

    Raises:
        TokenizerError: its tokens mark words in an unknown way.
    """
    bare = make_bare(tokenizer)
    backend, added, marking = bare.backend_tokenizer, bare.added_tokens_decoder, find_marking(bare)
    backend.encode_special_tokens = True
    ids = bare.get_vocab()
    tokens: list[str | None] = [None] * (max(ids.values()) + 1)
    for token, index in ids.items():
        tokens[index] = token
    meanings = (
        None if token is None or index in added else _read_meaning(backend, marking, token)
        for index, token in enumerate(tokens)
    )
    return Vocabulary(bare, marking, tuple(tokens), tuple(meanings))


def index_meanings(vocabulary: Vocabulary) -> dict[Meaning, int]:
    """The id for each meaning: ',' rather than '##,', 'a' rather than '<0x61>', then the lowest."""
    ids: dict[Meaning, int] = {}
    rows = [
        (token.startswith("##") or BYTE_PIECE.fullmatch(token) is not None, index, meaning)
        for index, (token, meaning) in enumerate(zip(vocabulary.tokens, vocabulary.meanings, strict=True))
        if token is not None and meaning is not None
    ]
    for _, index, meaning in sorted(rows):
        ids.setdefault(meaning, index)
    return ids


def find_marking(tokenizer: PreTrainedTokenizerFast) -> str:
    """How tokens tell whether they start a word: 'byte-level' ('Ġ'), 'metaspace' ('▁'), else WordPiece's prefix '##'.

    Raises:
        TokenizerError: it is none of these.
    """
    layout = json.loads(tokenizer.backend_tokenizer.to_str())
    model = layout["model"]
    if model["type"] == "WordPiece":
        return model["continuing_subword_prefix"]
    parts = json.dumps([layout["normalizer"], layout["pre_tokenizer"], layout["decoder"]], ensure_ascii=False)
    marked = model["type"] in ("BPE", "Unigram") and not model.get("end_of_word_suffix")
    if marked and '"ByteLevel"' in parts:
        return "byte-level"
    if marked and SPACE in parts:
        return "metaspace"
    raise TokenizerError(
        f"The tokenizer is of the type {model['type']} and marks words neither like WordPiece ('##s') nor like "
        "sentencepiece ('▁s') or byte-level BPE ('Ġs'). Choose one that does."
    )


def _read_meaning(backend: Tokenizer, marking: str, token: str) -> Meaning:
    """A mark that WordPiece sets apart, such as ',', counts as inside a word: the others write it so behind one."""
    starts_word, surface = read_token(marking, token)
    if marking not in ("byte-level", "metaspace") and len(text := surface.decode()) == 1:
        starts_word = starts_word and not stands_alone(backend, text)
    return Meaning(starts_word, surface)


def read_token(marking: str, token: str) -> Meaning:
    """What a token that is no added one says, going by its own letters; `marking` as `find_marking` gives it."""
    if marking == "byte-level":
        surface = bytes(BYTES[character] for character in token) if BYTES.keys() >= set(token) else token.encode()
        return Meaning(surface.startswith(b" "), surface.removeprefix(b" "))
    if marking == "metaspace":
        if found := BYTE_PIECE.fullmatch(token):
            return Meaning(False, bytes.fromhex(found[1]))
        return Meaning(token.startswith(SPACE), token.removeprefix(SPACE).replace(SPACE, " ").encode())
    text = token.removeprefix(marking) or token
    return Meaning(text == token, text.encode())


def stands_alone(backend: Tokenizer, character: str) -> bool:
    """Whether a character is set apart even inside a word, as BERT does with punctuation and Chinese characters."""
    text = f"a{character}a"
    if backend.normalizer is not None:
        text = backend.normalizer.normalize_str(text)
    return backend.pre_tokenizer is not None and len(backend.pre_tokenizer.pre_tokenize_str(text)) == 3


def _cut(vocabulary: Vocabulary, index: dict[Meaning, int], meaning: Meaning) -> tuple[int, ...]:
    """The ids of a surface's pieces, unknown ones left out; those of its bytes where it is no text."""
    try:
        text = meaning.surface.decode()
    except UnicodeDecodeError:
        single = [index.get(Meaning(False, bytes([byte]))) for byte in meaning.surface]
        return () if None in single else tuple(single)
    backend = vocabulary.tokenizer.backend_tokenizer
    ids = None if meaning.starts_word else _cut_inside(backend, text)
    if ids is None:
        space = " " if vocabulary.marking == "byte-level" and meaning.starts_word else ""
        ids = backend.encode(space + text, add_special_tokens=False).ids
    known = [index for index in ids if vocabulary.tokens[index] != vocabulary.tokenizer.unk_token]
    written = [index for index in known if (piece := vocabulary.meanings[index]) is None or piece.surface]
    # A bare '▁' is part of what starts a word, and by itself stands for nothing.
    return tuple(known if meaning.starts_word and written else written)


def _cut_inside(backend: Tokenizer, text: str) -> list[int] | None:
    """The pieces of a text inside a word; None where they do not part from those of the word's start."""
    for start in WORD_STARTS:
        encoding = backend.encode(start + text, add_special_tokens=False)
        firsts = [first for first, _ in encoding.offsets]
        if all(first >= len(start) or end <= len(start) for first, end in encoding.offsets):
            return [index for index, first in zip(encoding.ids, firsts, strict=True) if first >= len(start)]
    return None
