"""Trims a tokenizer to the tokens that a corpus needs, so that a model can leave out the other embedding rows.

Works on the layout of tokenizer.json (WordPiece, BPE, unigram). Knows nothing of weights.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from transformers import PreTrainedTokenizerFast

from ..base.errors import TokenizerError
from .added_tokens import Layout
from .coverage import batch_texts
from .tokenizers import make_bare, rebuild_bare
from .vocabulary import BYTE_PIECE

Ids = dict[str, int]  # of the model's tokens
Tokens = set[str]


@dataclass
class _Usage:
    """What a corpus needs: the ids it is made of, and the words that no pieces fit, as the model sees them."""

    ids: set[int] = field(default_factory=set)
    unknown_words: set[str] = field(default_factory=set)


def trim_tokenizer(
    tokenizer: PreTrainedTokenizerFast,
    texts: Iterable[str],
) -> tuple[PreTrainedTokenizerFast, list[int]]:
    """A bare tokenizer with only the tokens that a corpus needs, in the old order, and the old id of each new id.

    Every text of the corpus gets the same tokens as before. Any other text may be broken into more and shorter ones,
    but nothing becomes unknown that was not: special and added tokens, single characters and bytes stay, and so does
    every token that cannot be spelled with them. (That holds where a token's characters are tokens too, as training
    makes them; over others a word may be unknown because other pieces of it are tried.)

    Raises:
        TokenizerError: the tokenizer is of another type.
    """
    bare = make_bare(tokenizer)
    layout = json.loads(bare.backend_tokenizer.to_str())
    model = layout["model"]
    _check_type(model)
    ids = _read_ids(model)
    kept = _list_kept(layout, ids, _read_usage(bare, texts))
    old_ids = sorted(ids[token] for token in kept)
    beyond = sorted(entry["id"] for entry in _list_beyond(layout, ids))
    _rebuild(layout, ids, old_ids)
    return rebuild_bare(layout, bare), old_ids + beyond


def _check_type(model: Layout) -> None:
    if model["type"] not in FINDERS:
        raise TokenizerError(
            f"A tokenizer of the type {model['type']} cannot be trimmed. Expected {', '.join(FINDERS)}."
        )
    if model["type"] == "BPE" and (model["continuing_subword_prefix"] or model["end_of_word_suffix"]):
        raise TokenizerError(
            "A BPE tokenizer that marks tokens by a prefix or suffix cannot be trimmed. Expected byte-level BPE or "
            "sentencepiece's."
        )


def _read_ids(model: Layout) -> Ids:
    if model["type"] == "Unigram":
        return {piece: index for index, (piece, _) in enumerate(model["vocab"])}
    return model["vocab"]


def _list_beyond(layout: Layout, ids: Ids) -> list[Layout]:
    """The added tokens that the model itself does not have; their ids stand behind the model's."""
    return [entry for entry in layout["added_tokens"] if entry["content"] not in ids]


def _list_kept(layout: Layout, ids: Ids, usage: _Usage) -> Tokens:
    """The tokens of the model that stay."""
    model = layout["model"]
    added = {entry["content"] for entry in layout["added_tokens"]}
    kept = added & ids.keys()
    for token, token_id in ids.items():
        is_used = token_id in usage.ids
        if is_used or _is_unknown(model, token, token_id):
            kept.add(token)
    # What the model's own algorithm needs to give every text of the corpus the tokens that it has.
    list_needed = FINDERS[model["type"]]
    return kept | list_needed(model, ids, kept, usage)


def _is_unknown(model: Layout, token: str, token_id: int) -> bool:
    if model["type"] == "Unigram":
        return token_id == model["unk_id"]
    return token == model["unk_token"]


def _read_usage(tokenizer: PreTrainedTokenizerFast, texts: Iterable[str]) -> _Usage:
    usage = _Usage()
    backend = tokenizer.backend_tokenizer
    backend.encode_special_tokens = True
    normalize = backend.normalizer.normalize_str if backend.normalizer is not None else str
    unknown_id = tokenizer.unk_token_id
    for batch in batch_texts(texts):
        # Not encode_batch_fast, which gives no offsets.
        encodings = backend.encode_batch(batch, add_special_tokens=False)
        for text, encoding in zip(batch, encodings, strict=True):
            usage.ids.update(encoding.ids)
            if unknown_id not in encoding.ids:
                continue
            for token_id, (first, end) in zip(encoding.ids, encoding.offsets, strict=True):
                if token_id == unknown_id:
                    usage.unknown_words.add(normalize(text[first:end]))
    return usage


