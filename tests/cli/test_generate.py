"""`seq2seq generate`: texts from every input to every output, options over the checkpoint's, what is refused."""

import json

import pytest


def test_generate_reads_standard_input_and_keeps_every_line(seq2seq, checkpoint):
    code, out, err = seq2seq("generate", checkpoint, "--input", "-", stdin=b"the cat\n\na dog\r\nbird \xff sea\n")
    assert code == 0
    lines = out.split("\n")
    assert len(lines) == 5
    assert lines[1] == ""
    assert lines[0] and lines[2] and lines[3]
    assert "1 sources without a token, output empty" in err
    assert "1 sources with bytes that are not UTF-8" in err


def test_generate_writes_jsonl_by_the_name_of_the_output(seq2seq, checkpoint, pairs, tmp_path):
    code, out, _ = seq2seq("generate", checkpoint, "--input", pairs, "--output", tmp_path / "out.jsonl")
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert (code, out) == (0, "")
    assert [row["source"] for row in rows] == ["the cat sat", "a dog ran"]
    assert all(row["prediction"] for row in rows)


def test_generate_options_override_the_checkpoints(seq2seq, checkpoint):
    long = seq2seq("generate", checkpoint, "--text", "the cat sat", "--num-beams", "1")[1]
    short = seq2seq("generate", checkpoint, "--text", "the cat sat", "--num-beams", "1", "--max-target-tokens", "2")[1]
    assert 0 < len(short) < len(long)


def test_generate_refuses_an_option_out_of_range(seq2seq, checkpoint):
    code, _, err = seq2seq("generate", checkpoint, "--text", "a", "--num-beams", "0")
    assert code == 1
    assert "--num-beams: input should be greater than 0 (found: 0)" in err


def test_generate_writes_several_outputs_with_scores_as_jsonl(seq2seq, checkpoint, tmp_path):
    path = tmp_path / "out.jsonl"
    command = ("generate", checkpoint, "--text", "the cat", "--num-beams", "3", "--num-outputs", "3", "--scores")
    assert seq2seq(*command, "--output", path)[0] == 0
    [row] = [json.loads(line) for line in path.read_text().splitlines()]
    assert len(row["predictions"]) == len(row["scores"]) == 3
    assert (row["prediction"], row["score"]) == (row["predictions"][0], row["scores"][0])
    code, _, err = seq2seq(*command, "--output", tmp_path / "out.txt")
    assert code == 1
    assert "several outputs of a text, and scores, need an output FILE.jsonl" in err


def test_generate_refuses_what_would_be_cut_where_it_is_strict(seq2seq, checkpoint):
    command = ("generate", checkpoint, "--input", "-", "--strict")
    assert seq2seq(*command, stdin=b"a cat\n\n")[0] == 0
    code, _, err = seq2seq(*command, stdin=b"a cat\n" + b"cat " * 40)
    assert code == 1
    assert "standard input line 2 has 42 tokens with its marks, --max-source-tokens is 32" in err


def test_generate_goes_on_with_an_unfinished_file(seq2seq, checkpoint, tmp_path):
    path, rows = tmp_path / "out.txt", [b'{"source": "a cat"}', b'{"source": "a dog"}']
    (tmp_path / "in.jsonl").write_bytes(rows[0] + b"\n{")
    command = ("generate", checkpoint, "--input", tmp_path / "in.jsonl", "--output", path, "--window", "1")
    assert seq2seq(*command)[0] == 1
    (tmp_path / "in.jsonl").write_bytes(b"\n".join(rows))
    code, _, err = seq2seq(*command)
    assert code == 1
    assert "out.txt is unfinished, 1 texts are written. Go on with it with --resume" in err
    assert seq2seq(*command, "--resume")[0] == 0
    assert len(path.read_text().splitlines()) == 2
    code, _, err = seq2seq(*command, "--resume")
    assert code == 0
    assert "out.txt is finished" in err


def test_generate_refuses_a_window_of_nothing(seq2seq, checkpoint):
    code, _, err = seq2seq("generate", checkpoint, "--text", "a", "--window", "0")
    assert code == 1
    assert "--window: input should be greater than or equal to 1 (found: 0)" in err


def test_generate_draws_by_the_seed(seq2seq, checkpoint):
    command = ("generate", checkpoint, "--text", "the cat", "--sampling", "--num-beams", "1", "--temperature", "2")
    texts = [seq2seq(*command, "--seed", seed)[1] for seed in ("1", "1", "2")]
    assert texts[0] == texts[1] != texts[2]


def test_generate_needs_text_or_input(seq2seq, checkpoint):
    code, _, err = seq2seq("generate", checkpoint)
    assert code == 1
    assert "Give either --text or --input" in err


def test_long_sources_are_counted(seq2seq, checkpoint):
    _, _, err = seq2seq("generate", checkpoint, "--text", "cat " * 40)
    assert "1 sources cut at 32 tokens" in err


def test_output_that_cannot_be_written_is_found_before_any_work(seq2seq, checkpoint, tmp_path):
    (tmp_path / "file").write_text("")
    code, _, err = seq2seq("generate", checkpoint, "--text", "a", "--output", tmp_path / "file" / "x.txt")
    assert code == 1
    assert "the folder cannot be made" in err
    code, _, err = seq2seq("evaluate", checkpoint, "--data", "missing.jsonl", "--output", tmp_path / "file")
    assert code == 1
    assert "the folder cannot be made" in err


@pytest.mark.parametrize("name", ["out.csv", "out.jsonl.gz", "out.txt.gz"])
def test_output_formats_that_are_not_written_are_refused(seq2seq, checkpoint, tmp_path, name):
    code, _, err = seq2seq("generate", checkpoint, "--text", "a", "--output", tmp_path / name)
    assert code == 1
    assert "outputs are written as plain text or .jsonl" in err


@pytest.mark.parametrize("option", ["--column", "--header"])
def test_columns_of_plain_text_are_refused(seq2seq, checkpoint, tmp_path, option):
    (tmp_path / "texts.txt").write_text("the cat\n")
    code, out, err = seq2seq("generate", checkpoint, "--input", tmp_path / "texts.txt", option, "first")
    assert (code, out) == (1, "")
    assert "texts.txt is plain text: columns and a header are for rows (.jsonl, .csv" in " ".join(err.split())
