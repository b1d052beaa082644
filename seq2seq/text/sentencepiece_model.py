"""SentencePiece models as backends of the library tokenizers: same pieces, same ids, and saved as tokenizer.json.

For published tokenizers that transformers runs in Python alone: BertGeneration's and Marian's.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers
from tokenizers.normalizers import Normalizer
from transformers import PreTrainedTokenizer, PreTrainedTokenizerBase, PreTrainedTokenizerFast

from ..base.errors import TokenizerError
from .added_tokens import choose_placeholder

if TYPE_CHECKING:
    from sentencepiece.sentencepiece_model_pb2 import ModelProto

SPACE = "▁"
# Types of models, as the file format counts them.
UNIGRAM = 1
# Types of pieces, likewise.
NORMAL = 1
UNKNOWN = 2
CONTROL = 3
USER_DEFINED = 4
# Scores of tokens that the model does not break texts into, worse than any path through pieces of its own: marks, and
# tokens that Marian's vocabulary has from the other language. Marian takes a run of unknown characters for such a token
# where they are equal.
NEVER = -1e5
WHOLE_RUN = -1e4
ROLES = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")


def convert_slow(published: PreTrainedTokenizer) -> tuple[PreTrainedTokenizerFast, PreTrainedTokenizerFast]:
    """Source and target tokenizer with the pieces and ids of one that runs in Python; one object where they are equal.

    Differs from it in four ways. Marks in a text are plain text. Where Marian's vocabulary lacks a piece of its models,
    Marian reads an unknown token, and this breaks the text into pieces that it has. Marian knows a language code such
    as >>fr<< at the start of a text alone. A letter under two combining marks, as in decomposed Vietnamese, loses the
    second: the library tokenizers takes the first entry of a normalization table that fits, SentencePiece the longest.

    Raises:
        TokenizerError: it is not built on SentencePiece unigram files.
    """
    if hasattr(published, "spm_files"):
        return _convert_marian(published)
    file = getattr(published, "vocab_file", None)
    if file is None or not str(file).endswith((".model", ".spm")):
        raise TokenizerError(
            f"the tokenizer is a {type(published).__name__}, which is not backed by the `tokenizers` library nor by "
            "SentencePiece. Convert it to a tokenizer.json first."
        )
    tokenizer = _wrap(convert_model(Path(file)), published, file)
    return tokenizer, tokenizer


def _convert_marian(published: PreTrainedTokenizer) -> tuple[PreTrainedTokenizerFast, PreTrainedTokenizerFast]:
    """Two models, and one vocabulary or one each."""
    vocabularies = (published.encoder, getattr(published, "target_encoder", published.encoder))
    tokenizers = []
    for file, ids in zip(published.spm_files, vocabularies, strict=True):
        vocabulary = GivenVocabulary(
            ids,
            published.all_special_tokens,
            published.unk_token,
        )
        tokenizers.append(_wrap(convert_model(Path(file), vocabulary), published, file))
    source, target = tokenizers
    return source, target


@dataclass(frozen=True)
class GivenVocabulary:
    """The ids of a file beside a SentencePiece model, in place of the model's own; it may hold further tokens.

    marks: tokens that no text is broken into.
    unknown: the token for what the model does not know.
    """

    ids: Mapping[str, int]
    marks: Sequence[str]
    unknown: str


def convert_model(file: Path, vocabulary: GivenVocabulary | None = None) -> Tokenizer:
    """A SentencePiece unigram model; ids are its own, or those of a vocabulary beside it.

    Raises:
        TokenizerError: the file is none, or of another kind than unigram; the vocabulary has gaps or no unknown token.
    """
    proto = _read_model(file)
    if vocabulary is None:
        vocabulary = _read_vocabulary(proto)
    tokens = _order_tokens(file, vocabulary)
    known = _score_pieces(proto)
    for piece in known.keys() - vocabulary.ids.keys():  # Marian's vocabulary may lack pieces of its models
        del known[piece]
    letters = {SPACE}.union(*known)
    foreign = _list_foreign(tokens, vocabulary.marks, letters)
    # The later ones win: what texts are broken into keeps the scores of the model.
    scores = dict.fromkeys(tokens, NEVER) | dict.fromkeys(foreign, WHOLE_RUN) | known
    scored = [(token, scores[token]) for token in tokens]
    unknown_id = vocabulary.ids[vocabulary.unknown]
    backend = Tokenizer(models.Unigram(scored, unk_id=unknown_id))
    placeholder = choose_placeholder(tokens)
    pattern = _match_unknown_runs(letters, foreign)
    backend.normalizer = normalizers.Sequence(
        [
            *_build_normalizers(proto),
            # So that no part of an unknown run is read as a token of Marian's other language.
            normalizers.Replace(Regex(pattern), placeholder),
            *_build_breaks(vocabulary.marks, known, letters, placeholder),
        ]
    )
    # Where no piece reaches over a space, words are broken into pieces one by one, which is far faster.
    breaks_at_spaces = not any(SPACE in piece[1:] for piece in known)
    backend.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="never", split=breaks_at_spaces)
    scheme = "always" if proto.normalizer_spec.add_dummy_prefix else "never"
    backend.decoder = decoders.Metaspace(prepend_scheme=scheme)
    backend.add_tokens(_list_languages(tokens))
    return backend


def _list_languages(tokens: Iterable[str]) -> list[AddedToken]:
    """Marian's codes of languages, such as >>fr<<, which are found in a text before it is normalized."""
    codes = [token for token in tokens if token.startswith(">>") and token.endswith("<<")]
    return [AddedToken(code, normalized=False, rstrip=True) for code in codes]