def _list_word_piece(model: Layout, ids: Ids, kept: Tokens, usage: _Usage) -> Tokens:
    prefix = model["continuing_subword_prefix"]

    def spell(token: str) -> list[str]:
        text = token.removeprefix(prefix) or token
        inside = [prefix + character for character in text]
        if text != token:
            return inside
        return [text[:1], *inside[1:]]

    needed = _list_unspellable(ids, spell)
    for word in usage.unknown_words:
        if len(word) <= model["max_input_chars_per_word"]:  # longer ones are unknown untried
            needed |= _match_greedily(word, ids, prefix)
    return needed


def _match_greedily(word: str, ids: Ids, prefix: str) -> Tokens:
    """The pieces on the way to where a word turns out unknown. Without them another way might not be."""
    pieces = set()
    start = 0
    end = len(word)
    while end > start:  # the longest piece that fits, then the longest behind it
        piece = word[start:end]
        if start > 0:
            piece = prefix + piece
        if piece in ids:
            pieces.add(piece)
            start = end
            end = len(word)
        else:
            end -= 1
    return pieces


def _list_bpe(model: Layout, ids: Ids, kept: Tokens, usage: _Usage) -> Tokens:
    ranks = {}
    for rank, (first, second) in enumerate(model["merges"]):
        ranks[first, second] = rank
    needed = _list_unspellable(ids, list)
    for token in kept | needed:
        needed |= _pass_through(token, ranks)
    return needed


def _pass_through(token: str, ranks: dict[tuple[str, str], int]) -> Tokens:
    """The tokens that merging goes through on its way to a token.

    Between the ends of a token in a text the merges are those of the token by itself: none ever crossed its ends.
    """
    parts = list(token)
    passed = set()
    while len(parts) > 1:
        ranked = [ranks.get(pair, len(ranks)) for pair in pairwise(parts)]
        rank = min(ranked)
        if rank == len(ranks):  # no further merge: the token is not made of its characters
            break
        position = ranked.index(rank)
        merged = parts[position] + parts[position + 1]
        parts[position : position + 2] = [merged]
        passed.add(merged)
    return passed


def _list_unigram(model: Layout, ids: Ids, kept: Tokens, usage: _Usage) -> Tokens:
    # What an unknown character costs is counted from the lowest score: that one must stay.
    lowest, _ = min(model["vocab"], key=lambda entry: entry[1])
    return {lowest} | _list_unspellable(ids, list)


def _list_unspellable(ids: Ids, spell: Callable[[str], list[str]]) -> Tokens:
    """Bytes, single characters, and tokens with a character that is none of the single ones."""
    tokens = set()
    for token in ids:
        letters = spell(token)
        is_single = len(letters) == 1 or BYTE_PIECE.fullmatch(token)
        if is_single or not ids.keys() >= set(letters):
            tokens.add(token)
    return tokens


FINDERS = {"WordPiece": _list_word_piece, "BPE": _list_bpe, "Unigram": _list_unigram}


def _rebuild(layout: Layout, ids: Ids, old_ids: list[int]) -> None:
    """Renumbers a layout to the model's ids that are kept; added tokens beyond them follow by themselves."""
    model = layout["model"]
    new_ids = {old: new for new, old in enumerate(old_ids)}
    vocabulary = {}
    for token, token_id in ids.items():
        if token_id in new_ids:
            vocabulary[token] = new_ids[token_id]
    if model["type"] == "Unigram":
        # Pieces and scores by id, as a list: its order alone gives the ids.
        pieces = model["vocab"]
        model["vocab"] = [pieces[index] for index in old_ids]
        model["unk_id"] = new_ids.get(model["unk_id"])
    else:
        model["vocab"] = vocabulary
    if model["type"] == "BPE":
        model["merges"] = _list_possible(model["merges"], vocabulary)
    for entry in layout["added_tokens"]:
        if entry["content"] in vocabulary:
            entry["id"] = vocabulary[entry["content"]]
    beyond = sorted(_list_beyond(layout, ids), key=lambda entry: entry["id"])
    for number, entry in enumerate(beyond):
        entry["id"] = len(vocabulary) + number


def _list_possible(merges: Iterable[Sequence[str]], vocabulary: Ids) -> list[list[str]]:
    """The merges whose parts and result a vocabulary has; the library refuses a model with any other."""
    possible = []
    for first, second in merges:
        if vocabulary.keys() >= {first, second, first + second}:
            possible.append([first, second])
    return possible
