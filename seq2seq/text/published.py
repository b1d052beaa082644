"""The tokenizers of an encoder-decoder published whole, bare, and the marks that they put around texts themselves."""

from dataclasses import dataclass, replace
from pathlib import Path

from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

from ..base.errors import TokenizerError
from .framing import Marks
from .tokenizer_files import TARGET_FOLDER
from .tokenizers import DROPPED_TOKENS, TokenizerPair, encode_texts, load_as_published, make_bare_pair

PROBE = "a"  # any text that the vocabulary can write


@dataclass(frozen=True)
class OwnMarks:
    """Ids that a published tokenizer puts before and behind a source and a target.

    marks_languages: whether they name languages.
    target_language: the id of the target's, where the user or tokenizer_config.json gives it; else the marks of the
        target name the source's, as in transformers.
    are_ours: whether we saved the tokenizer, which then puts around a source what its model was trained with.
    """

    source_prefix: Marks
    source_suffix: Marks
    target_prefix: Marks
    target_suffix: Marks
    marks_languages: bool
    target_language: int | None
    are_ours: bool


def load_published_tokenizers(
    folder: Path,
    *,
    source_language: str | None = None,
    target_language: str | None = None,
) -> tuple[TokenizerPair, OwnMarks]:
    """The tokenizers of a folder without ours, and their own marks; the target's is read where one lies there.

    Args:
        source_language, target_language: codes such as en_XX where the tokenizer marks languages (mBART, NLLB).

    Raises:
        TokenizerError: there is no tokenizer or vocabulary, it marks no languages, or it has no such language.
    """
    published = load_as_published(folder)
    pair = make_bare_pair(published)
    _set_language(published, "src_lang", source_language, folder)
    _set_language(published, "tgt_lang", target_language, folder)
    language = getattr(published, "tgt_lang", None)  # before a target is read, with which transformers sets one
    of_target = published
    if (folder / TARGET_FOLDER).exists():
        of_target = load_as_published(folder / TARGET_FOLDER)
        pair = replace(pair, target=make_bare_pair(of_target).target)
    framed_source = published(PROBE)["input_ids"]
    framed_target = of_target(text_target=PROBE)["input_ids"]
    source_prefix, source_suffix = _read_marks(framed_source, pair.source, folder)
    target_prefix, target_suffix = _read_marks(framed_target, pair.target, folder)
    marks = OwnMarks(
        source_prefix=source_prefix,
        source_suffix=source_suffix,
        target_prefix=target_prefix,
        target_suffix=target_suffix,
        marks_languages=hasattr(published, "tgt_lang"),
        target_language=None if language is None else published.convert_tokens_to_ids(language),
        are_ours=DROPPED_TOKENS in published.init_kwargs,
    )
    return pair, marks


def _set_language(
    published: PreTrainedTokenizerBase,
    side: str,
    language: str | None,
    folder: Path,
) -> None:
    if language is None:
        return
    option = "model.source_language" if side == "src_lang" else "model.target_language"
    if not hasattr(published, side):
        raise TokenizerError(f"{folder}: the tokenizer marks no languages. Leave {option} out (found {language!r}).")
    special = published.all_special_tokens
    if language not in special:
        codes = ", ".join(token for token in special if not token.startswith("<"))
        raise TokenizerError(f"{folder}: the tokenizer has no language {language!r}. Set {option} to one of {codes}.")
    setattr(published, side, language)


def _read_marks(
    framed: list[int],
    tokenizer: PreTrainedTokenizerFast,
    folder: Path,
) -> tuple[Marks, Marks]:
    """What stands around the bare ids of `PROBE`. [0, 5, 6, 2] around [5, 6] -> ((0,), (2,))"""
    (bare,) = encode_texts(tokenizer, [PROBE])
    last_start = len(framed) - len(bare)
    for start in range(last_start + 1):
        end = start + len(bare)
        if framed[start:end] == bare:
            prefix = tuple(framed[:start])
            suffix = tuple(framed[end:])
            return prefix, suffix
    raise TokenizerError(f"{folder}: the tokenizer changes a text beyond adding marks ({bare} became {framed}).")
