"""Undoes the spacing of tokenized European text: Penn Treebank's, Moses's, WikiText's and WikiSplit's.

A guess where the spacing holds no information: straight quotation marks open and close by turns; ` - ` and ` / ` stay.
After the English manner: French spaces before ; : ! ? are not put back.
"""

import re

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
LETTERS = frozenset("s t d m re ve ll".split())  # what a lone apostrophe is followed by, as in: It ' s
NO_OWNERS = frozenset("as does has his is its this us was".split())  # end in s, and have no possessive in s'
TAILS = frozenset(tail for _, tail in CONTRACTED)


def detokenize(text: str) -> str:
    """Text as it is written. '`` It is n't , '' he said ( twice ) .' -> '"It isn't," he said (twice).'"""
    tokens = [MARKS.get(token, token) for token in restore_entities(text).split()]
    quotes = _Quotes(tokens)
    written: list[str] = []
    joined = True  # to what goes before
    for place, token in enumerate(tokens):
        before, after = False, False
        if not token.isalnum() or token in TAILS:  # most tokens are words
            if token in DOUBLE or token in SINGLE:
                token, before, after = quotes.place(place)
            elif joint := JOINT.fullmatch(token):
                token, before, after = joint[1], True, True
            else:
                before, after = _find_sides(tokens, place)
        written.append(token if joined or before else " " + token)
        joined = after
    return "".join(written)


def restore_entities(text: str) -> str:
    """The characters that Moses escapes. 'R &amp; B' -> 'R & B'"""
    if "&" in text:
        for entity, character in ENTITIES.items():  # the ampersand last, so that nothing is read twice
            text = text.replace(entity, character)
    return text


def _find_sides(tokens: list[str], place: int) -> tuple[bool, bool]:
    """Whether a token is joined to the one before it, and to the one behind it."""
    token = tokens[place]
    if token == ":" and all(side.isdigit() for side in (*tokens[place - 1 : place], *tokens[place + 1 : place + 2])):
        return True, True  # 2 : 30
    if CLOSING.fullmatch(token) or token in CLITICS:
        return True, False
    if token in OPENING or ELISION.fullmatch(token):
        return False, True
    if token in CURRENCIES:
        return False, place + 1 < len(tokens) and tokens[place + 1][0].isdigit()
    return place > 0 and (tokens[place - 1].lower(), token) in CONTRACTED, False


class _Quotes:
    """Which quotation marks of a text open, and which close."""

    def __init__(self, tokens: list[str]) -> None:
        self.tokens = tokens
        self.in_double = self.in_single = False
        self.directed = "``" in tokens  # the Treebank's pairs; elsewhere, as in WikiSplit, '' is on both sides

    def place(self, place: int) -> tuple[str, bool, bool]:
        """The mark at a place as it is written, and whether it is joined to what is before and behind it."""
        token = self.tokens[place]
        if token in "'’" and 0 < place < len(self.tokens) - 1 and self.tokens[place + 1] in LETTERS:
            return token, True, True
        opens = self._opens_double(token, place) if token in DOUBLE else self._opens_single(token, place)
        return '"' if token in ("``", "''") else "'" if token == "`" else token, not opens, opens

    def _opens_double(self, token: str, place: int) -> bool:
        side = DOUBLE[token]
        if token == "''" and self.directed:
            side = "close"
        if token == "“" and self.in_double:
            side = "close"  # German „so“
        if side == "either":
            side = "close" if self.in_double or place == len(self.tokens) - 1 else "open"
        self.in_double = side == "open"
        return self.in_double

    def _opens_single(self, token: str, place: int) -> bool:
        side = SINGLE[token]
        if side == "either":
            closes = self.in_single or self._is_owned(place) or "'" not in self.tokens[place + 1 :]
            side = "close" if closes else "open"
        self.in_single = side == "open"
        return self.in_single

    def _is_owned(self, place: int) -> bool:
        """Whether an apostrophe follows a plural or a name, as in: the players ' union."""
        owner = self.tokens[place - 1] if place else ""
        return owner[-1:] in ("s", "S") and owner.lower() not in NO_OWNERS
