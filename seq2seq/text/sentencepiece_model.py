"""SentencePiece models as backends of the library tokenizers: same pieces, same ids, and saved as tokenizer.json.

For published tokenizers that transformers runs in Python alone: BertGeneration's and Marian's.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers
from tokenizers.normalizers import Normalizer
from transformers import PreTrainedTokenizer, PreTrainedTokenizerBase, PreTrainedTokenizerFast

from ..base.errors import TokenizerError

if TYPE_CHECKING:
    from sentencepiece.sentencepiece_model_pb2 import ModelProto

SPACE = "▁"
# Types of models and of pieces, as the file format counts them.
UNIGRAM = 1
NORMAL, UNKNOWN, CONTROL, USER_DEFINED = 1, 2, 3, 4
# Scores of tokens that the model does not cut texts into, worse than any path through pieces of its own: marks, and
# tokens that Marian's vocabulary has from the other language. Marian takes a run of unknown characters for such a token
# where they are equal.
NEVER, WHOLE_RUN = -1e5, -1e4
PRIVATE_USE = range(0xE000, 0xF900)
ROLES = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")


def convert_slow(published: PreTrainedTokenizer) -> tuple[PreTrainedTokenizerFast, PreTrainedTokenizerFast]:
    """Source and target tokenizer with the pieces and ids of one that runs in Python; one object where they are equal.

    Differs from it in four ways. Marks in a text are plain text. Where Marian's vocabulary lacks a piece of its models,
    Marian reads an unknown token, and this cuts the text into pieces that it has. Marian knows a language code such as
    >>fr<< at the start of a text alone. A letter under two combining marks, as in decomposed Vietnamese, loses the
    second: the library tokenizers takes the first entry of a normalization table that fits, SentencePiece the longest.

    Raises:
        TokenizerError: it is not built on SentencePiece unigram files.
    """
    if hasattr(published, "spm_files"):  # Marian: two models, one vocabulary or one each
        vocabularies = published.encoder, getattr(published, "target_encoder", published.encoder)
        source, target = (
            _wrap(convert_model(Path(file), vocabulary, published.all_special_tokens, published.unk_token), published)
            for file, vocabulary in zip(published.spm_files, vocabularies, strict=True)
        )
        return source, target
    file = getattr(published, "vocab_file", None)
    if file is None or not str(file).endswith((".model", ".spm")):
        raise TokenizerError(
            f"the tokenizer is a {type(published).__name__}, which is not backed by the `tokenizers` library nor by "
            "SentencePiece. Convert it to a tokenizer.json first."
        )
    tokenizer = _wrap(convert_model(Path(file)), published)
    return tokenizer, tokenizer


def convert_model(
    file: Path,
    vocabulary: Mapping[str, int] | None = None,
    marks: Sequence[str] = (),
    unknown: str = "<unk>",
) -> Tokenizer:
    """A SentencePiece unigram model; ids are its own, or those of `vocabulary`, which may hold further tokens.

    Args:
        marks: tokens of `vocabulary` that no text is cut into; `unknown`: that for what the model does not know.

    Raises:
        TokenizerError: the file is none, or of another kind than unigram; the vocabulary has gaps or no unknown token.
    """
    proto = _read_model(file)
    if vocabulary is None:
        vocabulary = {piece.piece: index for index, piece in enumerate(proto.pieces)}
        marks = [piece.piece for piece in proto.pieces if piece.type in (CONTROL, UNKNOWN)]
        unknown = next(piece.piece for piece in proto.pieces if piece.type == UNKNOWN)
    ordered = sorted(vocabulary, key=vocabulary.get)
    if [vocabulary[token] for token in ordered] != list(range(len(ordered))):
        raise TokenizerError(f"{file}: the vocabulary beside it has gaps or repeats in its ids.")
    if unknown not in vocabulary:
        raise TokenizerError(f"{file}: the vocabulary beside it has no {unknown!r} for what the model does not know.")
    own = {piece: score for piece, score in _score_pieces(proto).items() if piece in vocabulary}
    letters = {SPACE}.union(*own)
    foreign = {token for token in ordered if letters.isdisjoint(token) and token not in marks}
    scores = dict.fromkeys(ordered, NEVER) | dict.fromkeys(foreign, WHOLE_RUN) | own
    backend = Tokenizer(models.Unigram([(token, scores[token]) for token in ordered], unk_id=vocabulary[unknown]))
    placeholder = next(chr(code) for code in PRIVATE_USE if not any(chr(code) in token for token in ordered))
    unknown_runs = normalizers.Replace(Regex(_match_unknown_runs(letters, foreign)), placeholder)
    # A mark of letters that only longer pieces have would be likelier than those letters, each unknown alone.
    broken = {mark: "".join(letter if letter in own else placeholder for letter in mark) for mark in marks}
    breaks = [normalizers.Replace(mark, text) for mark, text in broken.items() if letters.issuperset(mark)]
    backend.normalizer = normalizers.Sequence([*_build_normalizers(proto), unknown_runs, *breaks])
    is_cut_at_spaces = not any(SPACE in piece[1:] for piece in own)
    backend.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="never", split=is_cut_at_spaces)
    scheme = "always" if proto.normalizer_spec.add_dummy_prefix else "never"
    backend.decoder = decoders.Metaspace(prepend_scheme=scheme)
    codes = [token for token in ordered if token.startswith(">>") and token.endswith("<<")]
    backend.add_tokens([AddedToken(code, normalized=False, rstrip=True) for code in codes])  # Marian's languages
    return backend


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
    for refused, kind in (
        (proto.trainer_spec.model_type != UNIGRAM, "of another type than unigram"),
        (proto.trainer_spec.byte_fallback, "that falls back on bytes"),
        (proto.trainer_spec.treat_whitespace_as_suffix, "with spaces at the end of words"),
    ):
        if refused:
            raise TokenizerError(f"{file}: a SentencePiece model {kind} does not convert here. Give a tokenizer.json.")
    return proto


def _score_pieces(proto: "ModelProto") -> dict[str, float]:
    """Scores of the pieces that texts are cut into."""
    scores = {piece.piece: piece.score for piece in proto.pieces if piece.type == NORMAL}
    best = max(scores.values(), default=0.0)
    for piece in proto.pieces:
        if piece.type == USER_DEFINED:  # always chosen; the formula is SentencePiece's, over UTF-8 bytes
            scores[piece.piece] = len(piece.piece.encode()) * best - 0.1
    return scores


def _build_normalizers(proto: "ModelProto") -> list[Normalizer]:
    spec = proto.normalizer_spec
    steps = [normalizers.Precompiled(spec.precompiled_charsmap)] if spec.precompiled_charsmap else []
    if spec.remove_extra_whitespaces:
        steps += [normalizers.Replace(Regex(r"\A +"), ""), normalizers.Replace(Regex(" {2,}"), " ")]
    steps.append(normalizers.Replace(" ", SPACE))
    if spec.add_dummy_prefix:
        steps.append(normalizers.Prepend(SPACE))
    if spec.remove_extra_whitespaces:
        steps.append(normalizers.Replace(Regex(rf"{SPACE}+\z"), ""))
    return steps


def _match_unknown_runs(letters: Iterable[str], foreign: Iterable[str]) -> str:
    """A pattern for runs of other characters than `letters` that are none of the `foreign` tokens."""
    codes = "".join(rf"\x{{{ord(letter):X}}}" for letter in sorted(letters))
    unknown = f"[^{codes}]"
    if not foreign:
        return f"{unknown}+"
    tokens = "|".join(re.escape(token) for token in sorted(foreign))
    return f"(?<!{unknown})(?={unknown})(?!(?:{tokens})(?!{unknown})){unknown}+"


def _wrap(backend: Tokenizer, published: PreTrainedTokenizerBase) -> PreTrainedTokenizerFast:
    known = backend.get_vocab()
    roles = {role: token for role in ROLES if (token := getattr(published, role, None)) in known}
    return PreTrainedTokenizerFast(tokenizer_object=backend, model_max_length=published.model_max_length, **roles)
