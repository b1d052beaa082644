"""Stems of words by Snowball's rules (Porter 2001), for the languages that the library snowballstemmer has."""

from collections.abc import Callable
from functools import cache, lru_cache

STEMS_KEPT = 200_000  # of different words
# By Snowball's name: the codes of ISO 639 that other names of a language begin with, such as de_DE and deu_Latn.
_CODES = {
    "arabic": "ar ara arb", "armenian": "hy hye", "basque": "eu eus", "catalan": "ca cat", "czech": "cs ces",
    "danish": "da dan", "dutch": "nl nld", "english": "en eng", "esperanto": "eo epo", "estonian": "et est ekk",
    "finnish": "fi fin", "french": "fr fra", "german": "de deu", "greek": "el ell", "hindi": "hi hin",
    "hungarian": "hu hun", "indonesian": "id ind", "irish": "ga gle", "italian": "it ita", "lithuanian": "lt lit",
    "nepali": "ne nep npi", "norwegian": "no nb nn nor nob nno", "persian": "fa fas pes", "polish": "pl pol",
    "portuguese": "pt por", "romanian": "ro ron", "russian": "ru rus", "serbian": "sr srp", "sesotho": "st sot",
    "spanish": "es spa", "swedish": "sv swe", "tamil": "ta tam", "turkish": "tr tur", "yiddish": "yi yid ydd",
}  # fmt: skip
_LANGUAGES = {code: name for name, codes in _CODES.items() for code in codes.split()}


def find_stemmed_language(language: str | None) -> str | None:
    """Snowball's name of a language; None where it has no rules for it. 'German', 'de_DE', 'deu_Latn' -> 'german'"""
    if language is None:
        return None
    name = language.strip().lower().replace("-", "_")
    if name in _CODES:
        return name
    return _LANGUAGES.get(name.partition("_")[0])


def find_language_code(language: str) -> str | None:
    """The first code of ISO 639 of a language that Snowball has by that name. 'German' -> 'de', 'Klingon' -> None"""
    codes = _CODES.get(language.strip().lower())
    return None if codes is None else codes.split()[0]


@cache
def load_stemmer(language: str) -> Callable[[str], str]:
    """What makes a word's stem in a language of Snowball's, asked once for each word."""
    import snowballstemmer

    stemmer = snowballstemmer.stemmer(language)
    return lru_cache(STEMS_KEPT)(stemmer.stemWord)
