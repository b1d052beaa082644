"""Metrics that see nothing of a script: found by scoring references against themselves."""

import pytest

from seq2seq.metrics.blindness import (
    LOOKED_AT,
    find_blind_metrics,
    find_seeing_metrics,
    format_replaced,
    replace_blind_rouge,
    tell_blind_metrics,
)
from seq2seq.metrics.metric import MeanMetric
from seq2seq.metrics.options import EvaluationOptions
from seq2seq.metrics.table import METRICS

HINDI = ["नमस्ते दुनिया के लोग", "लड़कियों की किताबें यहाँ हैं"]
ENGLISH = ["the cat sat on the mat", "a dog ran home to eat"]
ROUGE = ("rouge1", "rouge2", "rougeL")


def find(texts: list[str], *metrics: str, **options) -> dict[str, float]:
    """What the references score against themselves, by the metrics that are found blind."""
    chosen = EvaluationOptions(metrics=metrics, **options)
    found = find_blind_metrics([""] * len(texts), [[text] for text in texts], chosen)
    return {one.metric: one.value for one in found}


@pytest.mark.parametrize("texts", [HINDI, ["你好世界", "今天天气好"], ["สวัสดีครับ"], ["Кот сидел дома"], ["قطة صغيرة"]])
def test_rouge_is_blind_to_other_scripts_and_its_kin_is_not(texts):
    assert find(texts, *ROUGE) == {"rouge1": 0, "rouge2": 0, "rougeL": 0}
    assert find(texts, "rouge1_words", "rougeL_words", "chrf", "exact_match", "sari") == {}


def test_bleu_is_blind_to_texts_of_few_tokens():
    assert find(["你好世界"], "bleu") == {}
    assert find(["你好世界"], "bleu", bleu_tokenizer="13a") == {"bleu": 0}
    assert find(["a cat", "yes"], "bleu") == {"bleu": 0}
    assert find(ENGLISH, *ROUGE, "bleu") == {}


def test_metric_that_sees_a_little_is_found_too():
    # Of a hundred words one is of a-z: one text in ten has something for rouge1.
    (blind,) = find_blind_metrics(
        [""] * 10, [[text] for text in [*HINDI[:1] * 9, "नमस्ते GPT"]], EvaluationOptions(metrics=("rouge1",))
    )
    assert (blind.value, blind.is_total) == (pytest.approx(10), False)
    assert str(blind) == (
        "rouge1 sees little of the references: against themselves they score 10.00. It counts a-z and 0-9 alone; "
        "rouge1_words counts the words of any script."
    )


def test_metrics_of_which_the_best_value_is_not_100_are_not_looked_at():
    assert find(HINDI, "repetition", "length_ratio", "copied_words") == {}


def test_text_that_is_not_in_the_sample_may_be_seen():
    # Every second text is in the sample of as many as are looked at; those that rouge sees are not.
    texts = [HINDI[0], "the cat"] * LOOKED_AT
    assert 0 < find(texts, "rouge1").get("rouge1", 100)


def test_first_reference_is_scored_against_all():
    found = find_blind_metrics([""], [["घर", "the cat"]], EvaluationOptions(metrics=("rouge1",)))
    assert [one.value for one in found] == [0]


def test_own_metric_that_sees_nothing_is_found(monkeypatch):
    class Vowels(MeanMetric):
        name = "vowels"

        def compute_shares(self, sources, predictions, references):
            return [float(set("aeiou") <= set(text)) for text in predictions]

        def format_signature(self, references):
            return "all vowels"

    monkeypatch.setitem(METRICS, "vowels", Vowels())
    assert find(["sky"], "vowels") == {"vowels": 0}
    assert find(["education sequoia"], "vowels") == {}


def test_advice_is_what_would_see_the_texts():
    def advise(texts: list[str], metric: str) -> str:
        chosen = EvaluationOptions(metrics=(metric,))
        (blind,) = find_blind_metrics([""] * len(texts), [[text] for text in texts], chosen)
        return blind.advice

    assert advise(HINDI, "rouge2") == "It counts a-z and 0-9 alone; rouge2_words counts the words of any script."
    assert advise(["yes", "no"], "rouge2").startswith("They are too short for it")
    assert "choose another evaluation.bleu_tokenizer, such as char, or chrf" in advise(["yes"], "bleu")


# Told, and replaced.


def test_blind_metrics_are_told_on_standard_error(capsys):
    tell_blind_metrics(None, [[text] for text in HINDI], EvaluationOptions(metrics=("rouge1", "chrf")))
    told = "rouge1 sees nothing of the references: against themselves they score 0.00. It counts a-z and 0-9 alone; "
    assert capsys.readouterr().err == f"{told}rouge1_words counts the words of any script.\n"


def test_texts_that_cannot_be_scored_are_left_to_the_scores(capsys):
    tell_blind_metrics(["a", "b"], [["घर"]], EvaluationOptions(metrics=("rouge1",)))
    tell_blind_metrics([], [], EvaluationOptions(metrics=("rouge1",)))
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("texts", "metrics", "expected"),
    [
        (HINDI, ROUGE, ("rouge1_words", "rouge2_words", "rougeL_words")),
        (HINDI, ("rougeLsum", "chrf"), ("rougeLsum_words", "chrf")),
        (HINDI, ("bleu",), None),
        (ENGLISH, ROUGE, None),
        (["yes", "no"], ROUGE, None),  # one word has no pair of words in any script
        ([], ROUGE, None),
        # Of ten texts one has something for rouge1.
        ([*HINDI * 4, "घर", "घर 2024"], ("rouge1",), ("rouge1_words",)),
    ],
)
def test_metrics_in_place_of_those_that_see_nothing(texts, metrics, expected):
    options = EvaluationOptions(metrics=metrics)
    assert find_seeing_metrics([[text] for text in texts], options) == expected


def test_replaced_metrics_are_named_once_and_told():
    assert replace_blind_rouge(("rouge1", "bleu", "rouge1_words")) == ("rouge1_words", "bleu")
    assert format_replaced(("rouge1_words", "bleu"), ("rouge1", "bleu")) == (
        "The task's rouge1 count a-z and 0-9 alone and see next to nothing of these references. Scored by rouge1_words "
        "in their place; evaluation.metrics names others."
    )
