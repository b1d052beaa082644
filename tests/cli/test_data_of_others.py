"""Files of others, through the commands: what they are is told by all alike, tables and empty rows as the flags say."""

import json

import pytest

from tests.cli.small_files import write_recipe

LINES = '{"source": "the cat sat", "target": "a cat"}\n{"source": "a dog ran", "target": "a dog ran"}\n'
ARRAY = json.dumps([json.loads(line) for line in LINES.splitlines()], indent=1)
SEMICOLONS = "source;target\nthe cat sat;a cat\na dog, ran;a dog ran\n"


TOKENIZER = ("--kind", "wordpiece", "--size", "30")  # there is little text


@pytest.fixture
def commands(checkpoint, tiny_bert, tmp_path):
    """Every command that reads texts, with a file for them in place of FILE."""
    recipe = write_recipe(tmp_path, tiny_bert, "FILE")
    return {
        "train": ("train", recipe, "data.train=FILE", "data.test=FILE"),
        "inspect": ("inspect", recipe, "data.train=FILE", "data.test=FILE"),
        "generate": ("generate", checkpoint, "--input", "FILE"),
        "evaluate": ("evaluate", checkpoint, "--data", "FILE", "--output", tmp_path / "scores"),
        "score": ("score", "--predictions", "FILE", "--references", "FILE", "--metrics", "bleu"),
        "compare": ("compare", "FILE", "FILE", "--references", "FILE", "--metrics", "bleu"),
        "tokenizer": ("tokenizer", "train", "--data", "FILE", "--output", tmp_path / "tokenizer", *TOKENIZER),
        "analyze": ("analyze", "heads", checkpoint, "--data", "FILE", "--output", tmp_path / "heads"),
        "prune": ("prune", checkpoint, "--data", "FILE", "--keep", "0.5", "--output", tmp_path / "small"),
        "export": (
            "export",
            checkpoint,
            "--data",
            "FILE",
            "--format",
            "transformers",
            "--output",
            tmp_path / "exported",
        ),
    }


COMMANDS = [
    "train", "inspect", "generate", "evaluate", "score", "compare", "tokenizer", "analyze", "prune", "export",
]  # fmt: skip


def call(seq2seq, command, file):
    return seq2seq(*(str(part).replace("FILE", str(file)) for part in command))


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_says_what_a_file_is(seq2seq, commands, tmp_path, name):
    cases = {
        "a.zip": (b"PK\x03\x04" + bytes(30), "is a zip archive. Unpack it"),
        "u.jsonl": (LINES.encode("utf-16"), "is text in UTF-16, not UTF-8. Convert it: iconv -f UTF-16 -t UTF-8"),
        "j.txt": (LINES.encode(), "is JSON, not plain text. Let its name end in .jsonl or .json"),
        "o.json": (json.dumps({"rows": json.loads(ARRAY)}).encode(), "one object with lists of rows under 'rows'"),
    }
    for file, (content, message) in cases.items():
        (tmp_path / file).write_bytes(content)
        code, out, err = call(seq2seq, commands[name], tmp_path / file)
        assert (code, out) == (1, "")
        assert message in " ".join(err.split())
        assert "Traceback" not in err


@pytest.mark.parametrize("name", ["train", "generate", "evaluate", "tokenizer"])
@pytest.mark.parametrize("file", ["a.JSONL", "a.ndjson", "a.json"])
def test_json_of_every_name_is_read(seq2seq, commands, tmp_path, name, file):
    (tmp_path / file).write_text(ARRAY if file == "a.json" else LINES)
    code, _, err = call(seq2seq, commands[name], tmp_path / file)
    assert (code, err if code else "") == (0, "")


def test_outputs_for_json_stand_row_by_row(seq2seq, checkpoint, tmp_path):
    (tmp_path / "a.json").write_text(ARRAY)
    (tmp_path / "a.jsonl").write_text(LINES + "\n")
    by_name = [seq2seq("generate", checkpoint, "--input", tmp_path / name)[1] for name in ("a.json", "a.jsonl")]
    assert by_name[0] == by_name[1]
    assert by_name[0].count("\n") == 2


