"""`seq2seq score`: values, intervals and signatures of outputs in files, and files that cannot be scored."""

import json

import pytest

from tests.cli.small_files import write_predictions


def test_score_prints_values_and_signatures(seq2seq, tmp_path):
    (tmp_path / "predictions.txt").write_text("a cat\na dog\n")
    (tmp_path / "references.txt").write_text("a cat\nA dog\n")
    arguments = ["score", "--predictions", tmp_path / "predictions.txt", "--references", tmp_path / "references.txt"]
    code, out, _ = seq2seq(*arguments, "--metrics", "exact_match,bleu")
    assert code == 0
    assert "50.0" in out
    assert "version:" in out  # sacrebleu's signature
    assert "100.0" in seq2seq(*arguments, "--metrics", "exact_match", "--normalization", "lowercase")[1]


def test_score_reads_the_references_of_a_predictions_file(seq2seq, tmp_path):
    path = tmp_path / "test.jsonl"
    path.write_text(json.dumps({"source": "a", "prediction": "c", "references": ["b", "c"]}) + "\n")
    code, out, _ = seq2seq("score", "--predictions", path, "--references", path, "--metrics", "exact_match")
    assert code == 0
    assert "100.0" in out


def test_spaces_behind_commas_are_no_part_of_a_name(seq2seq, checkpoint, pairs, tmp_path):
    path = write_predictions(tmp_path / "a.jsonl", ["A cat", "no", "no"])
    names = ("--metrics", "exact_match, sari", "--normalization", "lowercase, nfc")
    code, out, _ = seq2seq("score", "--predictions", path, "--references", path, *names)
    assert (code, "33.3" in out) == (0, True)
    code, out, _ = seq2seq("compare", path, path, *names)
    assert (code, "33.3" in out) == (0, True)
    evaluate = ("evaluate", checkpoint, "--data", pairs, "--output", tmp_path / "out")
    assert seq2seq(*evaluate, *names[:2])[0] == 0
    assert "metrics: name at least one of" in seq2seq(*evaluate, "--overwrite", "--metrics", "")[2]


def test_files_to_score_must_be_utf8(seq2seq, tmp_path):
    (tmp_path / "good.txt").write_text("café\n", encoding="utf-8")
    (tmp_path / "bad.txt").write_text("café\n", encoding="latin-1")
    for predictions, references, sources in (("bad", "good", "good"), ("good", "bad", "good"), ("good", "good", "bad")):
        texts = ("--references", tmp_path / f"{references}.txt", "--sources", tmp_path / f"{sources}.txt")
        for command in (
            ("score", "--predictions", tmp_path / f"{predictions}.txt"),
            ("compare", tmp_path / "good.txt", tmp_path / f"{predictions}.txt"),
        ):
            code, _, err = seq2seq(*command, *texts, "--metrics", "sari")
            assert code == 1
            assert "bad.txt: 1 lines hold bytes that are not UTF-8. Save the file in UTF-8." in err


def test_empty_file_of_sources_is_not_taken_for_none(seq2seq, tmp_path):
    (tmp_path / "a.txt").write_text("a cat\n")
    (tmp_path / "empty.txt").write_text("")
    texts = ("--references", tmp_path / "a.txt", "--sources", tmp_path / "empty.txt")
    for command in (
        ("score", "--predictions", tmp_path / "a.txt"),
        ("compare", tmp_path / "a.txt", tmp_path / "a.txt"),
    ):
        code, _, err = seq2seq(*command, *texts, "--metrics", "sari")
        assert code == 1
        assert "found 0 sources, 1 predictions and 1 sets of references" in err


def test_score_shows_intervals_unless_told_not_to(seq2seq, tmp_path):
    path = write_predictions(tmp_path / "a.jsonl", ["a cat", "no", "no"])
    arguments = ["score", "--predictions", path, "--references", path, "--metrics", "exact_match,sari"]
    assert "[0.0, 100.0]" in seq2seq(*arguments)[1]
    assert "[" not in seq2seq(*arguments, "--no-intervals")[1].split("exact_match:")[0]


