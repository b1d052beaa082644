"""Which script texts are written in, as far as it matters where their words end. Knows no metric and no tokenizer.

Scripts that part words by spaces are all one here, but to `measure_scripts`; so are those that are not in the table.
"""

import unicodedata
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable
from itertools import chain

SPACED = "spaced"
# First and last character of the blocks of each script.
_BLOCKS = {
    "Han": ((0x2E80, 0x2FDF), (0x3005, 0x3007), (0x3021, 0x3029), (0x3100, 0x312F), (0x31A0, 0x31BF), (0x3400, 0x4DBF),
            (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x3FFFF)),
    "kana": ((0x3041, 0x30FF), (0x31F0, 0x31FF), (0xFF66, 0xFF9F), (0x1B000, 0x1B16F)),
    "Hangul": ((0x1100, 0x11FF), (0x3130, 0x318F), (0xA960, 0xA97F), (0xAC00, 0xD7FF), (0xFFA0, 0xFFDC)),
    "Thai": ((0x0E01, 0x0E7F),),
    "Lao": ((0x0E80, 0x0EFF),),
    "Tibetan": ((0x0F00, 0x0FFF),),
    "Burmese": ((0x1000, 0x109F), (0xA9E0, 0xA9FF), (0xAA60, 0xAA7F)),
    "Khmer": ((0x1780, 0x17FF), (0x19E0, 0x19FF)),
    "Tai": ((0x1950, 0x19DF), (0x1A20, 0x1AAF), (0xAA80, 0xAADF)),
    "Balinese": ((0x1B00, 0x1B7F),),
    "Javanese": ((0xA980, 0xA9DF),),
    "Yi": ((0xA000, 0xA4CF),),
}  # fmt: skip
UNSPACED = tuple(name for name in _BLOCKS if name != "Hangul")  # Korean parts its words by spaces
# Roughly, so that one Latin name does not outweigh the Chinese sentence around it.
_LETTERS_IN_A_WORD = {SPACED: 5.0, "Han": 1.5, "kana": 1.5, "Hangul": 3.0}
_UNSPACED_LETTERS_IN_A_WORD = 5.0
KANA_IN_JAPANESE = 0.05  # of Han and kana together: Chinese has next to none, Japanese about half
# Unicode's names of letters begin with their script, but for these.
_UNICODE_NAMES = {
    "Cjk": "Han",
    "Fullwidth": "Latin",
    "Masculine": "Latin",
    "Feminine": "Latin",
    "Halfwidth": "Katakana",
}
_RANGES = sorted((first, last, name) for name, blocks in _BLOCKS.items() for first, last in blocks)
_STARTS = [first for first, _, _ in _RANGES]


def find_script(character: str) -> str:
    """The script of a letter: one of the table, or SPACED."""
    number = ord(character)
    place = bisect_right(_STARTS, number) - 1
    if place >= 0:
        _, last, name = _RANGES[place]
        if number <= last:
            return name
    return SPACED


def find_main_script(texts: Iterable[str]) -> str:
    """The script of most words; of Japanese, which has two, it is "kana". Without letters it is SPACED.

    Example: "東京に行く" -> "kana", "你好 Transformer" -> "Han"
    """
    letters: Counter[str] = Counter()
    for character, count in Counter(chain.from_iterable(texts)).items():
        if unicodedata.category(character)[0] in "LM":
            letters[find_script(character)] += count
    words = {}
    for script, count in letters.items():
        words[script] = count / _LETTERS_IN_A_WORD.get(script, _UNSPACED_LETTERS_IN_A_WORD)
    # Japanese is written in both, so both count together.
    words["Han"] = words.pop("Han", 0) + words.pop("kana", 0)
    main = max(words, key=words.__getitem__)
    if not words[main]:
        return SPACED
    if main == "Han" and letters["kana"] > KANA_IN_JAPANESE * (letters["Han"] + letters["kana"]):
        return "kana"
    return main


def measure_scripts(texts: Iterable[str]) -> dict[str, float]:
    """The share of all letters that are of each script, by Unicode's name of it, the largest first.

    Unlike `find_script` it tells apart those that part words by spaces. ["Да ok"] -> {"Cyrillic": 0.5, "Latin": 0.5}
    """
    letters: Counter[str] = Counter()
    for character, count in Counter(chain.from_iterable(texts)).items():
        if unicodedata.category(character)[0] == "L":
            # 'LATIN SMALL LETTER A', 'CJK UNIFIED IDEOGRAPH-6771'
            first_word = unicodedata.name(character, "unknown").split()[0].partition("-")[0].capitalize()
            letters[_UNICODE_NAMES.get(first_word, first_word)] += count
    total = letters.total()
    return {script: count / total for script, count in letters.most_common()}


def build_unspaced_class() -> str:
    """The characters of scripts without spaces between words, as a class for regular expressions."""
    ranges = []
    for name in UNSPACED:
        for first, last in _BLOCKS[name]:
            ranges.append(f"{chr(first)}-{chr(last)}")
    return f"[{''.join(ranges)}]"
