"""Texts that outputs are forced to have, in tokens: refused where the target tokenizer cannot spell them."""

from transformers import PreTrainedTokenizerFast

from ..base.errors import GenerationError
from ..text.framing import Framing
from ..text.normalization import replace_surrogates
from ..text.round_trip import Spelling, spell_text


def encode_prefix(tokenizer: PreTrainedTokenizerFast, framing: Framing, text: str) -> tuple[int, ...]:
    """The ids that every output begins with where it is to begin with a text; none for an empty one.

    Raises:
        GenerationError: it is no text, has no token, or has characters that the tokenizer cannot spell.
    """
    if not text:
        return ()
    if replace_surrogates(text) != text:
        raise GenerationError(f"target_prefix: {text!r} holds half of a surrogate pair, which is no text.")
    spelling = spell_text(tokenizer, text)
    if not spelling.ids:
        raise GenerationError(f"target_prefix: {text!r} has no token. Leave it out, or set one with letters.")
    if (fault := find_fault(spelling)) is not None:
        raise GenerationError(f"target_prefix: {fault} Set another one.")
    return (*framing.target_prefix, *spelling.ids)


def find_fault(spelling: Spelling) -> str | None:
    """What a model could not write of a text, as a sentence; None where it can write all of it."""
    if spelling.is_whole:
        return None
    text = spelling.returned.text
    if spelling.unknown:
        parts = ", ".join(map(repr, dict.fromkeys(spelling.unknown)))
        return f"the target tokenizer does not know {parts} of {text!r}."
    return f"the target tokenizer cannot spell {text!r}: it comes back as {spelling.returned.came_back!r}."


def format_changed_prefix(tokenizer: PreTrainedTokenizerFast, text: str) -> str | None:
    """What to tell of a prefix whose case or spacing the tokenizer loses; None where it loses nothing."""
    if not text:
        return None
    returned = spell_text(tokenizer, text).returned
    if returned.is_exact():
        return None
    return f"target_prefix: outputs begin with {returned.came_back!r}, as the target tokenizer writes {text!r}."
