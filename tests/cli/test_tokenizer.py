"""`seq2seq tokenizer train`: a folder that transformers loads, the same bytes every time, mistakes as one message."""

import gzip
import json

import pytest
from transformers import AutoTokenizer

from seq2seq import train_tokenizer
from seq2seq.text.coverage import measure_coverage
from seq2seq.text.tokenizers import load_tokenizer

QUICKSTART = "embedded:quickstart:validation"
FILES = {"coverage.json", "tokenizer.json", "tokenizer_config.json"}


@pytest.fixture
def train(seq2seq, tmp_path):
    """Runs `seq2seq tokenizer train` into tmp_path/out; returns exit code, standard output and standard error."""

    def run(*arguments, stdin: bytes = b"", output="out"):
        return seq2seq("tokenizer", "train", "--output", tmp_path / output, *arguments, stdin=stdin)

    return run


@pytest.fixture
def rows(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps({"source": f"the cat {n}", "target": f"Katze {n}"}) + "\n" for n in range(9)))
    return path


@pytest.mark.parametrize(("kind", "size"), [("unigram", 400), ("bpe", 500), ("wordpiece", 300)])
def test_tokenizer_of_each_kind_is_written_and_its_coverage_shown(train, tmp_path, kind, size):
    code, out, err = train("--data", QUICKSTART, "--kind", kind, "--size", size)
    assert (code, err) == (0, f"Written: {tmp_path / 'out'}\n")
    assert f"{kind}, {size} tokens" in out
    assert "come back" in out
    assert {path.name for path in (tmp_path / "out").iterdir()} == FILES
    assert len(AutoTokenizer.from_pretrained(tmp_path / "out")) == size


def test_coverage_file_holds_what_measuring_gives(train, tmp_path, rows):
    assert train("--data", rows, "--kind", "wordpiece", "--size", 44)[0] == 0
    written = json.loads((tmp_path / "out/coverage.json").read_text())
    assert (written["kind"], written["size"], written["data"]) == ("wordpiece", 44, [str(rows)])
    tokenizer = load_tokenizer(tmp_path / "out")
    expected = measure_coverage(tokenizer, [f"the cat {n}" for n in range(9)])
    assert written["coverage"]["source"] == vars(expected)
    assert list(written["coverage"]) == ["source", "target"]


def test_training_again_writes_the_same_bytes(train, tmp_path):
    for output in ("first", "second"):
        assert train("--data", QUICKSTART, "--size", 400, output=output)[0] == 0
    assert {name: (tmp_path / "first" / name).read_bytes() for name in FILES} == {
        name: (tmp_path / "second" / name).read_bytes() for name in FILES
    }


@pytest.mark.parametrize(
    ("columns", "letters"), [("both", "theca0Kz"), ("source", "theca0"), ("target", "Katze0")], ids=str
)
def test_only_the_columns_chosen_are_read(train, tmp_path, rows, columns, letters):
    train("--data", rows, "--columns", columns, "--kind", "wordpiece", "--size", 44 if columns == "both" else 37)
    vocabulary = load_tokenizer(tmp_path / "out").get_vocab()
    assert {letter for letter in "theca0Kz" if letter in vocabulary} == set(letters)


def test_columns_may_have_other_names(train, tmp_path):
    (tmp_path / "rows.csv").write_text("article,highlights\nthe cat sat,a cat\n")
    names = ("--source-column", "article", "--target-column", "highlights")
    code, out, _ = train("--data", tmp_path / "rows.csv", "--kind", "wordpiece", "--size", 20, *names)
    assert code == 0
    assert "source" in out and "target" in out


def test_columns_may_be_several_in_a_file_without_a_header_and_normalized(train, tmp_path):
    (tmp_path / "rows.tsv").write_text("THE\tCAT\tSAT\n")
    names = ("--header", "a,b,c", "--source-column", "a,b", "--target-column", "c", "--normalization", "lowercase")
    assert train("--data", tmp_path / "rows.tsv", "--kind", "wordpiece", "--size", 20, *names)[0] == 0
    vocabulary = load_tokenizer(tmp_path / "out").get_vocab()
    assert {letter for letter in "thecasTHECAS" if letter in vocabulary} <= set("thecas")


