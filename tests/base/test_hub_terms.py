"""Licenses and languages by the hub's names. Expected values: the lists of its documentation, and ISO 639."""

import pytest

from seq2seq.base.hub_terms import LICENSES, TWO_LETTERS, check_languages, check_license, find_language


def test_lists_are_whole_and_have_each_name_once():
    assert len(TWO_LETTERS) == 185  # the 183 of ISO 639-1, and `bh` and `sh`, which it had once
    assert len(LICENSES) == len(set(LICENSES))


@pytest.mark.parametrize("name", ["mit", "apache-2.0", "cc-by-nc-sa-4.0", "openrail++", "other"])
def test_licenses_of_the_hub_pass(name):
    assert check_license(name) == name


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("MIT", "did you mean mit"),
        ("Apache 2.0", "did you mean apache-2.0"),
        ("apache2", "did you mean apache-2.0"),
        ("GPLv3", "did you mean gpl"),
        ("my own", "of any other say other, with its name in license_name"),
        ("", "of any other say other"),
    ],
)
def test_other_licenses_are_refused_with_the_one_that_is_like_them(name, hint):
    with pytest.raises(ValueError, match=rf"expected a license as the hub names them, .*; {hint}"):
        check_license(name)


def test_codes_of_two_and_three_letters_and_two_words_are_languages():
    codes = ("de", "gsw", "multilingual", "code")
    assert check_languages(codes) == codes


@pytest.mark.parametrize(
    ("code", "hint"),
    [
        ("DE", "; did you mean de$"),
        ("de_DE", "; did you mean de$"),
        ("zh-Hant", "; did you mean zh$"),
        ("deu_Latn", "; did you mean deu$"),
        ("xx", "not 'xx'$"),
        ("german", "not 'german'$"),
        ("", "not ''$"),
    ],
)
def test_other_words_are_no_languages(code, hint):
    with pytest.raises(ValueError, match=f"expected codes of ISO 639 such as de, .*{hint}"):
        check_languages(("en", code))


def test_no_language_is_refused():
    with pytest.raises(ValueError, match="expected one language at least"):
        check_languages(())


def test_language_is_what_other_names_begin_with():
    assert [find_language(name) for name in ("en_XX", "deu_Latn", "pt-BR", "Klingon", "xx_XX")] == [
        "en", "deu", "pt", None, None,
    ]  # fmt: skip
