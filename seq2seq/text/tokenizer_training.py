"""Trains a tokenizer on texts: unigram and BPE by the library sentencepiece, WordPiece by the library tokenizers.

The same texts and options give the same tokenizer, byte for byte. Knows nothing of files and columns.
"""

import io
import re
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple, get_args

from sentencepiece import SentencePieceProcessor, SentencePieceTrainer
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from ..base.errors import TokenizerError
from .options import Kind
from .tokenizers import make_bare
from .vocabulary import stands_alone

SENTENCE_PIECE_ROLES = {"pad_token": "<pad>", "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}  # ids 0-3
WORD_PIECE_ROLES = {
    "pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]", "mask_token": "[MASK]",
}  # fmt: skip
SPACE = "▁"
RESERVED_CHARACTER = "▅"  # sentencepiece's own mark: a training text that holds it would be skipped without a word
MARK_CHARACTERS = "<>/padsunk0123456789xABCDEF"  # what '</s>', '<pad>' and '<0x0A>' are spelled with
LONGEST_TEXT = 2**30  # bytes, the most it allows; by default sentencepiece skips texts over 4,192


def train_tokenizer(
    texts: Iterable[str],
    *,
    kind: Kind,
    size: int,
    lowercase: bool = False,
    character_coverage: float | None = None,
) -> PreTrainedTokenizerFast:
    """A bare tokenizer of exactly `size` tokens, its special tokens among them.

    Texts are composed first (Unicode NFC), then lower-cased where asked for; accents always stay. Not NFKC, the custom
    of T5 and XLM-R: it turns '…' to '...' and '，' to ',', which a decoder could then never write.

    unigram, bpe: runs of white space become one space; a character outside the alphabet becomes its bytes, so that
    every text comes back. WordPiece: BERT's splitting; a word with a character outside the alphabet is [UNK].

    Args:
        size: for unigram and bpe 256 of the tokens are bytes.
        character_coverage: the share of all characters that the alphabet must hold, 0.98 to 1; rarer ones stay outside.
            Left out: 0.9995 where bytes stand in for the rest, 1 for WordPiece.

    Raises:
        TokenizerError: an option is out of its range, no text holds a character, or `size` is too small for the
            alphabet or too large for the texts.
    """
    if character_coverage is None:
        character_coverage = 1.0 if kind == "wordpiece" else 0.9995
    _check_choices(kind, size, character_coverage)
    normalizer = _build_normalizer(kind, lowercase)
    normalized = map(normalizer.normalize_str, texts)
    filled = [text for text in normalized if text.strip()]
    if not filled:
        raise TokenizerError("A tokenizer cannot be trained: no text holds anything but white space. Give it text.")
    if kind == "wordpiece":
        return _train_word_piece(filled, normalizer, size, character_coverage)
    return _train_sentence_piece(
        filled,
        normalizer,
        kind,
        size,
        character_coverage,
        lowercase,
    )


def _check_choices(kind: str, size: int, character_coverage: float) -> None:
    if kind not in get_args(Kind):
        kinds = ", ".join(get_args(Kind))
        raise TokenizerError(f"kind {kind!r}: expected one of {kinds}.")
    if size < 1:
        raise TokenizerError(f"size {size}: expected the number of tokens, above 0.")
    if not 0.98 <= character_coverage <= 1:
        raise TokenizerError(f"character_coverage {character_coverage}: expected a share from 0.98 to 1.")


def _build_normalizer(kind: Kind, lowercase: bool) -> normalizers.Normalizer:
    if kind == "wordpiece":
        bert = normalizers.BertNormalizer(lowercase=lowercase, strip_accents=False)  # by default it follows lowercase
        return normalizers.Sequence([normalizers.NFC(), bert])
    # '▁' would come back as a space whatever is done, so it is one from the start.
    spaces = Regex(rf"[\s{SPACE}]+")
    parts: list[normalizers.Normalizer] = [normalizers.NFC()]
    if lowercase:
        parts.append(normalizers.Lowercase())
    parts += [normalizers.Replace(spaces, " "), normalizers.Strip()]
    return normalizers.Sequence(parts)


def _train_sentence_piece(
    texts: list[str],
    normalizer: normalizers.Normalizer,
    kind: str,
    size: int,
    coverage: float,
    lowercase: bool,
) -> PreTrainedTokenizerFast:
    required = ""
    if kind == "unigram":  # see _build_unigram
        required = MARK_CHARACTERS.lower() if lowercase else MARK_CHARACTERS
    pieces = _learn_pieces(texts, kind, size, coverage, required)
    build = _build_unigram if kind == "unigram" else _build_bpe
    backend = Tokenizer(build(pieces))
    backend.normalizer = normalizer
    backend.pre_tokenizer = pre_tokenizers.Metaspace(replacement=SPACE, prepend_scheme="always")
    backend.decoder = decoders.Sequence(
        [
            decoders.Replace(SPACE, " "),
            decoders.ByteFallback(),
            # Before Strip, which would else take a space from every token.
            decoders.Fuse(),
            decoders.Strip(" ", 1, 0),  # the space that was put before the first word
        ]
    )
    return make_bare(PreTrainedTokenizerFast(tokenizer_object=backend, **SENTENCE_PIECE_ROLES))


class _Piece(NamedTuple):
    text: str
    score: float
    is_mark: bool  # a special token or a byte: no text contains it as such


def _learn_pieces(
    texts: list[str],
    kind: str,
    size: int,
    coverage: float,
    required: str,
) -> list[_Piece]:
    """What sentencepiece learns, by id; `required` are characters that the alphabet holds whatever the texts."""
    written = io.BytesIO()
    try:
        SentencePieceTrainer.train(
            sentence_iterator=(text.replace(RESERVED_CHARACTER, " ") for text in texts),
            model_writer=written,
            model_type=kind,
            vocab_size=size,
            character_coverage=coverage,
            byte_fallback=True,
            normalization_rule_name="identity",
            max_sentence_length=LONGEST_TEXT,
            num_threads=1,  # another number sums in another order, and gives other pieces
            required_chars="".join(sorted(set(required))),
            pad_id=0, bos_id=1, eos_id=2, unk_id=3,
            pad_piece="<pad>", bos_piece="<s>", eos_piece="</s>", unk_piece="<unk>",
            minloglevel=3,
        )  # fmt: skip
    except (RuntimeError, ValueError) as error:  # what the library raises for everything
        raise _explain(str(error), size) from None
    processor = SentencePieceProcessor(model_proto=written.getvalue())
    return _list_pieces(processor)


def _list_pieces(processor: SentencePieceProcessor) -> list[_Piece]:
    pieces = []
    for index in range(processor.get_piece_size()):
        is_special = processor.is_control(index) or processor.is_unknown(index)
        piece = _Piece(
            text=processor.id_to_piece(index),
            score=processor.get_score(index),
            is_mark=is_special or processor.is_byte(index),
        )
        pieces.append(piece)
    return pieces


def _build_unigram(pieces: list[_Piece]) -> models.Unigram:
    """The same model; its marks are worth less than the characters they are spelled with.

    sentencepiece never finds '<s>' or '<0x0A>' in a text, `tokenizers` would: it knows no kinds of pieces. Of two ways
    to tokenize a text that are worth exactly the same the libraries may choose different ones, because one adds in
    float32 and the other in float64.
    """
    lowest = min(piece.score for piece in pieces if not piece.is_mark)
    # No mark is spelled with more characters than a byte's, and each of them is worth more than the lowest less one.
    beyond = len("<0x0A>") * (lowest - 1)
    vocabulary = []
    for piece in pieces:
        score = beyond if piece.is_mark else piece.score
        vocabulary.append((piece.text, score))
    return models.Unigram(vocabulary, unk_id=3, byte_fallback=True)


def _build_bpe(pieces: list[_Piece]) -> models.BPE:
    """The same model: a merge for every two pieces that make a third, in the order in which the third was learned."""
    vocabulary = {piece.text: index for index, piece in enumerate(pieces)}
    learned = [piece for piece in pieces if not piece.is_mark]
    merges = []
    for piece in sorted(learned, key=lambda piece: -piece.score):  # sentencepiece's score is minus the rank
        for position in range(1, len(piece.text)):
            first = piece.text[:position]
            second = piece.text[position:]
            if first in vocabulary and second in vocabulary:
                merges.append((first, second))
    return models.BPE(
        vocabulary,
        merges,
        unk_token="<unk>",
        fuse_unk=True,
        byte_fallback=True,
    )


def _explain(message: str, size: int) -> TokenizerError:
    needed = re.search(r"smaller than required_chars\. -?\d+ vs (\d+)", message)
    if needed:
        return _too_small(
            size,
            int(needed[1]),
            "special tokens, 256 bytes and alphabet",
        )
    possible = re.search(r"too high \(\d+\)\. Please set it to a value <= (\d+)", message)
    if possible:
        return _too_large(size, int(possible[1]))
    return TokenizerError(f"sentencepiece cannot train a tokenizer of size {size}: {message}")


def _too_small(size: int, needed: int, least: str) -> TokenizerError:
    return TokenizerError(f"size {size} is too small: {least} alone take {needed}. Choose a larger size.")


def _too_large(size: int, possible: int) -> TokenizerError:
    return TokenizerError(
        f"size {size} is too large: these texts give {possible} tokens at most. Choose a smaller size or give more "
        "text."
    )


def _train_word_piece(
    texts: list[str],
    normalizer: normalizers.Normalizer,
    size: int,
    coverage: float,
) -> PreTrainedTokenizerFast:
    backend = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    backend.normalizer = normalizer
    backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    backend.decoder = decoders.WordPiece()
    counts = _count_characters(texts)
    alphabet = _choose_alphabet(counts, coverage)
    inside = [f"##{character}" for character in alphabet if not stands_alone(backend, character)]
    first = [*WORD_PIECE_ROLES.values(), *alphabet, *inside]
    if size < len(first):
        raise _too_small(size, len(first), "special tokens and alphabet")
    # The trainer numbers the '##' letters as it meets them, words in random order, and breaks ties by number. Given as
    # special tokens they have theirs from the start; they are special to the trainer alone, which is thrown away.
    trained = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    trained.pre_tokenizer = backend.pre_tokenizer
    outside = set(counts) - set(alphabet)
    spaces = {ord(character): " " for character in outside}
    trainer = trainers.WordPieceTrainer(
        vocab_size=size,
        special_tokens=first,
        show_progress=False,
    )
    trained.train_from_iterator((text.translate(spaces) for text in texts), trainer)
    if trained.get_vocab_size() < size:
        raise _too_large(size, trained.get_vocab_size())
    backend.model = models.WordPiece(trained.get_vocab(), unk_token="[UNK]")
    return make_bare(PreTrainedTokenizerFast(tokenizer_object=backend, **WORD_PIECE_ROLES))


def _count_characters(texts: list[str]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(text)
    for character in list(counts):
        if character.isspace():
            del counts[character]
    return counts


def _choose_alphabet(counts: Counter[str], coverage: float) -> list[str]:
    """The most frequent characters that make up the share `coverage` of all, sorted."""
    chosen = []
    reached = 0
    wanted = coverage * counts.total()
    # Of equally frequent ones the first in Unicode, so that the order of the texts has no say.
    for character in sorted(counts, key=lambda character: (-counts[character], character)):
        if reached >= wanted:
            break
        chosen.append(character)
        reached += counts[character]
    return sorted(chosen)
