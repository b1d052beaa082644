"""`seq2seq evaluate`: scores and predictions on disk; columns as the run was trained with."""

import json

import seq2seq as package
from seq2seq.recipe.recipe import load_recipe
from tests.cli.small_files import write_recipe


def test_evaluate_writes_scores_and_predictions(seq2seq, checkpoint, pairs, tmp_path):
    output = tmp_path / "evaluation"
    code, out, _ = seq2seq("evaluate", checkpoint, "--data", pairs, "--output", output, "--metrics", "exact_match,sari")
    assert code == 0
    assert "references through the target tokenizer" in out
    scores = json.loads((output / "scores.json").read_text())
    assert scores["rows"]["copy of the source"]["exact_match"] == 50.0
    # The checkpoint knows no training targets: the references have 2 and 3 words, 2 in the mean.
    assert list(scores["rows"])[1:] == [
        "copy of the source", "first sentence of the source", "first 2 words of the source",
        "references through the target tokenizer",
    ]  # fmt: skip
    assert scores["intervals"]["copy of the source"]["exact_match"] == [0.0, 100.0]
    assert len((output / "predictions.jsonl").read_text().splitlines()) == 2


def test_evaluate_counts_the_sources_that_were_cut(seq2seq, checkpoint, tmp_path):
    path = tmp_path / "long.jsonl"
    rows = [{"source": "the cat " * 50, "target": "a cat"}, {"source": "a dog", "target": "a dog"}]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    _, _, err = seq2seq("evaluate", checkpoint, "--data", path, "--output", tmp_path / "out", "--metrics", "bleu")
    assert "1 sources cut at 32 tokens (data.max_source_tokens of the model's recipe)" in " ".join(err.split())


def test_evaluate_refuses_an_unknown_metric(seq2seq, checkpoint, pairs, tmp_path):
    arguments = ["evaluate", checkpoint, "--data", pairs, "--output", tmp_path / "out", "--metrics", "blue"]
    code, _, err = seq2seq(*arguments)
    assert code == 1
    assert "metrics: unknown metric 'blue'" in err


def test_commands_take_several_columns_and_a_header(seq2seq, checkpoint, tmp_path):
    (tmp_path / "data.tsv").write_text("the cat\tsat\ta cat\na dog\t\ta dog\n")
    header = ("--header", "first,second,whole")
    arguments = ["evaluate", checkpoint, "--data", tmp_path / "data.tsv", "--output", tmp_path / "out", *header]
    assert seq2seq(*arguments, "--source-column", "first, second", "--target-column", "whole")[0] == 0
    rows = [json.loads(line) for line in (tmp_path / "out/predictions.jsonl").read_text().splitlines()]
    assert [row["source"] for row in rows] == ["the cat sat", "a dog"]
    code, out, _ = seq2seq(
        "generate", checkpoint, "--input", tmp_path / "data.tsv", "--column", "first,second", *header
    )
    assert (code, out.splitlines()) == (0, [row["prediction"] for row in rows])


def test_evaluate_and_generate_expect_the_columns_the_run_was_trained_with(seq2seq, tiny_bert, tmp_path):
    path = tmp_path / "articles.jsonl"
    path.write_text(json.dumps({"article": "the cat sat", "highlights": "a cat"}) + "\n")
    data = {"train": str(path), "columns": {"source": "article", "target": "highlights"}}
    recipe = write_recipe(tmp_path, tiny_bert, path, data=data | {"max_source_tokens": 16, "max_target_tokens": 16})
    assert seq2seq("train", recipe)[0] == 0
    assert seq2seq("evaluate", tmp_path / "run", "--data", path, "--output", tmp_path / "evaluation")[0] == 0
    assert seq2seq("generate", tmp_path / "run", "--input", path)[0] == 0
    code, _, err = seq2seq("generate", tmp_path / "run", "--input", path, "--column", "text")
    assert code == 1
    assert "column 'text' is missing (found: 'article', 'highlights'). Name the column that holds the texts." in err


def write_bibliography(path, references):
    rows = [{"source": "a dog", "target": "a dog", "references": row} for row in references]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def read_references(folder):
    rows = [json.loads(line) for line in (folder / "predictions.jsonl").read_text().splitlines()]
    return [row["references"] for row in rows]