def test_plain_text_is_read_one_text_a_line_from_files_and_standard_input(train, tmp_path):
    (tmp_path / "a.txt").write_bytes(b"the cat\r\n\nthe dog\n")
    with gzip.open(tmp_path / "b.txt.gz", "wb") as file:
        file.write("der Bär\n".encode())
    arguments = ("--data", tmp_path / "a.txt", "--data", tmp_path / "b.txt.gz", "--data", "-")
    code, out, _ = train(*arguments, "--kind", "wordpiece", "--size", 40, stdin=b"one more\n")
    row = next(line for line in out.splitlines() if "plain text" in line)
    assert (code, row.split("│")[2].strip()) == (0, "5")  # the empty line is a text without words


def test_lower_casing_is_of_the_tokenizer(train, tmp_path, rows):
    train("--data", rows, "--kind", "wordpiece", "--size", 40, "--lowercase")
    tokenizer = load_tokenizer(tmp_path / "out")
    assert tokenizer("KATZE")["input_ids"] == tokenizer("katze")["input_ids"]
    assert "K" not in tokenizer.get_vocab()


def test_function_takes_the_share_of_characters_too(tmp_path):
    train_tokenizer([QUICKSTART], output=tmp_path / "out", kind="bpe", size=400, character_coverage=0.98)
    letters = [token for token in load_tokenizer(tmp_path / "out").get_vocab() if len(token) == 1]
    train_tokenizer([QUICKSTART], output=tmp_path / "all", kind="bpe", size=400, character_coverage=1.0)
    assert len(letters) < sum(len(token) == 1 for token in load_tokenizer(tmp_path / "all").get_vocab())


def test_folder_that_holds_something_is_left_alone(train, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/notes.txt").write_text("mine")
    code, out, err = train("--data", "missing.jsonl")
    assert (code, out) == (1, "")
    assert err == (
        f"DataError: {tmp_path / 'out'} exists. Choose another output, or replace it with --overwrite (overwrite=True "
        "in Python).\n"
    )
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["notes.txt"]


def test_file_in_place_of_the_folder_is_refused(train, tmp_path):
    (tmp_path / "out").write_text("")
    code, _, err = train("--data", QUICKSTART)
    assert code == 1
    assert "out exists. Choose another output" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--size", "90000"), "TokenizerError: size 90000 is too large: these texts give"),
        (("--size", "9"), "TokenizerError: size 9 is too small"),
        (("--data", "missing.jsonl"), "DataError: missing.jsonl: there is no such file."),
        (
            ("--source-column", "text"),
            "column 'text' is missing (found: 'source', 'target'). Name it by --source-column",
        ),
    ],
)
def test_mistakes_show_as_one_message_and_leave_nothing(train, tmp_path, arguments, message):
    code, out, err = train("--data", QUICKSTART, *arguments)
    assert (code, out) == (1, "")
    assert message in err
    assert "Traceback" not in err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--kind", "words"), "'words' is not one of 'unigram', 'bpe', 'wordpiece'."),
        (("--columns", "all"), "'all' is not one of 'both', 'source', 'target'."),
    ],
)
def test_what_is_no_choice_is_refused_with_the_choices(train, tmp_path, arguments, message):
    code, out, err = train("--data", QUICKSTART, *arguments)
    assert (code, out) == (2, "")
    assert message in err
    assert not (tmp_path / "out").exists()


def test_broken_row_is_named_by_file_and_line(train, tmp_path, rows):
    rows.write_text(rows.read_text() + '{"source": "a", "target": " "}\n')
    code, _, err = train("--data", rows)
    assert code == 1
    assert f"{rows} line 10: column 'target' is empty." in err.replace("\n", " ")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"caf\xe9\nok\n\xff\n", "2 lines hold bytes that are not UTF-8. Save the file in UTF-8."),
        (b"\n \n", "the file has no text."),
    ],
)
def test_plain_text_that_is_none_is_refused(train, tmp_path, content, message):
    (tmp_path / "a.txt").write_bytes(content)
    code, _, err = train("--data", tmp_path / "a.txt")
    assert code == 1
    assert f"{tmp_path / 'a.txt'}: {message}" in err
