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


OldIds = tuple[int, ...]  # of the tokens of another vocabulary that stand for one of this


@dataclass(frozen=True)
class Vocabulary:
    """A bare tokenizer with its tokens and their meanings by id.

    An id that no token has is None in both; an added token, special or not, has no meaning but its role.
    """

    tokenizer: PreTrainedTokenizerFast
    marking: str
    tokens: tuple[str | None, ...]
    meanings: tuple[Meaning | None, ...]


def match_tokens(old: PreTrainedTokenizerFast, new: PreTrainedTokenizerFast) -> list[OldIds]:
    """For each id of the new tokenizer the old ids that stand for it.

    One id where the old one has the same token, compared by meaning; a special token is matched by its role (begin,
    end, pad, mask, unknown), any added one else by its text. Otherwise the pieces into which the old tokenizer breaks
    the token's text, unknown ones left out. Nothing where there are none.

    Example: to an old WordPiece vocabulary {"[PAD]": 0, "the": 5, "play": 6, "##ing": 7} the new sentencepiece tokens
    '<pad>', '▁the', 'ing', '▁playing', '☃' are (0,), (5,), (7,), (6, 7), ().

    Raises:
        TokenizerError: one of the tokenizers marks words in an unknown way.
    """
    known = read_vocabulary(old)
    wanted = read_vocabulary(new)
    same_ids = known.tokenizer.get_vocab() if known.marking == wanted.marking else {}
    ids_by_meaning = _index_meanings(known)
    special = _match_special_tokens(known.tokenizer, wanted.tokenizer)
    matches: list[OldIds] = []
    for new_id, token in enumerate(wanted.tokens):
        meaning = wanted.meanings[new_id]
        if meaning is None:
            matches.append(special.get(new_id, ()))
        elif token in same_ids:
            matches.append((same_ids[token],))
        elif meaning in ids_by_meaning:
            matches.append((ids_by_meaning[meaning],))
        else:
            matches.append(_spell(known, ids_by_meaning, meaning))
    return matches


def _match_special_tokens(old: PreTrainedTokenizerFast, new: PreTrainedTokenizerFast) -> dict[int, OldIds]:
    """Old ids of the new added tokens; a token of several roles goes by the first of them that the old one fills."""
    matches: dict[int, OldIds] = {}
    for roles in ROLES:
        old_id = first_id(old, *roles)
        if old_id is None:
            continue
        for role in roles:
            new_id = first_id(new, role)
            if new_id is not None:
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
    backend = bare.backend_tokenizer
    backend.encode_special_tokens = True
    marking = find_marking(bare)
    ids = bare.get_vocab()
    size = max(ids.values()) + 1
    tokens: list[str | None] = [None] * size
    meanings: list[Meaning | None] = [None] * size
    added = bare.added_tokens_decoder
    for token, token_id in ids.items():
        tokens[token_id] = token
        if token_id not in added:
            meanings[token_id] = _read_meaning(backend, marking, token)
    return Vocabulary(bare, marking, tuple(tokens), tuple(meanings))


def _index_meanings(vocabulary: Vocabulary) -> dict[Meaning, int]:
    """The id for each meaning: ',' rather than '##,', 'a' rather than '<0x61>', then the lowest."""
    ids: dict[Meaning, int] = {}
    second_choices: dict[Meaning, int] = {}
    for token_id, token in enumerate(vocabulary.tokens):
        meaning = vocabulary.meanings[token_id]
        if meaning is None or token is None:
            continue
        is_second_choice = token.startswith("##") or BYTE_PIECE.fullmatch(token)
        choices = second_choices if is_second_choice else ids
        choices.setdefault(meaning, token_id)
    for meaning, token_id in second_choices.items():
        ids.setdefault(meaning, token_id)
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
    if model["type"] in ("BPE", "Unigram") and not model.get("end_of_word_suffix"):
        parts = [layout["normalizer"], layout["pre_tokenizer"], layout["decoder"]]
        written = json.dumps(parts, ensure_ascii=False)  # where the parts are nested, and under which names, varies
        if '"ByteLevel"' in written:
            return "byte-level"
        if SPACE in written:
            return "metaspace"
    raise TokenizerError(
        f"The tokenizer is of the type {model['type']} and marks words neither like WordPiece ('##s') nor like "
        "sentencepiece ('▁s') or byte-level BPE ('Ġs'). Choose one that does."
    )


