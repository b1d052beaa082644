"""What a command says of a mistake, it says in its own words: its flags, or a recipe's keys where it has a recipe."""

import json

import pytest

import seq2seq as package
from seq2seq.base.errors import DataError
from seq2seq.base.option_names import rename_options
from seq2seq.cli.flags import name_flags
from seq2seq.verbs.options.evaluate import EvaluateOptions
from seq2seq.verbs.options.generate_file import GenerateFileOptions
from seq2seq.verbs.options.tokenizer import TokenizerOptions
from tests.cli.small_files import write_recipe


@pytest.fixture
def articles(tmp_path):
    path = tmp_path / "articles.jsonl"
    path.write_text(json.dumps({"article": "the cat sat", "summary": "a cat"}) + "\n")
    return path


@pytest.mark.parametrize(
    ("command", "flags", "advice"),
    [
        (("evaluate",), (), "column 'target' is missing (found: 'article', 'summary'). Set --target-column."),
        (("evaluate",), ("--target-column", "summary"), "column 'source' is missing (found: 'article', 'summary'). "
         "Set --source-column."),
        (("evaluate",), ("--target-column", "summary", "--references-column", "refs"), "Set --references-column."),
        (("prune",), ("--keep", "0.5"), "Set --target-column."),
        (("analyze", "heads"), (), "Set --target-column."),
    ],
)  # fmt: skip
def test_missing_column_names_the_flag(seq2seq, checkpoint, articles, tmp_path, command, flags, advice):
    code, _, err = seq2seq(*command, checkpoint, "--data", articles, "--output", tmp_path / "out", *flags)
    assert code == 1
    assert advice in err
    assert "data.columns" not in err


def test_missing_column_of_generate_names_its_flag(seq2seq, checkpoint, articles):
    code, _, err = seq2seq("generate", checkpoint, "--input", articles)
    assert code == 1
    assert "Name the column that holds the texts. Set --column." in err


def test_missing_column_of_the_tokenizer_names_its_flag(seq2seq, articles, tmp_path):
    code, _, err = seq2seq("tokenizer", "train", "--data", articles, "--output", tmp_path / "out")
    assert code == 1
    assert "Name it by --" in err
    assert "source_column" not in err


def test_repeated_header_names_the_flag(seq2seq, checkpoint, tmp_path):
    path = tmp_path / "pairs.tsv"
    path.write_text("source\ttarget\na\tb\n")
    code, _, err = seq2seq(
        "evaluate", checkpoint, "--data", path, "--output", tmp_path / "out", "--header", "source,target"
    )
    assert code == 1
    assert "this is the header that --header repeats. Remove --header." in err


def test_missing_column_of_a_recipe_names_its_key(seq2seq, tiny_bert, articles, tmp_path):
    code, _, err = seq2seq("train", write_recipe(tmp_path, tiny_bert, articles))
    assert code == 1
    assert "Set data.columns.target." in err


def test_missing_column_names_the_argument_in_python(checkpoint, articles, tmp_path):
    with pytest.raises(DataError, match=r"Set columns=\{'target': \.\.\.\}\."):
        package.evaluate(checkpoint, [str(articles)], output=tmp_path / "out")
    with pytest.raises(DataError, match=r"the texts\. Set columns\."):
        package.generate_file(checkpoint, str(articles), output=tmp_path / "out.txt")


def test_positions_name_the_flag(seq2seq, checkpoint):
    code, _, err = seq2seq("generate", checkpoint, "--text", "a", "--max-target-tokens", "100000")
    assert code == 1
    assert "Set --max-target-tokens to at most" in err


def test_options_that_fit_one_another_are_named_as_flags(seq2seq, checkpoint):
    code, _, err = seq2seq("generate", checkpoint, "--text", "a", "--sampling", "--num-beams", "2")
    assert code == 1
    assert "set --num-beams to 1" in err


def test_every_flag_is_known_by_its_key():
    names = name_flags(EvaluateOptions)
    assert names["data.columns.references"] == "--references-column"
    assert names["generation.batch_tokens"] == "--batch-tokens"
    assert names["evaluation.metrics"] == "--metrics"
    assert "data.normalization" not in names  # no flag
    assert name_flags(GenerateFileOptions)["data.columns.source"] == "--column"
    assert name_flags(TokenizerOptions)["data.columns.source"] == "--source-column"


@pytest.mark.parametrize(
    "message",
    [
        "a 'data.header'",
        "a/data.header",
        "my.data.header",
        "data.headers",
        "data.header/x",
        "data.header.more",
    ],
)
def test_what_is_quoted_or_part_of_something_longer_keeps_its_name(message):
    assert rename_options(message, {"data.header": "--header"}) == message


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (
            ("train", "r.yaml", "--max-steps", "3"),
            "without dashes, as training.max_steps=10. Did you mean",
        ),
        (("train", "r.yaml", "--training.max_steps=3"), "Did you mean 'training.max_steps'?"),
        (("inspect", "r.yaml", "--per_device_train_batch_size", "3"), "training.batch_examples"),
        (("generate", "x", "--beam-size", "3"), "No such option: --beam-size. Did you mean --num-beams?"),
        (("evaluate", "x", "--nbest", "3"), "Did you mean --num-outputs?"),
        (("generate", "x", "--zzzz", "3"), "No such option: --zzzz"),
        (("generate", "x", "--num-beems", "3"), "--num-beams"),
        (("plans", "--max-steps"), "No such option: --max-steps"),
    ],
)
def test_flag_that_a_command_has_not_says_what_it_may_mean(seq2seq, arguments, hint):
    code, _, err = seq2seq(*arguments)
    assert code == 2
    assert hint in " ".join(err.split())


def test_missing_data_names_the_near_file(seq2seq, checkpoint, articles, tmp_path):
    gone = articles.with_suffix(".json")
    code, _, err = seq2seq("evaluate", checkpoint, "--data", gone, "--output", tmp_path / "out")
    assert code == 1
    assert f"articles.json: there is no such file. Did you mean {articles}?" in err
