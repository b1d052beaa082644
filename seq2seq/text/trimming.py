"""Trims a tokenizer to the tokens that a corpus needs, so that a model can leave out the other embedding rows.

Works on the layout of tokenizer.json (WordPiece, BPE, unigram). Knows nothing of weights.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerFast

from ..base.errors import TokenizerError
from .coverage import batch_texts
from .tokenizers import SPECIAL_ROLES, make_bare
from .vocabulary import BYTE_PIECE


@dataclass
class _Usage:
    """What a corpus needs: the ids it is cut into, and the words that no pieces fit, as the model sees them."""

    ids: set[int] = field(default_factory=set)
    unknown_words: set[str] = field(default_factory=set)


def trim_tokenizer(
    tokenizer: PreTrainedTokenizerFast,
    texts: Iterable[str],
) -> tuple[PreTrainedTokenizerFast, list[int]]:
    """A bare tokenizer with only the tokens that a corpus needs, in the old order, and the old id of each new id.

    Every text of the corpus is cut into the same tokens as before. Any other text may be cut into more and shorter
    ones, but nothing becomes unknown that was not: special and added tokens, single characters and bytes stay, and so
    does every token that cannot be spelled with them. (That holds where a token's characters are tokens too, as
    training makes them; over others a word may be unknown by another way of cutting.)

    Raises:
        TokenizerError: the tokenizer is of another type.
    """
    bare = make_bare(tokenizer)
    layout = json.loads(bare.backend_tokenizer.to_str())
    model = layout["model"]
    _check_type(model)
    ids = _read_ids(model)
    usage = _read_usage(bare, texts)
    kept = {token for token, index in ids.items() if index in usage.ids}
    kept |= {entry["content"] for entry in layout["added_tokens"]} & ids.keys()
    kept |= {token for token, index in ids.items() if _is_unknown(model, token, index)}
    kept |= FINDERS[model["type"]](model, ids, kept, usage)
    old_ids = sorted(ids[token] for token in kept)
    beyond = sorted(entry["id"] for entry in layout["added_tokens"] if entry["content"] not in ids)
    _rebuild(layout, ids, old_ids)
    roles = {role: token for role in SPECIAL_ROLES if (token := getattr(bare, role)) is not None}
    trimmed = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(json.dumps(layout)),
        model_max_length=bare.model_max_length,
        **roles,
    )
    return make_bare(trimmed), old_ids + beyond


def _check_type(model: dict[str, Any]) -> None:
    if model["type"] not in FINDERS:
        raise TokenizerError(
            f"A tokenizer of the type {model['type']} cannot be trimmed. Expected {', '.join(FINDERS)}."
        )
    if model["type"] == "BPE" and (model["continuing_subword_prefix"] or model["end_of_word_suffix"]):
        raise TokenizerError(
            "A BPE tokenizer that marks tokens by a prefix or suffix cannot be trimmed. Expected byte-level BPE or "
            "sentencepiece's."
        )


def _read_ids(model: dict[str, Any]) -> dict[str, int]:
    if model["type"] == "Unigram":
        return {piece: index for index, (piece, _) in enumerate(model["vocab"])}
    return model["vocab"]


def _is_unknown(model: dict[str, Any], token: str, index: int) -> bool:
    return index == model["unk_id"] if model["type"] == "Unigram" else token == model["unk_token"]


def _read_usage(tokenizer: PreTrainedTokenizerFast, texts: Iterable[str]) -> _Usage:
    backend, usage = tokenizer.backend_tokenizer, _Usage()
    backend.encode_special_tokens = True
    normalize = backend.normalizer.normalize_str if backend.normalizer is not None else str
    for batch in batch_texts(texts):
        for text, encoding in zip(batch, backend.encode_batch(batch, add_special_tokens=False), strict=True):
            usage.ids.update(encoding.ids)
            if tokenizer.unk_token_id in encoding.ids:
                spans = zip(encoding.ids, encoding.offsets, strict=True)
                usage.unknown_words |= {
                    normalize(text[first:end]) for index, (first, end) in spans if index == tokenizer.unk_token_id
                }
    return usage


def _list_word_piece(model: dict[str, Any], ids: dict[str, int], kept: set[str], usage: _Usage) -> set[str]:
    prefix = model["continuing_subword_prefix"]

    def spell(token: str) -> list[str]:
        text = token.removeprefix(prefix) or token
        inside = [prefix + character for character in text]
        return inside if text != token else [text[:1], *inside[1:]]

    found = _list_unspellable(ids, spell)
    for word in usage.unknown_words:
        if len(word) <= model["max_input_chars_per_word"]:  # longer ones are unknown untried
            found |= _match_greedily(word, ids, prefix)
    return found


def _match_greedily(word: str, ids: dict[str, int], prefix: str) -> set[str]:
    """The pieces found on the way to where a word turns out unknown. Without them another way might not be."""
    found, start = set(), 0
    while start < len(word):
        pieces = ((prefix if start else "") + word[start:end] for end in range(len(word), start, -1))
        piece = next((piece for piece in pieces if piece in ids), None)
        if piece is None:
            break
        start += len(piece) - (len(prefix) if start else 0)
        found.add(piece)
    return found


def _list_bpe(model: dict[str, Any], ids: dict[str, int], kept: set[str], usage: _Usage) -> set[str]:
    ranks = {tuple(pair): rank for rank, pair in enumerate(model["merges"])}
    found = _list_unspellable(ids, list)
    for token in kept | found:
        found |= _pass_through(token, ranks)
    return found


def _pass_through(token: str, ranks: dict[tuple[str, str], int]) -> set[str]:
    """The tokens that merging goes through on its way to a token.

    Between the ends of a token in a text the merges are those of the token by itself: none ever crossed its ends.
    """
    parts, found = list(token), set()
    while len(parts) > 1:
        rank, place = min((ranks.get(pair, len(ranks)), place) for place, pair in enumerate(pairwise(parts)))
        if rank == len(ranks):
            break
        parts[place : place + 2] = [parts[place] + parts[place + 1]]
        found.add(parts[place])
    return found


def _list_unigram(model: dict[str, Any], ids: dict[str, int], kept: set[str], usage: _Usage) -> set[str]:
    # What an unknown character costs is counted from the lowest score: that one must stay.
    lowest = min(model["vocab"], key=lambda entry: entry[1])[0]
    return {lowest} | _list_unspellable(ids, list)


def _list_unspellable(ids: dict[str, int], spell: Callable[[str], list[str]]) -> set[str]:
    """Bytes, single characters, and tokens with a character that is none of the single ones."""
    return {
        token
        for token in ids
        if BYTE_PIECE.fullmatch(token) or len(parts := spell(token)) == 1 or not ids.keys() >= set(parts)
    }


FINDERS = {"WordPiece": _list_word_piece, "BPE": _list_bpe, "Unigram": _list_unigram}


def _rebuild(layout: dict[str, Any], ids: dict[str, int], old_ids: list[int]) -> None:
    """Renumbers a layout to the model's ids that are kept; added tokens beyond them follow by themselves."""
    model, new_ids = layout["model"], {old: new for new, old in enumerate(old_ids)}
    vocabulary = {token: new_ids[index] for token, index in ids.items() if index in new_ids}
    if model["type"] == "Unigram":
        model["vocab"] = [model["vocab"][index] for index in old_ids]
        model["unk_id"] = new_ids.get(model["unk_id"])
    else:
        model["vocab"] = vocabulary
    if model["type"] == "BPE":
        model["merges"] = [
            pair for pair in model["merges"] if all(part in vocabulary for part in (*pair, "".join(pair)))
        ]
    beyond = [entry for entry in layout["added_tokens"] if entry["content"] not in ids]
    positions = {entry["id"]: place for place, entry in enumerate(sorted(beyond, key=lambda entry: entry["id"]))}
    for entry in layout["added_tokens"]:
        known = vocabulary.get(entry["content"])
        entry["id"] = len(vocabulary) + positions[entry["id"]] if known is None else known