def _read_meaning(backend: Tokenizer, marking: str, token: str) -> Meaning:
    """A mark that WordPiece sets apart, such as ',', counts as inside a word: the others write it so behind one."""
    meaning = read_token(marking, token)
    if marking in ("byte-level", "metaspace"):
        return meaning
    text = meaning.surface.decode()
    if len(text) == 1 and stands_alone(backend, text):
        return meaning._replace(starts_word=False)
    return meaning


def read_token(marking: str, token: str) -> Meaning:
    """What a token that is no added one says, going by its own letters; `marking` as `find_marking` gives it."""
    if marking == "byte-level":
        return _read_bytes(token)
    if marking == "metaspace":
        byte = BYTE_PIECE.fullmatch(token)
        if byte:
            return Meaning(False, bytes.fromhex(byte[1]))
        text = token.removeprefix(SPACE).replace(SPACE, " ")
        return Meaning(token.startswith(SPACE), text.encode())
    # A token that is the prefix alone stands for these signs.
    text = token.removeprefix(marking) or token
    return Meaning(text == token, text.encode())


def _read_bytes(token: str) -> Meaning:
    """A token of signs that stand for bytes; one with other characters stands for itself."""
    surface = token.encode()
    if BYTES.keys() >= set(token):
        surface = bytes(BYTES[character] for character in token)
    return Meaning(surface.startswith(b" "), surface.removeprefix(b" "))


def stands_alone(backend: Tokenizer, character: str) -> bool:
    """Whether a character is set apart even inside a word, as BERT does with punctuation and Chinese characters."""
    text = f"a{character}a"
    if backend.normalizer is not None:
        text = backend.normalizer.normalize_str(text)
    if backend.pre_tokenizer is None:
        return False
    return len(backend.pre_tokenizer.pre_tokenize_str(text)) == 3


def _spell(
    vocabulary: Vocabulary,
    ids_by_meaning: dict[Meaning, int],
    meaning: Meaning,
) -> OldIds:
    """The ids of a surface's pieces, unknown ones left out; those of its bytes where it is no text."""
    try:
        text = meaning.surface.decode()
    except UnicodeDecodeError:
        return _spell_bytes(ids_by_meaning, meaning.surface)
    pieces = []
    written = []
    for token_id in _tokenize(vocabulary, text, meaning.starts_word):
        if vocabulary.tokens[token_id] == vocabulary.tokenizer.unk_token:
            continue
        pieces.append(token_id)
        piece = vocabulary.meanings[token_id]
        if piece is None or piece.surface:
            written.append(token_id)
    # A bare '▁' is part of what starts a word, and by itself stands for nothing.
    return tuple(pieces if meaning.starts_word and written else written)


def _spell_bytes(ids_by_meaning: dict[Meaning, int], surface: bytes) -> OldIds:
    """The ids of single bytes; nothing where one of them has none."""
    ids = []
    for byte in surface:
        meaning = Meaning(False, bytes([byte]))
        if meaning not in ids_by_meaning:
            return ()
        ids.append(ids_by_meaning[meaning])
    return tuple(ids)


def _tokenize(vocabulary: Vocabulary, text: str, starts_word: bool) -> list[int]:
    backend = vocabulary.tokenizer.backend_tokenizer
    if not starts_word:
        ids = _tokenize_inside(backend, text)
        if ids is not None:
            return ids
    elif vocabulary.marking == "byte-level":
        text = " " + text
    return backend.encode(text, add_special_tokens=False).ids


def _tokenize_inside(backend: Tokenizer, text: str) -> list[int] | None:
    """The pieces of a text inside a word; None where they do not part from those of the word's start."""
    for start in WORD_STARTS:
        encoding = backend.encode(start + text, add_special_tokens=False)
        border = len(start)
        reaches_over = any(first < border < end for first, end in encoding.offsets)
        if not reaches_over:
            pieces = zip(encoding.ids, encoding.offsets, strict=True)
            return [token_id for token_id, (first, _) in pieces if first >= border]
    return None