def test_json_is_read_as_predictions_and_references(seq2seq, tmp_path):
    rows = [{"prediction": "a cat", "target": "a cat"}, {"prediction": "no", "target": "a dog"}]
    (tmp_path / "a.json").write_text(json.dumps(rows))
    files = ("--predictions", tmp_path / "a.json", "--references", tmp_path / "a.json")
    code, out, _ = seq2seq("score", *files, "--metrics", "exact_match")
    assert (code, "50.0" in out) == (0, True)


def test_standard_input_of_json_is_refused(seq2seq, checkpoint):
    code, out, err = seq2seq("generate", checkpoint, "--input", "-", stdin=LINES.encode())
    assert (code, out) == (1, "")
    assert "Standard input is JSON, not plain text." in err


def test_outputs_are_not_written_as_plain_text_under_json(seq2seq, checkpoint, tmp_path):
    code, _, err = seq2seq("generate", checkpoint, "--text", "a cat", "--output", tmp_path / "out.json")
    assert code == 1
    assert "out.json: outputs are written as plain text or .jsonl. Choose such a name." in err
    assert seq2seq("generate", checkpoint, "--text", "a cat", "--output", tmp_path / "out.JSONL")[0] == 0
    assert json.loads((tmp_path / "out.JSONL").read_text())["source"] == "a cat"


# Tables.


@pytest.mark.parametrize("name", ["train", "inspect", "generate", "evaluate", "tokenizer", "analyze"])
def test_semicolons_are_found_and_told(seq2seq, commands, tmp_path, name):
    (tmp_path / "a.csv").write_text(SEMICOLONS)
    code, _, err = call(seq2seq, commands[name], tmp_path / "a.csv")
    assert code == 0
    assert err.count("a.csv: cells are separated by semicolons, as its first rows show") == 1


@pytest.mark.parametrize("name", ["generate", "evaluate", "tokenizer", "analyze", "prune"])
def test_delimiter_of_the_command_goes_before_what_is_found(seq2seq, commands, tmp_path, name):
    (tmp_path / "a.csv").write_text("source,x|target,y\na,b|c,d\n")
    code, _, err = seq2seq(*(str(part).replace("FILE", str(tmp_path / "a.csv")) for part in commands[name]),
                           "--delimiter", "pipe")  # fmt: skip
    assert code == 1
    assert "is missing (found: 'source,x', 'target,y', separated by vertical bars)" in " ".join(err.split())


def test_quoting_of_the_command_goes_before_what_is_found(seq2seq, tmp_path):
    (tmp_path / "a.tsv").write_text('prediction\ttarget\n"a"\ta\nb\tb\n')
    files = ("--predictions", tmp_path / "a.tsv", "--references", tmp_path / "a.tsv")
    command = ("score", *files, "--metrics", "exact_match", "--no-intervals")
    assert "50.0" in seq2seq(*command)[1]  # the marks are text
    assert "100.0" in seq2seq(*command, "--quoting", "quoted")[1]
    compared = ("compare", tmp_path / "a.tsv", tmp_path / "a.tsv", "--references", tmp_path / "a.tsv")
    assert "100.0" in seq2seq(*compared, "--metrics", "exact_match", "--quoting", "quoted")[1]


def test_delimiter_of_plain_text_is_refused(seq2seq, checkpoint, tmp_path):
    (tmp_path / "a.txt").write_text("a cat\n")
    code, _, err = seq2seq("generate", checkpoint, "--input", tmp_path / "a.txt", "--delimiter", ";")
    assert code == 1
    assert "a.txt is plain text: columns and a header are for rows" in err


def test_checkpoint_remembers_how_its_tables_were_read(seq2seq, tiny_bert, tmp_path):
    (tmp_path / "a.csv").write_text("source,x|target,y\nthe cat|a cat\na dog|a dog\n")
    recipe = write_recipe(tmp_path, tiny_bert, tmp_path / "a.csv")
    columns = ("data.delimiter=pipe", 'data.columns={source: "source,x", target: "target,y"}')
    assert seq2seq("train", recipe, *columns)[0] == 0
    code, out, _ = seq2seq("generate", tmp_path / "run", "--input", tmp_path / "a.csv")
    assert (code, out.count("\n")) == (0, 2)


# Rows without text.


