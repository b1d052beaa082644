"""Undoes the spacing of tokenized European text: Penn Treebank's, Moses's, WikiText's and WikiSplit's.

A guess where the spacing holds no information: straight quotation marks open and close by turns; ` - ` and ` / ` stay.
After the English manner: French spaces before ; : ! ? are not put back.
"""

import re
from typing import NamedTuple

OPENING = frozenset("( [ { ¿ ¡".split())  # joined to what follows
CURRENCIES = frozenset("$ £ € ¥ US$ C$ A$".split())  # likewise, where that is a number
CLITICS = frozenset(
    form
    for clitic in "'s 're 've 'll 'd 'm n't 't".split()
    for form in (clitic, clitic.upper(), clitic.replace("'", "’"))
)
CONTRACTED = frozenset(
    [
        ("can", "not"),
        ("gon", "na"),
        ("got", "ta"),
        ("wan", "na"),
        ("gim", "me"),
        ("lem", "me"),
        ("o", "'clock"),
        ("o", "’clock"),
    ]
)
CLOSING = re.compile(r"[,.;:!?%)\]}…]+")  # joined to what goes before
ELISION = re.compile(r"(?:[cdjlmnst]|qu|(?:jus|lors|puis|quel|pres)qu|(?:d?a|de|ne|su)ll|un|quest|quell)['’]", re.I)
JOINT = re.compile(r"@(\W)@")  # Moses and WikiText write all-rookie as all @-@ rookie
MARKS = {
    "-LRB-": "(", "-RRB-": ")", "-LSB-": "[", "-RSB-": "]", "-LCB-": "{", "-RCB-": "}", "\\/": "/", "\\*": "*",
}  # fmt: skip
ENTITIES = {
    "&apos;": "'", "&quot;": '"', "&#91;": "[", "&#93;": "]", "&#124;": "|", "&bar;": "|", "&lt;": "<", "&gt;": ">",
    "&amp;": "&",
}  # fmt: skip
DOUBLE = {"``": "open", "''": "either", '"': "either", "„": "open", "“": "open", "”": "close"}
SINGLE = {"`": "open", "'": "either", "‘": "open", "’": "close"}
WRITTEN = {"``": '"', "''": '"', "`": "'"}
LETTERS = frozenset("s t d m re ve ll".split())  # what a lone apostrophe is followed by, as in: It ' s
NO_OWNERS = frozenset("as does has his is its this us was".split())  # end in s, and have no possessive in s'
TAILS = frozenset(tail for _, tail in CONTRACTED)


class _Mark(NamedTuple):
    """A token that is no word, as it is written, and whether it is joined to what goes before and to what follows."""

    text: str
    joined_before: bool = False
    joined_after: bool = False


def detokenize(text: str) -> str:
    """Text as it is written. '`` It is n't , '' he said ( twice ) .' -> '"It isn't," he said (twice).'"""
    tokens = [MARKS.get(token, token) for token in restore_entities(text).split()]
    quotes = _Quotes(tokens)
    written: list[str] = []
    joined = True  # to what goes before
    for position, token in enumerate(tokens):
        if token.isalnum() and token not in TAILS:  # most tokens are words, which are joined to nothing
            written.append(token if joined else " " + token)
            joined = False
            continue
        is_quote = token in DOUBLE or token in SINGLE
        mark = quotes.read(position) if is_quote else _read_mark(tokens, position)
        written.append(mark.text if joined or mark.joined_before else " " + mark.text)
        joined = mark.joined_after
    return "".join(written)


def restore_entities(text: str) -> str:
    """The characters that Moses escapes. 'R &amp; B' -> 'R & B'"""
    if "&" in text:
        for entity, character in ENTITIES.items():  # the ampersand last, so that nothing is read twice
            text = text.replace(entity, character)
    return text


def _read_mark(tokens: list[str], position: int) -> _Mark:
    """A token that is no word and no quotation mark."""
    token = tokens[position]
    # Slices, which are empty where no token stands before or behind.
    before = "".join(tokens[position - 1 : position]).lower()
    behind = "".join(tokens[position + 1 : position + 2])
    joint = JOINT.fullmatch(token)
    if joint:
        return _Mark(joint[1], joined_before=True, joined_after=True)
    is_between_digits = all(beside.isdigit() for beside in (before, behind) if beside)
    if token == ":" and is_between_digits:  # 2 : 30
        return _Mark(token, joined_before=True, joined_after=True)
    if CLOSING.fullmatch(token) or token in CLITICS:
        return _Mark(token, joined_before=True)
    if token in OPENING or ELISION.fullmatch(token):
        return _Mark(token, joined_after=True)
    if token in CURRENCIES:
        return _Mark(token, joined_after=behind[:1].isdigit())
    return _Mark(token, joined_before=(before, token) in CONTRACTED)


class _Quotes:
    """Which quotation marks of a text open, and which close; they are read one after the other."""

    def __init__(self, tokens: list[str]) -> None:
        self.tokens = tokens
        self.in_double = False
        self.in_single = False
        self.directed = "``" in tokens  # the Treebank's pairs; elsewhere, as in WikiSplit, '' is on both sides

    def read(self, position: int) -> _Mark:
        """The mark at a position."""
        token = self.tokens[position]
        if self._is_apostrophe(position):
            return _Mark(token, joined_before=True, joined_after=True)
        opens_quote = self._opens_double if token in DOUBLE else self._opens_single
        opens = opens_quote(token, position)
        text = WRITTEN.get(token, token)
        return _Mark(text, joined_before=not opens, joined_after=opens)

    def _is_apostrophe(self, position: int) -> bool:
        """Whether a mark stands inside a contraction that was taken apart, as in: It ' s."""
        if self.tokens[position] not in "'’":
            return False
        is_between = 0 < position < len(self.tokens) - 1
        return is_between and self.tokens[position + 1] in LETTERS

    def _opens_double(self, token: str, position: int) -> bool:
        side = DOUBLE[token]
        if token == "''" and self.directed:
            side = "close"
        if token == "“" and self.in_double:
            side = "close"  # German „so“
        if side == "either":
            is_last = position == len(self.tokens) - 1
            side = "close" if self.in_double or is_last else "open"
        self.in_double = side == "open"
        return self.in_double

    def _opens_single(self, token: str, position: int) -> bool:
        side = SINGLE[token]
        if side == "either":
            is_last = "'" not in self.tokens[position + 1 :]
            closes = self.in_single or self._is_owned(position) or is_last
            side = "close" if closes else "open"
        self.in_single = side == "open"
        return self.in_single

    def _is_owned(self, position: int) -> bool:
        """Whether an apostrophe follows a plural or a name, as in: the players ' union."""
        owner = self.tokens[position - 1] if position else ""
        return owner[-1:] in ("s", "S") and owner.lower() not in NO_OWNERS
