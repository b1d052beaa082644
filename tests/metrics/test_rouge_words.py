"""ROUGE of the words of any script: by hand, and against rouge_score given the same words."""

import random

import pytest
import snowballstemmer
from rouge_score.rouge_scorer import RougeScorer

from seq2seq.metrics.options import EvaluationOptions
from seq2seq.metrics.scores import compute_scores
from seq2seq.metrics.stemming import _CODES, find_stemmed_language, load_stemmer
from seq2seq.metrics.table import METRICS
from seq2seq.metrics.words import list_script_words, split_script_sentences

NAMES = ["rouge1", "rouge2", "rougeL", "rougeLsum"]
WORDS = ["लड़के", "लड़कियों", "की", "किताब", "घर", "रहा", "cats", "naïve", "猫", "在家", "3", "--"]


def score(name: str, prediction: str, reference: str, **options) -> float:
    chosen = EvaluationOptions(metrics=(name,), **options)
    return compute_scores(sources=[""], predictions=[prediction], references=[[reference]], options=chosen).values[name]


@pytest.mark.parametrize(
    "text", ["नमस्ते दुनिया के लोग", "今天天气很好", "สวัสดีครับ", "東京に行く", "한국어 문장입니다", "Кот сидел"]
)
@pytest.mark.parametrize("name", NAMES)
def test_identical_texts_have_100_where_rouge_score_has_nothing(name, text):
    assert score(name, text, text) == 0
    assert score(f"{name}_words", text, text) == 100


@pytest.mark.parametrize(
    ("name", "prediction", "reference", "f1"),
    [
        # Two of three words of each: precision and recall 2/3. One of two pairs: 1/2.
        ("rouge1_words", "बड़ा घर है", "बड़ा घर था", 2 / 3),
        ("rouge2_words", "बड़ा घर है", "बड़ा घर था", 1 / 2),
        # Letters of Chinese: 3 of 4, 3 of 5, so F1 = 2 * 3 / 9. In a row 天, 气, 好.
        ("rouge1_words", "天气好吗", "今天天气好", 2 * 3 / 9),
        ("rougeL_words", "天气好吗", "今天天气好", 2 * 3 / 9),
        # Mixed: gpt, 模, 型 against gpt, 是, 模, 型.
        ("rouge1_words", "GPT模型", "gpt 是模型", 2 * 3 / 7),
        # Sentences that end at 。, in the other order: all is covered.
        ("rougeLsum_words", "猫睡。狗跑。", "狗跑。猫睡。", 1),
        ("rougeL_words", "猫睡。狗跑。", "狗跑。猫睡。", 1 / 2),
        ("rouge1_words", "...", "...", 0),
    ],
)
def test_value_is_f1_of_words(name, prediction, reference, f1):
    assert score(name, prediction, reference) == pytest.approx(100 * f1)


@pytest.mark.parametrize("language", [None, "hi"])
@pytest.mark.parametrize("name", NAMES)
def test_every_text_equals_rouge_score_given_the_same_words(name, language):
    class Words:
        """What rouge_score takes for its own."""

        def tokenize(self, text: str) -> list[str]:
            words = list_script_words(text)
            return words if language is None else snowballstemmer.stemmer("hindi").stemWords(words)

    generator = random.Random(1)
    # Several lines each, so that both take lines for sentences.
    texts = ["\n".join(" ".join(generator.choices(WORDS, k=5)) for _ in range(3)) for _ in range(60)]
    predictions, references = texts[:30], texts[30:]
    scorer = RougeScorer([name], tokenizer=Words())
    expected = [scorer.score(*pair)[name].fmeasure for pair in zip(references, predictions, strict=True)]
    metric = METRICS[f"{name}_words"].adapt([], EvaluationOptions(language=language))
    found = metric.compute_statistics([], predictions, [[text] for text in references])[:, 0].tolist()
    assert found == pytest.approx(expected)
    assert len(set(expected)) > 10


def test_line_breaks_count_for_the_sum_of_sentences_alone():
    assert METRICS["rougeLsum_words"].by_lines
    assert not METRICS["rougeL_words"].by_lines


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("GPT是模型", ["gpt", "是", "模", "型"]), ("सेब, आम!", ["सेब", "आम"]), ("It’s 3.5", ["it's", "3", "5"]),
        ("\u0e01\u0e33\u0e14\u0e35", ["\u0e01", "\u0e33", "\u0e14\u0e35"]),  # Thai: the last vowel is a mark
        ("東京へ", ["東", "京", "へ"]), ("서울 시", ["서울", "시"]), ("𠮷野", ["𠮷", "野"]),
        ("cafe\u0301", ["caf\u00e9"]), ("می\u200cخواهم", ["میخواهم"]), ("soft\u00adly", ["softly"]),
        ("、。！", []),
    ],
)  # fmt: skip
def test_words_of_a_text_in_any_script(text, words):
    assert list_script_words(text) == words


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("一。二！！三", ["一。", "二！！", "三"]), ("A b. C", ["A b.", "C"]), ("घर। वन॥ जल", ["घर।", "वन॥", "जल"]),
        ("a\nb", ["a", "b"]), ("3.5", ["3.5"]), ("", []),
    ],
)  # fmt: skip
def test_sentences_of_a_text_in_any_script(text, sentences):
    assert split_script_sentences(text) == sentences


# Stems.


@pytest.mark.parametrize(
    ("language", "name"),
    [
        ("de", "german"), ("German", "german"), ("de_DE", "german"), ("de-AT", "german"), ("deu_Latn", "german"),
        ("hi_IN", "hindi"), ("nb", "norwegian"), ("zh", None), ("Klingon", None), ("", None), (None, None),
    ],
)  # fmt: skip
def test_language_goes_by_its_name_or_a_code(language, name):
    assert find_stemmed_language(language) == name


def test_every_language_of_the_table_is_snowballs():
    assert set(_CODES) <= set(snowballstemmer.algorithms())


def test_stems_are_snowballs():
    # From the vocabulary that Snowball publishes: häuser -> haus, katzen -> katz.
    assert [load_stemmer("german")(word) for word in ("häuser", "katzen")] == ["haus", "katz"]
    assert score("rouge1_words", "Katzen", "Katze") == 0
    assert score("rouge1_words", "Katzen", "Katze", language="de") == 100


@pytest.mark.parametrize(
    ("language", "told"),
    [("de_DE", "Snowball's stems of german"), (None, "no stems,"), ("zh", "no stems, for Snowball has none of zh")],
)
def test_signature_tells_the_stems(language, told):
    options = EvaluationOptions(metrics=("rougeLsum_words",), language=language)
    scores = compute_scores(sources=[""], predictions=["a"], references=[["a"]], options=options)
    assert told in scores.signatures["rougeLsum_words"]
    assert "full stop, question or exclamation mark of any script" in scores.signatures["rougeLsum_words"]