@pytest.fixture
def gaps(tmp_path):
    (tmp_path / "gaps.csv").write_text("source,target\nthe cat sat,a cat\na dog ran,\n,a fish\na bird,a bird\n\n")
    return tmp_path / "gaps.csv"


@pytest.mark.parametrize("name", ["train", "inspect", "evaluate", "tokenizer", "analyze", "prune"])
def test_all_rows_without_text_are_told_at_once(seq2seq, commands, gaps, name):
    code, out, err = call(seq2seq, commands[name], gaps)
    assert (code, out) == (1, "")
    assert "gaps.csv: 2 rows have no text." in err
    assert "gaps.csv line 3: column 'target' is empty" in err
    assert "gaps.csv line 4: column 'source' is empty" in err


@pytest.mark.parametrize("name", ["evaluate", "tokenizer", "analyze", "prune"])
def test_rows_without_text_are_left_out_where_the_flag_says_so(seq2seq, commands, gaps, tmp_path, name):
    command = (str(part).replace("FILE", str(gaps)) for part in commands[name])
    code, _, err = seq2seq(*command, "--empty", "skip")
    assert code == 0
    assert err.count("gaps.csv: 2 rows without text left out, the first: ") == 1
    written = {"evaluate": "scores/scores.json", "analyze": "heads/heads.json", "prune": "small/pruning.json"}
    if name in written:
        assert json.loads((tmp_path / written[name]).read_text())["left_out"] == 2


def test_texts_for_generation_keep_their_line(seq2seq, checkpoint, gaps, tmp_path):
    code, out, err = seq2seq("generate", checkpoint, "--input", gaps)
    lines = out.split("\n")
    assert (code, len(lines), lines[2]) == (0, 5, "")  # the blank line at the end of the table is none
    assert "1 sources without a token, output empty" in err
    (tmp_path / "a.txt").write_text("a cat\n\na dog\n\n")
    lines = seq2seq("generate", checkpoint, "--input", tmp_path / "a.txt")[1].split("\n")
    assert [bool(line) for line in lines] == [True, False, True, False, False]  # that of plain text is a text


@pytest.mark.parametrize(
    ("predictions", "references", "expected"),
    [
        ("a cat\nno\n\n", "a cat\na dog\n", "50.0"),  # one file has a blank line more
        ("a cat\nno\n", "a cat\na dog\n\n\n", "50.0"),
        ("a cat\nno\n\n", "a cat\na dog\n\n", "50.0"),  # both have
        ("a cat\n\n", "a cat\na dog\n", "50.0"),  # an output that is empty
        ("a cat\n\nno\n", "a cat\n\na dog\n", "66.7"),  # in the middle it is a text, and here the right one
    ],
)
def test_blank_last_line_is_none_where_files_are_scored(seq2seq, tmp_path, predictions, references, expected):
    (tmp_path / "p.txt").write_text(predictions)
    (tmp_path / "r.txt").write_text(references)
    metrics = ("--references", tmp_path / "r.txt", "--metrics", "exact_match")
    code, out, _ = seq2seq("score", "--predictions", tmp_path / "p.txt", *metrics, "--no-intervals")
    assert (code, expected in out) == (0, True)
    code, out, _ = seq2seq("compare", tmp_path / "p.txt", tmp_path / "p.txt", *metrics)
    assert (code, expected in out) == (0, True)


def test_blank_last_line_is_none_beside_rows(seq2seq, tmp_path):
    (tmp_path / "p.txt").write_text("a cat\nno\n\n")
    (tmp_path / "r.jsonl").write_text('{"target": "a cat"}\n{"target": "a dog"}\n')
    files = ("--predictions", tmp_path / "p.txt", "--references", tmp_path / "r.jsonl")
    assert "50.0" in seq2seq("score", *files, "--metrics", "exact_match")[1]


def test_files_of_other_lengths_are_refused_all_the_same(seq2seq, tmp_path):
    (tmp_path / "p.txt").write_text("a cat\nno\nyes\n\n")
    (tmp_path / "r.txt").write_text("a cat\na dog\n")
    files = ("--predictions", tmp_path / "p.txt", "--references", tmp_path / "r.txt")
    code, _, err = seq2seq("score", *files, "--metrics", "exact_match")
    assert code == 1
    assert "3 predictions and 2 sets of references" in err
