"""The script of texts: that of most words, and Japanese told from Chinese by its kana."""

import pytest

from seq2seq.text.scripts import SPACED, find_main_script, find_script, measure_scripts


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("The cat sat.", SPACED), ("Кот сидел.", SPACED), ("Η γάτα κάθισε.", SPACED), ("جلست القطة", SPACED),
        ("नमस्ते दुनिया", SPACED), ("שלום", SPACED), ("Xin chào", SPACED), ("", SPACED), ("12 + 3 = 15!", SPACED),
        ("你好世界", "Han"), ("𠮷野", "Han"), ("ㄅㄆㄇ", "Han"), ("東京に行く", "kana"), ("カタカナ", "kana"),
        ("ｶﾀｶﾅ", "kana"), ("한국어 문장", "Hangul"), ("สวัสดี", "Thai"), ("ສະບາຍດີ", "Lao"), ("សួស្តី", "Khmer"),
        ("မင်္ဂလာပါ", "Burmese"), ("བཀྲ་ཤིས", "Tibetan"),
    ],
)  # fmt: skip
def test_script_of_a_text(text, script):
    assert find_main_script([text]) == script


@pytest.mark.parametrize(
    ("texts", "script"),
    [
        (["我们使用 Transformer 模型"], "Han"),  # 6 letters of Han are 4 words, 11 of Latin 2.2
        (["I saw the word 你好 written on it"], SPACED),
        (["你好", "the cat sat on the mat"], SPACED),
        # One の in a hundred letters makes no Chinese text Japanese, three of six make one of it.
        (["鲜" * 99 + "の"], "Han"),
        (["東京都"] * 2 + ["です"], "kana"),
        (["สวัสดี 123"], "Thai"),
    ],
)
def test_script_of_texts_with_words_of_several(texts, script):
    assert find_main_script(texts) == script


@pytest.mark.parametrize(
    ("character", "script"),
    [("ก", "Thai"), ("฿", "Thai"), ("a", SPACED), ("一", "Han"), ("\u3040", SPACED), ("ぁ", "kana"), ("가", "Hangul")],
)
def test_script_of_a_character_is_that_of_its_block(character, script):
    assert find_script(character) == script


def test_letters_are_shared_out_by_script_and_marks_and_digits_do_not_count():
    # Of nine letters four are Latin, two Cyrillic, two Han and one kana.
    shares = measure_scripts(["Да ok, 12", "東京 カ ｏº!"])
    assert shares == {"Latin": 4 / 9, "Cyrillic": 2 / 9, "Han": 2 / 9, "Katakana": 1 / 9}
    assert measure_scripts(["12 ..."]) == {}
