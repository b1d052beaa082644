"""Words and sentences of a text, as the metrics and baselines that are our own count them. No tokenizer's tokens."""

import re

_WORD = re.compile(r"\w+(?:['’]\w+)*")
_SENTENCE_END = re.compile(r"\s*\n\s*|(?<=[.!?])\s+")


def list_words(text: str) -> list[str]:
    """Runs of letters and digits, lower-cased; an apostrophe inside belongs to them. "It's 3.5." -> it's 3 5"""
    return _WORD.findall(text.lower())


def split_sentences(text: str) -> list[str]:
    """Sentences end at line breaks, and at . ! ? followed by white space. 'A b. C?\\nD' -> 'A b.', 'C?', 'D'

    Simple on purpose, so that anybody can repeat it in any language: 'Dr. No' is two sentences.
    """
    return [sentence for sentence in _SENTENCE_END.split(text.strip()) if sentence]