@pytest.mark.parametrize(
    ("metrics", "message"),
    [
        ("copied_words", "copied_words compares with the sources. Give a file of them too."),
        ("blue", "unknown metric 'blue'"),
    ],
)
def test_score_refuses_what_it_cannot_compute(seq2seq, tmp_path, metrics, message):
    (tmp_path / "a.txt").write_text("a cat\n")
    code, _, err = seq2seq(
        "score", "--predictions", tmp_path / "a.txt", "--references", tmp_path / "a.txt", "--metrics", metrics
    )
    assert code == 1
    assert message in err


def test_score_shows_the_ceiling_of_a_checkpoints_tokenizer(seq2seq, checkpoint, tmp_path):
    (tmp_path / "a.txt").write_text("A Cat\na dog\n")  # the tokenizer is lower-cased: one of two comes back
    arguments = [
        "score",
        "--predictions",
        tmp_path / "a.txt",
        "--references",
        tmp_path / "a.txt",
        "--metrics",
        "exact_match",
    ]
    code, out, _ = seq2seq(*arguments, "--checkpoint", checkpoint)
    assert code == 0
    ceiling = next(line for line in out.splitlines() if "references through the target tokenizer" in line)
    assert ceiling.split("│")[2].strip() == "50.0"


def test_column_of_references_is_switched_off_by_an_empty_flag(seq2seq, tmp_path):
    rows = [{"prediction": "a", "target": "a", "references": "Smith 2001"}]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    files = {"score": ("--predictions", tmp_path / "a.jsonl", "--references", tmp_path / "a.jsonl")}
    files["compare"] = (tmp_path / "a.jsonl", tmp_path / "a.jsonl")
    for command, names in files.items():
        code, _, err = seq2seq(command, *names, "--metrics", "exact_match")
        assert (code, "column 'references' must hold a list of texts" in err) == (1, True)
        assert "(as a flag: --references-column '')" in err
        for off in ("", "null"):
            code, out, _ = seq2seq(command, *names, "--metrics", "exact_match", "--references-column", off)
            assert (code, "100.0" in out) == (0, True)


def test_score_and_compare_choose_the_tokenizer_of_bleu_and_tell_of_a_blind_metric(seq2seq, tmp_path):
    (tmp_path / "a.txt").write_text("你好世界\n今天天气很好\n", encoding="utf-8")
    score = ("score", "--predictions", tmp_path / "a.txt", "--references", tmp_path / "a.txt")
    compare = ("compare", tmp_path / "a.txt", tmp_path / "a.txt", "--references", tmp_path / "a.txt")
    for command in (score, compare):
        code, out, err = seq2seq(*command, "--metrics", "bleu,rouge1")
        assert (code, "tok:zh" in out, "100.00" in out) == (0, True, True)
        assert err.count("rouge1 sees nothing of the references: against themselves they score 0.00.") == 1
        code, out, err = seq2seq(*command, "--metrics", "bleu,rouge1_words", "--bleu-tokenizer", "char")
        assert (code, "tok:char" in out, "sees" in err) == (0, True, False)
        code, _, err = seq2seq(*command, "--metrics", "bleu", "--bleu-tokenizer", "flores200")
        assert (code, "flores200 needs the file" in err) == (1, True)
        assert seq2seq(*command, "--metrics", "bleu", "--bleu-tokenizer", "moses")[0] == 2


def test_score_stems_in_a_language(seq2seq, tmp_path):
    (tmp_path / "a.txt").write_text("Häuser\n", encoding="utf-8")
    (tmp_path / "b.txt").write_text("Haus\n", encoding="utf-8")
    score = ("score", "--predictions", tmp_path / "a.txt", "--references", tmp_path / "b.txt")
    assert "100.00" not in seq2seq(*score, "--metrics", "rouge1_words")[1]
    code, out, _ = seq2seq(*score, "--metrics", "rouge1_words", "--language", "de")
    assert (code, "100.00" in out, "Snowball's stems of german" in out) == (0, True, True)
