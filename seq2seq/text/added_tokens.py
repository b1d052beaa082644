"""Added tokens: which of them are tokens of their own in a text, and which are marks.

A mark, such as [SEP], is plain text where somebody writes it in a text. Works on the layout of tokenizer.json; knows no
roles.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Any

Layout = dict[str, Any]  # tokenizer.json, or a part of it

SENTINEL = re.compile(r"<extra_id_\d+>|<(mask|unk)_\d+>")  # T5's; Pegasus's
# Of mBART and NLLB, whose form the codes of further languages follow too.
LANGUAGE = re.compile(r"[a-z]{2,3}_[A-Z]{2}|[a-z]{3}_[A-Z][a-z]{3}")
# Of M2M100; what else stands between such underscores may be anybody's own token.
M2M100_LANGUAGES = frozenset(
    """
    af am ar ast az ba be bg bn br bs ca ceb cs cy da de el en es et fa ff fi fr fy ga gd gl gu ha he hi hr ht hu hy id
    ig ilo is it ja jv ka kk km kn ko lb lg ln lo lt lv mg mk ml mn mr ms my ne nl no ns oc or pa pl ps pt ro ru sd si
    sk sl so sq sr ss su sv sw ta th tl tn tr uk ur uz vi wo xh yi yo zh zu
    """.split()
)
PRIVATE_USE = range(0xE000, 0xF900)


def is_mark(token: str) -> bool:
    """Whether a special token is a sentinel or the code of a language, going by its form."""
    if SENTINEL.fullmatch(token) or LANGUAGE.fullmatch(token):
        return True
    inside = token.removeprefix("__").removesuffix("__")
    return token == f"__{inside}__" and inside in M2M100_LANGUAGES


def free_tokens(
    layout: Layout,
    tokens: Sequence[str],
    dropped: Sequence[str],
) -> None:
    """Makes special tokens of a layout tokens of their own in a text; decoding leaves out the `dropped` ones as before.

    The `tokenizers` library reads either all special tokens as plain text or none, and leaves out those alone. So these
    become ordinary added tokens, in whose place the decoder writes nothing, even where special tokens are asked for.
    """
    for entry in layout["added_tokens"]:
        if entry["content"] in tokens:
            entry["special"] = False
    if dropped:
        named = "|".join(map(re.escape, dropped))
        layout["decoder"] = _build_decoder(layout, rf"\A(?:{named})\z")


def _build_decoder(layout: Layout, left_out: str) -> Layout:
    """The decoder of a layout, which writes nothing for a token that fits the pattern `left_out`."""
    decoder = layout["decoder"]
    kinds = _list_kinds(decoder)
    if kinds and not kinds & {"WordPiece", "Metaspace"}:
        return _chain(_replace(left_out, ""), decoder)
    # These write the first token without a space, so that it is the first of the others that must have none.
    placeholder = choose_placeholder(_list_contents(layout))
    inside = placeholder
    if "Metaspace" not in kinds:  # a space stands before every token
        inside = f" ?{placeholder}"
    if decoder is None:
        # The same as none: it puts a space before every token but the first, as no token has that prefix.
        decoder = {"type": "WordPiece", "prefix": placeholder * 2, "cleanup": False}
    return _chain(
        _replace(left_out, placeholder),
        decoder,
        {"type": "Fuse"},
        _replace(rf"\A(?:{placeholder} ?)+", ""),
        _replace(inside, ""),
    )


def break_marks(layout: Layout, marks: Iterable[str]) -> None:
    """Has a mark in a text broken into two pieces before the model of a layout sees it.

    T5's and mBART's have their marks among the pieces that texts are broken into, with the best of scores.
    """
    split = {
        "type": "Split",
        "pattern": {"Regex": "|".join(map(_match_second_part, marks))},
        "behavior": "MergedWithNext",
        "invert": False,
    }
    steps = [split]
    if layout["pre_tokenizer"] is not None:
        steps.insert(0, layout["pre_tokenizer"])
    layout["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": steps}


def _match_second_part(mark: str) -> str:
    """A pattern for the character that a mark's second part begins with: the last that is neither letter nor figure.

    Few texts have such a character, so that the pattern costs little. 'de_DE' -> '_(?<=de_)(?=DE)'
    """
    breaks = [position for position, letter in enumerate(mark) if position and not letter.isalnum()]
    position = breaks[-1] if breaks else len(mark) - 1
    end = position + 1
    return rf"{re.escape(mark[position])}(?<={re.escape(mark[:end])})(?={re.escape(mark[end:])})"


def choose_placeholder(tokens: Iterable[str]) -> str:
    """A character that no token holds."""
    used = set().union(*tokens)
    return next(letter for letter in map(chr, PRIVATE_USE) if letter not in used)


def _list_kinds(decoder: Layout | None) -> set[str]:
    """The kinds of decoders in one that may be a sequence of some, of sequences too."""
    if decoder is None:
        return set()
    return {decoder["type"]}.union(*map(_list_kinds, decoder.get("decoders", ())))


def _list_contents(layout: Layout) -> list[str]:
    """All tokens of a layout."""
    vocabulary = layout["model"]["vocab"]
    if layout["model"]["type"] == "Unigram":
        vocabulary = [piece for piece, _ in vocabulary]
    return [*vocabulary, *(entry["content"] for entry in layout["added_tokens"])]


def _chain(*decoders: Layout) -> Layout:
    return {"type": "Sequence", "decoders": list(decoders)}


def _replace(pattern: str, content: str) -> Layout:
    return {"type": "Replace", "pattern": {"Regex": pattern}, "content": content}
