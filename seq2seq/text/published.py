"""The tokenizers of an encoder-decoder published whole, bare, and the marks that they put around texts themselves."""

from dataclasses import dataclass
from pathlib import Path

from transformers import PreTrainedTokenizerBase

from ..errors import TokenizerError
from .tokenizers import TokenizerPair, encode_texts, load_as_published, make_bare_pair

PROBE = "a"  # any text that the vocabulary can write


@dataclass(frozen=True)
class OwnMarks:
    """Ids that a published tokenizer puts before and behind a source and a target."""

    source_prefix: tuple[int, ...]
    source_suffix: tuple[int, ...]
    target_prefix: tuple[int, ...]
    target_suffix: tuple[int, ...]


def load_published_tokenizers(
    folder: Path, *, source_language: str | None = None, target_language: str | None = None
) -> tuple[TokenizerPair, OwnMarks]:
    """The tokenizers of a folder without ours, and their own marks.

    Args:
        source_language, target_language: codes such as en_XX where the tokenizer marks languages (mBART, NLLB, M2M100).

    Raises:
        TokenizerError: there is no tokenizer, or it has no such language.
    """
    languages = {"src_lang": source_language, "tgt_lang": target_language}
    published = load_as_published(folder, **{key: value for key, value in languages.items() if value is not None})
    for language in languages.values():
        if language is not None and language not in published.get_vocab():
            raise TokenizerError(f"{folder}: the tokenizer has no language {language!r}. Give one of its codes.")
    pair = make_bare_pair(published)
    source = _find_marks(published(PROBE)["input_ids"], encode_texts(pair.source, [PROBE])[0], folder)
    target = _find_marks(_encode_as_target(published), encode_texts(pair.target, [PROBE])[0], folder)
    return pair, OwnMarks(*source, *target)


def _encode_as_target(published: PreTrainedTokenizerBase) -> list[int]:
    return published(text_target=PROBE)["input_ids"]


def _find_marks(framed: list[int], bare: list[int], folder: Path) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """What stands around the bare ids. [0, 5, 6, 2] around [5, 6] -> ((0,), (2,))"""
    for start in range(len(framed) - len(bare) + 1):
        if framed[start : start + len(bare)] == bare:
            return tuple(framed[:start]), tuple(framed[start + len(bare) :])
    raise TokenizerError(f"{folder}: the tokenizer changes a text beyond adding marks ({bare} became {framed}).")