def _read_vocabulary(proto: "ModelProto") -> GivenVocabulary:
    """The model's own: its pieces in their order."""
    ids = {}
    marks = []
    for index, piece in enumerate(proto.pieces):
        ids[piece.piece] = index
        if piece.type in (CONTROL, UNKNOWN):
            marks.append(piece.piece)
    unknown = next(piece.piece for piece in proto.pieces if piece.type == UNKNOWN)
    return GivenVocabulary(ids, marks, unknown)


def _order_tokens(file: Path, vocabulary: GivenVocabulary) -> list[str]:
    """The tokens by id.

    Raises:
        TokenizerError: the ids have gaps, or there is no unknown token.
    """
    tokens = sorted(vocabulary.ids, key=vocabulary.ids.__getitem__)
    ids = sorted(vocabulary.ids.values())
    if ids != list(range(len(tokens))):
        raise TokenizerError(f"{file}: the vocabulary beside it has gaps or repeats in its ids.")
    unknown = vocabulary.unknown
    if unknown not in vocabulary.ids:
        raise TokenizerError(f"{file}: the vocabulary beside it has no {unknown!r} for what the model does not know.")
    return tokens


def _list_foreign(
    tokens: Iterable[str],
    marks: Sequence[str],
    letters: set[str],
) -> set[str]:
    """Tokens that the model has no letter of: those of Marian's other language."""
    foreign = set()
    for token in tokens:
        if letters.isdisjoint(token) and token not in marks:
            foreign.add(token)
    return foreign


def _build_breaks(
    marks: Iterable[str],
    known: Mapping[str, float],
    letters: set[str],
    placeholder: str,
) -> list[Normalizer]:
    """What keeps a mark in a text from being read as the token.

    A mark of letters that only longer pieces have would be likelier than those letters, each unknown alone.
    """
    breaks: list[Normalizer] = []
    for mark in marks:
        if letters.issuperset(mark):
            broken = "".join(letter if letter in known else placeholder for letter in mark)
            breaks.append(normalizers.Replace(mark, broken))
    return breaks


def _read_model(file: Path) -> "ModelProto":
    """The parsed file.

    Raises:
        TokenizerError: it is none, or of a kind that the `tokenizers` library cannot follow.
    """
    from sentencepiece.sentencepiece_model_pb2 import ModelProto  # needs protobuf, and is slow to load

    proto = ModelProto()
    try:
        proto.ParseFromString(file.read_bytes())
    except Exception as error:  # protobuf's own, which has no public name
        raise TokenizerError(f"{file} is no SentencePiece model ({error}).") from None
    spec = proto.trainer_spec
    reasons = {
        "of another type than unigram": spec.model_type != UNIGRAM,
        "that falls back on bytes": spec.byte_fallback,
        "with spaces at the end of words": spec.treat_whitespace_as_suffix,
    }
    for reason, is_refused in reasons.items():
        if is_refused:
            raise TokenizerError(
                f"{file}: a SentencePiece model {reason} does not convert here. Give a tokenizer.json."
            )
    return proto