def test_column_that_holds_no_references_is_told_and_an_empty_flag_switches_it_off(seq2seq, checkpoint, tmp_path):
    data = write_bibliography(tmp_path / "data.jsonl", [["Smith 2001"], ["Jones", "Smith 2001"]])
    evaluate = ("evaluate", checkpoint, "--data", data, "--metrics", "exact_match")
    code, _, err = seq2seq(*evaluate, "--output", tmp_path / "on")
    assert (code, read_references(tmp_path / "on")) == (0, [["Smith 2001"], ["Jones", "Smith 2001"]])
    assert err.count("column 'references' is used for scores in place of 'target': none of 2 equals its target") == 1
    code, _, err = seq2seq(*evaluate, "--output", tmp_path / "off", "--references-column", "")
    assert (code, read_references(tmp_path / "off")) == (0, [["a dog"], ["a dog"]])
    assert "references" not in err
    package.evaluate(checkpoint, [str(data)], output=tmp_path / "python", columns={"references": None})
    assert read_references(tmp_path / "python") == [["a dog"], ["a dog"]]


def test_column_that_cannot_be_references_is_refused_and_an_empty_flag_switches_it_off(seq2seq, checkpoint, tmp_path):
    data = write_bibliography(tmp_path / "data.jsonl", ["Smith 2001", "Jones"])
    evaluate = ("evaluate", checkpoint, "--data", data, "--output", tmp_path / "out", "--metrics", "exact_match")
    code, _, err = seq2seq(*evaluate)
    assert code == 1
    assert "column 'references' must hold a list of texts" in err
    assert "(as a flag: --references-column '')" in err
    assert seq2seq(*evaluate, "--references-column", "")[0] == 0
    assert read_references(tmp_path / "out") == [["a dog"], ["a dog"]]
    assert seq2seq(*evaluate, "--references-column", "null", "--overwrite")[0] == 0  # the word in the message


def test_run_without_a_column_of_references_goes_on_without_in_evaluate(seq2seq, tiny_bert, tmp_path):
    data = write_bibliography(tmp_path / "data.jsonl", ["Smith 2001", "Jones"])
    recipe = write_recipe(tmp_path, tiny_bert, data)
    code, _, err = seq2seq("train", recipe)
    assert (code, "set data.columns.references to null" in err) == (1, True)
    assert seq2seq("train", recipe, "data.columns.references=null")[0] == 0
    assert load_recipe(tmp_path / "run/recipe.yaml").data.columns.references is None
    evaluate = ("evaluate", tmp_path / "run", "--data", data, "--output", tmp_path / "out", "--metrics", "exact_match")
    assert seq2seq(*evaluate)[0] == 0
    assert read_references(tmp_path / "out") == [["a dog"], ["a dog"]]


def test_run_tells_that_a_column_may_hold_no_references(seq2seq, tiny_bert, tmp_path):
    data = write_bibliography(tmp_path / "data.jsonl", [["Smith 2001"], ["Jones"]])
    code, _, err = seq2seq("train", write_recipe(tmp_path, tiny_bert, data))
    assert code == 0
    told = "data.test: column 'references' is used for scores in place of 'target': none of 2 equals its target. If it"
    assert err.count(told) == 1
    code, out, _ = seq2seq("inspect", tmp_path / "recipe.yaml", "--no-time")
    assert (code, "none of 2 equals its target" in " ".join(out.split())) == (0, True)


def test_evaluate_chooses_the_tokenizer_of_bleu(seq2seq, checkpoint, tmp_path):
    data = tmp_path / "data.jsonl"
    data.write_text(json.dumps({"source": "a dog", "target": "今天天气很好"}) + "\n", encoding="utf-8")
    evaluate = (
        "evaluate",
        checkpoint,
        "--data",
        data,
        "--output",
        tmp_path / "out",
        "--metrics",
        "bleu",
        "--overwrite",
    )
    for flags, tokenizer in (((), "zh"), (("--bleu-tokenizer", "char"), "char")):
        assert seq2seq(*evaluate, *flags)[0] == 0
        assert f"|tok:{tokenizer}|" in json.loads((tmp_path / "out/scores.json").read_text())["signatures"]["bleu"]
    code, _, err = seq2seq(*evaluate, "--bleu-tokenizer", "13a")
    assert (code, err.count("bleu sees nothing of the references")) == (0, 1)