def _score_pieces(proto: "ModelProto") -> dict[str, float]:
    """Scores of the pieces that texts are broken into."""
    scores = {piece.piece: piece.score for piece in proto.pieces if piece.type == NORMAL}
    best = max(scores.values(), default=0.0)
    # Always chosen; the formula is SentencePiece's, over UTF-8 bytes.
    user_defined = [piece.piece for piece in proto.pieces if piece.type == USER_DEFINED]
    for text in user_defined:
        length = len(text.encode())
        scores[text] = length * best - 0.1
    return scores


def _build_normalizers(proto: "ModelProto") -> list[Normalizer]:
    spec = proto.normalizer_spec
    # In SentencePiece's own order: what its map makes a space is squeezed, and every space becomes a '▁'.
    parts: list[Normalizer] = []
    if spec.precompiled_charsmap:
        parts.append(normalizers.Precompiled(spec.precompiled_charsmap))
    if spec.remove_extra_whitespaces:
        parts.append(normalizers.Replace(Regex(r"\A +"), ""))
        parts.append(normalizers.Replace(Regex(" {2,}"), " "))
    parts.append(normalizers.Replace(" ", SPACE))
    if spec.add_dummy_prefix:
        parts.append(normalizers.Prepend(SPACE))
    if spec.remove_extra_whitespaces:
        parts.append(normalizers.Replace(Regex(rf"{SPACE}+\z"), ""))
    return parts


def _match_unknown_runs(letters: Iterable[str], foreign: Iterable[str]) -> str:
    """A pattern for runs of other characters than `letters` that are none of the `foreign` tokens."""
    escaped = [rf"\x{{{ord(letter):X}}}" for letter in sorted(letters)]
    unknown = f"[^{''.join(escaped)}]"
    if not foreign:
        return f"{unknown}+"
    tokens = "|".join(re.escape(token) for token in sorted(foreign))
    # A run is taken from its first character or not at all: one that is a foreign token from end to end stays.
    begins = f"(?<!{unknown})(?={unknown})"
    is_foreign = f"(?:{tokens})(?!{unknown})"
    return f"{begins}(?!{is_foreign}){unknown}+"


def _wrap(
    backend: Tokenizer,
    published: PreTrainedTokenizerBase,
    file: str,
) -> PreTrainedTokenizerFast:
    _add_tokens(backend, published, file)
    tokens = backend.get_vocab()
    roles = {}
    for role in ROLES:
        token = getattr(published, role, None)
        if token in tokens:
            roles[role] = token
    return PreTrainedTokenizerFast(
        tokenizer_object=backend,
        split_special_tokens=published.split_special_tokens,
        model_max_length=published.model_max_length,
        **roles,
    )


def _add_tokens(
    backend: Tokenizer,
    published: PreTrainedTokenizerBase,
    file: str,
) -> None:
    """Adds the tokens that somebody added to the published tokenizer, in the order of their ids.

    Raises:
        TokenizerError: the id of one is another token's here, as of two vocabularies that are not equally large.
    """
    for token_id, token in published.added_tokens_decoder.items():
        added = AddedToken(
            token.content,
            lstrip=token.lstrip,
            rstrip=token.rstrip,
            single_word=token.single_word,
            normalized=False,  # Python looks for them in the text as it stands
            special=token.content in published.all_special_tokens,
        )
        backend.add_tokens([added])
        found = backend.token_to_id(token.content)
        if found != token_id:
            raise TokenizerError(
                f"{file}: the added token {token.content!r} has the id {token_id}, but the vocabulary has room for it "
                f"at {found}. Give it a place in the vocabulary beside the file."
            )
